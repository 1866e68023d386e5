"""Small hashable names for things, so that a key keeps neither user objects nor arrays alive."""

import collections
import itertools
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, no_type_check


class RetraceWarning(UserWarning):
    """What a function reads cannot be followed, so that it is traced and compiled again at each
    solve. Pass what changes through `args`."""


@no_type_check
class Recent:
    """A cache of the entries that were used last, of bounded size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lock = threading.Lock()
        self.entries: collections.OrderedDict[Any, Any] = collections.OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The entry of `key`, made where there is none."""
        entries = self.entries
        with self.lock:
            if key in entries:
                entries.move_to_end(key)
                return entries[key]
        made = make()
        with self.lock:
            made = entries.setdefault(key, made)
            if len(entries) > self.size:
                entries.popitem(last=False)
        return made


class Opaque:
    """What cannot be read, as the subject of a sentence, and the programs that depend on it, which
    nobody asks for once it is gone."""

    def __init__(self, who: str, module: str) -> None:
        self.who, self.module = who, module
        self.programs: dict[Any, Any] = {}


_COUNT = itertools.count()
_NUMBERS: dict[int, tuple[Any, int]] = {}
"""Numbers of living objects by their id."""


@no_type_check
def token(value: Any) -> int:
    """A number that belongs to this object alone, as long as it lives and after."""
    place = id(value)
    entry = _NUMBERS.get(place)
    if entry is not None and entry[0]() is value:
        return entry[1]
    try:
        reference = weakref.ref(value, lambda _: _NUMBERS.pop(place, None))
    except TypeError:
        return _KEPT.get(place, lambda: (value, next(_COUNT)))[1]
    return _NUMBERS.setdefault(place, (reference, next(_COUNT)))[1]


_KEPT = Recent(4096)
"""Objects of libraries that allow no weak references, with their numbers, by id."""


def fresh() -> int:
    """A number that nothing has."""
    return next(_COUNT)


_INTERNED = Recent(4096)


@no_type_check
def interned(key: Hashable) -> int:
    """A number for a key: equal keys have equal numbers, and programs hold the number alone."""
    return _INTERNED.get(key, lambda: next(_COUNT))


_SAID = Recent(1024)


def say(opaque: Opaque) -> None:
    """Warns of an opaque part, once."""
    said: list[str] = []

    def sentence() -> bool:
        said.append(
            f"{opaque.who} can change unseen, so that what reads it is traced and compiled again "
            "at each solve. Pass what changes through `args`, for example `fe.Risk(residual, p, "
            "args=(a,))`, or read it once, outside of the residual"
        )
        return True

    _SAID.get((opaque.who, opaque.module), sentence)
    if said:
        warnings.warn(said[0], RetraceWarning, stacklevel=depth_outside())


def depth_outside() -> int:
    """How far up the first caller outside of this library stands."""
    here, depth, frame = str(Path(__file__).parent.parent), 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        depth, frame = depth + 1, frame.f_back
    return depth
