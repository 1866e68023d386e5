"""The solution of a model to first order around its steady state."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, PyTree

from .._compiled import Static
from .._entry import entry
from .._show import Shown
from .._types import is_traced, is_tracing, Point
from ._steady_state import (
    at,
    check_equations,
    linearised,
    residual_at,
    scales,
    shown,
    small,
    Unknowns,
)


class FirstOrder(Shown):
    """y = y_ss + G (x - x_ss) and x' = x_ss + H (x - x_ss): what `fe.first_order` returns.

    A function of x, the policy, and so a hypothesis and a target for `fe.fit`.

    - `policy_slope`: G, of shape (n_y, n_x).
    - `transition_slope`: H, of shape (n_x, n_x).
    - `eigenvalues`: all n_x + n_y of the model, by their moduli; those inside the unit circle are
      those of H, infinite ones belong to equations without a tomorrow.
    - `x`, `y`: the steady state.
    """

    x: PyTree
    y: PyTree
    policy_slope: Float[Array | np.ndarray, "n_y n_x"]
    transition_slope: Float[Array | np.ndarray, "n_x n_x"]
    eigenvalues: Complex[Array | np.ndarray, " n"]

    def policy(self, x: Point) -> PyTree:
        """y at x, shaped like the y that was given."""
        return self.shaped_y(jnp.asarray(self.policy_slope) @ self.deviation(x))

    def transition(self, x: Point) -> PyTree:
        """Tomorrow's x without shocks."""
        return self.shaped_x(jnp.asarray(self.transition_slope) @ self.deviation(x))

    def __call__(self, x: Point) -> PyTree:
        return self.policy(x)

    @property
    def spectral_radius(self) -> Float[Array | np.ndarray, ""]:
        """The largest modulus of an eigenvalue of H: the share of a deviation from the steady
        state that is left after a period, in the long run."""
        return np.asarray(np.abs(np.asarray(self.eigenvalues)[: len(self.transition_slope)]).max())

    def deviation(self, x: Point) -> Float[Array, " n_x"]:
        """x - x_ss, entry by entry."""
        apart = jax.tree.map(lambda a, b: jnp.ravel(a - jnp.asarray(b)), x, self.x)
        return jnp.concatenate(jax.tree.leaves(apart))

    def shaped_x(self, change: Float[Array, " n_x"]) -> PyTree:
        """x_ss and this change, shaped like the x that was given."""
        return _moved(self.x, change)

    def shaped_y(self, change: Float[Array, " n_y"]) -> PyTree:
        """y_ss and this change, shaped like the y that was given."""
        return _moved(self.y, change)


def _moved(steady: PyTree, change: Array) -> PyTree:
    leaves, structure = jax.tree.flatten(steady)
    values, start = [], 0
    for leaf in leaves:
        part = change[start : start + leaf.size].reshape(leaf.shape)
        values.append(jnp.asarray(leaf) + part)
        start += leaf.size
    return jax.tree.unflatten(structure, values)


@entry
def first_order(model: Callable[..., PyTree], steady: Any, *, args: tuple = ()) -> FirstOrder:
    """The stable solution of model(x, y, x', y') = 0 to first order around the steady state.

    ```python
    steady = fe.steady_state(growth, (0.2, 0.3), args=(0.36, 0.96))
    linear = fe.first_order(growth, steady, args=(0.36, 0.96))
    c = fe.fit(c, linear.policy, fe.Uniform(0.5 * steady[0], 1.5 * steady[0])).value
    ```

    The equations are linearised by automatic differentiation, A z' = B z for deviations z = (x, y),
    and decoupled by the ordered generalised Schur decomposition, so that A may be singular. To
    first order shocks change nothing but the states that they reach: the same G and H hold where x'
    is hit by a shock of mean 0.

    **Arguments:**

    - `model`: `model(x, y, x1, y1, *args)`, the deterministic model between today and tomorrow:
      n_x + n_y equations in predetermined states x and free variables y.
    - `steady`: `(x, y)`, as `fe.steady_state` finds it.
    - `args`: further arguments of `model`.

    **Returns:** a `FirstOrder`.

    **Raises:** `ValueError` where the eigenvalues inside the unit circle are not as many as the
    predetermined states, so that no solution is stable or many are (Blanchard and Kahn, 1980);
    where `steady` is no steady state; under a JAX transformation.

    **Source:** Blanchard and Kahn (1980), "The solution of linear difference models under rational
    expectations"; Klein (2000), "Using the generalized Schur form to solve a multivariate linear
    rational expectations model".
    """
    u = at(steady, "steady")
    check_equations(model, u, args)
    Static(model)  # which refuses a traced value that is no argument
    if is_traced((u, args)) or is_tracing():
        raise ValueError(
            "`first_order` decomposes matrices on the host: call it outside of jit, vmap and grad. "
            "`fe.steady_state` can be differentiated"
        )
    r, today, tomorrow = (np.asarray(a, float) for a in linearised(model, args, u, u.vector))
    _check_steady(model, args, u, r, today + tomorrow)
    x, y = (jax.tree.map(np.asarray, part) for part in u.point)
    states = sum(leaf.size for leaf in jax.tree.leaves(x))
    tolerance = float(jnp.finfo(u.vector.dtype).eps) ** 0.5
    policy, transition, eigenvalues = _decoupled(-today, tomorrow, states, tolerance)
    dtype = np.asarray(u.vector).dtype
    kind = np.result_type(dtype, np.complex64)
    return FirstOrder(
        x, y, policy.astype(dtype), transition.astype(dtype), eigenvalues.astype(kind)
    )


def _decoupled(
    b: np.ndarray, a: np.ndarray, states: int, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """G, H and the eigenvalues of A z' = B z, its rows and columns brought to one scale first."""
    from scipy.linalg import ordqz

    columns = _scale(np.maximum(abs(a).max(axis=0), abs(b).max(axis=0)))
    a, b = a / columns, b / columns
    rows = _scale(np.maximum(abs(a).max(axis=1), abs(b).max(axis=1)))[:, None]
    a, b = a / rows, b / rows

    def inside(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
        return np.abs(alpha) < (1 - tolerance) * np.abs(beta)

    s, t, alpha, beta, _, z = ordqz(b, a, sort=inside, output="complex")
    eigenvalues = _eigenvalues(alpha, beta, states, tolerance)
    z11, z21 = z[:states, :states], z[states:, :states]
    least = np.linalg.svd(z11, compute_uv=False).min(initial=1.0)
    if least < tolerance:
        raise ValueError(
            f"`model` has {states} eigenvalues inside the unit circle for as many predetermined "
            "states, and yet no stable solution for most initial x: the stable directions do not "
            "reach every x (the rank condition fails), as where a state that explodes by itself "
            "stands beside a free variable that nothing ties down"
        )
    inverse = np.linalg.inv(z11)
    policy = z21 @ inverse
    transition = z11 @ np.linalg.solve(t[:states, :states], s[:states, :states]) @ inverse
    # a deviation in the units of the model is its scaled one divided by the scale of its column
    units = 1 / columns
    policy = units[states:, None] * policy.real / units[None, :states]
    transition = units[:states, None] * transition.real / units[None, :states]
    return policy, transition, eigenvalues


def _scale(largest: np.ndarray) -> np.ndarray:
    return np.where(largest > 0, largest, 1.0)


def _eigenvalues(alpha: np.ndarray, beta: np.ndarray, states: int, tolerance: float) -> np.ndarray:
    """alpha / beta by their moduli.

    **Raises:** `ValueError` unless exactly `states` of them are inside the unit circle, and none
    on it.
    """
    if np.any(np.abs(alpha) + np.abs(beta) < tolerance**1.5):
        raise ValueError(
            "`model` does not determine its variables to first order: some combination of its "
            "equations is zero whatever tomorrow is. One of them follows from the others, or a "
            "variable enters none"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        none = np.abs(beta) <= 100 * np.finfo(float).eps * np.abs(alpha)
        values = np.where(none, np.inf, alpha / np.where(none, 1, beta))
    values = values[np.argsort(np.abs(values), kind="stable")]
    moduli = np.abs(values)
    unit = int(np.sum(np.abs(moduli - 1) <= tolerance))
    inside = int(np.sum(moduli < 1 - tolerance))
    if inside == states and not unit:
        return values
    outside = len(values) - inside - unit
    roots = f", {unit} on it (a unit root: {'one' if unit == 1 else 'each'} a direction in which "
    roots = roots + "deviations neither die out nor explode)" if unit else ""
    sizes = np.array2string(moduli, precision=4, separator=", ", max_line_width=200)
    counts = (
        f"{inside} of its {len(values)} eigenvalues {'is' if inside == 1 else 'are'} inside the "
        f"unit circle{roots} and {outside} outside, for {states} predetermined "
        f"state{'' if states == 1 else 's'}. Their moduli are {sizes}"
    )
    if inside < states:
        raise ValueError(
            f"`model` has no stable solution at `steady`: {counts}. As many as there are "
            "predetermined states must be inside; look at which variables are predetermined, at "
            "the timing of the equations, and at the parameters"
        )
    raise ValueError(
        f"`model` is indeterminate at `steady`, many solutions are stable: {counts}. As many as "
        "there are predetermined states must be inside; look at whether a state is missing among "
        "x, and at the parameters (a Taylor rule, say, that reacts too little)"
    )


def _check_steady(
    model: Callable, args: tuple, u: Unknowns, r: np.ndarray, jacobian: np.ndarray
) -> None:
    if not (np.isfinite(r).all() and np.isfinite(jacobian).all()):
        raise ValueError(
            "`steady` is where `model` or its derivative is not finite: the residual there is "
            f"{shown(residual_at(model, args, u))}"
        )
    size = np.asarray(scales(jacobian, np.asarray(u.vector, float)))
    if np.any(np.abs(r) > 1e3 * small(u.vector.dtype) * np.maximum(size, 1)):
        raise ValueError(
            "`steady` is no steady state of `model`: the residual there is "
            f"{shown(residual_at(model, args, u))}. Find one by `fe.steady_state(model, guess)`"
        )
