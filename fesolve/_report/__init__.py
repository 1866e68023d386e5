"""What a solution is worth: reports, and where the error comes from."""

from ._check import Check as Check
from ._decomposition import error_decomposition as error_decomposition
from ._decomposition import ErrorDecomposition as ErrorDecomposition
from ._risk_report import RiskReport as RiskReport
