"""p(x; f) that goes where the residual of f is large."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import numbered, takes
from .._compiled import compiled
from .._entry import entry
from .._types import as_array, Hypothesis, is_traced, Point
from ._adapted import as_distribution
from ._arrays import check_count
from ._base import AbstractDistribution, Empirical
from ._paths import check_given, in_precision, precision


class ResidualWeighted(AbstractDistribution):
    """The distribution with p(x; f) proportional to (|r(f, x)|^a / E|r|^a + b) p(x), a = `power`,
    b = `uniform`: more points where the residual is large.

    It depends on f: `.given(f)` fixes f, and with `fe.Resample` the points follow the residual as f
    improves. It is meant for training. A risk under it is not the risk under p, so judge under p.

    ```python
    risk = fe.Risk(ode, fe.ResidualWeighted(fe.Uniform(-1.0, 1.0), ode))
    solver = fe.Resample(fe.LevenbergMarquardt(), n=64, rounds=4)
    f = fe.solve(risk, f, solver, key=key).value
    ```

    **Arguments:**

    - `distribution`: p.
    - `residual`: r, `residual(f, x, *args)`: a scalar, or anything of which the norm is taken.
    - `args`: further arguments of `residual`.
    - `power`: a; 0 is p, and the larger, the more the worst points count.
    - `uniform`: b, the share of p beside that of the residual; 0 is the residual alone.
    - `candidates`: draws of p that are looked at for each one taken. The law is exact as there are
      more of them.

    **Raises:** `ValueError` where it is sampled before f is given, and where the residual is not
    finite at a candidate.

    **Source:** Wu, Zhu, Tan, Kartha and Lu (2023), A comprehensive study of non-adaptive and
    residual-based adaptive sampling for physics-informed neural networks.
    """

    distribution: AbstractDistribution
    residual: Callable[..., Any]
    args: tuple
    power: Any
    uniform: Any
    hypothesis: Hypothesis
    candidates: int = eqx.field(static=True)

    def __init__(
        self,
        distribution: Any,
        residual: Callable[..., Any],
        *,
        args: tuple = (),
        power: Any = 1.0,
        uniform: Any = 1.0,
        candidates: int = 20,
    ) -> None:
        if not callable(residual):
            raise ValueError(
                f"`residual` must be a function `residual(f, x, *args)`; got {residual!r}"
            )
        if not isinstance(args, tuple):
            raise ValueError(f"`args` must be a tuple, such as `(a,)`; got {type(args).__name__}")
        if not isinstance(candidates, int | np.integer) or candidates < 2:
            raise ValueError(
                "`candidates` must be a whole number >= 2, of draws that are looked at for each "
                f"one taken; got {candidates!r}"
            )
        self.distribution = as_distribution(distribution)
        takes(residual, "residual", ["f", "x", *numbered(args)], "it is `residual(f, x, *args)`")
        self.residual = residual
        self.args = jax.tree.map(lambda x: as_array(x) if isinstance(x, float) else x, args)
        self.power, self.uniform = as_array(power), as_array(uniform)
        for name, value in {"power": self.power, "uniform": self.uniform}.items():
            if not is_traced(value) and not (np.isfinite(value) and value >= 0):
                raise ValueError(f"`{name}` must be a finite number >= 0; got {value}")
        self.hypothesis = None
        self.candidates = int(candidates)

    def given(self, f: Hypothesis) -> "ResidualWeighted":
        """The distribution at this f."""
        return eqx.tree_at(
            lambda p: (p.hypothesis, p.distribution),
            self,
            (f, self.distribution.given(f)),
            is_leaf=lambda x: x is None,
        )

    @entry
    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n draws: of `candidates` times as many draws of p, each as often as its weight says, up
        to one (systematic resampling)."""
        check_count("sample", n, key)
        check_given(self.hypothesis, "ResidualWeighted")
        draw, choose = jr.split(key)
        points = self.distribution.sample(self.candidates * n, key=draw)
        chosen, broken = _chosen(self, n, points, choose)
        if not is_traced(broken) and int(broken):
            raise ValueError(
                f"`residual` of `ResidualWeighted` is not finite at {int(broken):,} of "
                f"{self.candidates * n:,} draws of `distribution`: begin with an f nearer to the "
                "solution, or narrow the distribution"
            )
        return chosen

    def quadrature(self, n: int) -> Empirical:
        """**Raises:** `ValueError`: there is no rule for a density that follows a residual."""
        raise ValueError(
            "`ResidualWeighted` is known by its draws alone and has no quadrature rule: call "
            "`.given(f)` and then `.empirical(n, key=key)`"
        )

    @property
    def support(self) -> tuple[Point, Point]:
        """That of p."""
        return self.distribution.support


@compiled
def _chosen(p: ResidualWeighted, n: int, points: Point, key: PRNGKeyArray) -> tuple[Point, Array]:
    """n of the points by their weights, and at how many of them the residual is not finite."""
    dtype = precision(p.hypothesis)
    args = in_precision(p.args, dtype)

    def size(x: Point) -> Float[Array, ""]:
        leaves = jax.tree.leaves(p.residual(p.hypothesis, x, *args))
        return jnp.sqrt(sum(jnp.sum(jnp.asarray(leaf) ** 2) for leaf in leaves))

    sizes = jax.lax.stop_gradient(jax.vmap(size)(in_precision(points, dtype)))
    finite = jnp.isfinite(sizes)
    # The largest is 1, so that no power of it overflows.
    largest = jnp.max(jnp.where(finite, sizes, 0))
    shares = jnp.where(finite & (largest > 0), sizes / jnp.where(largest > 0, largest, 1), 0)
    powers = jnp.where(finite, shares ** jnp.asarray(p.power, sizes.dtype), 0)
    mean = jnp.mean(powers)
    weights = powers / jnp.where(mean > 0, mean, 1) + jnp.asarray(p.uniform, sizes.dtype)
    weights = jnp.where(jnp.sum(weights) > 0, weights, 1)
    cumulative = jnp.cumsum(weights)
    # One uniform number places n equidistant marks on the cumulative weights.
    marks = (jnp.arange(n, dtype=sizes.dtype) + jr.uniform(key, (), sizes.dtype)) / n
    index = jnp.searchsorted(cumulative, marks * cumulative[-1], side="right")
    index = jnp.minimum(index, cumulative.size - 1)
    return jax.tree.map(lambda leaf: leaf[index], points), jnp.sum(~finite)
