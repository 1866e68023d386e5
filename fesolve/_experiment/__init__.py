"""A user's own function as a command, as a sweep and as a table."""

from ._command import experiment as experiment
from ._sweep import sweep as sweep
from ._table import sweep_table as sweep_table, SweepTable as SweepTable
