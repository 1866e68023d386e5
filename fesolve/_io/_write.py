"""A file that is replaced as a whole or not at all, whoever else writes to it, and whatever stops
the writer.

What is written goes to a file beside, which then takes the name. Its writer holds a lock on it,
and a lock ends with its process: a file beside without a lock was left by a writer that was
killed, and the next one throws it away. The names are numbered, so that never more of them lie
there than there were writers at a time.
"""

import contextlib
import hashlib
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path


try:
    import fcntl
except ImportError:  # a system without these locks
    fcntl = None


_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def replace(path: Path, content: bytes, writer: str = "`fe.save`") -> None:
    """Writes `content` to `path`, which keeps its mode where it exists; `writer` is who is named
    in sentences.

    **Raises:** `ValueError` where `path` is no regular file; `OSError` where writing fails, and
    then an older file is as it was.
    """
    old = _regular(path, writer)
    try:
        if fcntl is None:
            _without_locks(path, content)
            return
        with _beside(path) as (descriptor, beside):
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode if old is None else old.st_mode)
            os.chmod(beside, stat.S_IRUSR | stat.S_IWUSR)
            view = memoryview(content)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
            if old is not None:
                with contextlib.suppress(OSError):  # only root may give files away
                    os.chown(beside, old.st_uid, old.st_gid)
            os.chmod(beside, mode)
            _regular(path, writer)
            os.replace(beside, path)
    except OSError as error:
        kept = "" if old is None else ", and the older file is as it was"
        text = (
            f"{writer} could not write {str(path)!r}: {error.strerror or error}. Nothing was "
            f"written{kept}; see that the folder exists, may be written to and has room"
        )
        raise (OSError(text) if error.errno is None else OSError(error.errno, text)) from error


def _without_locks(path: Path, content: bytes) -> None:
    """As far as a system goes that has no locks and cannot rename an open file."""
    beside = path.with_name(f".fesolve-{os.getpid()}-{threading.get_ident()}.part")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _regular(path: Path, writer: str) -> os.stat_result | None:
    """What the system says of the file; `None` where there is none."""
    try:
        found = os.lstat(path)
    except OSError:
        return None  # whatever is wrong, writing will say
    if stat.S_ISLNK(found.st_mode):
        raise ValueError(
            f"`path` {str(path)!r} is a symbolic link, which {writer} does not follow unasked: "
            f"give the file itself, {os.path.realpath(path)!r}, or remove the link"
        )
    if not stat.S_ISREG(found.st_mode):
        raise ValueError(
            f"`path` {str(path)!r} is {kind(found.st_mode)}, and {writer} writes to regular files "
            "only: give the name of a file"
        )
    return found


def kind(mode: int) -> str:
    """What a file is that is not regular."""
    kinds = {
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "no regular file")


SWEPT = 16
"""How many names beside are looked at for files of writers that were killed."""


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[tuple[int, Path]]:
    """An empty file of this writer alone in the same folder, gone afterwards unless renamed."""
    # a name of fixed length, since that of `path` may be as long as the system allows
    stem = ".fesolve-" + hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    for number in range(SWEPT):
        left = path.with_name(f"{stem}-{number}.part")
        if left.exists():
            _discard_if_left(left)
    for number in itertools.count():
        beside = path.with_name(f"{stem}-{number}.part")
        descriptor = _claim(beside)
        if descriptor is not None:
            break
    try:
        yield descriptor, beside
    finally:
        if _is_at(descriptor, beside):
            beside.unlink()
        # a process forked meanwhile holds the descriptor too, and must not keep the lock
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _claim(beside: Path) -> int | None:
    """The new file, locked; `None` where another writer has it."""
    if beside.exists():
        _discard_if_left(beside)
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK, 0o666)
    except FileExistsError:
        return None
    # between the two lines somebody may have taken it for one that was left
    if _lock(descriptor) is not False and _is_at(descriptor, beside):
        return descriptor
    os.close(descriptor)
    return None


def _discard_if_left(beside: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(beside, os.O_RDWR | _NO_LINK)
        try:
            if _lock(descriptor) and _is_at(descriptor, beside):
                beside.unlink()
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """While no other process that asks for it has the lock of the file, as far as its file system
    has locks. A lock ends with its process."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with contextlib.suppress(OSError, AttributeError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def held(path: Path) -> bool:
    """Whether a process holds the lock of a file."""
    try:
        descriptor = os.open(path, os.O_RDWR | _NO_LINK)
    except OSError:
        return False
    try:
        return _lock(descriptor) is False
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Whether this process has the lock now; `None` on a file system without locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False
