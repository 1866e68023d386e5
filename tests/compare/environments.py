"""What a file `peer_*.py` says of itself, and the environment that its tool runs in."""

import ast
import functools
import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import NamedTuple


HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEPT = ROOT / ".cache" / "compare"
# of the harness itself, in every environment
ALWAYS = ("numpy", "scipy")


class Peer(NamedTuple):
    """A tool: its packages, its settings in words, and what it cannot state, with the reason."""

    name: str
    requires: tuple[str, ...]
    settings: dict[str, str]
    cannot: dict[str, str]

    @property
    def source(self) -> Path:
        return HERE / f"peer_{self.name}.py"


@functools.cache
def peer(name: str) -> Peer:
    """Read without being run, since its imports are in another environment."""
    found = {}
    for node in ast.parse((HERE / f"peer_{name}.py").read_text()).body:
        match node:
            case ast.Assign(targets=targets, value=value):
                names = [t.id for t in targets if isinstance(t, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=one), value=value):
                names = [one]
            case _:
                continue
        for one in set(names) & {"REQUIRES", "SETTINGS", "CANNOT"}:
            found[one] = ast.literal_eval(value)
    return Peer(name, found["REQUIRES"], found["SETTINGS"], found["CANNOT"])


def lines(name: str, problem: str) -> int | None:
    """Lines of code that the statement and the solution of a problem reach in the file of a tool:
    without comments, docstrings and empty lines, in the layout of this repository, and without
    `Watch`, which only hands answers over to the clock."""
    tree = ast.parse((HERE / f"peer_{name}.py").read_text())
    blocks = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    blocks.pop("Watch", None)
    if problem not in blocks:
        return None
    reached, open_ = set(), {problem, "solve"}
    while open_:
        one = open_.pop()
        reached.add(one)
        named = {n.id for n in ast.walk(blocks[one]) if isinstance(n, ast.Name)}
        open_ |= (named & set(blocks)) - reached
    needed = {n.id for b in reached for n in ast.walk(blocks[b]) if isinstance(n, ast.Name)}
    imports = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    used = [n for n in imports if {(a.asname or a.name).split(".")[0] for a in n.names} & needed]
    source = (HERE / f"peer_{name}.py").read_text().splitlines()
    return sum(_code(source, node) for node in [*used, *(blocks[b] for b in reached)])


def _code(source: list[str], node: ast.stmt) -> int:
    """Lines of a statement that are code."""
    inside = set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    for each in ast.walk(node):
        if isinstance(each, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(each):
            words = each.body[0]
            inside -= set(range(words.lineno, (words.end_lineno or words.lineno) + 1))
    text = {i: source[i - 1].strip() for i in inside}
    return sum(bool(line) and not line.startswith("#") for line in text.values())


def python(one: Peer) -> Path:
    """The interpreter of a tool's environment, which is made where it is missing.

    **Raises:** `RuntimeError` with the last lines of pip where its packages cannot be had.
    """
    wanted = [*(f"--editable={ROOT}" if r == "fesolve" else r for r in one.requires), *ALWAYS]
    key = hashlib.sha256("\n".join([sys.version, *wanted]).encode()).hexdigest()[:12]
    folder = KEPT / one.name
    mark, interpreter = folder / f"made-{key}", folder / "bin" / "python"
    if mark.exists():
        return interpreter
    print(f"compare: making an environment for {', '.join(one.requires)} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = [interpreter, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True)
    if done.returncode:
        said = textwrap.shorten(" ".join(done.stderr.splitlines()[-3:]), 300)
        raise RuntimeError(f"cannot be installed on Python {sys.version.split()[0]}: {said}")
    mark.touch()
    return interpreter


def surroundings(threads: int) -> dict[str, str]:
    """The same number of threads for every tool, and no accelerator."""
    names = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
    limits = {f"{name}_NUM_THREADS": str(threads) for name in names}
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "XLA_FLAGS")}
    flags = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}"
    return kept | limits | {"JAX_PLATFORMS": "cpu", "MPLBACKEND": "agg", "XLA_FLAGS": flags}
