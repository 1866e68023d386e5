"""How far the end of time is."""

import math


def horizon(factor: float) -> int:
    """The number of states after which what falls by `factor` a period has fallen to 1e-4."""
    return math.ceil(math.log(1e-4) / math.log(factor)) + 1
