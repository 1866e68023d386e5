"""Where the trials of a sweep are kept: a journal file, or a database, that several processes share
and any of which may be killed."""

import contextlib
import json
import os
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .._io._lines import whole_lines
from .._io._write import held, locked


def optuna_of() -> Any:
    """The package.

    **Raises:** `ImportError` where it is missing.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError("a sweep needs Optuna: pip install 'fesolve[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Journal:
    """A file to which each process appends. A worker holds the lock of a file of its own as long as
    it lives, so that others know of a trial whose worker was killed."""

    def __init__(self, path: Path) -> None:
        optuna = optuna_of()
        from optuna.storages.journal import JournalFileBackend

        class Backend(JournalFileBackend):
            """Whole lines alone: what a process that was killed has left of one is cut off."""

            def append_logs(self, logs: list[dict[str, Any]]) -> None:
                lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
                with whole_lines(self._file_path) as descriptor:
                    view = memoryview(lines.encode())
                    while view:
                        view = view[os.write(descriptor, view) :]
                    os.fsync(descriptor)

        self.path, self.one_sweep = path, True
        self.beside = path.with_name(f"{path.name}.workers")
        _refuse_other(path)
        with _readable(str(path)):
            self.storage = optuna.storages.JournalStorage(Backend(str(path)))

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """While no other worker chooses or takes over a trial."""
        self.beside.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.beside / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with locked(descriptor):
                yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def worker(self) -> Iterator[str]:
        """The name of a worker, as long as it lives."""
        name = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self.beside.mkdir(parents=True, exist_ok=True)
        path = self.beside / name
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with locked(descriptor):
                yield name
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)

    def is_dead(self, worker: str | None, trial: Any) -> bool:
        """Whether the worker of a trial that goes on was killed; asked alone, where each has a
        worker."""
        if worker is None:
            return True
        path = self.beside / worker
        if not path.exists():
            return True
        dead = not held(path)
        if dead:
            path.unlink(missing_ok=True)
        return dead

    @contextlib.contextmanager
    def beating(self, trial: Any) -> Iterator[None]:
        yield


class Database:
    """A database of Optuna's, in which a worker says every few seconds that its trial goes on."""

    beat = 10
    """Seconds."""

    def __init__(self, url: str) -> None:
        optuna = optuna_of()
        self.one_sweep, self.optuna = False, optuna
        times = {"heartbeat_interval": self.beat, "grace_period": 4 * self.beat}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self.storage = optuna.storages.RDBStorage(url, **times)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        yield

    @contextlib.contextmanager
    def worker(self) -> Iterator[str]:
        yield f"{os.getpid()}-{uuid.uuid4().hex[:8]}"

    def is_dead(self, worker: str | None, trial: Any) -> bool:
        study = self.storage.get_study_id_from_name(trial.user_attrs.get("sweep", ""))
        return trial._trial_id in self.storage._get_stale_trial_ids(study)

    @contextlib.contextmanager
    def beating(self, trial: Any) -> Iterator[None]:
        from optuna.storages._heartbeat import get_heartbeat_thread

        with get_heartbeat_thread(trial._trial_id, self.storage):
            yield


Store = Journal | Database


def store_of(journal: Any) -> Store:
    """The journal of a path, or the database of an address such as `sqlite:///runs.db`.

    **Raises:** `ValueError` for what is neither.
    """
    if not isinstance(journal, str | os.PathLike):
        raise ValueError(f"`journal` must be the path of a file or a database; got {journal!r}")
    if "://" in str(journal):
        return Database(str(journal))
    path = Path(journal)
    if path.is_dir():
        raise ValueError(f"`journal` {str(path)!r} is a directory: give the name of a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    return Journal(path)


def names_in(store: Store) -> list[str]:
    """The sweeps that are kept there.

    **Raises:** `ValueError` for a file that is no journal.
    """
    with _readable("`journal`"):
        found = optuna_of().get_all_study_summaries(store.storage)
    return [study.study_name for study in found]


def _refuse_other(path: Path) -> None:
    """**Raises:** `ValueError` for a file that begins as no journal does."""
    if not path.exists():
        return
    with open(path, "rb") as file:
        first = file.readline(1 << 20)
    if first.endswith(b"\n") and not first.startswith(b'{"op_code"'):
        raise ValueError(f"{str(path)!r} is no journal of a sweep: it begins with {first[:20]!r}")


@contextlib.contextmanager
def _readable(what: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{what} is no journal of a sweep: {error}") from None


def wait() -> None:
    """Until another worker may have come further."""
    time.sleep(0.2)
