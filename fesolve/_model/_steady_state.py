"""Where an economy rests: the steady state of a model between today and tomorrow."""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._checks import numbered, takes
from .._compiled import arrays_of, compiled, program, Static
from .._entries import shapes
from .._entry import entry, speaks_for_itself
from .._iteration._algebra import Point
from .._iteration._jax_algebra import InJax
from .._iteration._numpy_algebra import InNumPy
from .._iteration._plans import series_plan
from .._linear_algebra._host import DAMPED, minimum_norm, one_thread
from .._types import is_traced, is_tracing


PLAN = series_plan(200, 1e-3, 1e-12, timed=False)


@entry
def steady_state(
    model: Callable[..., PyTree], guess: Any, *, args: tuple = ()
) -> tuple[PyTree, PyTree]:
    """The (x, y) with model(x, y, x, y) = 0: predetermined states x and free variables y at rest.

    ```python
    def growth(k, c, k1, c1, alpha, beta):
        return k1 + c - k**alpha, 1 - beta * c / c1 * alpha * k1 ** (alpha - 1)

    k, c = fe.steady_state(growth, (0.2, 0.3), args=(0.36, 0.96))
    ```

    Newton's method from `guess`, damped where that fails. Differentiable in `args`; under a JAX
    transformation, where nothing can be raised, all numbers are nan where no steady state was
    found. Where there is a continuum of them, as with a unit root, it is one near `guess`.

    **Arguments:**

    - `model`: `model(x, y, x1, y1, *args)`, the deterministic model between today and tomorrow, as
      n_x + n_y equations in a scalar, an array or a pytree of them.
    - `guess`: `(x, y)`, arrays or pytrees, where the iteration starts.
    - `args`: further arguments of `model`.

    **Returns:** `(x, y)`, shaped like `guess`.

    **Raises:** `ValueError` where no steady state is found, with the residual that was left; where
    the equations are not as many as the unknowns, or not finite at `guess`.
    """
    start = at(guess)
    check_equations(model, start, args)
    Static(model)  # which refuses a traced value that is no argument
    begin, still = jax.tree.map(_still, (start, args))
    if is_traced((begin, still)) or is_tracing():
        return _differentiable(model, args, _in_program(model, still, begin)).point
    found = _newton(model, still, begin)
    return (_differentiable(model, args, found) if is_traced(args) else found).point


def _still(x: Any) -> Any:
    return jax.lax.stop_gradient(x) if is_traced(x) else x


class Unknowns(eqx.Module):
    """(x, y) entry by entry, each a number of its own: what Newton's method moves."""

    entries: tuple[Array, ...]
    structure: Any = eqx.field(static=True)
    shapes: tuple = eqx.field(static=True)

    @property
    def point(self) -> tuple[PyTree, PyTree]:
        """(x, y), shaped as they were given."""
        return self.moved(jnp.stack(self.entries))

    @property
    def vector(self) -> Float[Array, " n"]:
        """All entries."""
        return jnp.stack(self.entries)

    def replaced(self, vector: Float[Array, " n"]) -> "Unknowns":
        """The same shapes with other entries."""
        return Unknowns(tuple(vector), self.structure, self.shapes)

    def moved(self, vector: Float[Array, " n"]) -> tuple[PyTree, PyTree]:
        """(x, y) with other entries."""
        leaves, start = [], 0
        for shape in self.shapes:
            size = int(np.prod(shape))
            leaves.append(vector[start : start + size].reshape(shape))
            start += size
        return jax.tree.unflatten(self.structure, leaves)


def at(point: Any, name: str = "guess") -> Unknowns:
    """The entries of (x, y), in one floating-point dtype.

    **Raises:** `ValueError` for anything but a pair of arrays or pytrees of real numbers.
    """
    if not isinstance(point, tuple | list) or len(point) != 2:
        raise ValueError(
            f"`{name}` must be a pair (x, y) of predetermined states and free variables; got "
            f"{point!r}"
        )
    leaves, structure = jax.tree.flatten(tuple(point))
    if any(isinstance(leaf, str) or callable(leaf) for leaf in leaves):
        raise ValueError(f"`{name}` must hold real numbers; got {point!r}")
    dtypes = [jnp.result_type(leaf) for leaf in leaves if isinstance(leaf, jax.Array | np.ndarray)]
    floating = [dtype for dtype in dtypes if jnp.issubdtype(dtype, jnp.floating)]
    dtype = jnp.result_type(*floating) if floating else jnp.result_type(float)
    if any(jnp.issubdtype(kind, jnp.complexfloating) for kind in dtypes) or not leaves:
        raise ValueError(f"`{name}` must hold real numbers; got {point!r}")
    arrays = [jnp.asarray(leaf, dtype) for leaf in leaves]
    entries = tuple(array.reshape(-1)[i] for array in arrays for i in range(array.size))
    return Unknowns(entries, structure, tuple(array.shape for array in arrays))


def check_equations(model: Any, u: Unknowns, args: Any) -> None:
    """Raises where the equations are not as many as the unknowns."""
    if not callable(model):
        raise ValueError(f"`model` must be a function `model(x, y, x1, y1, *args)`; got {model!r}")
    if not isinstance(args, tuple):
        raise ValueError(f"`args` must be a tuple, such as `(alpha,)`; got {type(args).__name__}")
    given = ["x", "y", "x1", "y1", *numbered(args)]
    remedy = "x and y are predetermined states and free variables today, x1 and y1 those of "
    takes(
        model, "model", given, remedy + "tomorrow; parameters come of `args=(...)`, in their order"
    )
    x, y = eqx.filter_eval_shape(lambda u: u.point, u)
    try:
        out = shapes(lambda x, y, args: model(x, y, x, y, *args), x, y, args)
    except Exception as error:
        if speaks_for_itself(error):
            raise
        raise ValueError(
            f"`model(x, y, x1, y1, *args)` failed at the shapes of (x, y): {error}"
        ).with_traceback(error.__traceback__) from None
    count = sum(int(np.prod(jnp.shape(leaf))) for leaf in jax.tree.leaves(out))
    if count != len(u.entries):
        sizes = [sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(part)) for part in (x, y)]
        raise ValueError(
            f"`model` returns {count} equations for {sizes[0]} predetermined states and "
            f"{sizes[1]} free variables: it needs {sum(sizes)}, one for each"
        )


def equations(model: Callable, args: tuple, today: tuple, tomorrow: tuple) -> Float[Array, " n"]:
    """All equations of the model as one vector."""
    leaves = jax.tree.leaves(model(*today, *tomorrow, *args))
    return jnp.concatenate([jnp.ravel(jnp.asarray(leaf)) for leaf in leaves])


def scales(jacobian: Any, u: Any) -> Any:
    """The size of the terms of which each equation is made, to first order."""
    return abs(jacobian) @ (jnp if is_traced(u) else np).maximum(abs(u), 1)


def small(dtype: Any) -> float:
    """What counts as zero beside a number of size 1."""
    return float(jnp.finfo(dtype).eps) ** 0.6


@partial(compiled, seldom=True)
def linearised(model: Callable, args: tuple, u: Unknowns, v: Array) -> tuple[Array, Array, Array]:
    """The equations with nothing moving from v, and their Jacobians in today's and in tomorrow's
    (x, y)."""

    def rows(today: Array, tomorrow: Array) -> Array:
        return equations(model, args, u.moved(today), u.moved(tomorrow)).astype(v.dtype)

    with jax.default_matmul_precision("highest"):
        return rows(v, v), *jax.jacfwd(rows, argnums=(0, 1))(v, v)


def _newton(model: Callable, args: tuple, u: Unknowns) -> Unknowns:
    """The steady state on the host, by one compiled program, that of the linearisation."""

    def linearise(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r, today, tomorrow = linearised(model, args, u, v)
        return np.asarray(r), np.asarray(today) + np.asarray(tomorrow)

    def distance(point: Point) -> float:
        size = scales(point.jacobian, point.theta)
        ratio = abs(point.r) / np.where(size > 0, size, 1)
        return float(np.nan_to_num(ratio, nan=np.inf).max())

    arrived = lambda point: distance(point) <= small(point.theta.dtype)
    algebra = InNumPy(lambda v: linearise(v)[0], linearise, holds=arrived)
    with one_thread(DAMPED):
        state = algebra.run(PLAN, np.asarray(u.vector))
        if not state.finite and state.steps == 0:
            raise ValueError(
                "`guess` is where `model` or its derivative is not finite: the residual there is "
                f"{shown(residual_at(model, args, u))}. Start inside the domain of its functions"
            )
        point = state.best
        for _ in range(2):  # whatever the scales of the equations, which damped steps see
            theta = point.theta + minimum_norm(np.asarray(point.jacobian), -point.r)
            r, jacobian = linearise(theta)
            moved = Point(theta, r, jacobian, r @ r)
            point = moved if distance(moved) < distance(point) else point
    found = u.replaced(jnp.asarray(point.theta))
    if not arrived(point):
        raise ValueError(_no_steady_state(model, args, found))
    return found


def _in_program(model: Callable, args: tuple, u: Unknowns) -> Unknowns:
    """The same inside a compiled program."""
    rows = lambda v: equations(model, args, u.moved(v), u.moved(v)).astype(v.dtype)

    def arrived(point: Point) -> Array:
        size = scales(point.jacobian, point.theta)
        return jnp.all(jnp.abs(point.r) <= small(point.theta.dtype) * size)

    v = u.vector
    algebra = InJax(rows, dtype=v.dtype, holds=arrived)
    return u.replaced(algebra.run(PLAN, v).best.theta)


def _differentiable(model: Callable, args: tuple, u: Unknowns) -> Unknowns:
    tree = (model, args, u)
    return _two_steps(Static(tree), arrays_of(tree))


@program(0)
def _two_steps(static: Static, arrays: list) -> Unknowns:
    """Two more steps of Newton's method, through which derivatives in `args` pass: exact to the
    third order where r = 0. nan where it is not."""
    model, args, u = static.merge(arrays)
    found = jax.lax.stop_gradient(u)
    rows = lambda v: equations(model, args, found.moved(v), found.moved(v)).astype(v.dtype)

    v = found.vector
    for _ in range(2):
        moved = v - jnp.linalg.solve(jax.jacfwd(rows)(v), rows(v))
        v = jnp.where(jnp.isfinite(moved).all(), moved, v)  # a continuum has no unique step
    size = scales(jax.jacfwd(rows)(v), v)
    arrived = jnp.all(jnp.abs(rows(v)) <= small(v.dtype) * size)
    return found.replaced(jnp.where(arrived, v, jnp.nan))


@partial(compiled, seldom=True)
def residual_at(model: Callable, args: tuple, u: Unknowns) -> PyTree:
    """The equations with nothing moving, as the model returns them."""
    return model(*u.point, *u.point, *args)


def shown(residual: PyTree) -> str:
    """Equations with their values, for a sentence."""
    leaves = jax.tree_util.tree_leaves_with_path(residual)
    parts = []
    for path, leaf in leaves:
        values = np.array2string(np.asarray(leaf), precision=3, separator=", ")
        parts.append(f"{jax.tree_util.keystr(path, simple=True, separator='.') or 'it'} = {values}")
    return ", ".join(parts)


def _no_steady_state(model: Callable, args: tuple, u: Unknowns) -> str:
    x, y = jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), u.point)
    return (
        f"`model` has no steady state that Newton's method finds from `guess`: it got stuck at "
        f"x = {x}, y = {y}, where the residual is {shown(residual_at(model, args, u))}. Start "
        "closer, or look whether the parameters allow one"
    )
