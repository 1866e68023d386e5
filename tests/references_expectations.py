"""What solutions with expectations are compared with."""

import jax
import jax.numpy as jnp
import numpy as np

from fesolve import problems


def consumption_without_shocks(w, beta, rbar, gamma, nodes=40_001, cash=6.0):
    """c(w) of u'(c) >= beta rbar u'(c'), c <= w, w' = (w - c) rbar + 1, by endogenous grid points
    (Carroll, 2006): from savings a, c = (beta rbar)^(-1/gamma) c'(rbar a + 1) and w = c + a, until
    nothing changes."""
    a = np.linspace(0.0, cash, nodes)
    wealth, c = np.array([0.0, 2 * cash]), np.array([0.0, 2 * cash])
    for _ in range(10_000):
        after = (beta * rbar) ** (-1 / gamma) * np.interp(rbar * a + 1, wealth, c)
        grid = np.concatenate([[0.0], after + a])
        new = np.concatenate([[0.0], after])
        change = np.max(np.abs(np.interp(a, grid, new) - np.interp(a, wealth, c)))
        wealth, c = grid, new
        if change < 1e-13:
            return np.interp(w, wealth, c)
    raise RuntimeError("endogenous grid points did not converge")


def consumption_differences(f, problem=None):
    """How far f.consumption, without shocks, is from that reference at most, and of the residual
    there the mean, and the maximum away from the first bend."""
    problem = problem or problems.consumption_saving()
    m = problem.parameters
    w = np.linspace(0.1, 4.0, 1_001)
    truth = consumption_without_shocks(w, m.beta, m.rbar, m.gamma)
    points = jnp.concatenate([jnp.asarray(w)[:, None], jnp.zeros((w.size, 4))], axis=1)
    ours = np.asarray(jax.vmap(f.consumption)(points))
    residual = problem.risk.terms[0].residual
    sizes = np.abs(np.asarray(jax.vmap(lambda x: residual(f, x))(points)))
    away = np.abs(w - (m.beta * m.rbar) ** (-1 / m.gamma)) > 0.05
    error = float(np.max(np.abs(ours / truth - 1)))
    return error, (float(np.mean(sizes)), float(np.max(sizes[away])))
