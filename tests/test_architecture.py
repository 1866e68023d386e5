"""The rooms of the package and who may enter whom, read from the source."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fesolve as fe


ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fesolve"

# Each room may import the rooms of the levels before its own, and itself.
LEVELS = [
    {"_types", "_nearest"},
    {"_show"},
    {"_checks"},
    {"_io"},
    {"_linear_algebra"},
    {"_iteration"},
    {"_operators", "_losses"},
    {"_distribution", "_hypothesis"},
    {"_fingerprint", "_entry", "_entries", "_compiled"},
    {"_precision"},
    {"_evaluation"},
    {"_risk"},
    {"_monitor"},
    {"_checkpoint"},
    {"_dry_run"},
    {"_worst"},
    {"_least_squares"},
    {"_solution"},
    {"_norms"},
    {"_judge"},
    {"_solver"},
    {"_solve"},
    {"_fit"},
    {"_model"},
    {"_report"},
    {"_experiment"},
]
# Machinery below the risk that knows nothing of the mathematics.
PLUMBING = {"_fingerprint", "_entry", "_entries", "_compiled"}
USERS = ("problems", "plots", "cli", "__main__")
LAZY = ["diffrax", "matplotlib", "optax", "optimistix", "pandas", "rich", "scipy.stats"]
LAZY += ["jsonargparse", "optuna", "tensorboard", "wandb", "yaml"]
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
LONGEST = 400


def room(path):
    """The room of a file: the first name below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path, *, top_level=False):
    """Absolute names of the modules that a file imports, function bodies included."""
    tree = ast.parse(path.read_text())
    package = ("fesolve", *path.relative_to(PACKAGE).parts[:-1])
    for node in tree.body if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else ())))
            # `from . import _x` names a module, and `from ._x import name` the module before it.
            for alias in node.names if node.level and not node.module else [None]:
                yield module if alias is None else f"{module}.{alias.name}"


def allowed(here):
    level = next(i for i, rooms in enumerate(LEVELS) if here in rooms)
    below = set().union(*LEVELS[:level]) | {here}
    if here in PLUMBING | {"_operators", "_distribution", "_hypothesis"}:
        below |= PLUMBING
    # A solver knows the protocol of monitors, and no monitor; `solve` enters and leaves them.
    return below if here in {"_monitor", "_solve", "_experiment"} else below - {"_monitor"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downward(path):
    inside = {name for name in imports(path) if name.split(".")[0] == "fesolve"}
    here = room(path)
    if path.name == "__init__.py" and here == "__init__":
        return
    if here in USERS:
        others = {name for name in inside if not name.startswith(f"fesolve.{here}")}
        below = {"__main__": "fesolve.cli", "plots": "fesolve._show", "cli": "fesolve._nearest"}
        assert others <= {"fesolve", "fesolve.problems", "fesolve.plots", below.get(here)}, others
        return
    rooms = {name.split(".")[1] if "." in name else "fesolve" for name in inside}
    assert "fesolve" not in rooms, "the package's own files import from rooms, not from the top"
    assert rooms <= allowed(here), f"{here} may not import {sorted(rooms - allowed(here))}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_root_finding_is_not_borrowed_from_the_solvers(path):
    """Steady states and stability run the iterations, which have a room of their own."""
    if room(path) not in {"_solver", "_solve"}:
        inside = [name for name in imports(path) if name.startswith("fesolve._solver._")]
        assert not inside, f"{path.name} reaches into the solvers: {inside}"


def test_every_room_has_its_place():
    known = set().union(*LEVELS) | set(USERS) | {"__init__"}
    found = {room(path) for path in FILES}
    assert found <= known, f"give these a level in LEVELS: {sorted(found - known)}"


@pytest.mark.parametrize("folder", ("tests", "examples"))
def test_users_of_the_library_use_its_public_names(folder):
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            private = [n for n in names if n.startswith("fesolve.") and "._" in n]
            assert not private, f"{path.name} imports {private}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_short(path):
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST, f"{lines} lines: split it"


def loaded(code):
    """The modules that are loaded after `code`, in a process of its own."""
    code = f"{code}\nimport sys\nprint(*sys.modules)\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_loads_no_room():
    rooms = {name for name in loaded("import fesolve") if name.startswith("fesolve.")}
    assert not rooms, f"`import fesolve` loads {rooms}"


def test_public_names_load_nothing_that_can_wait():
    modules = loaded("import fesolve\nfor name in dir(fesolve): getattr(fesolve, name)")
    assert "fesolve._solver" in modules
    assert not modules & set(LAZY)


def test_a_problem_loads_no_other_and_no_report():
    modules = loaded("import fesolve as fe\nfe.problems.aiyagari()")
    assert "fesolve.problems._aiyagari" in modules
    assert not modules & {"fesolve.problems._climate", "fesolve._report"}


def test_public_names_are_listed_once_and_in_their_rooms():
    """Type checkers read the stub, and so does `import fesolve`."""
    found = [
        alias.asname
        for node in ast.parse((PACKAGE / "__init__.pyi").read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert len(found) == len(set(found))
    assert dir(fe) == sorted(found)
    assert all(getattr(fe, name) is not None for name in found)


def test_no_names_that_say_nothing():
    assert not [path for path in FILES if path.stem in {"utils", "_utils", "helpers", "misc"}]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_house_rules_that_can_be_read_off(path):
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"super", "hasattr"}


def test_every_slow_test_there_is():
    """A test under another name would run with the quick ones."""
    names = (ROOT / "tests" / "slow.txt").read_text().splitlines()
    for file, test in {tuple(name.partition("[")[0].split("::")) for name in names}:
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"
