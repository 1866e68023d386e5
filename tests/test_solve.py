"""What `solve` says to input that cannot be solved: a sentence, and never a wrong solution."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


def ode(f, x):
    return jax.grad(f)(x) + 2.0 * f(x)


def initial(f, x):
    return f(x) - 1.0


RISK = fe.Risk(ode, fe.Uniform(0.0, 1.0)) + fe.Risk(initial, fe.Dirac(0.0))


def series(degree=12, **options):
    return fe.Series(fe.Chebyshev(degree, (0.0, 1.0)), **options)


def on_unit_interval(residual, **options):
    return fe.Risk(residual, fe.Uniform(0.0, 1.0), **options).quadrature(20)


def test_a_network_for_vectors_at_a_scalar_point(getkey):
    net = eqx.nn.MLP(1, 1, 8, 2, jnp.tanh, key=getkey())
    with pytest.raises(ValueError, match=r"eqx\.nn\.MLP\('scalar', 'scalar', \.\.\.\)"):
        fe.solve(RISK.quadrature(20), net)


def test_a_distribution_of_another_dimension(getkey):
    net = eqx.nn.MLP(2, "scalar", 8, 2, jnp.tanh, key=getkey())
    box = fe.Uniform([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    risk = fe.Risk(lambda f, x: f(x), box).empirical(8, key=getkey())
    with pytest.raises(ValueError, match="x has 3 coordinates: use `in_size=3`"):
        fe.solve(risk, net)


@pytest.mark.parametrize(
    ("residual", "sentence"),
    [
        (lambda f, x: f(x) * jnp.eye(2), "array of shape"),
        (lambda f, x: "zero", "returned 'zero'"),
        (lambda f, x: f(x) + 1j, "complex"),
        (lambda f, x: f(x) > 0, "real floating-point"),
        (lambda f, x: 1.0, "does not depend on f"),
        (lambda f, x: {}, "no array"),
    ],
    ids=["rank", "string", "complex", "bool", "constant", "nothing"],
)
def test_what_a_residual_may_return(residual, sentence):
    with pytest.raises(ValueError, match=sentence):
        fe.solve(on_unit_interval(residual), series())


def test_a_residual_that_is_not_finite_at_some_points():
    risk = on_unit_interval(lambda f, x: f(x) - jnp.log(x - 0.5), name="log")
    with pytest.raises(fe.SolveError, match=r"`log` is not finite at 10 of 20 points, first at"):
        fe.solve(risk, series())
    solution = fe.solve(risk, series(), throw=False)
    assert bool(solution.result == fe.RESULTS.non_finite)


def test_a_population_risk_and_a_deterministic_solver():
    norm = fe.Risk(lambda f, x: f(x), fe.Uniform(0.0, 1.0)).quadrature(9)
    with pytest.raises(ValueError, match=r"pass `risk\.empirical\(n, key=key\)`"):
        fe.solve(RISK, series(), fe.MinimumNorm(norm))


def test_no_points():
    with pytest.raises(ValueError, match="n >= 1; got 0"):
        RISK.empirical(0, key=jr.key(0))


def test_fewer_rows_than_unknowns():
    with pytest.raises(ValueError, match="6 residual rows and f has 13 unknowns"):
        fe.solve(RISK.quadrature(5), series())


def test_fewer_rows_than_weights_of_a_network(getkey):
    net = fe.MLP("scalar", "scalar", width=16, depth=2, support=(0.0, 1.0), key=getkey())
    fe.solve(RISK.quadrature(40), net)


@pytest.mark.parametrize("degree", [8, 12, 24])
def test_an_equation_without_its_condition(degree):
    with pytest.raises(fe.SolveError, match="not unique") as error:
        fe.solve(fe.Risk(ode, fe.Uniform(0.0, 1.0)).quadrature(30), series(degree))
    assert bool(error.value.solution.result == fe.RESULTS.not_unique)


def test_a_class_that_is_too_small():
    with pytest.raises(fe.SolveError, match="not at zero"):
        fe.solve(RISK.quadrature(20), series(2))


def test_regression_expects_no_zero():
    risk = on_unit_interval(lambda f, x: f(x) - jnp.abs(x - 0.3), tolerance=jnp.inf)
    assert bool(fe.solve(risk, series(4)).solved)


def test_float32_and_a_tolerance_of_1e_12():
    risk = on_unit_interval(lambda f, x: f(x) - 1.0, tolerance=1e-12)
    with pytest.raises(ValueError, match="float32 cannot resolve"):
        fe.solve(risk, series(dtype=jnp.float32))
    assert bool(fe.solve(risk, series()).solved)


def test_parameters_that_are_not_finite():
    broken = eqx.tree_at(lambda f: f.coefficients, series(), jnp.full(13, jnp.nan))
    with pytest.raises(ValueError, match=r"NaN or infinite parameters, at `f\.coefficients`"):
        fe.solve(RISK.quadrature(20), broken)


def test_nothing_to_train():
    with pytest.raises(ValueError, match="nothing to train"):
        fe.solve(RISK.quadrature(20), fe.freeze(series()))


def test_complex_parameters():
    f = eqx.tree_at(lambda f: f.coefficients, series(), jnp.zeros(13, jnp.complex128))
    with pytest.raises(ValueError, match="complex parameters"):
        fe.solve(RISK.quadrature(20), f)


def test_what_is_no_risk_and_no_solver():
    # with annotations checked, a TypeError comes first
    with pytest.raises((ValueError, TypeError), match="risk"):
        fe.solve(ode, series())
    with pytest.raises((ValueError, TypeError), match="solver"):
        fe.solve(RISK.quadrature(20), series(), "adam")


def test_a_loss_that_is_no_square():
    risk = on_unit_interval(lambda f, x: f(x) - 1.0, loss=fe.huber)
    with pytest.raises(ValueError, match=r"not a sum of squares.*fe\.Optax"):
        fe.solve(risk, series())


def test_only_a_part_is_trained():
    f = (series(start=0.5), series(start=0.25))
    risk = on_unit_interval(lambda f, x: f[0](x) + f[1](x) - x)
    solution = fe.solve(risk, f, only=lambda f: f[0])
    np.testing.assert_array_equal(solution.value[1].coefficients, f[1].coefficients)
    np.testing.assert_allclose(solution.value[0](0.7), 0.45, atol=1e-14)


def test_an_interrupted_solve_keeps_the_best(getkey):
    def stop(step, metrics, f):
        if step == 3:
            raise KeyboardInterrupt

    net = fe.MLP("scalar", "scalar", width=8, depth=2, support=(0.0, 1.0), key=getkey())
    start = RISK.quadrature(20)(net)
    with pytest.raises(fe.Interrupted) as error:
        fe.solve(RISK.quadrature(20), net, monitors=(stop,))
    assert float(error.value.solution.risk) < float(start)
    np.testing.assert_allclose(
        RISK.quadrature(20)(error.value.solution.value), error.value.solution.risk, rtol=1e-3
    )


def test_monitors_stay_outside_of_transformations():
    def value(a):
        risk = fe.Risk(lambda f, x, a: f(x) - a, fe.Uniform(0.0, 1.0), args=(a,)).quadrature(20)
        return fe.solve(risk, series(), monitors=(lambda *_: None,)).value(0.5)

    with pytest.raises(ValueError, match="`monitors` run on the host"):
        jax.grad(value)(1.0)


def test_fit_starts_from_a_guess():
    guess = fe.fit(series(), jnp.exp, fe.Uniform(0.0, 1.0))
    np.testing.assert_allclose(guess.value(0.3), np.exp(0.3), rtol=1e-12)
    with pytest.raises(ValueError, match="`f` must be callable"):
        fe.fit({"a": series()}, jnp.exp, fe.Uniform(0.0, 1.0))
