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
