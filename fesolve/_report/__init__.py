"""What a solution is worth: reports, diagnostics, and where the error comes from."""

from ._advice import advise as advise, Advice as Advice
from ._check import Check as Check
from ._decomposition import error_decomposition as error_decomposition
from ._decomposition import ErrorDecomposition as ErrorDecomposition
from ._den_haan import den_haan_marcet as den_haan_marcet, DenHaanMarcet as DenHaanMarcet
from ._den_haan import (
    dynamic_euler_errors as dynamic_euler_errors,
    DynamicEulerErrors as DynamicEulerErrors,
)
from ._error_curve import error_curve as error_curve, ErrorCurve as ErrorCurve
from ._estimates import Estimates as Estimates
from ._estimation import maximum_likelihood as maximum_likelihood
from ._estimation import method_of_moments as method_of_moments
from ._euler_errors import (
    consumption_units as consumption_units,
    euler_errors as euler_errors,
    EulerErrors as EulerErrors,
)
from ._filter import hp_cycle as hp_cycle
from ._linear_moments import linear_moments as linear_moments, LinearMoments as LinearMoments
from ._moments import (
    binding_share as binding_share,
    simulated_moments as simulated_moments,
    SimulatedMoments as SimulatedMoments,
)
from ._responses import (
    impulse_response as impulse_response,
    ImpulseResponse as ImpulseResponse,
)
from ._risk_report import RiskReport as RiskReport
from ._seeds import seed_table as seed_table, SeedTable as SeedTable
from ._stability import (
    spectral_abscissa as spectral_abscissa,
    spectral_radius as spectral_radius,
    stability as stability,
)
from ._transversality import transversality as transversality
from ._variance import (
    variance_decomposition as variance_decomposition,
    VarianceDecomposition as VarianceDecomposition,
)
from ._welfare import welfare_loss as welfare_loss, WelfareLoss as WelfareLoss
