"""What bases, series and networks say of themselves in a line."""

from typing import Any

import numpy as np

from .._show import is_known, parameters, Plain, told, Word, words
from ._basis import Chebyshev
from ._elements import BSpline, SpectralElements
from ._functions import Functions, names_of_functions
from ._kernel import AbstractKernelBasis
from ._mlp import AbstractNetwork
from ._periodic import Fourier
from ._series import Series
from ._tensor import AbstractTensor, Tensor


@words.register
def _(basis: Chebyshev | Fourier) -> list[Word]:
    return [Word(basis.degree, "degree"), _on(basis.lower, basis.upper)]


@words.register
def _(basis: SpectralElements) -> list[Word]:
    adaptive = [Word(Plain("adaptive"))] if basis.adaptive else []
    return [Word(basis.degree, "degree"), *_pieces(basis.breaks, "element"), *adaptive]


@words.register
def _(basis: BSpline) -> list[Word]:
    adaptive = [Word(Plain("adaptive"))] if basis.adaptive else []
    return [Word(basis.degree, "degree"), *_pieces(basis.knots, "interval"), *adaptive]


@words.register
def _(basis: AbstractKernelBasis) -> list[Word]:
    n = basis.centres.shape[-1]
    return [Word(basis.kernel), Word(Plain(f"{n} centres")), _on(basis.lower, basis.upper)]


@words.register
def _(basis: AbstractTensor) -> list[Word]:
    names = basis.names or [""] * len(basis.bases)
    parts = [Word(part, name) for part, name in zip(basis.bases, names, strict=True)]
    name = "degree" if isinstance(basis, Tensor) else "level"
    most = getattr(basis, name)
    return parts if most is None else [*parts, Word(most, name)]


@words.register
def _(series: Series) -> list[Word]:
    shape = " x ".join(map(str, series.coefficients.shape))
    return [Word(series.basis), Word(Plain(f"{shape} coefficients"))]


@words.register
def _(several: Functions) -> list[Word]:
    return [Word(getattr(several, name), name) for name in names_of_functions(several)]


@words.register
def _(network: AbstractNetwork) -> list[Word]:
    support = [] if network.support is None else [_on(*network.support.value)]
    return [Word(Plain(parameters(network))), *support]


def _on(lower: Any, upper: Any) -> Word:
    return Word(Plain(f"on [{told(lower)}, {told(upper)}]"))


def _pieces(ends: Any, name: str) -> list[Word]:
    """How many pieces an interval has, and its ends where they are known."""
    n = ends.shape[-1] - 1
    pieces = Word(Plain(f"{n} {name}{'' if n == 1 else 's'}"))
    if ends.ndim > 1 or not is_known(ends):
        return [pieces]
    return [pieces, _on(*np.asarray(ends)[[0, -1]])]
