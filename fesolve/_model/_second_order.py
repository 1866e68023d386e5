"""The solution of a model to second order around its steady state."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._compiled import compiled
from .._distribution import Dirac, Ergodic, Normal
from .._entry import entry
from .._show import Shown
from .._types import Point
from ._first_order import first_order, FirstOrder
from ._steady_state import at, equations, linearised, Unknowns


class SecondOrder(Shown):
    """y = y_ss + G d + (g_xx d d + g_ss) / 2 and x' = x_ss + H d + (h_xx d d + h_ss) / 2 + eta e',
    d = x - x_ss: what `fe.second_order` returns.

    A function of x, the policy, and so a hypothesis and a target for `fe.fit`.

    - `first`: the `fe.FirstOrder` in it: steady state, G, H, eigenvalues.
    - `policy_curvature`: g_xx, of shape (n_y, n_x, n_x); `transition_curvature`: h_xx.
    - `policy_risk`: g_ss, of shape (n_y,), twice what shocks add to y; `transition_risk`: h_ss.
    - `shocks`: eta, of shape (n_x, n_e).
    """

    first: FirstOrder
    policy_curvature: Float[Array | np.ndarray, "n_y n_x n_x"]
    transition_curvature: Float[Array | np.ndarray, "n_x n_x n_x"]
    policy_risk: Float[Array | np.ndarray, " n_y"]
    transition_risk: Float[Array | np.ndarray, " n_x"]
    shocks: Float[Array | np.ndarray, "n_x n_e"]

    def policy(self, x: Point) -> PyTree:
        """y at x, shaped like the y that was given."""
        d = self.first.deviation(x)
        return self.first.shaped_y(self._second(d, d, policy=True))

    def transition(self, x: Point, e: Any = None) -> PyTree:
        """Tomorrow's x, hit by e, of shape (n_e,), of variance 1 each; without it by nothing."""
        d = self.first.deviation(x)
        moved = self._second(d, d, policy=False)
        return self.first.shaped_x(moved if e is None else moved + jnp.asarray(self.shocks) @ e)

    def __call__(self, x: Point) -> PyTree:
        return self.policy(x)

    def pruned(self, state: dict[str, Array]) -> dict[str, PyTree]:
        """{"x": x, "y": y} at a state of `law`."""
        a, b = state["first"], state["second"]
        y = self._second(a + b, a, policy=True)
        return {"x": self.first.shaped_x(a + b), "y": self.first.shaped_y(y)}

    def law(self, *, periods: int, burn_in: int = 0) -> Ergodic:
        """The pruned law of motion from the steady state on, with normal shocks of variance 1.

        The second-order part is moved by the square of the first-order part alone, so that paths
        do not explode. It serves all that simulates f, with `of=lambda f, s: f.pruned(s)`:

        ```python
        law = second.law(periods=10_200, burn_in=200)
        fe.simulated_moments(second, law, lambda f, s: f.pruned(s)["y"], key=key)
        ```

        **Source:** Kim, Kim, Schaumburg and Sims (2008), "Calculating and using second-order
        accurate solutions of discrete time dynamic equilibrium models".
        """
        n, m = self.shocks.shape
        kind = self.shocks.dtype
        rest = {"first": np.zeros(n, kind), "second": np.zeros(n, kind)}
        shock = Normal(np.zeros(m, kind), np.ones(m, kind))
        return Ergodic(_pruned_step, Dirac(rest), shock, periods=periods, burn_in=burn_in)

    def _second(self, d: Array, squared: Array, *, policy: bool) -> Array:
        """Slope times d plus half of the curvature at `squared` and of what risk adds."""
        first = self.first
        slope = first.policy_slope if policy else first.transition_slope
        curvature = self.policy_curvature if policy else self.transition_curvature
        risk = self.policy_risk if policy else self.transition_risk
        quadratic = jnp.asarray(curvature) @ squared @ squared
        return jnp.asarray(slope) @ d + (quadratic + jnp.asarray(risk)) / 2


def _pruned_step(f: SecondOrder, s: dict[str, Array], e: Array) -> dict[str, Array]:
    a, b = s["first"], s["second"]
    slope = jnp.asarray(f.first.transition_slope)
    second = f._second(b, a, policy=False)
    return {"first": slope @ a + jnp.asarray(f.shocks) @ e, "second": second}


@entry
def second_order(
    model: Callable[..., PyTree], steady: Any, shocks: Any, *, args: tuple = ()
) -> SecondOrder:
    """The stable solution of E[model(x, y, x', y')] = 0, x' = h(x) + eta e', to second order.

    ```python
    steady = fe.steady_state(growth, ({"k": 0.2, "z": 0.0}, 0.3))
    second = fe.second_order(growth, steady, {"k": 0.0, "z": 0.01})
    second.policy({"k": 0.21, "z": 0.0})
    ```

    After `fe.first_order` the second derivatives of the model, by automatic differentiation along
    the first-order solution, enter one generalised Sylvester equation, A X + B X (H kron H) = C,
    solved by the Schur forms of A^-1 B and of H, and one linear system for the constants.

    **Arguments:**

    - `model`: `model(x, y, x1, y1, *args)`, as for `fe.first_order`: without shocks.
    - `steady`: `(x, y)`, as `fe.steady_state` finds it.
    - `shocks`: how x' is hit: standard deviations of independent shocks, shaped like x, zero where
      there is none; or the matrix eta, of shape (n_x, n_e), with the entries of x as its rows.
    - `args`: further arguments of `model`.

    **Returns:** a `SecondOrder`.

    **Raises:** `ValueError` where `fe.first_order` does, and where `shocks` do not fit x.

    **Source:** Schmitt-Grohe and Uribe (2004), "Solving dynamic general equilibrium models using a
    second-order approximation to the policy function"; Kamenik (2005), "Solving SDGE models: a new
    algorithm for the Sylvester equation".
    """
    linear = first_order(model, steady, args=args)
    u = at(steady, "steady")
    eta = loadings(shocks, linear.x, len(linear.transition_slope))
    _, today, tomorrow = (np.asarray(a, float) for a in linearised(model, args, u, u.vector))
    g, h = (np.asarray(s, float) for s in (linear.policy_slope, linear.transition_slope))
    n = len(h)
    # how (x, y) today and tomorrow move with x, and with shocks
    with_x = np.vstack([np.eye(n), g, h, g @ h])
    with_e = np.vstack([np.zeros((len(today), eta.shape[1])), eta, g @ eta])
    dtype = np.asarray(u.vector).dtype
    bent_x, bent_e = (
        np.asarray(_curvature(model, args, u, along.astype(dtype)), float)
        for along in (with_x, with_e)
    )
    ahead, after = tomorrow[:, :n] + tomorrow[:, n:] @ g, tomorrow[:, n:]
    a = np.hstack([ahead, today[:, n:]])
    b = np.hstack([np.zeros_like(ahead), after])
    rows = np.abs(a).max(axis=1, keepdims=True)  # equations of one scale
    right = -np.linalg.solve(a / rows, bent_x.reshape(len(a), -1) / rows)
    second = _sylvester(np.linalg.solve(a / rows, b / rows), h, right).reshape(len(a), n, n)
    second = (second + second.transpose(0, 2, 1)) / 2
    h_xx, g_xx = second[:n], second[n:]
    spread = np.einsum("ijk,je,ke->i", g_xx, eta, eta)
    pushed = np.einsum("iee->i", bent_e) + after @ spread
    constants = -np.linalg.solve((a + b) / rows, pushed / rows[:, 0])
    kept = (g_xx, h_xx, constants[n:], constants[:n], eta)
    return SecondOrder(linear, *(part.astype(dtype) for part in kept))


@partial(compiled, seldom=True)
def _curvature(
    model: Callable, args: tuple, u: Unknowns, along: Float[Array, "two_n m"]
) -> Float[Array, "n m m"]:
    """Second derivatives of the equations along these directions of (x, y) today and tomorrow."""
    v = u.vector

    def rows(a: Array) -> Array:
        today, tomorrow = jnp.split(jnp.asarray(along) @ a, 2)
        return equations(model, args, u.moved(v + today), u.moved(v + tomorrow)).astype(v.dtype)

    with jax.default_matmul_precision("highest"):
        return jax.jacfwd(jax.jacfwd(rows))(jnp.zeros(along.shape[1], v.dtype))


def _sylvester(d: np.ndarray, h: np.ndarray, right: np.ndarray) -> np.ndarray:
    """X with X + D X (H kron H) = right, row by row from the last in the Schur basis of D."""
    from scipy.linalg import schur, solve_triangular

    t, u = schur(d, output="complex")[:2]
    s, v = schur(h, output="complex")[:2]
    square, basis = np.kron(s, s), np.kron(v, v)
    right = u.conj().T @ right @ basis
    x = np.zeros_like(right)
    for i in reversed(range(len(d))):
        known = right[i] - t[i, i + 1 :] @ x[i + 1 :] @ square
        lines = np.eye(len(square)) + t[i, i] * square
        x[i] = solve_triangular(lines, known, trans="T")
    return (u @ x @ basis.conj().T).real


def _check_names(shocks: Any, x: PyTree) -> None:
    """**Raises:** `ValueError` where standard deviations by name are not those of the states."""
    if not (isinstance(shocks, dict) and isinstance(x, dict)) or set(shocks) == set(x):
        return
    missing = ", ".join(repr(name) for name in x if name not in shocks)
    unknown = ", ".join(repr(name) for name in shocks if name not in x)
    parts = [f"has no {missing}" if missing else "", f"has {unknown} besides" if unknown else ""]
    raise ValueError(
        f"`shocks` must be standard deviations by the names of the states, {', '.join(x)}: it "
        f"{' and '.join(filter(None, parts))}. Each shock hits a state and has its name; where "
        "there is none it is 0.0"
    )


def loadings(shocks: Any, x: PyTree, n: int) -> Float[np.ndarray, "n_x n_e"]:
    """eta, one column a shock."""
    _check_names(shocks, x)
    sentence = (
        "`shocks` must be standard deviations shaped like x, or a matrix with a row for each of "
        f"the {n} entries of x"
    )
    try:
        leaves = [np.asarray(leaf, float) for leaf in jax.tree.leaves(shocks)]
    except (TypeError, ValueError):
        raise ValueError(f"{sentence}, of real numbers; got {shocks!r}") from None
    if not leaves or not all(np.isfinite(leaf).all() for leaf in leaves):
        raise ValueError(f"{sentence}, all finite; got {shocks!r}")
    same = jax.tree.structure(shocks) == jax.tree.structure(x)
    shapes = [leaf.shape for leaf in leaves]
    if same and shapes == [np.shape(leaf) for leaf in jax.tree.leaves(x)]:
        deviations = np.concatenate([leaf.ravel() for leaf in leaves])
        return np.diag(deviations)[:, deviations != 0]
    if len(leaves) == 1 and leaves[0].ndim == 2 and len(leaves[0]) == n:
        return leaves[0]
    raise ValueError(f"{sentence}; got shapes {shapes}")
