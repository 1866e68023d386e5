from ._basis import (
    AbstractBasis as AbstractBasis,
    AbstractGlobalBasis as AbstractGlobalBasis,
    AbstractLocalBasis as AbstractLocalBasis,
    Chebyshev as Chebyshev,
)
from ._compose import Ansatz as Ansatz, Compose as Compose, DeepSet as DeepSet
from ._elements import BSpline as BSpline, SpectralElements as SpectralElements
from ._ensemble import Ensemble as Ensemble
from ._functions import Functions as Functions
from ._freeze import freeze as freeze, Frozen as Frozen
from ._heads import Bounded as Bounded, Positive as Positive, Shares as Shares
from ._kernel import (
    AbstractKernel as AbstractKernel,
    AbstractKernelBasis as AbstractKernelBasis,
    IntegratedKernelBasis as IntegratedKernelBasis,
    KernelBasis as KernelBasis,
    Matern12 as Matern12,
    Matern32 as Matern32,
    Matern52 as Matern52,
    SquaredExponential as SquaredExponential,
)
from ._linear import Linear as Linear
from ._mlp import AbstractNetwork as AbstractNetwork, MLP as MLP
from ._periodic import Fourier as Fourier, Indicator as Indicator
from ._prune import prune as prune, Pruned as Pruned
from ._series import Series as Series
from ._shape import Concave as Concave, Monotone as Monotone
from ._tensor import AbstractTensor as AbstractTensor, Smolyak as Smolyak, Tensor as Tensor

from . import _words  # noqa: F401
