"""The public names, each with the room that it is loaded from when it is first used."""

from . import plots as plots, problems as problems
from ._checkpoint import Checkpoint as Checkpoint
from ._distribution import (
    AbstractDistribution as AbstractDistribution,
    Adapted as Adapted,
    Antithetic as Antithetic,
    as_distribution as as_distribution,
    certainty_equivalent as certainty_equivalent,
    ChebyshevNodes as ChebyshevNodes,
    Data as Data,
    Diffusion as Diffusion,
    Dirac as Dirac,
    Empirical as Empirical,
    Ergodic as Ergodic,
    expectation as expectation,
    Histogram as Histogram,
    LatinHypercube as LatinHypercube,
    LogNormal as LogNormal,
    MarkovChain as MarkovChain,
    Mixture as Mixture,
    Monomial as Monomial,
    Normal as Normal,
    Product as Product,
    ResidualWeighted as ResidualWeighted,
    rouwenhorst as rouwenhorst,
    Sobol as Sobol,
    tauchen as tauchen,
    TruncatedNormal as TruncatedNormal,
    Uniform as Uniform,
)
from ._experiment import (
    experiment as experiment,
    sweep as sweep,
    sweep_table as sweep_table,
    SweepTable as SweepTable,
)
from ._fingerprint import RetraceWarning as RetraceWarning
from ._fit import fit as fit
from ._hypothesis import (
    AbstractBasis as AbstractBasis,
    AbstractKernel as AbstractKernel,
    Ansatz as Ansatz,
    Bounded as Bounded,
    BSpline as BSpline,
    Chebyshev as Chebyshev,
    Compose as Compose,
    Concave as Concave,
    DeepSet as DeepSet,
    Ensemble as Ensemble,
    Fourier as Fourier,
    freeze as freeze,
    Frozen as Frozen,
    Indicator as Indicator,
    IntegratedKernelBasis as IntegratedKernelBasis,
    KernelBasis as KernelBasis,
    Linear as Linear,
    Matern12 as Matern12,
    Matern32 as Matern32,
    Matern52 as Matern52,
    MLP as MLP,
    Monotone as Monotone,
    Positive as Positive,
    prune as prune,
    Pruned as Pruned,
    Series as Series,
    Shares as Shares,
    SpectralElements as SpectralElements,
    SquaredExponential as SquaredExponential,
    Tensor as Tensor,
)
from ._io import load as load, save as save
from ._judge import error_estimate as error_estimate, ErrorEstimate as ErrorEstimate
from ._losses import absolute as absolute, huber as huber, squared as squared
from ._model import (
    bellman_residual as bellman_residual,
    equilibrium as equilibrium,
    euler_residual as euler_residual,
    first_order as first_order,
    FirstOrder as FirstOrder,
    second_order as second_order,
    SecondOrder as SecondOrder,
    steady_state as steady_state,
)
from ._monitor import (
    EarlyStop as EarlyStop,
    History as History,
    JsonLines as JsonLines,
    Progress as Progress,
    TensorBoard as TensorBoard,
    WandB as WandB,
)
from ._norms import rkhs_norm as rkhs_norm, weights_norm as weights_norm
from ._operators import (
    adjoint_generator as adjoint_generator,
    argmax as argmax,
    derivative as derivative,
    directional as directional,
    discrete_choice as discrete_choice,
    fischer_burmeister as fischer_burmeister,
    generator as generator,
    gradient as gradient,
    hessian as hessian,
    laplacian as laplacian,
    recursive_utility as recursive_utility,
)
from ._precision import PrecisionWarning as PrecisionWarning
from ._report import (
    Advice as Advice,
    advise as advise,
    binding_share as binding_share,
    Check as Check,
    consumption_units as consumption_units,
    den_haan_marcet as den_haan_marcet,
    DenHaanMarcet as DenHaanMarcet,
    dynamic_euler_errors as dynamic_euler_errors,
    DynamicEulerErrors as DynamicEulerErrors,
    error_curve as error_curve,
    error_decomposition as error_decomposition,
    ErrorCurve as ErrorCurve,
    ErrorDecomposition as ErrorDecomposition,
    Estimates as Estimates,
    euler_errors as euler_errors,
    EulerErrors as EulerErrors,
    hp_cycle as hp_cycle,
    impulse_response as impulse_response,
    ImpulseResponse as ImpulseResponse,
    linear_moments as linear_moments,
    LinearMoments as LinearMoments,
    maximum_likelihood as maximum_likelihood,
    method_of_moments as method_of_moments,
    RiskReport as RiskReport,
    seed_table as seed_table,
    SeedTable as SeedTable,
    simulated_moments as simulated_moments,
    SimulatedMoments as SimulatedMoments,
    spectral_abscissa as spectral_abscissa,
    spectral_radius as spectral_radius,
    stability as stability,
    transversality as transversality,
    welfare_loss as welfare_loss,
    WelfareLoss as WelfareLoss,
)
from ._risk import AbstractRisk as AbstractRisk, Risk as Risk, SumRisk as SumRisk
from ._show import Estimate as Estimate, Table as Table
from ._solve import solve as solve
from ._solver import (
    AbstractLeastSquaresSolver as AbstractLeastSquaresSolver,
    AbstractSolver as AbstractSolver,
    Continuation as Continuation,
    FixedPoint as FixedPoint,
    Interrupted as Interrupted,
    LevenbergMarquardt as LevenbergMarquardt,
    LinearLeastSquares as LinearLeastSquares,
    MinimumNorm as MinimumNorm,
    MultiStart as MultiStart,
    Optax as Optax,
    Optimistix as Optimistix,
    Resample as Resample,
    RESULTS as RESULTS,
    Sequential as Sequential,
    Solution as Solution,
    SolveError as SolveError,
)
from ._worst import Worst as Worst, worst_points as worst_points

__version__: str
