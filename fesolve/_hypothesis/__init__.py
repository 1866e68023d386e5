from ._basis import (
    AbstractBasis as AbstractBasis,
    AbstractGlobalBasis as AbstractGlobalBasis,
    AbstractLocalBasis as AbstractLocalBasis,
    Chebyshev as Chebyshev,
)
from ._freeze import freeze as freeze, Frozen as Frozen
from ._series import Series as Series
