"""A number that was estimated."""

import equinox as eqx


class Estimate(eqx.Module):
    """A number with its standard error."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:+.3e} ± {self.error:.1e}"
