from ._adapted import Adapted as Adapted, as_distribution as as_distribution
from ._adaptive import ResidualWeighted as ResidualWeighted
from ._base import (
    AbstractDistribution as AbstractDistribution,
    AbstractTransported as AbstractTransported,
    Empirical as Empirical,
)
from ._chain import (
    MarkovChain as MarkovChain,
    rouwenhorst as rouwenhorst,
    tauchen as tauchen,
)
from ._combine import Mixture as Mixture, Product as Product
from ._continuous import Uniform as Uniform
from ._data import Data as Data, Observation as Observation
from ._diffusion import Diffusion as Diffusion
from ._dirac import Dirac as Dirac
from ._ergodic import Ergodic as Ergodic
from ._expectation import (
    certainty_equivalent as certainty_equivalent,
    expectation as expectation,
)
from ._histogram import Histogram as Histogram
from ._monomial import Monomial as Monomial
from ._normal import LogNormal as LogNormal, Normal as Normal, TruncatedNormal as TruncatedNormal
from ._rules import (
    AbstractRule as AbstractRule,
    Antithetic as Antithetic,
    ChebyshevNodes as ChebyshevNodes,
    LatinHypercube as LatinHypercube,
    Sobol as Sobol,
)

from . import _words  # noqa: F401
