"""Traces that JAX keeps by the identity of a function.

`jax.jit`, `jax.checkpoint`, and the bodies of `scan`, `cond` and loops are traced once for each
function object, whatever they read. So before a residual is traced again, the traces of what it
calls are forgotten; else the new program would hold yesterday's body.
"""

from collections.abc import Iterable
from typing import Any

import jax


JITTED = type(jax.jit(lambda: None))


def forget(functions: Iterable[Any]) -> None:
    """Has JAX trace these functions anew, the next time that they are called."""
    caches = _caches()
    for function in functions:
        if isinstance(function, JITTED):
            function.clear_cache()
            continue
        for evict in caches:
            try:
                evict(function)
            except Exception:
                continue  # neither hashable nor weakly referable: nothing is kept by it
        if not caches:
            jax.jit(function).clear_cache()


def _caches() -> list[Any]:
    """What forgets one function, of each cache that JAX keeps by functions."""
    try:
        from jax._src.util import _caches as kept
    except ImportError:
        return []
    found = [getattr(cache, "evict_weakref", None) for cache in list(kept)]
    return [evict for evict in found if evict is not None]
