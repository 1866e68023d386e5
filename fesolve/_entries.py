"""A dry run of a function of the user: the shapes that it returns, and whether the entries that it
takes of arrays are there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxprs_in_params, Literal
from jax.lax import GatherScatterMode

from ._types import is_traced


SMALL = 64
"""Whole numbers in an array of which entries are picked: beyond, nobody wrote them by hand."""
LIBRARIES = tuple(str(Path(made.__file__).parent) for made in (jax, eqx))
OURS = str(Path(__file__).parent)


class DryRun(NamedTuple):
    """What a function returns, arrays by their shapes, and whether it depends on its unknown."""

    shapes: Any
    depends: bool


def shapes(function: Callable, *args: Any) -> Any:
    """What the function returns for such arguments, by a `dry_run`."""
    return dry_run(function, *args).shapes


def dry_run(function: Callable, *args: Any, unknown: int = 0) -> DryRun:
    """What the function returns for such arguments, arrays by their shapes, as
    `eqx.filter_eval_shape` has it.

    JAX takes the last entry of an array where a later one is asked for, and says nothing, so that
    who counts from 1 would solve another model.

    **Arguments:** `unknown`, the place of the argument on which it should depend.

    **Raises:** `ValueError` where the user's code takes an entry that is not there.
    """
    before, inside = (_count(part) for part in (args[:unknown], args[unknown]))
    program, arrays, rest = eqx.filter_make_jaxpr(function)(*args)
    _check(program.jaxpr, dict(zip(program.jaxpr.constvars, map(_number, program.consts))))
    moved = program.jaxpr.invars[before : before + inside]
    return DryRun(eqx.combine(arrays, rest), not moved or _depends(program.jaxpr, set(moved)))


def _count(args: Any) -> int:
    """How many inputs of a program some arguments are."""
    leaves = jax.tree.leaves(args)
    return sum([eqx.is_array(x) or isinstance(x, jax.ShapeDtypeStruct) for x in leaves])


def _depends(program: Any, moved: set) -> bool:
    """Whether an output may change with one of some inputs."""
    for equation in program.eqns:
        if any(v in moved for v in equation.invars if not isinstance(v, Literal)):
            moved.update(equation.outvars)
    return any(v in moved for v in program.outvars if not isinstance(v, Literal))


def _check(program: Any, known: dict[Any, Any]) -> None:
    """Looks at each entry whose place is a whole number in the program; `known` are those of its
    variables that are."""

    def value(given: Any) -> Any:
        return np.asarray(given.val) if isinstance(given, Literal) else known.get(given)

    for equation in program.eqns:
        for inner in jaxprs_in_params(equation.params):
            _check(inner, {})
        name = equation.primitive.name
        given = [value(variable) for variable in equation.invars]
        if name in _FOLDED and _is_whole(equation, given):
            known[equation.outvars[0]] = _FOLDED[name](equation, *given)
        elif name == "dynamic_slice" or (name == "gather" and not _is_chosen(equation.params)):
            _check_places(equation, given[1:])


def _is_whole(equation: Any, given: list) -> bool:
    """Whether an operation makes a few whole numbers, or truths about them, of known ones."""
    few = equation.outvars[0].aval.size <= SMALL
    return few and all(g is not None and g.dtype.kind in "iub" for g in given)


def _number(constant: Any) -> np.ndarray | None:
    """The whole numbers of a constant, where it has few."""
    few = np.size(constant) <= SMALL and not is_traced(constant)
    return np.asarray(constant) if few and jnp.issubdtype(constant.dtype, jnp.integer) else None


# Of these is made the place of an entry, where it is a whole number.
_FOLDED: dict[str, Callable] = {
    "lt": lambda equation, a, b: a < b,
    "add": lambda equation, a, b: a + b,
    "select_n": lambda equation, which, *cases: np.where(which, cases[-1], cases[0]),
    "convert_element_type": lambda equation, a: a.astype(equation.params["new_dtype"]),
    "concatenate": lambda equation, *a: np.concatenate(a, axis=equation.params["dimension"]),
    "broadcast_in_dim": lambda equation, a: _broadcast(a, **equation.params),
}


def _broadcast(a: np.ndarray, shape: tuple, broadcast_dimensions: tuple, **_: Any) -> np.ndarray:
    along = [1] * len(shape)
    for dimension, extent in zip(broadcast_dimensions, a.shape, strict=True):
        along[dimension] = extent
    return np.broadcast_to(a.reshape(along), shape)


def _is_chosen(params: dict) -> bool:
    """Whether the user says what is to come of an entry that is not there, `mode="clip"`."""
    mode = params["mode"]
    by_rule = mode == GatherScatterMode.CLIP and params["unique_indices"]  # `x[2]` under a map
    return not (by_rule or mode == GatherScatterMode.PROMISE_IN_BOUNDS)


def _check_places(equation: Any, places: list) -> None:
    shape, sizes = equation.invars[0].aval.shape, equation.params["slice_sizes"]
    if equation.primitive.name == "dynamic_slice":
        axes, starts = range(len(shape)), places
    elif places[0] is None:
        return
    else:
        axes = map(int, equation.params["dimension_numbers"].start_index_map)
        starts = np.moveaxis(places[0], -1, 0)
    for axis, start in zip(axes, starts, strict=True):
        if start is None:
            continue
        wrong = start[(start < 0) | (start > shape[axis] - sizes[axis])]
        line = _own_line(equation) if wrong.size else None
        if line is not None:
            last, entry = shape[axis] - 1, int(np.ravel(wrong)[0])
            who = f"`{line.function_name.rpartition('.')[2]}`, in line {line.line_num} of "
            entry = entry if entry >= 0 else entry - shape[axis]
            one = f"has the one entry {last}" if last == 0 else f"has the entries 0 to {last}"
            raise ValueError(
                f"{who}{Path(line.file_name).name}, takes entry {entry} where an axis {one}, "
                f"counted from 0: JAX would take the {'last' if entry > 0 else 'first'} one and "
                "say nothing"
            )


def _own_line(equation: Any) -> Any:
    """The line of the user that an operation is from; `None` where a library did it."""
    trace = equation.source_info.traceback
    frames = [] if trace is None else trace.frames
    line = next((f for f in frames if not f.file_name.startswith(LIBRARIES)), None)
    return None if line is None or line.file_name.startswith(OURS) else line
