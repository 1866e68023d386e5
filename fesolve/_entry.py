"""Errors that a user's functions bring about, as their author needs them: their own lines of the
traceback, and the remedy."""

import dis
import functools
import linecache
import re
import types
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import jax

from ._fingerprint import is_own_name


Given = ParamSpec("Given")
Result = TypeVar("Result")


def entry(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """A public function below which functions of the user run.

    An error of theirs passes as it is, and so does a sentence of ours; what JAX says where a value
    must be known and is traced becomes a `ValueError` with the remedy. The traceback has the lines
    of the user alone, unless JAX's own option says otherwise: `JAX_TRACEBACK_FILTERING=off`. A
    fault of the library keeps all of it.
    """

    @functools.wraps(function)
    def call(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            places = _places(error)
            if _is_ours(error, places):
                raise
            lines = _own_lines(places)
            sentence = _sentence(error, places)
            if sentence is None:
                if _is_wrong_call(error, places):
                    error.add_note(f"It is called in this way: `{_line(places[-1])}`")
                _without_frames(error, lines)
                raise
            try:
                raise ValueError(sentence) from (error if _unfiltered() else None)
            except ValueError as told:
                # set here, and raised again bare, so that this frame is not on top of them
                _without_frames(told, lines)
                raise

    return call


def speaks_for_itself(error: Exception) -> bool:
    """Whether an error needs no further word of ours: it was raised by the code of the user or by a
    check of ours, or says that a value is traced."""
    places = _places(error)
    raised = bool(places) and (_is_own(places[-1]) or _is_check(places[-1]))
    return raised or _sentence(error, places) is not None


Places = list[types.TracebackType]
"""The lines of a traceback, from the outermost to the innermost."""


def _places(error: Exception) -> Places:
    places, place = [], error.__traceback__
    while place is not None:
        places.append(place)
        place = place.tb_next
    return places


_LEFT_OUT = (
    "(Lines of fesolve and JAX are left out of the traceback; with JAX_TRACEBACK_FILTERING=off "
    "they are there.)"
)


def _unfiltered() -> bool:
    return jax.config.jax_traceback_filtering == "off"


def _is_own(place: types.TracebackType) -> bool:
    """Whether a line is the user's: neither of a library through which calls pass, nor made by a
    checker of annotations."""
    made = place.tb_frame.f_code.co_filename.startswith("<@beartype")
    return not made and is_own_name(place.tb_frame.f_globals.get("__name__"))


def _is_of_fesolve(place: types.TracebackType) -> bool:
    return str(place.tb_frame.f_globals.get("__name__")).partition(".")[0] == "fesolve"


def _is_ours(error: Exception, places: Places) -> bool:
    """Whether it is a fault of the library: no line of the user is in it, no `raise`, and no call
    of a function with other arguments than it takes."""
    own = any(map(_is_own, places)) or _is_wrong_call(error, places)
    return not (own or _is_check(places[-1]))


def _is_check(place: types.TracebackType) -> bool:
    """Whether an error was raised by a `raise` of ours, and not by something that went wrong."""
    code = place.tb_frame.f_code.co_code
    return _is_of_fesolve(place) and code[place.tb_lasti] == dis.opmap["RAISE_VARARGS"]


def _is_wrong_call(error: Exception, places: Places) -> bool:
    """Whether the library has called a function that takes other arguments."""
    wrong = isinstance(error, TypeError) and _CALLED.search(str(error)) is not None
    return wrong and len(places) > 1 and _is_of_fesolve(places[-1])


_CALLED = re.compile(r"\(\) (takes|missing|got an unexpected|got multiple)")


def _line(place: types.TracebackType) -> str:
    return linecache.getline(place.tb_frame.f_code.co_filename, place.tb_lineno).strip()


def _own_lines(places: Places) -> types.TracebackType | None:
    lines = None
    for place in reversed(places):
        if _is_own(place):
            lines = types.TracebackType(lines, place.tb_frame, place.tb_lasti, place.tb_lineno)
    return lines


def _without_frames(error: Exception, lines: types.TracebackType | None) -> None:
    if _unfiltered():
        return
    error.__traceback__ = lines
    before = error.__context__
    if isinstance(before, Exception) and _is_inside(before):
        error.__suppress_context__ = True
    notes = getattr(error, "__notes__", [])
    kept = [note for note in notes if "JAX has removed its internal frames" not in note]
    error.__notes__ = [*(note for note in kept if note != _LEFT_OUT), _LEFT_OUT]


def _is_inside(error: Exception) -> bool:
    """Whether an error was one of ours or JAX's, which was handled and tells the user nothing."""
    places = _places(error)
    return not any(map(_is_own, places)) or _sentence(error, places) is not None


def _sentence(error: Exception, places: Places) -> str | None:
    """The remedy, where a function of the user asks for a value that is traced."""
    remedy = next((text for kind, text in _REMEDIES if isinstance(error, kind)), None)
    for kind, says, text in _SPOKEN:
        if isinstance(error, kind) and re.search(says, str(error)):
            remedy = text
    asking = [place for place in places if _is_own(place) or _is_of_fesolve(place)]
    if remedy is None or not asking or not _is_own(asking[-1]):
        return None
    code, line = asking[-1].tb_frame.f_code, asking[-1].tb_lineno
    where = f"in line {line} of {Path(code.co_filename).name}"
    return f"`{code.co_name}` {remedy.format(where=where)}"


_SEVERAL = (
    "takes `jax.grad` of a function of several outputs, {where}: let f be a scalar "
    "(`out_size='scalar'` of a network, no `out_size` of a series), or take the derivatives of all "
    "by `fe.derivative(f)(x)` or `jax.jacfwd(f)(x)`, and of one by `jax.grad(lambda x: f(x)[0])(x)`"
)
_NUMBERS = (
    "f(x) of a scalar f, and a point x of one coordinate, have no entries. Several outputs are "
    "`out_size=n` of a series or a network, several coordinates an `fe.Uniform` of vectors or an "
    "`fe.Product`"
)
# What JAX says in words alone.
_SPOKEN: list[tuple[type[Exception], str, str]] = [
    (TypeError, "defined for scalar-output functions", _SEVERAL),
    (IndexError, "array is 0-dimensional", "takes an entry of a number, {where}: " + _NUMBERS),
    (TypeError, "iteration over a 0-d array", "unpacks a number, {where}: " + _NUMBERS),
    (
        TypeError,
        "does not support string indexing",
        "looks up a name in an array, {where}: functions with names are `fe.Functions`, "
        "coordinates with names an `fe.Product(k=..., z=...)`",
    ),
    (
        TypeError,
        r"\.__call__\(\) takes \d positional arguments? but",
        "calls f with several arguments, {where}: a point is one argument, as in "
        "`f(jnp.stack([k, z]))`, or with names `f({{'k': k, 'z': z}})`",
    ),
    (
        TypeError,
        r"'(\w*Tracer|ArrayImpl)' object is not callable",
        "calls an array as a function, {where}: f comes first, as in `residual(f, x, *args)`, and "
        "f is a function such as `fe.Series(basis)`",
    ),
]
# From the particular to the general.
_REMEDIES: list[tuple[type[Exception], str]] = [
    (
        jax.errors.TracerBoolConversionError,
        "decides by a traced value, {where}: `if`, `while`, `and`, `or`, `not`, `min` and `max` "
        "ask whether it is true, and JAX evaluates a residual at all points at once. Use "
        "`jnp.where(condition, a, b)` for `if`; `&`, `|` and `~`; `jnp.minimum` and `jnp.maximum`",
    ),
    (
        jax.errors.TracerArrayConversionError,
        "gives a traced value to NumPy or SciPy, {where}: use the function of the same name in "
        "`jax.numpy` (`jnp.sin` for `np.sin`) or `jax.scipy`, of which derivatives are known",
    ),
    (
        jax.errors.TracerIntegerConversionError,
        "takes a traced value as a whole number of Python, {where}: an index of a list, or the "
        "number of rounds of a loop. Make an array of the list, `jnp.asarray(values)[i]`; a loop "
        "is `jax.lax.fori_loop`, or has a number that is not an argument",
    ),
    (
        jax.errors.NonConcreteBooleanIndexError,
        "selects entries by a traced condition, {where}, so that their number is not known: use "
        "`jnp.where(condition, x, 0.0)`",
    ),
    (
        jax.errors.ConcretizationTypeError,
        "makes a plain number of a traced value, {where}: use `jnp.exp` for `math.exp` and so on, "
        "and leave out `float(...)`, `int(...)` and `.item()`",
    ),
    (
        jax.errors.UnexpectedTracerError,
        "uses a traced value, {where}, that was kept from another call: a residual may not store "
        "values in globals or objects. Return what is needed, or compute it again from f",
    ),
]
