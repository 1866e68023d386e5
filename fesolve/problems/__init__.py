"""The catalogue: model problems with their parameters, solutions and sources."""

from collections.abc import Callable

from ._brock_mirman import brock_mirman as brock_mirman
from ._cake_eating import cake_eating as cake_eating
from ._deterministic_growth import deterministic_growth as deterministic_growth
from ._exponential import exponential as exponential
from ._logistic import logistic as logistic
from ._lucas_tree import lucas_tree as lucas_tree
from ._ordinary_least_squares import ordinary_least_squares as ordinary_least_squares
from ._oscillator import oscillator as oscillator
from ._poisson import poisson as poisson
from ._problem import (
    by_quadrature as by_quadrature,
    by_sampling as by_sampling,
    Choice as Choice,
    Problem as Problem,
    Reference as Reference,
)
from ._stochastic_growth import stochastic_growth as stochastic_growth
from ._van_der_pol import van_der_pol as van_der_pol


catalogue: dict[str, Callable[..., Problem]] = {
    problem.__name__: problem
    for problem in (
        exponential,
        oscillator,
        logistic,
        van_der_pol,
        poisson,
        ordinary_least_squares,
        lucas_tree,
        cake_eating,
        brock_mirman,
        deterministic_growth,
        stochastic_growth,
    )
}
"""Every problem by its name: a function of the model's parameters that returns a `Problem`."""
