"""Partial differential equations in the plane with known answers."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from trust_case import boxes, Case

import fesolve as fe


X, T = np.eye(2)
pi = np.pi


def d(f, direction, order=1):
    return fe.directional(f, direction, order)


def face(axis, end, lower=(0.0, 0.0), upper=(1.0, 1.0)):
    """The side x[axis] = end of a rectangle."""
    other = fe.Uniform(lower[1 - axis], upper[1 - axis])
    parts = (fe.Dirac(end), other) if axis == 0 else (other, fe.Dirac(end))
    return fe.Product(*parts)


def given(exact, *places, of=lambda f: f, name="data"):
    """f = exact on each of the places."""
    terms = [fe.Risk(lambda f, x: of(f)(x) - exact(x), place, name=name) for place in places]
    return sum(terms[1:], terms[0])


def flat(
    name,
    kind,
    residual,
    exact,
    conditions,
    difficult=True,
    upper=(1.0, 1.0),
    lower=(0.0, 0.0),
    **options,
):
    """A problem on a rectangle."""
    hypotheses = options.pop("hypotheses", None) or boxes(
        lower, upper, options.pop("degrees", (6, 12))
    )
    box = fe.Uniform(np.asarray(lower), np.asarray(upper))
    risk = fe.Risk(residual, box)
    risk = risk if conditions is None else risk + conditions
    return Case(name, kind, risk, exact, hypotheses, difficult, **{"n": 16} | options)


def all_sides(exact, lower=(0.0, 0.0), upper=(1.0, 1.0)):
    return given(exact, *(face(i, e[i], lower, upper) for i in (0, 1) for e in (lower, upper)))


def elliptic():
    bump = lambda x: jnp.sin(pi * x[0]) * jnp.sin(pi * x[1])
    poisson = lambda f, x: fe.laplacian(f)(x) + 2 * pi**2 * bump(x)
    zero = lambda x: 0.0 * x[0]
    yield flat(
        "Poisson in the plane",
        "plain",
        poisson,
        bump,
        all_sides(zero),
        False,
        hypotheses=boxes((0.0, 0.0), (1.0, 1.0), (6, 12, 18), (0, 1)),
        n=20,
    )
    plane = lambda x: jnp.cos(3.6 * x[0] + 4.8 * x[1])
    yield flat(
        "Helmholtz, k = 6",
        "plain",
        lambda f, x: fe.laplacian(f)(x) + 36 * f(x),
        plane,
        all_sides(plane),
        False,
    )
    resonant = lambda f, x: fe.laplacian(f)(x) + 2 * pi**2 * f(x)
    yield flat(
        "a drum at resonance",
        "missing condition",
        resonant,
        None,
        all_sides(zero),
        others=(bump, lambda x: 2 * bump(x)),
        hypotheses=boxes((0.0, 0.0), (1.0, 1.0), (6, 12), start=1.0),
    )
    open_side = given(zero, face(0, 0.0), face(0, 1.0), face(1, 0.0))
    waves = tuple(lambda x, c=c: c * jnp.sin(pi * x[0]) * jnp.sinh(pi * x[1]) for c in (1.0, 2.0))
    yield flat(
        "Laplace with three sides",
        "missing condition",
        lambda f, x: fe.laplacian(f)(x),
        None,
        open_side,
        others=waves,
        hypotheses=boxes((0.0, 0.0), (1.0, 1.0), (6, 12), start=1.0),
    )
    k = 3 * pi
    hadamard = lambda x: jnp.sin(k * x[0]) * jnp.cosh(k * x[1]) / np.cosh(k)
    slope = fe.Risk(lambda f, x: d(f, T)(x), face(1, 0.0), name="slope")
    yield flat(
        "Hadamard, Laplace from one side",
        "growth",
        lambda f, x: fe.laplacian(f)(x),
        hadamard,
        given(hadamard, face(1, 0.0), face(0, 0.0), face(0, 1.0)) + slope,
        degrees=(8, 16),
        n=20,
    )
    yield lshape()
    pair = lambda x: jnp.stack([jnp.exp(x[0]) * jnp.cos(x[1]), jnp.exp(x[0]) * jnp.sin(x[1])])
    riemann = lambda f, x: jnp.stack([d(f, X)(x)[0] - d(f, T)(x)[1], d(f, T)(x)[0] + d(f, X)(x)[1]])
    real = lambda f: lambda x: f(x)[0]
    sides = [face(i, e) for i in (0, 1) for e in (0.0, 1.0)]
    edge = given(real(pair), *sides, of=real)
    point = fe.Risk(lambda f, x: f(x)[1], fe.Dirac(np.zeros(2)), name="point")
    made = boxes((0.0, 0.0), (1.0, 1.0), (6, 12), out=2)
    yield flat("Cauchy and Riemann", "plain", riemann, pair, edge + point, False, hypotheses=made)
    more = (pair, lambda x: pair(x) + jnp.asarray([0.0, 1.0]))
    yield flat(
        "Cauchy and Riemann without a level",
        "missing condition",
        riemann,
        None,
        edge,
        others=more,
        hypotheses=made,
    )
    layer = lambda x: jnp.tanh(20 * (x[0] + x[1] - 1))
    source = lambda x: fe.laplacian(layer)(x)
    yield flat(
        "Poisson with a steep front",
        "layer",
        lambda f, x: fe.laplacian(f)(x) - source(x),
        layer,
        all_sides(layer),
        degrees=(12, 24),
        n=24,
    )


def lshape():
    def exact(x):
        angle = jnp.arctan2(x[1], x[0])
        angle = jnp.where(angle < -1e-12, angle + 2 * pi, angle)
        square = x @ x
        root = jnp.where(square > 0, jnp.where(square > 0, square, 1.0) ** (1 / 3), 0.0)
        return root * jnp.sin(2 * angle / 3)

    P, D, U = fe.Product, fe.Dirac, fe.Uniform
    square = U([-1.0, -1.0], [1.0, 1.0])
    inside = lambda x: ~((x[0] > 0) & (x[1] < 0))
    sides = [P(D(0.0), U(-1.0, 0.0)), P(U(0.0, 1.0), D(0.0)), P(D(1.0), U(0.0, 1.0))]
    sides += [P(U(-1.0, 1.0), D(1.0)), P(D(-1.0), U(-1.0, 1.0)), P(U(-1.0, 0.0), D(-1.0))]
    edge = fe.Mixture(*sides, weights=[1 / 8, 1 / 8, 1 / 8, 1 / 4, 1 / 4, 1 / 8])
    laplace = fe.Risk(lambda f, x: fe.laplacian(f)(x) / 10, square)
    risk = laplace.where(inside) + 10 * fe.Risk(lambda f, x: f(x) - exact(x), edge, name="edge")
    points = np.random.default_rng(0).uniform(-1, 1, (2_000, 2))
    points = points[~((points[:, 0] > 0) & (points[:, 1] < 0))]
    made = boxes((-1.0, -1.0), (1.0, 1.0), (12,))
    return Case("Laplace on an L", "kink", risk, exact, made, True, n=20, points=points)


def evolution():
    cooled = lambda x: jnp.sin(pi * x[0]) * jnp.exp(-(pi**2) * x[1])
    heat = lambda f, x: d(f, T)(x) - d(f, X, 2)(x)
    short = (1.0, 0.2)
    ends = (face(0, 0.0, upper=short), face(0, 1.0, upper=short))
    yield flat(
        "heat", "plain", heat, cooled, given(cooled, face(1, 0.0, upper=short), *ends), False, short
    )
    yield flat(
        "heat backward",
        "growth",
        heat,
        cooled,
        given(cooled, face(1, 0.2, upper=short), *ends),
        True,
        short,
    )
    moved = lambda x: jnp.sin(2 * pi * (x[0] - x[1]))
    drift = lambda f, x: d(f, T)(x) + d(f, X)(x)
    yield flat(
        "advection",
        "plain",
        drift,
        moved,
        given(moved, face(1, 0.0), face(0, 0.0)),
        False,
        degrees=(12, 18),
        n=20,
    )
    corner = lambda x: moved(x) + jnp.maximum(x[1] - x[0], 0.0) ** 3
    yield flat(
        "advection without an inflow",
        "missing condition",
        drift,
        None,
        given(moved, face(1, 0.0)),
        others=(moved, corner),
    )
    string = lambda x: jnp.sin(pi * x[0]) * jnp.cos(pi * x[1])
    still = fe.Risk(lambda f, x: d(f, T)(x), face(1, 0.0), name="speed")
    wave = lambda f, x: d(f, T, 2)(x) - d(f, X, 2)(x)
    yield flat(
        "waves",
        "plain",
        wave,
        string,
        given(string, face(1, 0.0), face(0, 0.0), face(0, 1.0)) + still,
        False,
    )
    more = (string, lambda x: string(x) + jnp.sin(pi * x[0]) * jnp.sin(pi * x[1]))
    yield flat(
        "waves without a speed",
        "missing condition",
        wave,
        None,
        given(string, face(1, 0.0), face(0, 0.0), face(0, 1.0)),
        others=more,
    )

    def burgers(nu):
        return lambda f, x: d(f, T)(x) + f(x) * d(f, X)(x) - nu * d(f, X, 2)(x)

    hopf = lambda x: (
        2
        * pi
        * jnp.exp(-(pi**2) * x[1])
        * jnp.sin(pi * x[0])
        / (2 + jnp.exp(-(pi**2) * x[1]) * jnp.cos(pi * x[0]))
    )
    yield flat(
        "Burgers, nu = 1",
        "plain",
        burgers(1.0),
        hopf,
        given(hopf, face(1, 0.0, upper=short), *ends),
        False,
        short,
    )
    front = lambda x: 0.5 - 0.5 * jnp.tanh((x[0] - 0.5 * x[1]) / (4 * 0.02))
    low, high = (-1.0, 0.0), (1.0, 1.0)
    sides = [face(1, 0.0, low, high), face(0, -1.0, low, high), face(0, 1.0, low, high)]
    yield flat(
        "Burgers, a travelling front",
        "layer",
        burgers(0.02),
        front,
        given(front, *sides),
        True,
        high,
        low,
        degrees=(12, 24),
        n=24,
    )
    yield shock(burgers)
    backward = lambda f, x: d(f, T)(x) + 0.5 * d(f, X, 2)(x)
    square = lambda x: x[0] ** 2 + 1 - x[1]
    more = (square, lambda x: square(x) + jnp.exp(x[0] - x[1] / 2) - 1.0)
    yield flat(
        "a claim without its payoff",
        "missing condition",
        backward,
        None,
        None,
        others=more,
        hypotheses=boxes((0.0, 0.0), (1.0, 1.0), (6, 12), start=1.0),
    )


def shock(burgers):
    """Basdevant's shock, nu = 0.01 / pi, on few points; Cole and Hopf by the trapezoidal rule."""
    nu = 0.01 / pi
    z = np.linspace(-9, 9, 6_001)

    def exact(x):
        y = x[0] - jnp.sqrt(4 * nu * jnp.maximum(x[1], 1e-12)) * z
        log = -jnp.cos(pi * y) / (2 * pi * nu) - z**2
        # of which the quotient does not depend; without optimisation XLA has no derivative of it
        w = jnp.exp(log - jax.lax.stop_gradient(jnp.max(log)))
        return -(jnp.sin(pi * y) @ w) / jnp.sum(w)

    box = fe.Uniform([-1.0, 0.0], [1.0, 1.0])
    hard = lambda net, x: -jnp.sin(pi * x[0]) + x[1] * (1 - x[0] ** 2) * net(x)
    net = lambda: fe.MLP(2, "scalar", width=20, depth=2, support=box.support, key=jr.key(0))
    made = {"network 0": lambda: fe.Ansatz(hard, net())}
    points = np.random.default_rng(0).uniform([-1, 0.02], [1, 1], (400, 2))
    sample = lambda risk, n: risk.empirical(n, key=jr.key(1))
    return Case(
        "Burgers, a shock on 200 points",
        "layer",
        fe.Risk(burgers(nu), fe.Sobol(box)),
        exact,
        made,
        True,
        n=200,
        sample=sample,
        points=points,
    )


def cases():
    yield from elliptic()
    yield from evolution()
