"""p*(x; f) in continuous time: the states that a stochastic differential equation leads to."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._checks import numbered, takes
from .._compiled import compiled
from .._entry import entry
from .._types import as_array, Hypothesis, is_traced, Point
from ._adapted import as_distribution, unbounded
from ._arrays import check_count
from ._base import AbstractDistribution, Empirical
from ._paths import (
    check_finite,
    check_given,
    evenly,
    first_broken,
    in_precision,
    no_rule,
    precision,
    shaped_like,
)


class Diffusion(AbstractDistribution):
    """The distribution of the states X_t, burn_in <= t <= horizon, of the Ito diffusion
    dX = drift(f, X) dt + diffusion(f, X) dW.

    It depends on f: `.given(f)` fixes f, and `fe.Resample` does so again as f improves. Draws are
    data for the solver, so no gradient flows through them; `.simulate` keeps the gradient. Paths
    take the step of Euler and Maruyama (as Diffrax has it), horizon / steps long: moments are off
    by a multiple of its length, and paths by one of its root.

    ```python
    drift = lambda f, x, rate: f(x) - rate * x
    noise = lambda f, x, rate: 0.2 * x
    times = {"horizon": 100.0, "steps": 5_000, "burn_in": 20.0}
    p = fe.Diffusion(drift, noise, fe.Dirac(1.0), args=(0.1,), **times)
    ```

    **Arguments:**

    - `drift`: `drift(f, x, *args)`, shaped like x, a number or a vector of d coordinates.
    - `diffusion`: `diffusion(f, x, *args)`, shaped like x for independent noise in each coordinate,
      or a (d, m) matrix for m Brownian motions.
    - `initial`: the distribution of X_0.
    - `horizon`: the time at which paths end.
    - `steps`: the number of steps to there.
    - `burn_in`: states before this time are dropped.
    - `args`: further arguments of `drift` and `diffusion`.

    **Raises:** `ValueError` where it is sampled before f is given; where `drift` or `diffusion` has
    another shape; and where a path leaves the finite numbers (under a JAX transformation, where
    nothing can be raised, all states of that path are then nan).

    **Source:** Kloeden and Platen (1992), Numerical Solution of Stochastic Differential Equations,
    chapters 9 and 10.
    """

    drift: Callable[..., Any]
    diffusion: Callable[..., Any]
    initial: AbstractDistribution
    args: tuple
    hypothesis: Hypothesis
    horizon: float = eqx.field(static=True)
    steps: int = eqx.field(static=True)
    burn_in: float = eqx.field(static=True)

    def __init__(
        self,
        drift: Callable[..., Any],
        diffusion: Callable[..., Any],
        initial: Any,
        *,
        horizon: float,
        steps: int,
        burn_in: float = 0.0,
        args: tuple = (),
    ) -> None:
        for name, function in {"drift": drift, "diffusion": diffusion}.items():
            if not callable(function):
                raise ValueError(
                    f"`{name}` must be a function `{name}(f, x, *args)`; got {function!r}"
                )
        if not isinstance(args, tuple):
            raise ValueError(f"`args` must be a tuple, such as `(a,)`; got {type(args).__name__}")
        if not isinstance(steps, int | np.integer) or steps < 1:
            raise ValueError(f"`steps` must be a whole number >= 1; got {steps!r}")
        if not (math.isfinite(horizon) and horizon > 0):
            raise ValueError(f"`horizon` must be a time > 0; got {horizon!r}")
        if not 0 <= burn_in <= horizon:
            raise ValueError(
                f"`burn_in` must be a time from 0 to `horizon` = {horizon}, so that a state is "
                f"left; got {burn_in!r}"
            )
        for name, function in {"drift": drift, "diffusion": diffusion}.items():
            takes(function, name, ["f", "x", *numbered(args)], f"it is `{name}(f, x, *args)`")
        self.drift, self.diffusion = drift, diffusion
        self.initial = as_distribution(initial, "initial")
        shape = np.shape(self.initial.support[0]) if _is_one_array(self.initial) else None
        if shape is None or len(shape) > 1:
            raise ValueError(
                "`initial` of `Diffusion` must be a distribution of numbers or of vectors, such as "
                "`fe.Dirac([1.0, 0.0])`"
            )
        self.args = jax.tree.map(lambda x: as_array(x) if isinstance(x, float) else x, args)
        self.hypothesis = None
        self.horizon, self.steps, self.burn_in = float(horizon), int(steps), float(burn_in)

    def given(self, f: Hypothesis) -> "Diffusion":
        """The distribution at this f."""
        return eqx.tree_at(
            lambda p: (p.hypothesis, p.initial),
            self,
            (f, self.initial.given(f)),
            is_leaf=lambda x: x is None,
        )

    @entry
    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n states of as many independent paths as it takes, evenly spread over each.

        A path has `steps` + 1 states, X_0 included, of which those from `burn_in` on are kept.
        """
        return jax.lax.stop_gradient(self.simulate(n, key=key))

    @entry
    def simulate(self, n: int, *, key: PRNGKeyArray) -> Point:
        """The states of `sample`, differentiable in f and in `args`."""
        check_count("sample", n)
        check_given(self.hypothesis, "Diffusion")
        states, broken = _states(self, n, key)
        if not is_traced(broken):
            name = "`drift` and `diffusion` of `Diffusion`"
            check_finite(np.asarray(broken), self.steps + 1, name, "step")
        return states

    def quadrature(self, n: int) -> Empirical:
        """**Raises:** `ValueError`: states are known by simulation alone."""
        raise no_rule("Diffusion")

    @property
    def support(self) -> tuple[Point, Point]:
        """Without bound: where the states stay is for f to decide."""
        return unbounded(self.initial.support[0])

    @property
    def dropped(self) -> int:
        """The number of states before `burn_in`."""
        return math.ceil(self.burn_in / self.horizon * self.steps - 1e-9)


@compiled
def _states(p: Diffusion, n: int, key: PRNGKeyArray) -> tuple[Point, Array]:
    """n states, and for each path the first one that is not finite (`steps` + 1 if none is)."""
    import diffrax  # a second that nobody else should pay

    paths = -(-n // (p.steps + 1 - p.dropped))
    start_key, noise_key = jr.split(key)
    dtype = precision(p.hypothesis)
    args = in_precision(p.args, dtype)
    start = in_precision(p.initial.sample(paths, key=start_key), dtype)
    times = jnp.arange(p.steps + 1, dtype=start.dtype) * (p.horizon / p.steps)
    solver = diffrax.Euler()

    def drift(t: Any, x: Array, _: Any) -> Array:
        return shaped_like(x, p.drift(p.hypothesis, x, *args), "`drift` must return a velocity")

    def noise(t: Any, x: Array, _: Any) -> Array:
        sigma = jnp.asarray(p.diffusion(p.hypothesis, x, *args), x.dtype)
        _check_noise(x, sigma)
        return jnp.diag(sigma) if sigma.ndim == x.ndim == 1 else sigma

    sources = jax.eval_shape(lambda x: noise(0.0, x, None), start[0])
    shape = jax.ShapeDtypeStruct(sources.shape[1:], start.dtype)

    def path(x: Array, key: PRNGKeyArray) -> Array:
        brownian = diffrax.UnsafeBrownianPath(shape=shape, key=key)
        terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(noise, brownian))
        state = solver.init(terms, times[0], times[1], x, None)

        def advance(x: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            following = solver.step(terms, *ends, x, None, state, made_jump=False)[0]
            return following, following

        _, rest = jax.lax.scan(advance, x, (times[:-1], times[1:]))
        return jnp.concatenate([x[None], rest])

    states = jax.vmap(path, out_axes=1)(start, jr.split(noise_key, paths))
    broken = first_broken(states)
    return evenly(states, broken, n, p.dropped), broken


def _check_noise(x: Array, sigma: Array) -> None:
    matrix = x.ndim == 1 and sigma.ndim == 2 and sigma.shape[0] == x.size
    if sigma.shape != x.shape and not matrix:
        raise ValueError(
            f"`diffusion` must return an array shaped like x, {x.shape}, or for a vector x a "
            f"matrix with a row a coordinate; it returned {sigma.shape}"
        )


def _is_one_array(p: AbstractDistribution) -> bool:
    return isinstance(p.support[0], jax.Array | np.ndarray | np.generic)
