"""The command line."""

from ._clock import Clock as Clock
from ._run import main as main, run as run
