"""Smolyak's sparse set of products of Chebyshev polynomials: the rival of docs/choosing.md.

**Source:** Judd, Maliar, Maliar and Valero (2014), "Smolyak method for solving dynamic economic
models", sections 2 and 3.
"""

import itertools

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fesolve as fe


def level(degree):
    """Of T_0, of T_1 and T_2, of T_3 and T_4, of T_5 to T_8, ...: 0, 1, 2, 3, ..."""
    return 0 if degree == 0 else max(1, int(np.ceil(np.log2(degree))))


def indices(dimension, most):
    """The degrees (i_1, ..., i_d) whose levels sum up to `most` at most."""
    degrees = range(2**most + 1) if most else range(1)
    rows = [()]
    for _ in range(dimension):
        used = [sum(map(level, row)) for row in rows]
        pairs = itertools.product(zip(rows, used, strict=True), degrees)
        rows = [(*row, n) for (row, spent), n in pairs if spent + level(n) <= most]
    return np.array(rows)


def nodes(rows):
    """The point of each index in [-1, 1]^d: extrema of Chebyshev polynomials, level by level."""
    along = [0.0]
    for k in range(1, level(rows.max()) + 1):
        extrema = -np.cos(np.pi * np.arange(2**k + 1) / 2**k)
        along += [x for x in extrema if np.abs(np.array(along) - x).min() > 1e-12]
    return np.array(along)[rows]


class Smolyak(fe.AbstractBasis):
    """The products of these indices on a box of half-widths `ends`."""

    ends: tuple[float, ...] = eqx.field(static=True)
    most: int = eqx.field(static=True)

    @property
    def indices(self):
        return indices(len(self.ends), self.most)

    @property
    def size(self):
        return len(self.indices)

    @property
    def domain(self):
        return -np.array(self.ends), np.array(self.ends)

    @property
    def degrees(self):
        return self.indices.sum(axis=1)

    @property
    def constant(self):
        return (self.degrees == 0).astype(float)

    def __call__(self, x):
        rows = self.indices
        each = [fe.Chebyshev(int(rows.max()), (-end, end)) for end in self.ends]
        values = [basis(x[j])[rows[:, j]] for j, basis in enumerate(each)]
        return jnp.prod(jnp.stack(values), axis=0)

    def evaluate(self, coefficients, x):
        return coefficients @ self(x)
