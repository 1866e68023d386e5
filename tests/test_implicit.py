"""Derivatives of a minimum whose risk is not zero, where the implicit function theorem needs more
than J^+ dr: ridge regression, whose closed form JAX differentiates to any order."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


class Linear(eqx.Module):
    weights: jax.Array

    def __call__(self, x):
        return self.weights @ x


def error(f, pair):
    x, y = pair
    return f(x) - y


def size(f):
    return f.weights


def solved(x, y, penalty):
    risk = fe.Risk(error, fe.Empirical((x, y)), tolerance=jnp.inf)
    risk = risk + penalty * fe.Risk(size, tolerance=jnp.inf)
    return jnp.sum(fe.solve(risk, Linear(jnp.zeros(x.shape[1]))).value.weights ** 2)


def closed(x, y, penalty):
    gram = x.T @ x / y.size + penalty * jnp.eye(x.shape[1])
    return jnp.sum(jnp.linalg.solve(gram, x.T @ y / y.size) ** 2)


@pytest.mark.parametrize("argument", [0, 1, 2], ids=["points", "targets", "multiplier"])
def test_first_and_second_derivatives(argument, getkey):
    data = jr.normal(getkey(), (6, 2)), jr.normal(getkey(), (6,)), jnp.asarray(0.3)
    for derivative in (jax.grad, jax.hessian):
        ours = derivative(solved, argument)(*data)
        np.testing.assert_allclose(ours, derivative(closed, argument)(*data), atol=1e-11)


ALPHA, BETA, DELTA, PERIODS = 0.36, 0.95, 0.1, 12


def growth(k, c, k1, c1, tax):
    net = (1 - tax) * (ALPHA * k1 ** (ALPHA - 1) - DELTA)
    return {
        "resources": k1 + c - k**ALPHA - (1 - DELTA) * k,
        "euler": 1 - BETA * c / c1 * (1 + net),
    }


def along(f, tax, begin, end):
    k, c = jnp.concatenate([jnp.ravel(begin), f[0]]), jnp.append(f[1], end[1])
    return jax.vmap(growth, (0, 0, 0, 0, None))(k[:-1], c[:-1], k[1:], c[1:], tax)


@pytest.mark.parametrize(
    "by", (pytest.param("steady_state", marks=pytest.mark.slow), "equilibrium")
)
def test_a_path_to_a_long_run_that_moves_as_well(by):
    """What moves the path moves where it leads, too: both are seen by its derivative."""

    def rest(tax):
        if by == "steady_state":
            return fe.steady_state(growth, (3.0, 1.0), args=(tax,))
        k = fe.equilibrium(lambda k: growth(k, 1.0, k, 1.0, tax)["euler"], 1.0, 9.0)
        return k, k**ALPHA - DELTA * k

    begin = fe.steady_state(growth, (3.0, 1.0), args=(0.0,))[0]

    def path(tax):
        end = rest(tax)
        guess = jax.lax.stop_gradient(tuple(jnp.full(PERIODS, v) for v in end))
        return fe.solve(fe.Risk(along, args=(tax, begin, end)), guess).value[0]

    step = 1e-4
    numeric = (path(0.2 + step) - path(0.2 - step)) / (2 * step)
    np.testing.assert_allclose(jax.jvp(path, (0.2,), (1.0,))[1], numeric, rtol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda tax: path(tax)[5])(0.2), numeric[5], rtol=1e-6)
