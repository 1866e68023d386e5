"""Every public object says in a line what it is: at the prompt, inside of programs, in batches."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix
import pytest
from compilations import compilations

import fesolve as fe
from fesolve import plots, problems


KEY = jax.random.key(0)


def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def start(f, x):
    return f(x) - 1.0


def step(f, x, e):
    return 0.9 * x + e


class Exponential:
    """A distribution of another library."""

    def sample(self, key, shape):
        return jax.random.exponential(key, shape)


UNIFORM = fe.Uniform(0.0, 5.0)
NORMAL = fe.Normal(0.0, 0.04)
CHEBYSHEV = fe.Chebyshev(16, (0.0, 5.0))
SERIES = fe.Series(CHEBYSHEV)
RISK = fe.Risk(ode, UNIFORM, args=(-2.0,)) + 10.0 * fe.Risk(start, fe.Dirac(0.0))
PATH = fe.Ergodic(step, fe.Dirac(0.0), NORMAL, periods=500, burn_in=100)
LM = fe.LevenbergMarquardt()
NETWORK = eqx.nn.MLP("scalar", "scalar", 32, 2, key=KEY)
SOLVED = fe.Solution(
    SERIES, np.asarray(1e-20), fe.RESULTS.solved, {"error": np.asarray(2e-9), "steps": 5}
)
ESTIMATE = fe.ErrorEstimate(
    2e-9, False, 0.5, 1e-15, 3e-9, True, 1.0, 1e-9, 1.0, 0.0, True, "", SERIES, SERIES, SERIES
)

LINES = [
    (UNIFORM, "Uniform(0, 5)"),
    (fe.Uniform([0.0, -0.2], [1.0, 0.2]), "Uniform([0, -0.2], [1, 0.2])"),
    (fe.Dirac(0.0), "Dirac(0)"),
    (fe.Data(np.ones((3, 2)), np.ones(3)), "Data(3 observations)"),
    (fe.Linear(3, 2), "Linear(2 x 3 weights, bias)"),
    (fe.Linear("scalar", use_bias=False), "Linear(1 weight)"),
    (NORMAL, "Normal(0, scale=0.04)"),
    (fe.LogNormal(0.0, 1.0), "LogNormal(0, scale=1)"),
    (fe.TruncatedNormal(0.0, 1.0, 0.0), "TruncatedNormal(0, 1, lower=0)"),
    (fe.Product(k=UNIFORM, z=NORMAL), "Product(k=Uniform(0, 5), z=Normal(0, scale=0.04))"),
    (fe.Mixture(UNIFORM, UNIFORM), "Mixture(Uniform(0, 5), Uniform(0, 5), weights=[0.5, 0.5])"),
    (UNIFORM.quadrature(32), "Empirical(32 points, of=Uniform(0, 5))"),
    (fe.Empirical(np.ones(3)), "Empirical(3 points)"),
    (fe.Sobol(UNIFORM), "Sobol(Uniform(0, 5))"),
    (fe.LatinHypercube(UNIFORM), "LatinHypercube(Uniform(0, 5))"),
    (fe.Antithetic(NORMAL), "Antithetic(Normal(0, scale=0.04))"),
    (fe.ChebyshevNodes(UNIFORM), "ChebyshevNodes(Uniform(0, 5))"),
    (fe.Monomial(NORMAL, 5), "Monomial(Normal(0, scale=0.04), 5)"),
    (fe.tauchen(7, rho=0.9, sigma=0.1), "MarkovChain(7 states)"),
    (fe.Adapted(Exponential()), "Adapted(Exponential(...))"),
    (fe.ResidualWeighted(UNIFORM, start), "ResidualWeighted(Uniform(0, 5), start)"),
    (PATH, "Ergodic(step, Dirac(0), Normal(0, scale=0.04), periods=500, burn_in=100)"),
    (
        fe.Histogram(step, [0.0, 1.0, 3.0], fe.rouwenhorst(2, 0.5, 0.1)),
        "Histogram(step, 3 nodes, MarkovChain(2 states))",
    ),
    (
        fe.Diffusion(start, start, fe.Dirac(0.0), horizon=1.0, steps=50),
        "Diffusion(start, start, Dirac(0), horizon=1, steps=50)",
    ),
    (CHEBYSHEV, "Chebyshev(degree=16, on [0, 5])"),
    (fe.Chebyshev(None, (0.0, 1.0)), "Chebyshev(degree=None, on [0, 1])"),
    (fe.Fourier(3, (0.0, 1.0)), "Fourier(degree=3, on [0, 1])"),
    (fe.BSpline(10, (0.0, 1.0)), "BSpline(degree=3, 10 intervals, on [0, 1])"),
    (
        fe.SpectralElements(9, np.linspace(0, 1, 21)),
        "SpectralElements(degree=9, 20 elements, on [0, 1])",
    ),
    (fe.Indicator(5), "Indicator(5)"),
    (
        fe.Tensor(CHEBYSHEV, fe.Fourier(3, (0.0, 1.0)), degree=4),
        "Tensor(Chebyshev(degree=16, on [0, 5]), Fourier(degree=3, on [0, 1]), degree=4)",
    ),
    (
        fe.Smolyak(k=fe.Chebyshev(4, (0.0, 5.0)), z=fe.Chebyshev(2, (0.0, 1.0)), level=2),
        "Smolyak(k=Chebyshev(degree=4, on [0, 5]), z=Chebyshev(degree=2, on [0, 1]), level=2)",
    ),
    (
        fe.KernelBasis(fe.Matern32(2.0), np.linspace(0, 1, 20)),
        "KernelBasis(Matern32(length=2), 20 centres, on [0, 1])",
    ),
    (
        fe.IntegratedKernelBasis(fe.Matern52(), np.linspace(0, 1, 20)),
        "IntegratedKernelBasis(Matern52(), 20 centres, on [0, 1])",
    ),
    (fe.Matern12(), "Matern12()"),
    (fe.Matern32(2.0), "Matern32(length=2)"),
    (fe.Matern52(), "Matern52()"),
    (fe.SquaredExponential(), "SquaredExponential()"),
    (SERIES, "Series(Chebyshev(degree=16, on [0, 5]), 17 coefficients)"),
    (fe.Series(CHEBYSHEV, 3), "Series(Chebyshev(degree=16, on [0, 5]), 3 x 17 coefficients)"),
    (
        fe.MLP(2, "scalar", width=8, depth=2, support=((0.0, 0.0), (1.0, 2.0)), key=KEY),
        "MLP(105 parameters, on [[0, 0], [1, 2]])",
    ),
    (fe.Monotone(1, width=8, depth=2, key=KEY), "Monotone(98 parameters)"),
    (fe.Concave(1, width=8, depth=2, key=KEY), None),
    (fe.DeepSet(SERIES, NETWORK), None),
    (fe.Ensemble([NETWORK, NETWORK]), None),
    (fe.prune(NETWORK, 0.5), None),
    (
        fe.Compose(NETWORK, SERIES),
        "Compose(MLP(1,153 parameters), Series(Chebyshev(degree=16, on [0, 5]), 17 coefficients))",
    ),
    (fe.Ansatz(start, NETWORK), "Ansatz(start, MLP(1,153 parameters))"),
    (fe.Positive(SERIES), None),
    (
        fe.Functions({"c": SERIES, "n": jnp.cos}),
        "Functions(c=Series(Chebyshev(degree=16, on [0, 5]), 17 coefficients), n=cos)",
    ),
    (fe.Bounded(SERIES, 0.0, 1.0), None),
    (fe.Shares(SERIES), None),
    (fe.freeze(SERIES), "Frozen(Series(Chebyshev(degree=16, on [0, 5]), 17 coefficients))"),
    (RISK.terms[0], "Risk(ode, Uniform(0, 5), args=(-2,))"),
    (
        fe.Risk(start, UNIFORM, shock=NORMAL.quadrature(5), tolerance=np.inf).quadrature(32),
        "Risk(start, Uniform(0, 5), 32 points, shock=Empirical(5 points, of=Normal(...)), "
        "tolerance=inf)",
    ),
    (fe.Risk(lambda f: f(1.0)), "Risk(residual)"),
    (RISK, "SumRisk(Risk(ode, Uniform(0, 5), args=(-2,)), Risk(start, Dirac(0), times=10))"),
    (LM, "LevenbergMarquardt()"),
    (fe.LevenbergMarquardt(max_steps=3), "LevenbergMarquardt(max_steps=3)"),
    (fe.LinearLeastSquares(), "LinearLeastSquares()"),
    (
        fe.MinimumNorm(fe.Risk(start, UNIFORM).quadrature(3)),
        "MinimumNorm(Risk(start, Uniform(0, 5), 3 points))",
    ),
    (fe.Optax(optax.adam(1e-3), num_steps=20, batch_size=25), None),
    (fe.Optimistix(optimistix.Dogleg(rtol=1e-8, atol=1e-8)), None),
    (
        fe.Sequential(LM, fe.LinearLeastSquares()),
        "Sequential(LevenbergMarquardt(), LinearLeastSquares())",
    ),
    (fe.Resample(LM, n=20, rounds=3), "Resample(LevenbergMarquardt(), n=20, rounds=3)"),
    (fe.MultiStart(lambda key: SERIES), None),
    (fe.FixedPoint(step), "FixedPoint(step, solver=LevenbergMarquardt())"),
    (fe.Continuation(RISK), None),
    (
        SOLVED,
        "Solution(solved, Series(Chebyshev(degree=16, on [0, 5]), 17 coefficients), error=2e-09)",
    ),
    (ESTIMATE, "ErrorEstimate(error of f, estimated, 2.0e-09 (least |dr| per |df| 5.0e-01))"),
    (fe.FirstOrder(np.ones(2), np.ones(1), np.ones((1, 2)), np.eye(2), np.ones(3) + 0j), None),
    (fe.Check("stability", 1.0, True, "a sentence " * 30), None),
    (fe.Check("stability", 1.0, True, "it stays"), "Check(stability: passed, it stays)"),
    (fe.Estimate(1.234, 0.012), "Estimate(1.234 ± 0.012)"),
    (fe.Estimate(np.asarray(1.234), np.asarray(0.012)), "Estimate(1.234 ± 0.012)"),
    (fe.Worst(0.5, np.asarray(0.25)), "Worst(0.5, at 0.25)"),
    (fe.History(), "History(0 records)"),
    (fe.Progress(total=10), "Progress(total=10)"),
    (fe.JsonLines("a.jsonl", test=jnp.sin), "JsonLines('a.jsonl', test=sin)"),
    (fe.TensorBoard("runs"), "TensorBoard('runs')"),
    (fe.WandB("first"), "WandB('first', mode='offline')"),
    (fe.Checkpoint("run.ckpt"), "Checkpoint('run.ckpt', every=100)"),
    (fe.EarlyStop(jnp.sin), "EarlyStop(sin, patience=10)"),
    (problems.exponential(a=-2.0), None),
    (problems.exponential().choice(), None),
    (problems.Reference(abs, 1.0, "a book"), "Reference(value=1, source='a book')"),
]
WITH_ARRAYS = [
    thing
    for thing, _ in LINES
    if isinstance(thing, eqx.Module) and any(map(eqx.is_array, jax.tree.leaves(thing)))
]
# Reports print as tables, of which `test_table` looks at the text.
REPORTS = {
    fe.DenHaanMarcet: {"statistics": jnp.ones(3), "p_values": jnp.full(3, 0.5), "degrees": 2},
    fe.DynamicEulerErrors: {"names": ("k",), "mean": jnp.ones(1), "maximum": jnp.ones(1)},
    fe.ErrorDecomposition: dict.fromkeys(
        ("eps_app", "eps_est", "excess", "gap", "total"), fe.Estimate(1e-3, 1e-4)
    )
    | {"n": 20, "replications": 50, "failed": 1},
    fe.EulerErrors: {
        "on": ["box"],
        "equations": ["euler"],
        "figures": [dict.fromkeys(("mean", "median", "p90", "p99", "max"), -3.0)],
        "points": [np.ones(2)],
        "counts": [3],
    },
    fe.ImpulseResponse: {"names": ("c",), "mean": jnp.ones((4, 1)), "error": jnp.zeros((4, 1))},
    fe.SeedTable: {"seeds": [0], "columns": {"risk": np.ones(1)}, "solved": np.array([True])},
    fe.WelfareLoss: {"value": jnp.asarray(0.01), "error": jnp.asarray(0.001), "beyond": 0.01},
}
# Solved for in tests of their own.
ELSEWHERE = {"Advice", "ErrorCurve", "RiskReport", "SimulatedMoments", "SweepTable", "Table"}
ELSEWHERE |= {"Estimates", "LinearMoments", "SecondOrder", "VarianceDecomposition"}


def is_line(text):
    return 0 < len(text) <= 100 and "\n" not in text and " at 0x" not in text


@pytest.mark.parametrize(("thing", "text"), LINES, ids=lambda v: type(v).__name__)
def test_a_line(thing, text):
    assert is_line(repr(thing)), repr(thing)
    assert repr(thing).startswith(type(thing).__name__ + "(")
    assert text is None or repr(thing) == text


def test_no_public_class_is_forgotten():
    public = [getattr(room, name) for room in (fe, problems, plots) for name in dir(room)]
    public = {c for c in public if isinstance(c, type) and c.__module__.startswith("fesolve")}
    public = {c for c in public if not inspect.isabstract(c)}
    # an exception's text is its sentence, and so is that of a member of RESULTS
    public = {c for c in public if not issubclass(c, BaseException | eqx.Enumeration)}
    seen = {type(thing) for thing, _ in LINES} | set(REPORTS)
    assert {c.__name__ for c in public - seen} == ELSEWHERE


@pytest.mark.parametrize("thing", WITH_ARRAYS, ids=lambda v: type(v).__name__)
def test_inside_of_programs_and_in_batches(thing):
    """Arrays that are traced, mere shapes, or one axis longer."""
    arrays, static = eqx.partition(thing, eqx.is_array)
    said = []

    def look(arrays):
        whole = eqx.combine(arrays, static)
        said.extend([repr(whole), str(whole)])
        return arrays

    shapes = jax.eval_shape(look, arrays)
    batch = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), arrays)
    jax.vmap(look)(batch)
    for arrays in (shapes, batch):
        whole = eqx.combine(arrays, static)
        said.append(repr(whole))
    assert len(said) == 6
    for text in said:
        assert is_line(text) or ("\n" not in text and isinstance(thing, fe.Check)), text


@pytest.mark.parametrize("kind", [fe.Uniform, fe.Solution, fe.Table, fe.WelfareLoss, fe.Estimate])
def test_what_is_half_built(kind):
    """As a debugger shows what a constructor that raised leaves behind."""
    assert repr(object.__new__(kind)) == f"{kind.__name__}(...)"


@pytest.mark.parametrize("thing", WITH_ARRAYS, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("other", [None, True, "spec", jax.sharding.PartitionSpec()], ids=str)
def test_what_has_something_else_for_its_arrays(thing, other):
    """As `eqx.partition` leaves it, or a tree of axes."""
    whole = jax.tree.map(lambda leaf: other if eqx.is_array(leaf) else leaf, thing)
    assert repr(whole).startswith(type(thing).__name__ + "(")
    assert "\n" not in str(whole) or isinstance(thing, fe.Check)


def test_looking_compiles_nothing():
    def look():
        for thing, _ in LINES:
            repr(thing), str(thing)
        SOLVED._repr_html_()

    assert compilations(look) == 0


@pytest.mark.parametrize("kind", REPORTS, ids=lambda kind: kind.__name__)
def test_reports_print_as_tables_everywhere(kind):
    report = kind(**REPORTS[kind])
    assert str(report) == repr(report) == str(report.table)
    assert max(map(len, report.table.text(80).splitlines())) <= 80
    assert report._repr_html_() == report.table._repr_html_()
    assert report.to_latex() == report.table.to_latex()
    assert report.to_markdown() == report.table.to_markdown()
    pandas = pytest.importorskip("pandas")
    pandas.testing.assert_frame_equal(report.to_pandas(), report.table.to_pandas())


def test_the_summary_of_a_solution():
    lines = str(SOLVED).splitlines()
    assert " ".join(lines).startswith("solved: the equations determine f")
    for word in ("2.0e-09, relative, estimated", "1.00e-20", "steps       5"):
        assert word in str(SOLVED)
    assert "17 coefficients" in SOLVED._repr_html_()
    bad = eqx.tree_at(lambda s: s.result, SOLVED, fe.RESULTS.not_unique)
    assert repr(bad).startswith("Solution(not unique, ") and "A condition is missing" in str(bad)
    bare = fe.Solution(SERIES, np.asarray(1.0), fe.RESULTS.max_steps_reached, {})
    assert "error" not in repr(bare) and "steps" not in str(bare).splitlines()[-1]


def test_a_batch_of_solutions_counts_those_that_are_solved():
    risk = fe.Risk(start, UNIFORM).quadrature(20)
    many = eqx.filter_vmap(lambda a: fe.solve(a * risk, SERIES))(jnp.array([1.0, 2.0, 3.0]))
    for text in (repr(many), str(many)):
        assert text.startswith("Solution(3 of 3 solved, Series(") and is_line(text)


def test_a_model_of_a_user_shows_its_parts_in_their_words():
    class ValueAndPolicy(eqx.Module):
        value: fe.Series
        share: fe.Series

    text = repr(ValueAndPolicy(SERIES, SERIES))
    assert text.count("Series(Chebyshev(degree=16, on [0, 5]), 17 coefficients)") == 2
    found = eqx.tree_at(lambda s: s.value, SOLVED, ValueAndPolicy(SERIES, SERIES))
    assert repr(found).startswith("Solution(solved, ValueAndPolicy(34 parameters), ")
