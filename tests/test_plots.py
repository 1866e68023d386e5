import jax.numpy as jnp
import jax.random as jr
import matplotlib as mpl
import numpy as np
import pytest

import fesolve as fe
from fesolve import plots, problems


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


def test_functions_draws_three_levels_of_a_second_coordinate():
    box = fe.Uniform([0.0, -1.0], [2.0, 1.0])
    risk = fe.Risk(lambda f, x: f(x), box).quadrature(4)
    axes = plots.functions({"g": lambda x: x[0] + x[1]}, risk, coordinates=("k", "z"))
    assert axes.get_xlabel() == "k"
    assert [line.get_label() for line in axes.get_lines()] == [
        "g, z = -0.8",
        "g, z = 0",
        "g, z = 0.8",
    ]


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
    figure = plots.solution(lambda x: x["k"] * x["z"], {"test": risk})
    assert len(figure.axes) == 4  # three panels and a colour bar


def test_a_population_risk_is_refused():
    risk = fe.Risk(lambda f, x: f(x), fe.Uniform(0.0, 1.0))
    with pytest.raises(ValueError, match=r"`risk` has no term on a sample"):
        plots.functions(jnp.sin, risk)


def test_the_whole_figure_of_a_problem():
    problem = problems.exponential()
    f = problem.solve().value
    risks = {
        "train": problem.risk.quadrature(20),
        "test": problem.risk.empirical(100, key=jr.key(1)),
    }
    figure = plots.solution(f, risks, exact=problem.exact, title="exponential")
    assert figure.get_suptitle() == "exponential"
