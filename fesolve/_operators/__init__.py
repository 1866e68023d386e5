"""Words used inside residuals: derivatives, generators, maxima, complementarity."""

from ._argmax import argmax as argmax
from ._calculus import (
    derivative as derivative,
    directional as directional,
    gradient as gradient,
    hessian as hessian,
    laplacian as laplacian,
)
from ._choice import discrete_choice as discrete_choice
from ._complementarity import fischer_burmeister as fischer_burmeister
from ._generators import adjoint_generator as adjoint_generator, generator as generator
from ._recursive import recursive_utility as recursive_utility
