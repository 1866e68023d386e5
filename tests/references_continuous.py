"""Continuous-time models by other means: finite differences with SciPy's sparse matrices."""

import numpy as np
from scipy import sparse
from scipy.optimize import brentq
from scipy.sparse.linalg import spsolve


class Household:
    """Two income states, one asset: upwind differences and implicit steps, which are monotone and
    so find the viscosity solution (Achdou, Han, Lasry, Lions and Moll, 2022)."""

    def __init__(self, points, r, *, rho, gamma, z, switch, a_min, a_max):
        self.a = np.linspace(a_min, a_max, points)
        self.r, self.rho, self.gamma = r, rho, gamma
        self.income = np.asarray(z)[:, None] + r * self.a
        self.switch = np.asarray(switch)
        eye = sparse.eye(points)
        low, high = self.switch
        self.between = sparse.bmat([[-low * eye, low * eye], [high * eye, -high * eye]], "csr")
        self.consumption, self.transition = self._policy()

    def _policy(self):
        step = self.a[1] - self.a[0]
        utility = lambda c: c ** (1 - self.gamma) / (1 - self.gamma)
        # rising in assets, whatever the rate
        value = utility(self.income + (max(self.r, 0.5 * self.rho) - self.r) * self.a) / self.rho
        eye = sparse.eye(value.size)
        for _ in range(200):
            slope = np.maximum(np.diff(value, axis=1) / step, 1e-10)
            at_limit = self.income**-self.gamma
            forward = np.hstack([slope, at_limit[:, -1:]])
            backward = np.hstack([at_limit[:, :1], slope])
            c_up, c_down = forward ** (-1 / self.gamma), backward ** (-1 / self.gamma)
            up, down = self.income - c_up, self.income - c_down
            rises, falls = up > 0, (down < 0) & (up <= 0)
            c = np.where(rises, c_up, np.where(falls, c_down, self.income))
            rate_up = np.where(rises, up, 0) / step
            rate_down = np.where(falls, -down, 0) / step
            moves = sparse.block_diag(
                [
                    sparse.diags([d[1:], -(u + d), u[:-1]], [-1, 0, 1])
                    for u, d in zip(rate_up, rate_down)
                ]
            )
            transition = sparse.csr_matrix(moves + self.between)
            system = (self.rho + 1e-3) * eye - transition
            new = spsolve(sparse.csc_matrix(system), (utility(c) + 1e-3 * value).ravel())
            change = np.max(np.abs(new.reshape(value.shape) - value))
            value = new.reshape(value.shape)
            if change < 1e-9 * np.max(np.abs(value)):
                break
        self.value = value
        return c, transition

    def distribution(self):
        """Masses of the grid points in the long run, two rows."""
        matrix = sparse.csc_matrix(self.transition.T)
        size = matrix.shape[0]
        # one equation follows from the others; it makes room for a level
        lil = matrix.tolil()
        lil[0, :] = 0
        lil[0, 0] = 1.0
        right = np.zeros(size)
        right[0] = 1.0
        mass = spsolve(lil.tocsc(), right).reshape(2, -1)
        return mass / mass.sum()

    def assets(self):
        return float(np.sum(self.distribution() * self.a))


def clearing_rate(points, low, high, **parameters):
    """The r at which what the households hold is zero."""
    return brentq(lambda r: Household(points, r, **parameters).assets(), low, high, xtol=1e-9)
