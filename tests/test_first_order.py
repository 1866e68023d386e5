"""Steady states and first-order solutions, against closed forms, SciPy's QZ by hand, published
eigenvalues and global solutions of the same model."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.optimize

import fesolve as fe
from fesolve import problems


ALPHA, BETA, RHO = 0.36, 0.96, 0.9
K = (ALPHA * BETA) ** (1 / (1 - ALPHA))
C = (1 - ALPHA * BETA) * K**ALPHA


def brock_mirman(x, c, x1, c1, alpha=ALPHA, beta=BETA):
    """Full depreciation and log utility: c = (1 - alpha beta) e^z k^alpha."""
    k1, z1 = x1["k"], x1["z"]
    return {
        "resources": k1 + c - jnp.exp(x["z"]) * x["k"] ** alpha,
        "euler": 1 - beta * c / c1 * alpha * jnp.exp(z1) * k1 ** (alpha - 1),
        "productivity": z1 - RHO * x["z"],
    }


GUESS = ({"k": 0.3, "z": 0.1}, 0.3)


def hansen(x, y, x1, y1, theta=0.36, delta=0.025, beta=0.99, a=1.72, rho=0.95):
    """Hansen's (1985) economy with divisible labour, in levels."""
    k, z = x
    c, h = y
    c1, h1 = y1
    k1, z1 = x1
    output = jnp.exp(z) * k**theta * h ** (1 - theta)
    rental = theta * jnp.exp(z1) * k1 ** (theta - 1) * h1 ** (1 - theta)
    return jnp.stack(
        [
            k1 - (1 - delta) * k - output + c,
            1 / c - beta / c1 * (1 - delta + rental),
            (1 - theta) * output / h / c - a / (1 - h),
            z1 - rho * z,
        ]
    )


# Steady states.


def test_steady_state_is_the_closed_form():
    x, c = fe.steady_state(brock_mirman, GUESS)
    assert abs(x["k"] - K) < 1e-15 and abs(x["z"]) < 1e-15 and abs(c - C) < 1e-15


def test_steady_state_agrees_with_scipy():
    x, y = fe.steady_state(hansen, (jnp.array([10.0, 0.0]), jnp.array([0.8, 0.3])))
    flat = lambda v: np.asarray(hansen(v[:2], v[2:], v[:2], v[2:]))
    root = scipy.optimize.root(flat, [12.0, 0.0, 0.9, 0.33], tol=1e-13).x
    assert np.allclose(np.concatenate([x, y]), root, rtol=1e-10, atol=1e-12)


def test_steady_state_differentiates_in_args():
    capital = lambda alpha: fe.steady_state(brock_mirman, GUESS, args=(alpha, BETA))[0]["k"]
    exact = lambda alpha: (alpha * BETA) ** (1 / (1 - alpha))
    assert jax.grad(capital)(0.36) == pytest.approx(float(jax.grad(exact)(0.36)), rel=1e-12)
    second = jax.grad(jax.grad(capital))(0.36)
    assert second == pytest.approx(float(jax.grad(jax.grad(exact))(0.36)), rel=1e-10)


def test_steady_states_map_and_compile():
    alphas = jnp.array([0.3, 0.36, 0.4])
    capital = lambda alpha: fe.steady_state(brock_mirman, GUESS, args=(alpha, BETA))[0]["k"]
    mapped = jax.jit(jax.vmap(capital))(alphas)
    assert np.allclose(mapped, (alphas * BETA) ** (1 / (1 - alphas)), rtol=1e-12)


def without_rest(x, y, x1, y1, a):
    return x1 - x - y, y * y + a


def test_no_steady_state_says_where_it_got_stuck():
    with pytest.raises(ValueError, match=r"no steady state .* stuck at .* residual is 0 = "):
        fe.steady_state(without_rest, (0.3, 0.2), args=(1.0,))
    x, y = jax.jit(lambda a: fe.steady_state(without_rest, (0.3, 0.2), args=(a,)))(1.0)
    assert np.isnan(x) and np.isnan(y)


def test_an_infimum_is_no_steady_state():
    with pytest.raises(ValueError, match="no steady state"):
        fe.steady_state(lambda x, y, x1, y1: (x1 - 0.5 * x - y, jnp.exp(-y)), (1.0, 1.0))


def test_a_guess_outside_of_the_domain_is_refused():
    with pytest.raises(ValueError, match="`guess` is where `model` or its derivative is not fin"):
        fe.steady_state(brock_mirman, ({"k": -1.0, "z": 0.0}, 0.3))


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_scales_of_equations_are_indifferent(scale):
    def scaled(x, y, x1, y1):
        out = brock_mirman(x, y, x1, y1)
        return {**out, "euler": scale * out["euler"]}

    x, c = fe.steady_state(scaled, GUESS)
    assert abs(x["k"] - K) < 1e-13 and abs(c - C) < 1e-13
    linear = fe.first_order(scaled, (x, c))
    assert np.allclose(linear.policy_slope, closed_form_slope(), rtol=1e-11)


@pytest.mark.parametrize(
    "guess, sentence",
    [
        (0.3, "must be a pair"),
        (((0.3, 0.0), 0.3, 0.1), "must be a pair"),
        (((0.3, 0.0), (0.3, 0.1)), "3 equations for 2 predetermined states and 2 free variables"),
    ],
)
def test_what_is_no_guess_is_refused(guess, sentence):
    def model(x, y, x1, y1):
        return x1[0] - x[0], x1[1] - x[1], y1[0] - y[0]

    with pytest.raises(ValueError, match=sentence):
        fe.steady_state(model, guess)


# First order.


def closed_form_slope():
    """d c / d (k, z) of c = (1 - alpha beta) e^z k^alpha."""
    return np.array([[ALPHA * C / K, C]])


def test_brock_mirman_is_the_closed_form():
    linear = fe.first_order(brock_mirman, fe.steady_state(brock_mirman, GUESS))
    assert np.allclose(linear.policy_slope, closed_form_slope(), rtol=1e-13)
    law = np.array([[ALPHA, ALPHA * BETA * K**ALPHA], [0.0, RHO]])
    assert np.allclose(linear.transition_slope, law, rtol=1e-13, atol=1e-15)
    assert linear.spectral_radius == pytest.approx(RHO)
    # the third belongs to the Euler equation: 1 / (alpha beta)
    assert np.allclose(linear.eigenvalues, [ALPHA, RHO, 1 / (ALPHA * BETA)], rtol=1e-12)


def test_it_is_a_function_of_the_state_in_its_shape():
    linear = fe.first_order(brock_mirman, fe.steady_state(brock_mirman, GUESS))
    x = {"k": 1.1 * K, "z": 0.02}
    c = C + closed_form_slope() @ np.array([0.1 * K, 0.02])
    assert float(linear.policy(x)) == pytest.approx(c[0]) == float(linear(x))
    tomorrow = linear.transition(x)
    assert set(tomorrow) == {"k", "z"} and tomorrow["k"].shape == ()
    assert float(tomorrow["z"]) == pytest.approx(RHO * 0.02)
    batch = jax.vmap(linear.policy)({"k": jnp.full(5, K), "z": jnp.zeros(5)})
    assert np.allclose(batch, C)


def test_hansens_economy_has_the_eigenvalue_of_its_law_of_motion():
    """Hansen (1985) with divisible labour: the published law of motion of capital, as in
    Uhlig (1999) and McCandless (2008), is k' = 0.9537 k + ..., in logs; eigenvalues come in pairs
    whose product is 1 / beta."""
    steady = fe.steady_state(hansen, (jnp.array([10.0, 0.0]), jnp.array([0.8, 0.3])))
    linear = fe.first_order(hansen, steady)
    moduli = np.sort(np.abs(linear.eigenvalues))
    assert moduli[-1] == np.inf  # hours are chosen within the period
    finite = np.real(np.asarray(linear.eigenvalues))[:3]
    assert linear.transition_slope[0, 0] == pytest.approx(0.9537, abs=2e-4)
    assert finite[0] * finite[2] == pytest.approx(1 / 0.99) or finite[1] * finite[
        2
    ] == pytest.approx(1 / 0.99)


def test_units_of_variables_are_indifferent():
    """Capital in millions: G and H change their units and nothing else."""

    def in_millions(x, y, x1, y1):
        back = lambda x: jnp.stack([1e6 * x[0], x[1]])
        return hansen(back(x), y, back(x1), y1)

    guess = (jnp.array([10.0, 0.0]), jnp.array([0.8, 0.3]))
    plain = fe.first_order(hansen, fe.steady_state(hansen, guess))
    steady = (np.array([1e-6, 1.0]) * plain.x, plain.y)
    other = fe.first_order(in_millions, steady)
    assert np.allclose(other.policy_slope / [1e6, 1], plain.policy_slope, rtol=1e-9)
    assert np.allclose(other.eigenvalues[:3], plain.eigenvalues[:3], rtol=1e-10)


def reference_solution(a, b, states):
    """G by iterating on the matrix quadratic: with y' = G x' the equations of today give (x', y)
    as a linear function of x, whose y-part is the next G (time iteration)."""
    policy = np.zeros((a.shape[1] - states, states))
    for _ in range(2_000):
        ahead = a[:, :states] + a[:, states:] @ policy
        out = np.linalg.solve(np.hstack([ahead, -b[:, states:]]), b[:, :states])
        policy = out[states:]
    return policy, out[:states]


@pytest.mark.parametrize("seed", range(3))
def test_random_models_agree_with_time_iteration(seed):
    """A z' = B z built from known eigenvalues, two inside and two outside of the circle."""
    rng = np.random.default_rng(seed)
    values = np.diag([0.3, -0.6, 1.7, 3.0])
    vectors = np.eye(4) + 0.3 * rng.normal(size=(4, 4))
    a = np.eye(4) + 0.3 * rng.normal(size=(4, 4))
    b = a @ vectors @ values @ np.linalg.inv(vectors)

    def model(x, y, x1, y1):
        return a @ jnp.concatenate([x1, y1]) - b @ jnp.concatenate([x, y])

    linear = fe.first_order(model, (jnp.zeros(2), jnp.zeros(2)))
    assert np.allclose(np.sort(np.abs(linear.eigenvalues)), [0.3, 0.6, 1.7, 3.0], rtol=1e-10)
    policy, law = reference_solution(a, b, 2)
    assert np.allclose(linear.policy_slope, policy, rtol=1e-8, atol=1e-9)
    assert np.allclose(linear.transition_slope, law, rtol=1e-8, atol=1e-9)


def new_keynesian(x, y, x1, y1, phi):
    """Gali's three equations with a Taylor rule: determinate for phi above 1 (Woodford, 2003)."""
    gap, inflation = y
    gap1, inflation1 = y1
    rate = phi * inflation + x
    return {
        "is": gap - gap1 + rate - inflation1,
        "phillips": inflation - 0.99 * inflation1 - 0.1 * gap,
        "shock": x1 - 0.5 * x,
    }


def test_the_taylor_principle():
    rest = (0.0, (0.0, 0.0))
    linear = fe.first_order(new_keynesian, rest, args=(1.5,))
    # undetermined coefficients, by hand
    psi = 1 / ((1 - 0.99 * 0.5) * (1 - 0.5) + 0.1 * (1.5 - 0.5))
    by_hand = [[-(1 - 0.99 * 0.5) * psi], [-0.1 * psi]]
    assert np.allclose(linear.policy_slope, by_hand, rtol=1e-12)
    with pytest.raises(ValueError, match=r"indeterminate .* 2 of its 3 eigenvalues are inside"):
        fe.first_order(new_keynesian, rest, args=(0.9,))


def test_what_explodes_has_no_stable_solution():
    def explosive(x, y, x1, y1):
        return x1 - 1.1 * x, y1 - 2.0 * y + x

    with pytest.raises(ValueError, match=r"no stable solution .* 0 of its 2 .* 2 outside, for 1 "):
        fe.first_order(explosive, (0.0, 0.0))


def test_a_unit_root_is_named():
    def random_walk(x, y, x1, y1):
        return x1 - x, y1 - 2.0 * y + x

    with pytest.raises(ValueError, match=r"no stable solution .* 1 on it \(a unit root: one"):
        fe.first_order(random_walk, (0.0, 0.0))


def test_the_rank_condition():
    """One eigenvalue inside and one state, but the state explodes by itself."""

    def unreachable(x, y, x1, y1):
        return x1 - 2.0 * x, y1 - 0.5 * y

    with pytest.raises(ValueError, match="the rank condition fails"):
        fe.first_order(unreachable, (0.0, 0.0))


def test_equations_that_follow_from_others_are_named():
    def double(x, y, x1, y1):
        return x1 - 0.5 * x, 2 * x1 - x

    with pytest.raises(ValueError, match="does not determine its variables"):
        fe.first_order(double, (0.0, 0.0))


def test_what_is_no_steady_state_is_refused():
    with pytest.raises(ValueError, match="`steady` is no steady state"):
        fe.first_order(brock_mirman, GUESS)


def test_under_a_transformation_it_is_refused():
    steady = fe.steady_state(brock_mirman, GUESS)
    slope = lambda a: fe.first_order(brock_mirman, steady, args=(a, BETA)).policy_slope[0, 0]
    with pytest.raises(ValueError, match="decomposes matrices on the host"):
        jax.grad(slope)(ALPHA)


def test_in_single_precision():
    guess = jax.tree.map(lambda x: jnp.float32(x), GUESS)
    x, c = fe.steady_state(brock_mirman, guess)
    assert c.dtype == jnp.float32 and abs(float(c) - C) < 1e-6
    linear = fe.first_order(brock_mirman, (x, c))
    assert linear.policy_slope.dtype == np.float32
    assert np.allclose(linear.policy_slope, closed_form_slope(), rtol=1e-5)
    assert linear.policy(x).dtype == jnp.float32


# Against a global solution, and as its start.


def growth_equations(m):
    def growth(x, c, x1, c1):
        k, z = x
        k1, z1 = x1
        rate = jax.grad(m.resources)(k1, z1)
        return jnp.stack(
            [
                k1 + c - m.resources(k, z),
                1 - m.beta * (c / c1) ** m.gamma * rate,
                z1 - m.rho * z,
            ]
        )

    return growth


def growth_linear(problem):
    m = problem.parameters.calibrated()
    model, k = growth_equations(m), m.steady_state()
    start = (jnp.array([1.05 * k, 0.01]), m.resources(k, 0.0) - k)
    return fe.first_order(model, fe.steady_state(model, start)), m


def test_slopes_of_stochastic_growth_are_those_of_the_global_solution():
    """With small shocks: a solution of degree 9 and central differences at the steady state."""
    problem = problems.stochastic_growth(sigma=1e-4)
    linear, m = growth_linear(problem)
    f = problem.solve(degree=9).value
    assert linear.x[0] == pytest.approx(m.steady_state(), rel=1e-12)
    c = lambda k, z: float(m.resources(k, z) - f.next_capital(jnp.array([k, z])))
    h, k = 1e-4, m.steady_state()
    slopes = [(c(k + h, 0.0) - c(k - h, 0.0)) / (2 * h), (c(k, h) - c(k, -h)) / (2 * h)]
    assert np.allclose(linear.policy_slope[0], slopes, rtol=2e-6)


def started(problem, linear, m, degree):
    """f fitted to the first-order policy, on the points of the problem."""
    f = problem.choice(degree=degree).hypothesis(None)
    share = lambda x: linear.transition(x)[0] / m.resources(x[0], x[1])
    box = problem.risk.terms[0].population
    target = lambda x: jnp.clip(share(x), 1e-3, 0.999)
    risk = fe.Risk(lambda f, x: f.share(x) - target(x), box, tolerance=jnp.inf)
    return fe.solve(risk.quadrature(degree + 4), f).value


@pytest.mark.parametrize("calibration", ["A", "C"])
def test_a_first_order_start_saves_steps(calibration):
    problem = problems.stochastic_growth(calibration=calibration)
    linear, m = growth_linear(problem)
    sample = problem.risk.quadrature(9)
    cold = fe.solve(sample, problem.choice(degree=5).hypothesis(None))
    warm = fe.solve(sample, started(problem, linear, m, 5))
    x = jnp.array([m.steady_state(), 0.0])
    assert float(warm.value.share(x)) == pytest.approx(float(cold.value.share(x)), rel=1e-7)
    assert warm.stats["steps"] < cold.stats["steps"]


@pytest.mark.slow
def test_a_first_order_start_keeps_networks_from_overaccumulation():
    """From random weights a network also finds paths that save too much: they satisfy the Euler
    equation on the box, and leave it. Fitted to the linear solution first, it does not."""
    problem = problems.stochastic_growth()
    linear, m = growth_linear(problem)
    at_rest = jnp.array([m.steady_state(), 0.0])
    solver = fe.LevenbergMarquardt(max_steps=200)
    box = problem.risk.terms[0].population
    share = lambda x: linear.transition(x)[0] / m.resources(x[0], x[1])
    near = fe.Risk(lambda f, x: f.share(x) - share(x), box, tolerance=jnp.inf).quadrature(10)
    off = {"random": [], "first order": []}
    for seed in range(3):
        f = problem.choice("mlp").hypothesis(jr.key(seed))
        fresh = fe.MLP(2, "scalar", width=16, depth=2, support=((-1, -1), (1, 1)), key=jr.key(seed))
        f = eqx.tree_at(lambda f: f.logit.net, f, fresh.net)
        starts = {"random": f, "first order": fe.solve(near, f, solver, throw=False).value}
        for name, start in starts.items():
            found = fe.solve(problem.risk.quadrature(12), start, solver, throw=False).value
            off[name].append(abs(float(found.next_capital(at_rest)) / m.steady_state() - 1))
    assert max(off["first order"]) < 1e-3, off
    assert max(off["random"]) > 1e-2, off
