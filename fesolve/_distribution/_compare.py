"""Whether two distributions are the same, and whether one suits a risk."""

import jax
import numpy as np

from .._types import is_traced
from ._base import AbstractDistribution, Empirical


def same(p: AbstractDistribution | None, q: AbstractDistribution | None) -> bool:
    """Equality of two distributions; traced values are equal to themselves alone."""
    if p is q:
        return True
    leaves, structure = jax.tree.flatten(p)
    others, other_structure = jax.tree.flatten(q)
    if structure != other_structure:
        return False
    return all(
        a is b or (not is_traced((a, b)) and np.array_equal(a, b))
        for a, b in zip(leaves, others, strict=True)
    )


def check_weights(sample: AbstractDistribution | None) -> None:
    """**Raises:** `ValueError` for negative weights, which suit no risk."""
    if isinstance(sample, Empirical) and not is_traced(sample.weights):
        lowest = float(np.min(sample.weights))
        if lowest < 0:
            raise ValueError(
                f"`distribution` of a risk has a negative weight ({lowest:.3g}): a risk is a mean "
                "of losses; use a rule with positive weights (negative ones suit `fe.expectation`)"
            )
