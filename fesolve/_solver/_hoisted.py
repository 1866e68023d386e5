"""The numbers in an optimiser's functions as arguments of a program, so that another learning rate
compiles nothing anew."""

import contextlib
import functools
import types
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree


class Slot(NamedTuple):
    """Where a number stands."""

    number: int


class Hoisted(NamedTuple):
    """An optimiser, slots in place of the floating-point numbers that its functions close over, and
    these numbers."""

    optim: Any
    numbers: tuple[Array, ...]

    def filled(self) -> Any:
        """The optimiser again, with its numbers, which may be traced."""
        if not self.numbers:
            return self.optim
        is_slot = lambda value: isinstance(value, Slot)
        return _mapped(self.optim, is_slot, lambda slot: self.numbers[slot.number], {})


def hoisted(optim: Any, theta: PyTree) -> Hoisted:
    """The optimiser with its numbers apart; as it is where it decides by their values."""
    numbers: list[Array] = []

    def slot(value: float) -> Slot:
        numbers.append(jnp.asarray(value))  # as weak in its type as the number itself
        return Slot(len(numbers) - 1)

    found = _mapped(optim, lambda value: type(value) is float, slot, {})
    apart = Hoisted(found, tuple(numbers))
    return apart if numbers and _runs(apart, theta) else Hoisted(optim, ())


def _runs(apart: Hoisted, theta: PyTree) -> bool:
    """Whether a step can be traced without the values of the numbers."""
    import optax

    def step(numbers: tuple[Array, ...], theta: PyTree) -> PyTree:
        optim = optax.with_extra_args_support(Hoisted(apart.optim, numbers).filled())
        value_fn = lambda theta: sum(jnp.sum(leaf) for leaf in jax.tree.leaves(theta))
        value, grad = jax.value_and_grad(value_fn)(theta)
        given = {"value": value, "grad": grad, "value_fn": value_fn}
        return optim.update(grad, optim.init(theta), theta, **given)

    try:
        with loose_promotion():
            jax.eval_shape(step, apart.numbers, theta)
    except Exception:  # whatever an optimiser does with a number
        return False
    return True


@contextlib.contextmanager
def loose_promotion() -> Iterator[None]:
    """Optax mixes dtypes and ranks, which an application may have forbidden."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def _mapped(
    value: Any, is_leaf: Callable[[Any], bool], change: Callable[[Any], Any], met: dict[int, Any]
) -> Any:
    """`value` with leaves changed, also in the closures of Optax's functions."""
    if is_leaf(value):
        return change(value)
    inner = lambda part: _mapped(part, is_leaf, change, met)
    if isinstance(value, tuple):
        parts = [inner(part) for part in value]
        if all(a is b for a, b in zip(parts, value, strict=True)):
            return value
        return type(value)(*parts) if type(value) is not tuple else tuple(parts)
    if isinstance(value, functools.partial):
        keywords = {name: inner(part) for name, part in value.keywords.items()}
        return functools.partial(inner(value.func), *map(inner, value.args), **keywords)
    if not isinstance(value, types.FunctionType) or not value.__module__.startswith("optax"):
        return value
    if id(value) not in met:
        met[id(value)] = value  # a function that closes over itself stays as it is
        met[id(value)] = _rebuilt(value, inner)
    return met[id(value)]


def _rebuilt(function: types.FunctionType, inner: Callable[[Any], Any]) -> types.FunctionType:
    cells = function.__closure__ or ()
    try:
        before = [cell.cell_contents for cell in cells]
    except ValueError:  # not filled yet
        return function
    after = [inner(part) for part in before]
    if all(a is b for a, b in zip(after, before, strict=True)):
        return function
    closure = tuple(types.CellType(part) for part in after)
    name, defaults = function.__name__, function.__defaults__
    made = types.FunctionType(function.__code__, function.__globals__, name, defaults, closure)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__module__, made.__qualname__ = function.__module__, function.__qualname__
    return made
