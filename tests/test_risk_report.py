"""The report: its figures against sums by hand, and its verdict on solutions good and bad."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


A = -2.0
RISK = fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(A,)) + 10.0 * fe.Risk(initial, fe.Dirac(0.0))


def exact(x):
    return jnp.exp(A * x)


def series(degree, domain=(0.0, 1.0)):
    return fe.Series(fe.Chebyshev(degree, domain))


def taylor(degree):
    """A polynomial near the solution, without a solver: Chebyshev interpolation of it."""
    c = np.polynomial.chebyshev.Chebyshev.interpolate(
        lambda x: np.exp(A * x), degree, domain=[0, 1]
    )
    return eqx.tree_at(lambda f: f.coefficients, series(degree), jnp.asarray(c.coef))


@pytest.fixture(scope="module")
def samples():
    return {
        "train": RISK.quadrature(32),
        "test": RISK.empirical(3_000, key=jr.key(2)),
        "shifted": RISK.on(fe.Uniform(1.0, 2.0)).quadrature(64),
    }


@pytest.fixture(scope="module")
def report(samples):
    return fe.RiskReport(taylor(4), **samples, exact=exact)


def row(report, on, equation):
    (found,) = [r for r in report.to_dict()["rows"] if r["on"] == on and r["equation"] == equation]
    return found


def test_figures_are_those_of_the_sample(report, samples):
    f, test = taylor(4), samples["test"]
    x = np.asarray(test.terms[0].distribution.points)
    r = np.asarray(jax.vmap(lambda x: ode(f, x, A))(x))
    found = row(report, "test", "ode")
    np.testing.assert_allclose(found["risk"], np.mean(r**2), rtol=1e-12)
    np.testing.assert_allclose(
        found["standard_error"], np.std(r**2, ddof=1) / np.sqrt(r.size), rtol=1e-10
    )
    np.testing.assert_allclose(found["rms"], np.sqrt(np.mean(r**2)), rtol=1e-12)
    logs = np.log10(np.abs(r))
    np.testing.assert_allclose(found["log10_mean"], np.mean(logs), rtol=1e-9)
    for name, q in {"median": 0.5, "p90": 0.9, "p99": 0.99}.items():
        np.testing.assert_allclose(
            found[f"log10_{name}"], np.quantile(logs, q, method="inverted_cdf"), rtol=1e-9
        )
    assert found["points"] == 3_000 and found["not_finite"] == 0


def test_rows_add_up(report, samples):
    f = taylor(4)
    for on, risk in samples.items():
        total = row(report, on, "total")
        parts = [row(report, on, name) for name in ("ode", "initial x 10")]
        np.testing.assert_allclose(total["risk"], sum(p["risk"] for p in parts), rtol=1e-14)
        np.testing.assert_allclose(total["risk"], risk(f), rtol=1e-12)
        if on != "train":
            difference = total["risk"] - row(report, "train", "total")["risk"]
            np.testing.assert_allclose(total["gap"], difference, rtol=1e-12)
    assert row(report, "train", "ode")["gap"] is None


def test_a_rule_and_a_condition_have_no_standard_error(report):
    assert row(report, "train", "ode")["standard_error"] is None
    assert row(report, "shifted", "total")["standard_error"] is None
    assert row(report, "test", "initial x 10")["standard_error"] is None
    total = row(report, "test", "total")["standard_error"]
    assert total == row(report, "test", "ode")["standard_error"]


def test_the_maximum_is_that_of_the_population(report):
    x = jnp.linspace(0, 1, 200_001)
    r = np.abs(jax.vmap(lambda x: ode(taylor(4), x, A))(x))
    found = row(report, "test", "ode")
    np.testing.assert_allclose(10 ** found["log10_max"], r.max(), rtol=1e-8)
    np.testing.assert_allclose(found["max_at"], x[np.argmax(r)], atol=1e-4)
    train = row(report, "train", "ode")
    nodes = np.asarray(RISK.quadrature(32).terms[0].distribution.points)
    assert np.min(np.abs(nodes - train["max_at"])) == 0.0


def test_errors_against_the_exact_solution(report):
    x = np.linspace(0, 1, 1_001)
    f, e = np.asarray(jax.vmap(taylor(4))(x)), np.exp(A * x)
    (found,) = report.to_dict()["exact"]
    np.testing.assert_allclose(found["max"], np.max(np.abs(f - e)) / np.max(e), rtol=1e-9)
    l2 = np.sqrt(np.sum((f - e) ** 2) / np.sum(e**2))
    np.testing.assert_allclose(found["relative_l2"], l2, rtol=1e-9)
    assert found["where"] == "on 1,001 uniform points"


@pytest.mark.parametrize("seed", range(3))
def test_standard_errors_are_those_of_the_mean(seed):
    """Over many samples the test risk scatters by its standard error."""
    risk = fe.Risk(lambda f, x: f(x) + x[0] - x[1], fe.Uniform([0.0, 0.0], [1.0, 1.0]))
    f = lambda x: 0.0 * x[0]
    reports = [
        fe.RiskReport(f, test=risk.empirical(200, key=key)) for key in jr.split(jr.key(seed), 30)
    ]
    risks = np.array([r.to_dict()["rows"][0]["risk"] for r in reports])
    errors = np.array([r.to_dict()["rows"][0]["standard_error"] for r in reports])
    assert abs(risks.mean() - 1 / 6) < 4 * errors.mean() / np.sqrt(30)
    assert 0.6 < risks.std() / errors.mean() < 1.5


# Verdicts.


def test_solved(samples):
    report = fe.RiskReport(taylor(14), **samples, exact=exact)
    assert report.solved and report.verdict.startswith("solved: the relative error of f is")
    assert report.to_dict()["exact"][0]["max"] < 1e-13


def test_not_zero(samples):
    report = fe.RiskReport(taylor(3), train=samples["train"], test=samples["test"], exact=exact)
    assert not report.solved
    assert report.verdict.startswith("not solved: the relative error of f is")
    assert report.error.relative == pytest.approx(report.errors[0].relative_l2, rel=0.05)


def spike(f, x):
    """f, where it is constant, as the height of a spike between two points of a coarse grid."""
    return f(x) * jnp.exp(-(((x - 0.51) / 1e-3) ** 2))


GRID = fe.Empirical(np.linspace(0, 1, 51), population=fe.Uniform(0.0, 1.0))


def test_small_on_the_sample_but_not_beyond_it():
    """What no look at the training points alone can show."""
    risk = fe.Risk(spike, fe.Uniform(0.0, 1.0))
    f = fe.Series(fe.Chebyshev(0), start=1.0)
    report = fe.RiskReport(f, train=risk.on(GRID), test=risk.empirical(1_000, key=jr.key(0)))
    assert not report.solved
    assert report.verdict.startswith("small on the sample but not beyond it: the root mean square")
    # Fresh points that miss the spike as well, as few points would: the search does not.
    away = fe.Empirical(np.linspace(0.6, 1, 51), population=fe.Uniform(0.0, 1.0))
    report = fe.RiskReport(f, train=risk.on(GRID), test=risk.on(away))
    assert not report.solved
    assert report.verdict.startswith("small on the sample but not beyond it: |r| of `spike`")
    assert "reaches 1, at x = 0.51" in report.verdict


def test_train_alone_says_so():
    report = fe.RiskReport(taylor(14), train=RISK.quadrature(32))
    assert report.solved and "give `test=`" in report.verdict


def test_not_finite():
    risk = fe.Risk(lambda f, x: jnp.log(x - 0.25) + f(x), fe.Uniform(0.0, 1.0), name="log")
    report = fe.RiskReport(series(2), test=risk.on(fe.Empirical((np.arange(64) + 0.5) / 64)))
    assert not report.solved
    assert report.verdict.startswith("not finite: `log` is NaN or infinite at 16 of 64 points")
    assert row(report, "test", "log")["not_finite"] == 16
    assert "nan" in str(report) and "inf" in str(report)


def test_a_small_residual_that_is_not_the_solution(samples):
    """An equation without its condition is solved by zero too."""
    risk = fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(A,)).quadrature(32)
    report = fe.RiskReport(series(3), train=risk, test=risk, exact=exact)
    assert not report.solved
    assert report.verdict.startswith("not determined")
    whole = fe.RiskReport(taylor(14), test=RISK.quadrature(32), exact=lambda x: 2 * exact(x))
    assert "not the exact solution: the error of f is 50 %" in whole.verdict


def test_regression():
    x = np.linspace(0, 1, 20)
    y = x + 0.1 * np.sin(40 * x)
    risk = fe.Risk(lambda f, xy: f(xy[0]) - xy[1], fe.Empirical((x, y)), tolerance=np.inf)
    report = fe.RiskReport(series(1), train=risk, test=risk)
    assert report.solved and report.verdict.startswith("a regression")


# Evaluations outside the domain.


def outside(risk, f, n=4_000):
    report = fe.RiskReport(f, test=risk.empirical(n, key=jr.key(0)))
    return report.to_dict()["rows"][0]["outside"], report


P = fe.Uniform(0.0, 1.0)


def halves(f, x):
    return f(2 * x)


@pytest.mark.parametrize(
    ("residual", "share"),
    [
        (lambda f, x: f(x), 0.0),
        (halves, 0.5),
        (lambda f, x: jax.grad(f)(2 * x), 0.5),
        (lambda f, x: jax.grad(jax.grad(f))(4 * x) * 0.0, 0.75),
        (lambda f, x: f(0.5 * f(x) + 1.25 * x), 0.2),
        (
            lambda f, x: fe.expectation(lambda e: f(x + e), fe.Normal(0.0, 0.1).quadrature(3)),
            0.2 * np.sqrt(3),
        ),
        (lambda f, x: jax.lax.fori_loop(0, 3, lambda i, y: y + f(x), x), 0.0),
        (lambda f, x: jnp.where(x < 0.25, f(-x), f(x)), 0.25),
    ],
)
def test_share_outside_the_domain(residual, share):
    found, report = outside(fe.Risk(residual, P), series(3))
    assert found == pytest.approx(share, abs=0.03)
    assert ("outside its domain" in report.verdict) == (share > 0)


@pytest.mark.parametrize(
    "f",
    [
        fe.Series(fe.SpectralElements(4, np.linspace(0, 1, 4))),
        fe.freeze(series(2)),
        fe.Compose(lambda y: y + 1.0, series(2)),
        fe.MLP("scalar", "scalar", width=4, depth=1, support=(0.0, 1.0), key=jr.key(0)),
    ],
    ids=["elements", "frozen", "composed", "network"],
)
def test_whatever_has_a_domain_tells(f):
    assert outside(fe.Risk(halves, P), f)[0] == pytest.approx(0.5, abs=0.03)


def test_a_condition_outside_the_domain_is_no_share_of_the_points():
    far = fe.Risk(lambda f, x: f(x) - f(x), fe.Dirac(9.0), name="far")
    report = outside(fe.Risk(lambda f, x: f(x), P) + far, series(3))[1]
    assert "outside its domain or its sample at the point of `far`" in report.verdict
    assert report.to_dict()["rows"][-1]["outside"] == 0.0
    beyond = fe.Risk(lambda f, x: f(x + 0.25), P)
    verdict = outside(beyond + far, series(3))[1].verdict
    assert "% of the points of test, the point of `far`" in verdict


def test_outside_alone_never_fails():
    f = taylor(14)
    report = fe.RiskReport(f, test=RISK.on(fe.Uniform(0.0, 1.001)).quadrature(50))
    assert report.solved and "outside its domain" in report.verdict


def test_domains_in_several_dimensions():
    box = fe.Uniform([0.0, 0.0], [1.0, 1.0])
    basis = fe.Tensor(fe.Chebyshev(2, (0.0, 1.0)), fe.Chebyshev(2, (0.0, 0.5)))
    found, _ = outside(fe.Risk(lambda f, x: f(x), box), fe.Series(basis))
    assert found == pytest.approx(0.5, abs=0.03)
    found, _ = outside(fe.Risk(lambda f, x: fe.laplacian(f)(x), box), fe.Series(basis))
    assert found == pytest.approx(0.5, abs=0.03)
    net = fe.MLP(2, "scalar", width=4, depth=1, support=([0.0, 0.0], [1.0, 0.5]), key=jr.key(0))
    found, _ = outside(fe.Risk(lambda f, x: fe.laplacian(f)(x), box), net)
    assert found == pytest.approx(0.5, abs=0.03)
    named = fe.Tensor(k=fe.Chebyshev(2, (0.0, 0.25)), z=fe.Indicator(3))
    p = fe.Product(k=P, z=fe.Empirical(np.arange(3)))
    found, _ = outside(fe.Risk(lambda f, x: f(x), p), fe.Series(named))
    assert found == pytest.approx(0.75, abs=0.03)


def test_what_has_no_domain():
    for f in (
        eqx.nn.MLP("scalar", "scalar", 4, 1, key=jr.key(0)),
        fe.Series(fe.Fourier(2, (0.0, 0.5))),
        fe.MLP("scalar", "scalar", width=4, depth=1, key=jr.key(0)),
    ):
        found, report = outside(fe.Risk(lambda f, x: f(x), P), f)
        assert found is None and "outside" not in str(report)


def test_attributes_of_f_are_reached():
    class Model(eqx.Module):
        policy: fe.Series
        net: fe.MLP

    f = Model(
        series(2), fe.MLP("scalar", "scalar", width=4, depth=1, support=(0.0, 1.0), key=jr.key(0))
    )

    def residual(f, x):
        bounds = f.policy.basis.upper + f.net.net.layers[0].bias[0] + f.policy.coefficients.sum()
        return f.policy(x) + f.net(x) + 0.0 * bounds

    assert outside(fe.Risk(residual, P), f)[0] == 0.0


# What `exact` may be.


class Model(eqx.Module):
    series: fe.Series
    price: jax.Array

    def policy(self, x):
        return self.series(x)


def test_exact_by_attribute():
    f = Model(taylor(14), jnp.asarray(2.0))
    risk = fe.Risk(lambda f, x: f.policy(x) - exact(x), P).quadrature(8)
    errors = fe.RiskReport(
        f, test=risk, exact={"policy": exact, "series": exact, "price": 2.5}
    ).to_dict()["exact"]
    assert [e["name"] for e in errors] == ["policy", "series", "price"]
    assert errors[0]["max"] < 1e-13 and errors[1] == {**errors[0], "name": "series"}
    assert errors[2]["max"] == pytest.approx(0.2)


def test_exact_as_points_or_without_jax():
    x = np.array([0.0, 0.5, 1.0])
    (pair,) = fe.RiskReport(taylor(14), exact=(x, np.exp(A * x))).to_dict()["exact"]
    assert pair["max"] < 1e-13 and pair["where"] == "on 3 given points"
    numpy = fe.RiskReport(taylor(14), test=RISK.quadrature(8), exact=lambda x: float(np.exp(A * x)))
    assert numpy.to_dict()["exact"][0]["max"] < 1e-13


def test_exact_in_a_box_is_compared_on_the_test_points():
    box = fe.Uniform([0.0, 0.0], [1.0, 1.0])
    test = fe.Risk(lambda f, x: f(x) - x[0], box).empirical(50, key=jr.key(0))
    report = fe.RiskReport(lambda x: x[0] + 0.01, test=test, exact=lambda x: x[0])
    (found,) = report.to_dict()["exact"]
    x = np.asarray(test.terms[0].distribution.points)[:, 0]
    np.testing.assert_allclose(found["max"], 0.01 / x.max(), rtol=1e-12)
    np.testing.assert_allclose(found["relative_l2"], 0.01 / np.sqrt(np.mean(x**2)), rtol=1e-12)
    assert found["where"] == "on 50 points of the sample"


def test_exact_zero_has_an_absolute_error():
    (found,) = fe.RiskReport(lambda x: 0.0 * x + 0.5, exact=(np.zeros(3), np.zeros(3))).to_dict()[
        "exact"
    ]
    assert found["max"] == 0.5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "nothing to report on"),
        ({"test": RISK}, r"`test` is a population risk.*risk\.empirical\(10_000, key=key\)"),
        ({"train": RISK}, "`train` is a population risk"),
        ({"elsewhere": RISK}, "`elsewhere` is a population risk"),
        ({"test": 3.0}, "`test` must be a risk on a sample"),
        ({"exact": exact}, "no distribution to compare it on"),
        ({"exact": (np.zeros(3), np.zeros(2))}, "one value a point"),
        ({"exact": 3.0}, "must be a function of a point, or a pair"),
        ({"exact": {"policy": exact}}, "no attribute of that name"),
        (
            {"test": RISK.quadrature(4), "exact": lambda x: jnp.stack([x, x])},
            r"values of shape \(2,\) at a point, and f those of shape \(\)",
        ),
    ],
)
def test_bad_arguments_are_explained(arguments, words):
    with pytest.raises(ValueError, match=words):
        fe.RiskReport(taylor(3), **arguments)


def test_a_solution_or_its_f():
    solution = fe.solve(RISK.quadrature(16), series(8), throw=False)
    report = fe.RiskReport(solution, test=RISK.quadrature(64))
    bare = fe.RiskReport(solution.value, test=RISK.quadrature(64))
    assert bare.to_dict() == report.to_dict()
    # a report is never kinder than the solve
    failed = eqx.tree_at(lambda s: s.result, solution, fe.RESULTS.disagree)
    assert not fe.RiskReport(failed, test=RISK.quadrature(64)).solved


def test_named_equations_and_equal_names():
    def two(f, x):
        return {"a": f(x), "b": jnp.stack([f(x), x])}

    risk = fe.Risk(two, P) + fe.Risk(initial, fe.Dirac(0.0)) + fe.Risk(initial, fe.Dirac(1.0))
    report = fe.RiskReport(series(2), test=risk.quadrature(3))
    names = [r["equation"] for r in report.to_dict()["rows"]]
    assert names == ["two.a", "two.b", "initial", "initial #2", "total"]
    assert row(report, "test", "two.b")["risk"] == pytest.approx(1 / 3)


def test_a_sampled_shock_has_no_pointwise_size():
    risk = fe.Risk(
        lambda f, x, e: f(x) + e, fe.Uniform(0.0, 1.0), shock=fe.Normal(0.0, 1.0), name="noisy"
    )
    report = fe.RiskReport(series(1), test=risk.empirical(4_000, key=jr.key(0)))
    found = row(report, "test", "noisy")
    assert abs(found["risk"]) < 4 * found["standard_error"]
    assert found["log10_mean"] is None and found["outside"] == 0.0
    assert "-" in str(report)


def test_float32_says_where_it_ends(samples):
    f = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), taylor(8))
    report = fe.RiskReport(f, **samples)
    (note,) = report.notes
    assert "float32 rounds at" in note and "jax_enable_x64" in note
    assert report.dtype == "float32" and report.device == "cpu"
    assert fe.RiskReport(taylor(8), **samples).notes == []
    wrong = fe.RiskReport(jax.tree.map(lambda x: 2 * x, f), **samples)
    (note,) = wrong.notes
    assert not wrong.solved and note.startswith("f is float32, which may be why")


def test_text(report):
    text = report.table.text(80)
    lines = text.splitlines()
    head = next(line for line in lines if "equation" in line)
    table = lines[lines.index(head) : lines.index(head) + 13]
    assert len({len(line) for line in table if line and line != head}) == 1
    assert max(map(len, lines)) <= 80
    for word in (
        "train",
        "test",
        "shifted",
        "ode",
        "initial x 10",
        "total",
        "p99",
        f"float64 on {jax.default_backend()}",
    ):
        assert word in text
    assert "\nverdict  " in text
    assert repr(report) == str(report)


def test_records(report):
    json.dumps(report.to_dict(), allow_nan=False)
    frame = report.to_pandas()
    assert len(frame) == 9 and set(frame.index.unique("on")) == {"train", "test", "shifted"}
    assert frame["risk"].dtype == float


def test_plot(report):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axes = report.plot()
    assert axes.get_xlabel() == "x" and len(axes.lines) == 4
    assert axes.lines[-1].get_label() == "error of f, estimated"
    box = fe.Risk(lambda f, x: f(x[0]), fe.Uniform([0.0, 0.0], [1.0, 1.0])).quadrature(4)
    assert "share" in fe.RiskReport(series(1), test=box).plot().get_ylabel()
    # a vector of one coordinate is a coordinate
    vectors = fe.Risk(lambda f, x: f(x), fe.Uniform([0.0], [1.0])).quadrature(4)
    axes = fe.RiskReport(lambda x: x[0] - 2.0, test=vectors).plot()
    assert axes.get_xlabel() == "x" and axes.lines[0].get_xdata().shape == (4,)
    plt.close("all")


COMPILED = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, duration, **_: COMPILED.append(event) if "backend_compile" in event else None
)


def test_one_program_serves_every_sample(samples):
    fe.RiskReport(taylor(5), **samples, exact=exact)
    before = len(COMPILED)
    fe.RiskReport(
        taylor(5),
        train=RISK.quadrature(7),
        test=samples["test"].empirical(5, key=jr.key(0)),
        shifted=samples["shifted"],
        exact=exact,
    )
    # but for the one of each residual that is made anew, to see whether what was kept is stale
    assert len(COMPILED) == before + len(RISK.terms)


def test_plain_functions_as_f():
    report = fe.RiskReport(exact, test=RISK.quadrature(20), exact=exact)
    assert report.solved and report.to_dict()["exact"][0]["max"] == 0.0
