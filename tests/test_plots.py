import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib as mpl
import numpy as np
import pytest

import fesolve as fe
from fesolve import plots


mpl.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def line_risk(n=50, weight=1.0):
    def residual(f, x):
        return f(x) - 2 * x

    return weight * fe.Risk(residual, fe.Uniform(1.0, 3.0)).empirical(n, key=jr.key(0))


def test_functions_draws_f_and_the_exact_solution():
    axes = plots.functions(jnp.sin, line_risk(), exact=jnp.sin)
    line, rings = axes.get_lines()
    np.testing.assert_allclose(line.get_ydata(), np.sin(line.get_xdata()))
    np.testing.assert_allclose(rings.get_ydata(), np.sin(rings.get_xdata()))
    assert (line.get_xdata()[0], line.get_xdata()[-1]) == (1.0, 3.0)


def texts(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_functions_draws_three_levels_of_a_second_coordinate():
    box = fe.Uniform([0.0, -1.0], [2.0, 1.0])
    risk = fe.Risk(lambda f, x: f(x), box).quadrature(4)
    axes = plots.functions({"g": lambda x: x[0] + x[1]}, risk, coordinates=("k", "z"))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("k", "g")
    assert texts(axes) == ["z = -0.8", "z = 0", "z = 0.8"]
    assert len({line.get_color() for line in axes.get_lines()}) == 3
    assert len({line.get_linestyle() for line in axes.get_lines()}) == 3


def test_along_another_coordinate():
    box = fe.Uniform([0.0, -1.0], [2.0, 1.0])
    risk = fe.Risk(lambda f, x: f(x), box).quadrature(4)
    axes = plots.functions(lambda x: x[0] * x[1], risk, coordinates=("k", "z"), along="z")
    assert axes.get_xlabel() == "z" and texts(axes) == ["k = 0.2", "k = 1", "k = 1.8"]
    lines = axes.get_lines()
    np.testing.assert_allclose(lines[2].get_ydata(), 1.8 * lines[2].get_xdata())
    with pytest.raises(ValueError, match=r"`along` is 'q'; the coordinates are \['k', 'z'\]"):
        plots.functions(lambda x: x[0], risk, coordinates=("k", "z"), along="q")


@pytest.mark.parametrize(
    "low, high", ((0.31, 0.35), (-4.2, 5.1), (0.9801, 0.9999), (950.0, 1130.0), (-3e-7, 3e-7))
)
def test_levels_are_round_and_spread(low, high):
    """In two digits of what the box is wide, within a sixteenth of where they should be."""
    risk = fe.Risk(lambda f, x: f(x), fe.Uniform([0.0, low], [1.0, high])).quadrature(3)
    axes = plots.functions(lambda x: x[1], risk)
    levels = [line.get_ydata()[0] for line in axes.get_lines()]
    np.testing.assert_allclose(
        levels, [low + s * (high - low) for s in (0.1, 0.5, 0.9)], atol=0.063 * (high - low)
    )
    unit = 10.0 ** (np.floor(np.log10(high - low)) - 1)
    np.testing.assert_allclose(
        np.asarray(levels) / unit, np.round(np.asarray(levels) / unit), atol=1e-6
    )


def test_components_have_colours_and_names():
    risk = line_risk()
    axes = plots.functions(lambda x: jnp.stack([x, x**2]), risk)
    assert texts(axes) == ["f 1", "f 2"]
    assert len({line.get_color() for line in axes.get_lines()}) == 2
    axes = plots.functions({"a": jnp.sin, "b": lambda x: jnp.stack([x, 2 * x])}, risk)
    assert texts(axes) == ["a", "b 1", "b 2"]


def test_many_entries_stand_below_the_axes():
    box = fe.Uniform([0.0, 0.0], [1.0, 1.0])
    risk = fe.Risk(lambda f, x: f(x)[0], box).quadrature(3)
    axes = plots.functions(lambda x: jnp.arange(5.0) + x[0] * x[1], risk)
    assert len(texts(axes)) == 8 and len(axes.get_lines()) == 15
    axes.figure.canvas.draw()
    assert axes.get_legend().get_window_extent().y1 < axes.get_window_extent().y0


def extents(axes):
    """Where the legend is, and where everything but it is, in pixels."""
    axes.figure.canvas.draw()
    box, ticks = axes.get_legend().get_window_extent(), axes.xaxis.get_tightbbox()
    return box, axes.get_window_extent(), ticks


@pytest.mark.parametrize("curves", (1, 2))
def test_a_legend_hides_no_curve(curves):
    """A wave and its opposite fill the axes, so that there is no room between them; beside a line
    there is."""
    waves = {f"wave {i}": (lambda x, i=i: (-1) ** i * jnp.sin(40 * x)) for i in range(curves)}
    wave = plots.functions(waves, line_risk(), exact=waves)
    box, inside, ticks = extents(wave)
    assert box.y1 < ticks.y0 < inside.y0 and 0 < box.x0 < box.x1 < wave.figure.bbox.x1
    line = plots.functions(lambda x: x, line_risk(), exact=lambda x: x)
    box, inside, _ = extents(line)
    assert inside.y0 < box.y0 < box.y1 < inside.y1


def test_a_legend_of_long_names_fits_the_figure():
    several = lambda f, x: {f"an equation of a long name {i}": f(x) - 2 * x + i for i in range(4)}
    risk = fe.Risk(several, fe.Uniform(1.0, 3.0)).quadrature(20)
    axes = fe.RiskReport(lambda x: 2 * x + 1e-3, train=risk, test=risk, path=risk).plot()
    box, inside, ticks = extents(axes)
    assert len(texts(axes)) == 8 and box.y1 < ticks.y0
    assert 0 < box.x0 and box.x1 < axes.figure.bbox.x1 and inside.width > 0.7 * axes.figure.bbox.x1


def test_levels_that_differ_by_nothing_are_one_line():
    """sin(pi x) sin(pi y) is the same at y and 1 - y."""
    box = fe.Uniform([0.0, 0.0], [1.0, 1.0])
    risk = fe.Risk(lambda f, x: f(x), box).quadrature(4)
    axes = plots.functions(lambda x: jnp.prod(jnp.sin(jnp.pi * x)), risk, coordinates=("x", "y"))
    assert texts(axes) == ["y = 0.1, 0.9", "y = 0.5"] and len(axes.get_lines()) == 2
    axes = plots.functions(lambda x: 0.3 + 0 * x[0], risk, coordinates=("x", "y"))
    assert texts(axes) == ["y = 0.1, 0.5, 0.9"]


@pytest.mark.parametrize("low, high", ((0.83, 0.99), (0.06, 0.35), (1e-5, 5e-4), (2e-7, 3e-7)))
def test_a_short_logarithmic_axis_can_be_read(low, high):
    """Three numbers or more, each of which says where it stands."""
    axes = plots.convergence({1: low, 2: high})
    axes.figure.canvas.draw()
    bottom, top = axes.get_ylim()
    at = [t for t in axes.get_yticks() if bottom <= t <= top]
    written = [axes.yaxis.get_major_formatter()(t) for t in at]
    plain = [t.strip("$").replace("10^{", "1e").replace("}", "") for t in written]
    plain = [t.replace(r"\times1e", "e") for t in plain]
    assert len(at) >= 3 and len(set(written)) == len(at)
    np.testing.assert_allclose([float(t) for t in plain], at, rtol=1e-6)


class Savings(eqx.Module):
    def share(self, k):
        return 0.5 * k


def test_the_exact_solution_is_found_by_the_name_of_the_method():
    f = Savings()
    axes = plots.functions({"saved": f.share}, line_risk(), exact={"share": lambda k: 0.5 * k})
    assert texts(axes) == ["exact"]
    with pytest.raises(ValueError, match="`exact` is one function"):
        plots.functions({"a": jnp.sin, "b": jnp.cos}, line_risk(), exact=jnp.sin)


def test_the_band_is_the_error():
    """f = 1.1 exp(-x), where exp(-x) is right: the linearised equation knows by how much."""
    risk = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x), fe.Uniform(0.0, 2.0))
    risk = (risk + fe.Risk(lambda f, x: f(x) - 1, fe.Dirac(0.0))).quadrature(16)
    f = fe.fit(
        fe.Series(fe.Chebyshev(12, (0.0, 2.0))), lambda x: 1.1 * jnp.exp(-x), fe.Uniform(0.0, 2.0)
    ).value
    axes = plots.functions(f, risk, error=fe.error_estimate(risk, f), diagonal=True)
    assert texts(axes) == ["estimated error, up to 1e-01", "45 degrees"]
    edges = axes.collections[0].get_paths()[0].vertices
    at_zero = edges[np.isclose(edges[:, 0], 0.0), 1]
    np.testing.assert_allclose([at_zero.min(), at_zero.max()], [1.0, 1.2], rtol=1e-6)


def test_a_constant_is_drawn_flat():
    axes = plots.functions(lambda x: 0.3456 + 1e-14 * jnp.sin(9 * x), line_risk())
    low, high = axes.get_ylim()
    assert low < 0.33 and high > 0.36


@pytest.mark.parametrize("weight", (1.0, 25.0))
def test_residuals_are_shown_without_weights(weight):
    """f(x) = 2 x + 1e-3 has the residual 1e-3 everywhere, whatever the weights."""
    axes = plots.residuals(lambda x: 2 * x + 1e-3, line_risk(weight=weight))
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), -3.0, atol=1e-9)


def test_the_distribution_falls_from_one_to_the_last_point():
    axes = plots.distribution(lambda x: x * 0, {"train": line_risk(40)})
    steps = axes.get_lines()[0]
    share = np.asarray(steps.get_ydata())
    assert share[0] == 1 and share[-1] == pytest.approx(1 / 40)
    assert (np.diff(share) < 0).all() and (np.diff(steps.get_xdata()) >= 0).all()


def test_points_that_are_dictionaries():
    points = fe.Product(k=fe.Uniform(0.0, 1.0), z=fe.Uniform(0.0, 2.0))
    risk = fe.Risk(lambda f, x: f(x), points).empirical(30, key=jr.key(0))
    panels = plots.solution(lambda x: x["k"] * x["z"], {"test": risk})
    assert len(panels) == 3 and len(panels[0].figure.axes) == 4  # and a colour bar


def test_a_population_risk_is_refused():
    risk = fe.Risk(lambda f, x: f(x), fe.Uniform(0.0, 1.0))
    with pytest.raises(ValueError, match=r"`risk` has no term on a sample"):
        plots.functions(jnp.sin, risk)


def test_the_whole_figure_of_a_problem():
    problem = fe.problems.exponential()
    f = problem.solve().value
    risks = {
        "train": problem.risk.quadrature(20),
        "test": problem.risk.empirical(100, key=jr.key(1)),
    }
    panels = plots.solution(f, risks, exact=problem.exact, title="exponential")
    assert panels[0].figure.get_suptitle() == "exponential"
    assert panels[1].get_title() == "residuals, test: 100 points"
    panels = plots.solution(f, {"train": risks["train"]})
    assert panels[1].get_title() == "residuals, train: 20 nodes"


def test_functions_of_other_coordinates_than_those_of_the_points():
    """The residual is known at x, and the policy is shown over cash."""
    over = fe.Product(cash=fe.Uniform(1.0, 3.0))
    shown = {"consumption": lambda x: 2 * x["cash"]}
    panels = plots.solution(
        jnp.sin, {"test": line_risk()}, functions=shown, coordinates=("x",), over=over
    )
    (line,) = panels[0].get_lines()
    np.testing.assert_allclose(line.get_ydata(), 2 * line.get_xdata())
    assert line.get_xdata()[[0, -1]].tolist() == [1.0, 3.0]
    assert [panel.get_xlabel() for panel in panels[:2]] == ["cash", "x"]
    problem = fe.problems.two_interest_rates()
    f = problem.choice(intervals=8).hypothesis(jr.key(0))
    (line,) = plots.functions(problem.functions(f), problem.over).get_lines()
    np.testing.assert_allclose(line.get_ydata()[[0, -1]], [f.policy(0.12), f.policy(2.0)])


def test_a_report_saves_the_figure_its_residuals(monkeypatch):
    """The same picture, without an evaluation."""

    def ode(f, x):
        return {"slope": jax.grad(f)(x) + 2.0 * f(x), "level": f(x) - jnp.exp(-2.0 * x)}

    risk = fe.Risk(ode, fe.Uniform(0.0, 1.0))
    risks = {"train": risk.quadrature(6), "test": risk.empirical(50, key=jr.key(1))}
    f = fe.solve(risks["train"], fe.Series(fe.Chebyshev(5, (0.0, 1.0))), throw=False).value
    drawn = lambda panels: [line.get_xydata() for ax in panels[1:] for line in ax.get_lines()]
    evaluated = drawn(plots.solution(f, risks))
    report = fe.RiskReport(f, **risks)
    monkeypatch.delattr(fe.AbstractRisk, "residuals")
    for a, b in zip(drawn(plots.solution(f, risks, report=report)), evaluated, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_what_a_function_computes_besides_x_may_be_numbers():
    ax = plots.functions(lambda x: float(jnp.exp(1.0)) * x, fe.Uniform(0.0, 1.0))
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata()[-1], np.e, rtol=1e-6)


def test_zeros_are_left_out_of_logarithms():
    """r = max(x - 2, 0) on [1, 3] is zero at half of the points."""
    risk = fe.Risk(lambda f, x: jnp.maximum(f(x), 0.0), fe.Uniform(1.0, 3.0)).quadrature(10)
    axes = plots.residuals(lambda x: x - 2.0, risk)
    assert np.isfinite(axes.get_lines()[0].get_ydata()).sum() == 5
    steps = plots.distribution(lambda x: x - 2.0, {"train": risk}).get_lines()[0]
    np.testing.assert_allclose(steps.get_ydata(), [0.5, 0.4, 0.3, 0.2, 0.1])
    report = fe.RiskReport(lambda x: x - 2.0, train=risk)
    rows = np.sqrt(10) * np.abs(np.asarray(risk.residuals(lambda x: x - 2.0)))
    positive = np.log10(rows[rows > 0])
    assert -1.0 < report.rows[0].quantiles["mean"] < 0.0
    assert report.rows[0].quantiles["mean"] == pytest.approx(positive.mean(), abs=0.15)
    assert report.plot().get_xlabel() == "x"


def test_euler_errors_in_units_of_consumption():
    units = fe.consumption_units(2.0)
    axes = plots.residuals(lambda x: 2 * x + 1e-2, line_risk(), units=units, label="Euler error")
    assert axes.get_ylabel() == "Euler error"
    expected = np.log10(float(units(1e-2)))
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), expected, atol=1e-9)


def autoregression(rho=0.9, sigma=0.1):
    step = lambda f, x, e: rho * x + e
    return fe.Ergodic(step, fe.Dirac(0.0), fe.Normal(0.0, sigma), periods=260, burn_in=60)


def test_paths_stay_in_their_band():
    """Nine in ten of an autoregression lie within 1.645 standard deviations."""
    axes = plots.paths(jnp.sin, autoregression(), paths=400, key=jr.key(0))
    wide = axes.collections[0].get_paths()[0].vertices
    top = 1.645 * 0.1 / np.sqrt(1 - 0.9**2)
    assert np.mean(wide[wide[:, 1] > 0, 1]) == pytest.approx(top, rel=0.05)
    of = lambda f, x: {"x": x, "twice": 2 * x}
    several = plots.paths(jnp.sin, autoregression(), of=of, paths=10, key=jr.key(0))
    assert [ax.get_ylabel() for ax in several] == ["twice", "x"]
    with pytest.raises(ValueError, match="`law` must be an"):
        plots.paths(jnp.sin, fe.Dirac(0.0), key=jr.key(0))
    with pytest.raises(ValueError, match="`ax` must be 2 axes"):
        plots.paths(jnp.sin, autoregression(), of=of, key=jr.key(0), ax=several[0])


def test_the_density_is_one():
    s = 0.1 / np.sqrt(1 - 0.9**2)
    normal = lambda y: jnp.exp(-0.5 * (y / s) ** 2) / (s * np.sqrt(2 * np.pi))
    axes = plots.density(jnp.sin, autoregression(), exact=normal, key=jr.key(0))
    outline = axes.patches[0].get_xy()
    area = 0.5 * abs(
        np.sum(
            outline[:, 0] * np.roll(outline[:, 1], 1) - np.roll(outline[:, 0], 1) * outline[:, 1]
        )
    )
    assert area == pytest.approx(1.0, rel=1e-6)
    line = axes.get_lines()[0]
    assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1.0, rel=1e-3)


def test_coefficients_against_their_degree():
    """exp on [-1, 1]: c_k = 2 I_k(1)."""
    from scipy.special import iv

    f = fe.fit(fe.Series(fe.Chebyshev(10, (-1.0, 1.0))), jnp.exp, fe.Uniform(-1.0, 1.0)).value
    axes = plots.coefficients(f)
    (dots,) = axes.get_lines()
    expected = 2 * iv(np.arange(11), 1.0) / np.where(np.arange(11) == 0, 2, 1)
    np.testing.assert_allclose(dots.get_ydata(), expected, rtol=1e-2, atol=1e-10)
    assert axes.get_xlabel() == "degree"
    tensor = fe.Tensor(fe.Chebyshev(4, (0.0, 1.0)), fe.Chebyshev(4, (0.0, 1.0)), degree=4)
    g = eqx.tree_at(lambda f: f.coefficients, fe.Series(tensor), jnp.arange(1.0, 16.0))
    degrees = plots.coefficients(g).get_lines()[0].get_xdata()
    assert np.bincount(degrees).tolist() == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="`f` has no"):
        plots.coefficients(jnp.sin)


def test_errors_against_n():
    axes = plots.convergence({8: 1e-2, 2: 1e-1, 4: 0.0}, label="n", asked=1e-3)
    line, asked = axes.get_lines()
    assert line.get_xdata().tolist() == [2, 8] and asked.get_ydata()[0] == 1e-3
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")
    several = {"series": {10: 1e-2, 1000: 1e-4}, "network": {10: 1e-1, 1000: 1e-2}}
    axes = plots.convergence(several)
    assert axes.get_xscale() == "log" and texts(axes) == ["series", "network"]


def test_files_for_a_page(tmp_path):
    axes = plots.functions(jnp.sin, line_risk())
    before = axes.figure.get_size_inches().tolist()
    first = plots.save(axes, tmp_path / "new" / "sin", width=plots.COLUMN)
    assert [path.name for path in first] == ["sin.png", "sin.svg", "sin.pdf"]
    import matplotlib.image

    assert matplotlib.image.imread(first[0]).shape[1] == round(200 * plots.COLUMN)
    content = [path.read_bytes() for path in first]
    assert content[2].startswith(b"%PDF") and b"<svg" in content[1]
    assert axes.figure.get_size_inches().tolist() == before
    again = plots.save(axes, tmp_path / "new" / "sin", width=plots.COLUMN)
    assert [path.read_bytes() for path in again] == content, "equal figures give equal files"


def test_every_picture_draws_where_it_is_told():
    import matplotlib.pyplot as plt

    _, own = plt.subplots()
    series = fe.Series(fe.Chebyshev(3, (1.0, 3.0)), start=1.0)
    drawn = [
        plots.functions(jnp.sin, line_risk(), ax=own),
        plots.residuals(jnp.sin, line_risk(), ax=own),
        plots.distribution(jnp.sin, {"train": line_risk()}, ax=own),
        plots.coefficients(series, ax=own),
        plots.convergence({1: 0.1}, ax=own),
        plots.paths(jnp.sin, autoregression(), paths=5, key=jr.key(0), ax=own),
        plots.density(jnp.sin, autoregression(), paths=5, key=jr.key(0), ax=own),
        fe.RiskReport(jnp.sin, train=line_risk()).plot(ax=own),
    ]
    assert all(ax is own for ax in drawn) and len(plt.get_fignums()) == 1


def test_plots_and_problems_need_no_import_of_their_own():
    code = (
        "import sys, fesolve as fe\n"
        "assert 'fesolve.plots' not in sys.modules and 'fesolve.problems' not in sys.modules\n"
        "assert fe.plots.functions and fe.problems.exponential and 'plots' in dir(fe)\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="attribute 'nothing'"):
        fe.nothing
