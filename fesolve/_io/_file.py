"""Files that hold a solution: its arrays by equinox, after one line of JSON that says what they
are. Nothing is pickled, so that a file from elsewhere can run no code."""

import io
import os
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import PyTree

from .._types import Hypothesis, is_traced
from ._frame import Kind, next_array, path_of
from ._functions import PYTHON, without_byte_code
from ._outline import difference, leaves, outline


SOLUTION = Kind("fesolve", 2, "`fe.save`", "`fe.load`", "Save f again")
EXAMPLE = "fe.save('f.fe', f)"


def save(path: str | os.PathLike, f: Hypothesis) -> None:
    """Writes f, such as `solution.value`, to one file.

    The file is replaced as a whole or not at all, by as many threads and processes at a time as
    there are, and a file that is replaced keeps its mode. Of functions that f holds, such as an
    activation or a transform, the file has what tells them from others, and they come back from
    the template of `load`.

    **Arguments:** `path`, where to write: a regular file, or one that does not exist yet; `f`, the
    hypothesis.

    **Raises:** `ValueError` for an f that holds traced values or Python objects in an array, and
    for a path to a directory, a device, a pipe or a symbolic link; `OSError` where writing fails.
    """
    path = path_of(path, EXAMPLE)
    if is_traced(f):
        raise ValueError(
            "`f` holds traced values: call `fe.save` outside of `jax.jit`, `jax.grad` and "
            "`jax.vmap`"
        )
    for place, leaf in jax.tree_util.tree_leaves_with_path(f):
        if isinstance(leaf, np.ndarray) and leaf.dtype.hasobject:
            raise ValueError(
                f"`f{jax.tree_util.keystr(place)}` is a NumPy array of Python objects, which a "
                "file without pickle cannot hold"
            )
    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, f)
    SOLUTION.write(path, outline(f), buffer.getvalue())


def load(path: str | os.PathLike, like: Hypothesis | None = None) -> PyTree:
    """f as it was saved.

    ```python
    fe.save("policy.fe", solution.value)
    f = fe.load("policy.fe", like=fe.Series(fe.Chebyshev(12, (0.0, 1.0))))
    ```

    **Arguments:**

    - `path`: a file that `fe.save` wrote.
    - `like`: a hypothesis of the same structure, whose arrays are replaced; it may be the result
      of `eqx.filter_eval_shape`. Without it the arrays alone come back.

    **Returns:** f; without `like`, a dictionary of NumPy arrays by their place in f.

    **Raises:** `ValueError` for a file that is damaged, cut short or from elsewhere, and for a
    template that does not fit, naming the first place where it does not.
    """
    path = path_of(path, EXAMPLE)
    header, payload = SOLUTION.read(path)
    found, expected = header["outline"], outline(like)
    try:
        places = leaves(found)
        if like is None:
            return _arrays(places, payload)
        if header["python"] != PYTHON:
            found, expected = without_byte_code(found), without_byte_code(expected)
        differs = difference(found, expected)
        if differs is None:
            return eqx.tree_deserialise_leaves(io.BytesIO(payload), like)
    except Exception as error:  # whatever a file that was made up brings about
        SOLUTION.refuse(path, f"its arrays are not what its header promises ({error})")
    raise ValueError(f"`like` does not fit the file {str(path)!r}: {differs}")


def _arrays(places: list[tuple[str, str | None, Any]], payload: bytes) -> dict[str, np.ndarray]:
    """The arrays by their place; equinox wrote them one after the other, in the order of leaves."""
    stream, out = io.BytesIO(payload), {}
    for place, dtype, shape in places:
        out[place] = next_array(stream, dtype, shape)
    if stream.read(1):
        raise ValueError("more follows after the last of them")
    return out
