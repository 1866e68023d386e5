"""Who keeps the states of a solve's iterations in a file."""

import contextlib
import hashlib
import io
import json
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._io._frame import Kind, next_array
from .._io._functions import described
from .._io._outline import outline
from .._types import is_traced
from ._checkpoint import Checkpoint


FILE = Kind(
    "fesolve checkpoint",
    1,
    "`fe.Checkpoint`",
    "`fe.Checkpoint`",
    "Remove the file, and the solve begins anew; or give another path",
)


@runtime_checkable
class Kept(Protocol):
    """A monitor whose state belongs to that of the solve, as one that decides where it ends."""

    def state(self) -> list[np.ndarray]: ...

    def resume(self, state: list[np.ndarray], f: PyTree) -> None: ...


class _State(NamedTuple):
    """The last state of an iteration: after how many steps, whether it is at its end, and arrays;
    of its monitors at the same moment, the arrays of each."""

    steps: int
    over: bool
    arrays: list[np.ndarray]


class Keeper:
    """Keeps the states of one solve, and gives them back to the same solve."""

    def __init__(
        self, checkpoint: Checkpoint, of: Mapping[str, Any], monitors: Sequence[Any], f: PyTree
    ) -> None:
        self.path, self.every, self.of = checkpoint.path, checkpoint.every, _digests(of)
        self.monitors = [m for m in monitors if isinstance(m, Kept)]
        self.states: list[_State] = []
        self.met, self.ending = 0, False
        if self.path.exists():
            self._read(f)

    def run(self) -> "_Run":
        """The next iteration."""
        self.met += 1
        return _Run(self, self.met - 1)

    def _read(self, f: PyTree) -> None:
        header, payload = FILE.read(self.path)
        try:
            held = header["outline"]
            differs = [name for name in self.of if held["of"][name] != self.of[name]]
            stream = io.BytesIO(payload)
            take = lambda specs: [next_array(stream, *spec) for spec in specs]
            states = [_State(int(n), bool(over), take(specs)) for n, over, specs in held["runs"]]
            others = [take(specs) for specs in held["monitors"]]
        except Exception as error:  # whatever a file that was made up brings about
            FILE.refuse(self.path, f"its arrays are not what its header promises ({error})")
        if differs:
            raise ValueError(
                f"{str(self.path)!r} is the checkpoint of another solve, with another "
                f"{' and '.join(differs)}: give this one a path of its own, or remove the file"
            )
        self.states = states
        for monitor, state in zip(self.monitors, others, strict=False):
            if state:
                monitor.resume(state, f)

    def write(self, number: int, state: _State) -> None:
        """Writes the file with the state of iteration `number`."""
        self.states[number:] = [state]
        others = [monitor.state() for monitor in self.monitors]
        specs = lambda arrays: [[str(a.dtype), list(a.shape)] for a in arrays]
        head = {
            "of": self.of,
            "runs": [[s.steps, s.over, specs(s.arrays)] for s in self.states],
            "monitors": [specs(arrays) for arrays in others],
        }
        buffer = io.BytesIO()
        for array in [a for s in self.states for a in s.arrays] + [a for o in others for a in o]:
            np.save(buffer, array, allow_pickle=False)
        FILE.write(self.path, head, buffer.getvalue())


class _Run:
    """One iteration, whose states are kept in the file."""

    def __init__(self, keeper: Keeper, number: int) -> None:
        self.keeper, self.number, self.every = keeper, number, keeper.every
        self.kept, self.is_over = 0, False

    def begin(self, fresh: PyTree) -> PyTree:
        if self.number >= len(self.keeper.states):
            return fresh
        found = self.keeper.states[self.number]
        leaves, structure = jax.tree.flatten(fresh)
        if len(leaves) != len(found.arrays):
            FILE.refuse(self.keeper.path, "it has another number of arrays than the solve")
        self.kept, self.is_over = found.steps, found.over
        pairs = zip(leaves, found.arrays, strict=True)
        return jax.tree.unflatten(structure, [_like(leaf, array) for leaf, array in pairs])

    def keep(self, steps: int, state: Callable[[], PyTree], *, over: bool) -> None:
        if (steps - self.kept >= self.every or over or self.keeper.ending) and not self.is_over:
            arrays = [_as_array(leaf) for leaf in jax.tree.leaves(state())]
            self.keeper.write(self.number, _State(steps, over, arrays))
            self.kept, self.is_over = steps, over
        if self.keeper.ending:
            raise _Terminated


class _Terminated(BaseException):
    """SIGTERM has come, and all is kept."""


@contextlib.contextmanager
def keeping(
    checkpoint: Checkpoint | None, of: Mapping[str, Any], monitors: Sequence[Any], f: PyTree
) -> Iterator[Keeper | None]:
    """Who keeps the states of one solve, and ends the process on SIGTERM once they are kept.

    **Raises:** `ValueError` for a file of another solve, or one that is damaged.
    """
    if checkpoint is None:
        yield None
        return
    if is_traced(list(of.values())):
        raise ValueError(
            "`checkpoint` is kept on the host, and this solve is inside jit, vmap or grad: leave "
            "it out there"
        )
    keeper = Keeper(checkpoint, of, monitors, f)
    before = signal.getsignal(signal.SIGTERM)
    in_main = threading.current_thread() is threading.main_thread()
    listens = in_main and before is not None and before != signal.SIG_IGN

    def end(*_: Any) -> None:
        keeper.ending = True
        if not keeper.met:  # there is no iteration whose next state could be waited for
            raise _Terminated

    if listens:
        signal.signal(signal.SIGTERM, end)
    try:
        with contextlib.suppress(_Terminated):
            yield keeper
    finally:
        if listens:
            signal.signal(signal.SIGTERM, before)
    if keeper.ending:
        if callable(before):  # what the application does on SIGTERM
            before(signal.SIGTERM, None)
        raise SystemExit(128 + signal.SIGTERM)
    if not keeper.met:
        warnings.warn(
            "`checkpoint` has kept nothing: this solver has no state to go on from, and begins "
            "anew where it is killed. Leave `checkpoint` out, or take another solver",
            stacklevel=4,
        )


def _digests(of: Mapping[str, Any]) -> dict[str, str]:
    """What a solve is of, each part as a number that is the same in a process to come."""
    found = {}
    for name, part in of.items():
        text = json.dumps([outline(part), described(part)], default=str)
        found[name] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _as_array(leaf: Any) -> np.ndarray:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf)


def _like(leaf: Any, array: np.ndarray) -> Any:
    """An array as what `leaf` is: a JAX array where that stands, a PRNG key, a number."""
    if isinstance(leaf, jax.Array):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(jnp.asarray(array), impl=jax.random.key_impl(leaf))
        if len(leaf.sharding.device_set) > 1:
            return jax.device_put(array, leaf.sharding)
        return jnp.asarray(array)
    if isinstance(leaf, np.ndarray):
        return array
    return array.dtype.type(array) if isinstance(leaf, np.generic) else type(leaf)(array)
