"""Where tomorrow may be beyond today's box: f is determined by points that fill the box, and
counts under the law of states. f(z) = z + beta E f(rho z + e) has the solution z / (1 - beta rho);
errors are measured by a rule of NumPy's own under the law."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


BETA, RHO, SIGMA = 0.99, 0.9895, 0.0034
SPREAD = SIGMA / np.sqrt(1 - RHO**2)
SHOCK = fe.Normal(0.0, SIGMA).quadrature(7)
FAR = 8 * SPREAD


def pricing(f, z, e):
    return f(z) - z - BETA * f(RHO * z + e)


def exact(z):
    return z / (1 - BETA * RHO)


def under_the_law(f):
    """The relative error under N(0, SPREAD^2)."""
    z = np.linspace(-FAR, FAR, 4_001)
    density = np.exp(-0.5 * (z / SPREAD) ** 2)
    off = np.asarray(jax.vmap(f)(jnp.asarray(z))) - exact(z)
    return np.sqrt(density @ off**2 / (density @ exact(z) ** 2))


STATES = fe.TruncatedNormal(0.0, SPREAD, -FAR, FAR)


@pytest.mark.parametrize(
    "degree", (20, 60, *(pytest.param(k, marks=pytest.mark.slow) for k in (10, 40)))
)
def test_a_box_of_eight_deviations_determines_a_persistent_dividend(degree):
    risk = fe.Risk(pricing, STATES, shock=SHOCK)
    sol = fe.solve(risk, fe.Series(fe.Chebyshev(degree, (-FAR, FAR))))
    error = under_the_law(sol.value)
    assert error < 1e-9
    assert error / 5 < fe.error_estimate(risk, sol.value).relative < 1e-6
    # the least |dr| per |df| of a market that discounts by beta, in a world without bounds
    assert 0.3 < float(sol.stats["conditioning"]) / (1 - BETA * RHO) < 3


def test_the_degree_is_found():
    sol = fe.solve(
        fe.Risk(pricing, STATES, shock=SHOCK), fe.Series(fe.Chebyshev(None, (-FAR, FAR)))
    )
    assert sol.value.basis.size <= 17 and under_the_law(sol.value) < 1e-12


@pytest.mark.parametrize("degree", (40, pytest.param(60, marks=pytest.mark.slow)))
def test_a_box_that_the_state_leaves_determines_nothing(degree):
    """Here f is wrong by a hundredth and more, with residuals at rounding."""
    near = 3.5 * SPREAD
    states = fe.TruncatedNormal(0.0, SPREAD, -near, near)
    risk = fe.Risk(pricing, states, shock=SHOCK).quadrature(2 * degree)
    sol = fe.solve(risk, fe.Series(fe.Chebyshev(degree, (-near, near))), throw=False)
    assert not sol.solved and not fe.RiskReport(sol, test=risk).solved


def test_an_error_is_estimated_under_the_law():
    """A mistake far out, where no state ever is, is none; one in the middle is."""
    risk = fe.Risk(pricing, STATES, shock=SHOCK)
    f = fe.solve(risk, fe.Series(fe.Chebyshev(30, (-FAR, FAR)))).value
    for size in (1e-2, 1e-4):
        off = eqx.tree_at(lambda f: f.coefficients, f, (1 + size) * f.coefficients)
        assert fe.error_estimate(risk, off).relative == pytest.approx(size, rel=0.05)
    bent = eqx.tree_at(
        lambda f: f.coefficients, f, f.coefficients.at[30].add(1e-3 * f.coefficients[1])
    )
    assert fe.error_estimate(risk, bent).relative == pytest.approx(under_the_law(bent), rel=0.2)


def test_two_states_of_which_one_may_leave():
    """Capital stays in its box, productivity has a law: the growth model with full depreciation."""
    alpha, beta, rho, sigma = 0.36, 0.96, 0.9, 0.02
    spread = sigma / np.sqrt(1 - rho**2)
    far = 6 * spread
    states = fe.Product(fe.Uniform(-3.0, -0.6), fe.TruncatedNormal(0.0, spread, -far, far))

    class Saving(eqx.Module):
        logit: fe.Series

        def __call__(self, x):
            return jax.nn.sigmoid(self.logit(x))

    def euler(s, x, e):
        log_k, z = x
        y = z + alpha * log_k
        k1 = jnp.log(s(x)) + y
        x1 = jnp.stack([k1, rho * z + e])
        ahead = x1[1] + alpha * k1
        growth = y + jnp.log1p(-s(x)) - ahead - jnp.log1p(-s(x1))
        return 1 - beta * alpha * jnp.exp(growth + x1[1] + (alpha - 1) * k1)

    basis = fe.Tensor(fe.Chebyshev(4, (-3.0, -0.6)), fe.Chebyshev(4, (-far, far)), degree=4)
    risk = fe.Risk(euler, states, shock=fe.Normal(0.0, sigma).quadrature(5))
    sol = fe.solve(risk.quadrature(7), Saving(fe.Series(basis)))
    x = states.sample(200, key=jr.key(0))
    np.testing.assert_allclose(jax.vmap(sol.value)(x), alpha * beta, rtol=1e-8)


def test_the_report_counts_what_is_asked_beyond_the_sample():
    near, wide = 3.5 * SPREAD, 3.5 * SPREAD + 4 * SIGMA
    risk = fe.Risk(pricing, fe.Uniform(-near, near), shock=SHOCK)
    f = fe.Series(fe.Chebyshev(6, (-wide, wide)), start=1.0)
    points = np.random.default_rng(0).uniform(-near, near, 4_000)
    nodes = np.abs(RHO * points[:, None] + np.asarray(SHOCK.points)) > near
    test = risk.on(fe.Empirical(points))
    report = fe.RiskReport(f, train=risk.quadrature(20), test=test)
    share = report.to_dict()["rows"][-1]["outside"]
    assert share == pytest.approx(nodes.any(axis=1).mean(), abs=1e-3)
    assert "outside its domain or its sample" in report.verdict
    alone = fe.RiskReport(f, test=test).to_dict()["rows"][-1]["outside"]
    assert alone == 0.0
