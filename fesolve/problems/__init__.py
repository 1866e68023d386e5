"""The catalogue: model problems with their parameters, solutions and sources."""

from collections.abc import Callable

from ._exponential import exponential as exponential
from ._problem import (
    by_quadrature as by_quadrature,
    by_sampling as by_sampling,
    Choice as Choice,
    Problem as Problem,
    Reference as Reference,
)
from ._stochastic_growth import stochastic_growth as stochastic_growth


catalogue: dict[str, Callable[..., Problem]] = {
    problem.__name__: problem for problem in (exponential, stochastic_growth)
}
"""Every problem by its name: a function of the model's parameters that returns a `Problem`."""
