"""What of the library a script can reach, file by file, so that a change elsewhere remakes nothing.

Followed are imports and attributes of `fe`, in the library as well, inside functions as well. A
room that is reached is followed in what is named of it, and in its files that register something,
which are read without being named. What cannot be followed counts as the whole library.
"""

import ast
import functools
import hashlib
from pathlib import Path


ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fesolve"
Found = frozenset[Path]
WHOLE: Found = frozenset(PACKAGE.rglob("*.py"))


def digest(*scripts: Path) -> str:
    """A hash of the code that scripts can reach, without comments and docstrings."""
    code = [f"{path.relative_to(ROOT)}\n{_code(path)}" for path in sorted(reached(*scripts))]
    return hashlib.sha256("\n".join(code).encode()).hexdigest()


def reached(*scripts: Path) -> Found:
    """The files of the library that scripts can reach."""
    found: set[Path] = set()
    open_ = set[Path]().union(*map(_named_in, scripts))
    while open_:
        path = open_.pop()
        found.add(path)
        open_ |= (_named_in(path) | _registering(path.parent)) - found
    return frozenset(found)


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@functools.cache
def _code(path: Path) -> str:
    """The text of a file without comments and docstrings, which do not run."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@functools.cache
def _registering(folder: Path) -> Found:
    """The files of a room that add a case to a function of another one."""
    if folder in (PACKAGE, PACKAGE / "problems"):
        return frozenset()
    return frozenset(path for path in folder.glob("*.py") if ".register" in _code(path))


@functools.cache
def _named_in(path: Path) -> Found:
    """The files of the library that a file names, directly."""
    if path == PACKAGE / "__init__.py":  # names alone
        return frozenset()
    found: set[Path] = set()
    aliases: dict[str, Path] = {}
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.split(".")[0] == "fesolve":
                    aliases[name.asname or name.name] = _module(PACKAGE, name.name.split(".")[1:])
        elif isinstance(node, ast.ImportFrom):
            room = _room(path, node)
            for name in node.names if room else ():
                target = _defines(room, name.name)
                if target.name == "__init__.py" and target != room:  # a room, not a name of one
                    aliases[name.asname or name.name] = target
                else:
                    found |= {target}
    return frozenset(found) | _attributes(_tree(path), aliases)


def _room(path: Path, node: ast.ImportFrom) -> Path | None:
    """The module from which a file imports, where it is one of the library."""
    if node.level:
        return _module(path.parents[node.level - 1], (node.module or "").split("."))
    parts = (node.module or "").split(".")
    return _module(PACKAGE, parts[1:]) if parts[0] == "fesolve" else None


def _module(folder: Path, parts: list[str]) -> Path:
    place = folder.joinpath(*filter(None, parts))
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def _attributes(tree: ast.Module, aliases: dict[str, Path]) -> Found:
    """What is named as an attribute of a room; all of it, where it is handed on as an object."""
    found: set[Path] = set()
    inner: set[int] = set()
    for node in ast.walk(tree):  # from the outside in, so that fe.plots.functions is seen whole
        if not isinstance(node, ast.Attribute | ast.Name) or id(node) in inner:
            continue
        names, base = [], node
        while isinstance(base, ast.Attribute):
            inner.add(id(base.value))
            names.insert(0, base.attr)
            base = base.value
        if isinstance(base, ast.Name) and base.id in aliases:
            found |= _followed(aliases[base.id], names)
    return frozenset(found)


def _followed(room: Path, names: list[str]) -> Found:
    """The file in which room.a.b is defined."""
    if not names:
        return WHOLE if room.parent == PACKAGE else frozenset(room.parent.glob("*.py"))
    target = _defines(room, names[0])
    if target == PACKAGE / "__init__.py" and not names[0].startswith("__"):
        return WHOLE
    if target.name == "__init__.py" and target != room:
        return _followed(target, names[1:])
    return frozenset({target})


@functools.cache
def _defines(room: Path, name: str) -> Path:
    """The file that defines a name which is imported from a module."""
    if room.name != "__init__.py":
        return room
    inside = _module(room.parent, [name])
    if inside.exists():
        return inside
    stub = room.with_suffix(".pyi")  # where names are loaded when they are first used
    for node in _tree(stub if stub.exists() else room).body:
        if not (isinstance(node, ast.ImportFrom) and node.level):
            continue
        if any(name in (a.asname, a.name) for a in node.names):
            source = _room(room, node)
            return inside if source is None else _defines(source, name)
    return room
