"""Functions of three to a hundred coordinates with known answers."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import scipy.linalg
from trust_case import boxes, Case

import fesolve as fe


X, T = np.eye(2)
pi = np.pi


def d(f, direction, order=1):
    return fe.directional(f, direction, order)


def low_discrepancy(risk, n):
    return risk.empirical(n, key=jr.key(11))


def solids():
    lower, upper = np.zeros(3), np.ones(3)
    bump = lambda x: jnp.prod(jnp.sin(pi * x))
    cube = fe.Uniform(lower, upper)
    edge = fe.Risk(lambda f, x: f(x), fe.Sobol(cube.boundary().parts[0]), name="edge")
    edges = sum(
        (fe.Risk(lambda f, x: f(x), fe.Sobol(p), name="edge") for p in cube.boundary().parts[1:]),
        edge,
    )
    equation = fe.Risk(lambda f, x: fe.laplacian(f)(x) + 3 * pi**2 * bump(x), fe.Sobol(cube))
    yield Case(
        "Poisson in a cube",
        "plain",
        equation + edges,
        bump,
        boxes(lower, upper, (6, 9)),
        False,
        n=512,
        sample=low_discrepancy,
        points=cube.quadrature(9).points,
    )


def high():
    five = fe.Uniform(-np.ones(5), np.ones(5))
    bell = lambda x: jnp.exp(-(x @ x) / 5)
    poisson = lambda f, x: fe.laplacian(f)(x) - bell(x) * (4 / 25 * (x @ x) - 2)
    made = boxes(-np.ones(5), np.ones(5), (4, 6))
    where = {"n": 512, "sample": low_discrepancy}
    radial = fe.Risk(poisson, fe.Sobol(five))
    edge = fe.Risk(lambda f, x: f(x) - bell(x), five.boundary(), name="edge")
    many = "many coordinates"
    yield Case("Poisson in five coordinates", many, radial + edge, bell, made, True, **where)
    free = (bell, lambda x: bell(x) + x[0])
    yield Case(
        "Poisson in five without a boundary", many, radial, None, made, True, others=free, **where
    )
    yield from prices(where)
    for size in (10, 20):
        yield from quadratic(size, where)
    yield hjb(100)


def prices(where):
    """f(x) = c . x + beta E f(A x + e) and its square, in ten coordinates."""
    rng = np.random.default_rng(5)
    A = rng.normal(size=(10, 10))
    A *= 0.9 / np.abs(np.linalg.eigvals(A)).max()
    A = 0.5 * A + 0.3 * np.eye(10)
    c, beta = rng.normal(size=10), 0.95
    shock = fe.Monomial(fe.Normal(np.zeros(10), 0.1), 3).quadrature(20)
    p = fe.Sobol(fe.Normal(np.zeros(10), 0.5))
    made = boxes(-3 * np.ones(10), 3 * np.ones(10), (1, 2), (0, 1))

    def claim(pays, beta):
        return fe.Risk(
            lambda f, x, e: f(x) - pays(x) - beta * f(jnp.asarray(A) @ x + e), p, shock=shock
        )

    right = np.linalg.solve(np.eye(10) - beta * A.T, c)
    linear = lambda x: jnp.asarray(right) @ x
    pays = lambda x: jnp.asarray(c) @ x
    many = "many coordinates"
    yield Case(
        "a linear price in ten coordinates", many, claim(pays, beta), linear, made, True, **where
    )
    few = where | {"n": 48}
    yield Case(
        "a linear price on 48 points",
        many,
        claim(pays, beta),
        linear,
        {k: made[k] for k in ("series 1", "network 0", "network 1")},
        True,
        **few,
    )
    flat = np.linalg.solve(np.eye(10) - A.T, c)
    both = tuple(lambda x, k=k: jnp.asarray(flat) @ x + k for k in (0.0, 1.0))
    yield Case(
        "a linear price undiscounted",
        many,
        claim(pays, 1.0),
        None,
        made,
        True,
        others=both,
        **where,
    )
    P = scipy.linalg.solve_discrete_lyapunov(np.sqrt(beta) * A.T, np.eye(10))
    constant = beta * 0.01 * np.trace(P) / (1 - beta)
    square = lambda x: x @ jnp.asarray(P) @ x + constant
    yield Case(
        "a quadratic price in ten coordinates",
        many,
        claim(lambda x: x @ x, beta),
        square,
        made,
        True,
        **where,
    )


def quadratic(size, where):
    """The linear-quadratic regulator, and the value of doing nothing."""
    rng = np.random.default_rng(size)
    drift = 0.3 * rng.normal(size=(size, size)) / np.sqrt(size) - 0.5 * np.eye(size)
    A, rho = jnp.asarray(drift), 0.1
    box = fe.Sobol(fe.Uniform(-np.ones(size), np.ones(size)))
    made = boxes(-np.ones(size), np.ones(size), (2,))
    half = drift - rho / 2 * np.eye(size)
    lyapunov = scipy.linalg.solve_continuous_lyapunov(half.T, -np.eye(size))
    riccati = scipy.linalg.solve_continuous_are(half, np.eye(size), np.eye(size), np.eye(size))

    def value(f, x, control):
        slope = jax.grad(f)(x)
        return rho * f(x) - x @ x - slope @ (A @ x) + control * slope @ slope / 4

    quadratic = lambda P: lambda x: x @ jnp.asarray(P) @ x
    many = "many coordinates"
    for name, P, control in (("no control", lyapunov, 0.0), ("a regulator", riccati, 1.0)):
        equation = fe.Risk(value, box, args=(control,))
        yield Case(
            f"{name} in {size} coordinates", many, equation, quadratic(P), made, True, **where
        )


@functools.cache
def cole_hopf(size):
    z = np.random.default_rng(0).normal(size=(200_000, size))
    return -np.log(np.mean(2 / (1 + 2 * (z**2).sum(1))))


def hjb(size):
    """Han, Jentzen and E (2018), on 300 points; Cole and Hopf by draws."""
    g = lambda y: jnp.log((1 + y @ y) / 2)
    s = np.sqrt(2.0) * np.ones(size)
    support = (np.r_[0, -s], np.r_[1, s])

    def made():
        net = fe.MLP(
            size + 1, "scalar", width=32, depth=2, support=support, start=0.0, key=jr.key(0)
        )
        return fe.Ansatz(lambda net, x: g(x[1:]) + (1 - x[0]) * net(x), net)

    def equation(f, x):
        v = lambda y: f(jnp.concatenate([x[:1], y]))
        slope = jax.grad(v)(x[1:])
        return d(f, np.eye(size + 1)[0])(x) + fe.laplacian(v)(x[1:]) - slope @ slope

    p = fe.Product(fe.Uniform(0.0, 1.0), fe.Normal(np.zeros(size), 1.0))
    return Case(
        "HJB in a hundred coordinates",
        "many coordinates",
        fe.Risk(equation, p),
        lambda x: cole_hopf(size) + 0 * x[0],
        {"network 0": made},
        True,
        n=300,
        sample=low_discrepancy,
        points=np.zeros((1, size + 1)),
        shown=lambda f: f,
        slow=True,
    )


def cases():
    yield from solids()
    yield from high()
