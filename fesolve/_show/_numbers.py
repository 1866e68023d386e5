"""Numbers as text: the one place that knows how many digits are worth showing."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np


DIGITS = 3
"""Significant digits of the largest number of a column."""
WIDEST = 5
"""Numbers with more digits before the point are shown by powers of ten."""
ROUNDING = 1e-10
"""A standard error that is smaller, relative to its number, is rounding."""
ENTRIES = 4
"""Entries of a vector that are shown."""


def number(value: Any) -> str:
    """One number that stands alone."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, complex | np.complexfloating):
        return f"{value:.4g}"
    whole = math.isfinite(value) and value == round(value) and abs(value) < 10 ** (WIDEST + 1)
    return f"{value:.0f}" if whole else f"{value:.4g}"


def numbers(values: Sequence[Any]) -> list[str]:
    """Numbers that stand under one another, all with as many decimals: as many as the largest
    needs, or each by itself where a smaller one would lose its digits."""
    finite = [abs(float(v)) for v in values if math.isfinite(v) and v != 0]
    if all(not isinstance(v, float | np.floating) for v in values) or not finite:
        return [number(v) for v in values]
    values = [float(v) for v in values]
    if max(finite) < 10 ** (WIDEST + 1) and all(v == round(v) for v in finite):
        return [_fixed(v, 0) for v in values]
    decimals = max(DIGITS - 1 - _exponent(max(finite)), -_exponent(min(finite)) + 1, 0)
    if decimals < WIDEST and max(finite) < 10**WIDEST:
        return [_fixed(v, decimals) for v in values]
    return [_by_itself(v) for v in values]


def with_error(value: float, error: float) -> tuple[str, str]:
    """A number and its standard error, both to the second digit of the error."""
    if not (math.isfinite(value) and math.isfinite(error)):
        return number(float(value)), number(float(error))
    if error <= ROUNDING * abs(value):
        return number(float(value)), "0"
    largest = max(abs(value), error)
    if 10.0**-DIGITS <= largest < 10**WIDEST:
        decimals = min(max(1 - _exponent(error), 0), 2 * WIDEST)
        return _fixed(value, decimals), f"{error:.{decimals}f}"
    digits = min(max(_exponent(largest) - _exponent(error) + 1, 1), 2 * WIDEST)
    return f"{value:.{digits}e}", f"{error:.1e}"


def place(point: Any) -> str:
    """A point: a number, a vector or a tree of them."""
    if point is None:
        return "-"
    if isinstance(point, dict):
        return ", ".join(f"{name}={place(part)}" for name, part in point.items())
    parts = [
        number(np.asarray(leaf)[()]) if np.ndim(leaf) == 0 else _vector(np.ravel(leaf))
        for leaf in jax.tree.leaves(point)
    ]
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def at(point: Any) -> str:
    """A point by its names, or as x."""
    return place(point) if isinstance(point, dict) else f"x = {place(point)}"


def cells(values: Sequence[Any], errors: Sequence[Any]) -> list[tuple[str, str]]:
    """A column of a table as text, each entry beside its standard error, which is empty where
    there is none."""
    plain = [v for v, e in zip(values, errors, strict=True) if e is None and _is_number(v)]
    texts = iter(numbers(plain))
    out = []
    for value, error in zip(values, errors, strict=True):
        if value is None:
            out.append(("-", ""))
        elif isinstance(value, str):
            out.append((value, ""))
        elif not _is_number(value):
            out.append((place(value), ""))
        elif error is None:
            out.append((next(texts), ""))
        else:
            out.append(with_error(float(value), float(error)))
    return out


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float | np.generic)


def _by_itself(value: float) -> str:
    """A number among others of quite another size."""
    if not math.isfinite(value) or value == 0:
        return number(float(value))
    if 10.0**-DIGITS <= abs(value) < 10**WIDEST:
        return _fixed(value, max(DIGITS - 1 - _exponent(value), 0))
    return f"{value:.{DIGITS - 1}e}"


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if not float(text) else text  # no -0.00


def _exponent(value: float) -> int:
    return math.floor(math.log10(abs(value)))


def _vector(values: np.ndarray) -> str:
    shown = [number(v) for v in values[:ENTRIES]] + (["..."] if len(values) > ENTRIES else [])
    return f"({', '.join(shown)})"
