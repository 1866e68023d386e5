"""A dry run of a residual on one point: wrong shapes and types are explained here, in a sentence,
and not by a traceback from inside a compiled program."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ._entries import dry_run
from ._entry import speaks_for_itself
from ._evaluation import Bare, Pairs, pointwise
from ._types import Hypothesis


def equation_widths(
    name: str, bare: Bare, f: Hypothesis, *, solved_for: bool = False
) -> dict[str, int]:
    """The named equations of one residual and the number of components of each.

    **Raises:** `ValueError` where the residual cannot be evaluated on one point, returns anything
    but real floating-point scalars and vectors, or, where f is `solved_for`, does not depend on f.
    """
    points = bare.points
    x = None if points is None else jax.tree.map(lambda p: p[0], points)
    try:
        asked = dry_run(pointwise, bare, _as_inputs(f), x, _draw(bare.shock), unknown=1)
    except Exception as error:
        if speaks_for_itself(error):
            raise
        hints = _hints(x, f)
        if not hints:
            error.add_note(f"This was in residual `{name}`, on one point x of shape {_shape(x)}.")
            raise
        sentence = ". ".join([_failed(name, x, error), *hints])
        raise ValueError(sentence).with_traceback(error.__traceback__) from None
    leaves = jax.tree_util.tree_leaves_with_path(asked.shapes)
    if not leaves:
        raise ValueError(f"residual `{name}` returned no array: return the residual at one point")
    single = len(leaves) == 1 and not leaves[0][0]
    widths: dict[str, int] = {}
    for path, leaf in leaves:
        label = name if single else f"{name}.{_label(path)}"
        _check_leaf(label, leaf)
        widths[label] = int(leaf.size)
    if solved_for and not asked.depends:
        raise ValueError(
            f"residual `{name}` does not depend on f: it is the same whatever f is. The unknown is "
            "its first argument, `f(x)`, and no function from outside, such as the one that a "
            "solve starts from"
        )
    return widths


def _as_inputs(f: Hypothesis) -> Hypothesis:
    """f with NumPy's arrays by their shapes, which a program takes for inputs as it does JAX's."""
    struct = lambda a: jax.ShapeDtypeStruct(a.shape, jax.dtypes.canonicalize_dtype(a.dtype))
    return jax.tree.map(lambda a: struct(a) if isinstance(a, np.ndarray) else a, f)


def _draw(shock: Any) -> PyTree:
    """One draw of a shock that was drawn point by point."""
    return jax.tree.map(lambda e: e[0], shock.first) if isinstance(shock, Pairs) else None


def _label(path: tuple) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _check_leaf(label: str, leaf: Any) -> None:
    if isinstance(leaf, float | int) and not isinstance(leaf, bool):
        raise ValueError(
            f"residual `{label}` returned the constant {leaf!r}, which does not depend on f"
        )
    if not isinstance(leaf, jax.ShapeDtypeStruct):
        raise ValueError(
            f"residual `{label}` returned {leaf!r} ({type(leaf).__name__}): return a real scalar, "
            "a vector, or a dict of them"
        )
    if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
        raise ValueError(
            f"residual `{label}` returned complex numbers ({leaf.dtype}): return the real and "
            "imaginary parts as two equations, {'real': r.real, 'imaginary': r.imag}"
        )
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        raise ValueError(
            f"residual `{label}` returned {leaf.dtype} values: return real floating-point numbers"
        )
    if len(leaf.shape) > 1:
        raise ValueError(
            f"residual `{label}` returned an array of shape {leaf.shape} at one point: return a "
            "scalar, a vector of equations, or a dict of them (fesolve does the batching)"
        )


def _failed(name: str, x: PyTree, error: Exception) -> str:
    first = str(error).partition("\n")[0].rstrip(".")
    return f"residual `{name}` failed on one point x of shape {_shape(x)}: {first}"


def _shape(x: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: tuple(jnp.shape(leaf)), x)


def _hints(x: PyTree, f: Hypothesis) -> list[str]:
    """What does not fit between the point and f."""
    shape, hints = _shape(x), []
    for net in _networks(f):
        size = net.in_size
        if shape == () and size != "scalar":
            hints.append(
                f"f has a network with in_size={size!r}, and x is a scalar: use "
                "`eqx.nn.MLP('scalar', 'scalar', ...)` for a scalar x"
            )
        elif isinstance(shape, tuple) and len(shape) == 1 and size not in (shape[0], (shape[0],)):
            hints.append(
                f"f has a network with in_size={size!r}, and x has {shape[0]} coordinates: use "
                f"`in_size={shape[0]}`"
            )
        if shape == () and net.out_size != "scalar":
            hints.append(
                f"f has a network with out_size={net.out_size!r}: `jax.grad(f)` needs "
                "`out_size='scalar'`; for several outputs use `fe.derivative(f)`"
            )
    return hints


def _networks(f: Hypothesis) -> list[eqx.nn.MLP]:
    is_net = lambda node: isinstance(node, eqx.nn.MLP)
    return [node for node in jax.tree.leaves(f, is_leaf=is_net) if is_net(node)]
