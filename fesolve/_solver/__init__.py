"""Solvers: argmin over theta of R(f_theta)."""

from .._solution import (
    Interrupted as Interrupted,
    RESULTS as RESULTS,
    Solution as Solution,
    SolveError as SolveError,
)
from ._base import (
    AbstractLeastSquaresSolver as AbstractLeastSquaresSolver,
    AbstractSolver as AbstractSolver,
)
from ._sequential import Resample as Resample, Sequential as Sequential
from ._continuation import Continuation as Continuation
from ._fixed_point import FixedPoint as FixedPoint
from ._levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
from ._linear import LinearLeastSquares as LinearLeastSquares
from ._minimum_norm import MinimumNorm as MinimumNorm
from ._multi_start import MultiStart as MultiStart
from ._optax import Optax as Optax
from ._optimistix import Optimistix as Optimistix
