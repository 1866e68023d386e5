"""The rows of every file of targets, by name."""

import importlib
from pathlib import Path


FILES = sorted(path.stem for path in Path(__file__).parent.glob("targets*.py"))
MODULES = [importlib.import_module(name) for name in FILES]
ROWS = {name: row for module in MODULES for name, row in module.ROWS.items()}
LONG = set().union(*(module.LONG for module in MODULES))
