"""Files that hold a solution."""

from ._file import load as load, save as save
