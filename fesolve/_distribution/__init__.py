from ._adapted import Adapted as Adapted, as_distribution as as_distribution
from ._base import (
    AbstractDistribution as AbstractDistribution,
    AbstractTransported as AbstractTransported,
)
from ._combine import Mixture as Mixture, Product as Product
from ._continuous import Uniform as Uniform
from ._dirac import Dirac as Dirac
from ._empirical import Empirical as Empirical
from ._expectation import expectation as expectation
