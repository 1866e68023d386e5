"""What a piece of code reads from outside, by its instructions."""

import dis
import importlib.util
import itertools
import types
from collections.abc import Iterator
from typing import NamedTuple, no_type_check

from ._library import UNSAFE_ATTRIBUTES
from ._tokens import interned


Chain = tuple[str, ...]


class Reads(NamedTuple):
    """What code, with the code nested in it, reads: chains `("module", "name")` of globals and of
    variables of an enclosing function, what it imports, the names of other attributes, and the
    first attribute that leads out of all this."""

    token: int
    scope: tuple[Chain, ...]
    cells: dict[str, tuple[Chain, ...]]
    imports: tuple[tuple[int, str, Chain], ...]
    loose: frozenset[str]
    unsafe: str | None


_READS: dict[int, tuple[types.CodeType, Reads]] = {}
_LIMIT = 8192


@no_type_check
def reads(code: types.CodeType) -> Reads:
    """What `code` reads (a cache of a pure function)."""
    entry = _READS.get(id(code))
    if entry is not None and entry[0] is code:
        return entry[1]
    if len(_READS) >= _LIMIT:
        _READS.clear()
    found = _read(code)
    _READS[id(code)] = (code, found)
    return found


_GLOBALS = frozenset(["LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"])
_CELLS = frozenset(["LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_CLOSURE", "LOAD_FROM_DICT_OR_DEREF"])
_ATTRIBUTES = frozenset(["LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "LOAD_SUPER_ATTR"])
_SILENT = frozenset(["CACHE", "EXTENDED_ARG", "PRECALL", "NOT_TAKEN", "NOP"])


def _read(code: types.CodeType) -> Reads:
    scope: dict[Chain, None] = {}
    cells: dict[str, dict[Chain, None]] = {name: {} for name in code.co_freevars}
    imports: dict[tuple[int, str, Chain], None] = {}
    loose: set[str] = set()
    for instructions in _every(code):
        _scan(instructions, scope, cells, imports, loose)
    unsafe = min(loose & UNSAFE_ATTRIBUTES, default=None)
    for chain in itertools.chain(scope, *cells.values()):
        unsafe = unsafe or min({*chain[1:]} & UNSAFE_ATTRIBUTES, default=None)
    return Reads(
        interned(("code", code)),
        tuple(scope),
        {name: tuple(chains) for name, chains in cells.items()},
        tuple(imports),
        frozenset(loose),
        unsafe,
    )


def _every(code: types.CodeType) -> Iterator[tuple[types.CodeType, list[dis.Instruction]]]:
    """The instructions of the code and of each code nested in it."""
    yield code, [i for i in dis.get_instructions(code) if i.opname not in _SILENT]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _every(constant)


def _scan(
    found: tuple[types.CodeType, list[dis.Instruction]],
    scope: dict[Chain, None],
    cells: dict[str, dict[Chain, None]],
    imports: dict[tuple[int, str, Chain], None],
    loose: set[str],
) -> None:
    code, instructions = found
    loose.update(c for c in code.co_consts if isinstance(c, str) and c.isidentifier())
    modules = _imported_names(instructions)
    count, i = len(instructions), 0
    while i < count:
        instruction = instructions[i]
        name, i = instruction.argval, i + 1
        if instruction.opname == "IMPORT_NAME":
            if not any(level_name[1] == name for level_name in modules.values()):
                names: list[str] = []
                fromlist = instructions[i - 2].argval
                if fromlist and "*" not in fromlist:
                    names = list(fromlist)
                for one in names or [""]:
                    chain = (one,) if one else ()
                    imports[(instructions[i - 3].argval or 0, name, chain)] = None
                loose.update(names)
            continue
        is_attribute = instruction.opname in _ATTRIBUTES
        if is_attribute:
            loose.add(name)
        starts = instruction.opname in _GLOBALS or instruction.opname in _CELLS
        module = modules.get(name) if instruction.opname.startswith("LOAD_FAST") else None
        if not starts and module is None:
            continue
        tail = []
        while i < count and instructions[i].opname in ("LOAD_ATTR", "LOAD_METHOD"):
            tail.append(instructions[i].argval)
            i += 1
        chain = tuple(tail)
        if module is not None:
            imports[(*module, chain)] = None
        elif instruction.opname in _GLOBALS:
            scope[(name, *chain)] = None
        elif name in cells:
            cells[name][(name, *chain)] = None
        else:
            loose.update(chain)  # a variable of the function itself, read in a nested one


def _imported_names(instructions: list[dis.Instruction]) -> dict[str, tuple[int, str]]:
    """Local names of modules that are bound once, by `import a` or `import a as b`."""
    stored: dict[str, int] = {}
    for instruction in instructions:
        if "_FAST" in instruction.opname and isinstance(instruction.argval, tuple):
            return {}  # two variables in one instruction, of Python 3.13 and later
        if instruction.opname == "STORE_FAST":
            stored[instruction.argval] = stored.get(instruction.argval, 0) + 1
    found = {}
    windows = zip(instructions, instructions[1:], instructions[2:], instructions[3:], strict=False)
    for level, fromlist, load, store in windows:
        plain = load.opname == "IMPORT_NAME" and not fromlist.argval and "." not in load.argval
        if plain and store.opname == "STORE_FAST" and stored[store.argval] == 1:
            found[store.argval] = (level.argval or 0, load.argval)
    return found


def absolute(level: int, name: str, package: str | None) -> str | None:
    """The name of an imported module; `None` for a relative import from nowhere."""
    if not level:
        return name
    try:
        return importlib.util.resolve_name("." * level + name, package)
    except ImportError:
        return None
