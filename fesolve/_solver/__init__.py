"""Solvers: argmin over theta of R(f_theta)."""

from ._base import AbstractSolver as AbstractSolver
from ._base import Interrupted as Interrupted
from ._base import RESULTS as RESULTS
from ._base import Solution as Solution
from ._base import SolveError as SolveError
from ._levenberg_marquardt import LevenbergMarquardt as LevenbergMarquardt
