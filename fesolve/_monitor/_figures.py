"""Further figures of f, which a monitor evaluates at each report: risks and functions by name."""

from collections.abc import Callable, Mapping
from typing import Any

from .._risk import AbstractRisk, require_sample
from .._types import Hypothesis


TAKEN = ("step", "seconds", "stage", "risk")
"""Names that every record has anyway."""


def checked(figures: Mapping[str, Any], owner: str) -> dict[str, Callable]:
    """The figures.

    **Raises:** `ValueError` for what is no function of f, for a risk that has no value, and for a
    name that is taken.
    """
    for name, figure in figures.items():
        if name in TAKEN:
            raise ValueError(
                f"`{name}` cannot name a figure of {owner}, whose records have it anyway: call it "
                f"`test_{name}`, for example"
            )
        value_of(figure, name, owner)
    return dict(figures)


def value_of(figure: Any, name: str, owner: str) -> Callable:
    """A function from f to a number.

    **Raises:** `ValueError` for what is none, and for a risk that has no value.
    """
    if not callable(figure):
        raise ValueError(
            f"`{name}` of {owner} must be a risk, or a function of f that returns a number; got "
            f"{figure!r}"
        )
    if isinstance(figure, AbstractRisk):
        try:
            for term in figure.terms:
                require_sample(term)
        except ValueError as error:
            raise ValueError(f"`{name}` of {owner} has no value: {error}") from None
    return figure


def values(figures: Mapping[str, Callable], f: Hypothesis) -> dict[str, float]:
    """The figures of f as plain numbers."""
    return {name: float(figure(f)) for name, figure in figures.items()}
