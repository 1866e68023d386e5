"""All problems of the campaign, and changes of their units."""

import functools

import trust_problems_economics
import trust_problems_functional
import trust_problems_households
import trust_problems_layers
import trust_problems_many
import trust_problems_ode
import trust_problems_plane
import trust_problems_tricky
from trust_case import Case, in_units


FILES = (
    trust_problems_ode,
    trust_problems_layers,
    trust_problems_tricky,
    trust_problems_functional,
    trust_problems_economics,
    trust_problems_households,
    trust_problems_plane,
    trust_problems_many,
)

# First-order equations and functional ones, right, wrong and hopeless.
REPEATED = (
    "exponential",
    "logistic",
    "tangent, a Riccati equation",
    "f' = f^2 before it blows up",
    "bell curve",
    "forced decay",
    "f' = 3 f from 1e-6",
    "an unstable path, f' = 10 (f - cos x) - sin x",
    "stiff, from 2",
    "x (f' + f)",
    "logistic from 1e-8",
    "48 waves",
)


@functools.cache
def cases_of(file) -> tuple[Case, ...]:
    return tuple(file.cases())


@functools.cache
def problems() -> dict[str, Case]:
    """The problems by name."""
    found = [case for file in FILES for case in cases_of(file)]
    named = {case.name: case for case in found}
    if len(named) < len(found):
        raise ValueError("two problems have one name")
    return named


@functools.cache
def rescaled() -> dict[str, Case]:
    """A dozen of them with r, x and f in units 1e8 times as large and as small."""
    chosen = [problems()[name] for name in REPEATED]
    changes = [{letter: size} for letter in "rxf" for size in (1e-8, 1e8)]
    made = [in_units(case, **change) for case in chosen for change in changes]
    for case in made:
        if case.parent not in REPEATED[:4]:  # networks take long
            del case.hypotheses["network 0"]
    return {case.name: case for case in made}
