"""Households, searchers and savers with known answers, and problems of the catalogue."""

import math

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from trust_case import (
    Case,
    curve,
    network,
    on,
    some_curves,
    spline,
)

import fesolve as fe
from fesolve import problems


def fitted(made, guess, lower, upper):
    """f from a guess, as far as its class can hold it."""
    try:
        return fe.fit(made(), guess, fe.Uniform(lower, upper)).value
    except fe.SolveError as error:
        return error.solution.value


def growth(alpha=0.36, beta=0.96, delta=0.1, gamma=2.0):
    """Saving with little depreciation: the policy that leads to the steady state, and the other
    one, that leads away from it and satisfies the same equation. By NumPy in log k."""
    from numpy.polynomial import chebyshev as cheb

    rest = (alpha / (1 / beta - 1 + delta)) ** (1 / (1 - alpha))
    lower, upper = 0.6 * rest, 1.5 * rest
    t = lambda k, xp=np: 2 * xp.log(k / lower) / math.log(upper / lower) - 1
    nodes = np.cos(np.pi * (np.arange(25) + 0.5) / 25)
    k = lower * (upper / lower) ** ((nodes + 1) / 2)
    y = lambda k: k**alpha + (1 - delta) * k
    growth = lambda k1: (beta * (alpha * k1 ** (alpha - 1) + 1 - delta)) ** (1 / gamma)
    consumed = lambda k, policy: np.exp(cheb.chebval(t(k), policy))

    def halved(rises, low, high):
        for _ in range(60):
            middle = (low + high) / 2
            low, high = np.where(rises(middle), low, middle), np.where(rises(middle), middle, high)
        return (low + high) / 2

    def backward(policy):
        """Today's consumption from tomorrow's: time iteration."""
        least = np.maximum(y(k) - upper, 1e-3)
        late = lambda c: c > consumed(y(k) - c, policy) / growth(y(k) - c)
        return halved(late, least, y(k) - lower)

    def forward(policy):
        """Tomorrow's from today's, at the states k that come out of it."""
        before = halved(lambda z: y(z) - consumed(z, policy) > k, 0 * k + lower, 0 * k + upper)
        return consumed(before, policy) * growth(k)

    def iterated(step, begin):
        policy = cheb.chebfit(nodes, np.log(begin), 24)
        for _ in range(400):
            policy = cheb.chebfit(nodes, np.log(step(policy)), 24)
        policy, basis = jnp.asarray(policy), fe.Chebyshev(24, (-1.0, 1.0))
        return lambda k: jnp.exp(policy @ basis(t(k, jnp)))

    towards = iterated(backward, y(k) - rest - 0.9 * (k - rest))
    away = iterated(forward, y(rest) - rest - 0.2 * (k - rest))

    def equation(c, k):
        k1 = k**alpha + (1 - delta) * k - c(k)
        return 1 - beta * (alpha * k1 ** (alpha - 1) + 1 - delta) * (c(k) / c(k1)) ** gamma

    level = rest**alpha - delta * rest
    guess = lambda k: level + 0.15 * (k - rest)
    box = (lower, upper)
    curves = lambda a, b: {
        name: lambda f=f: fitted(f, guess, *box)
        for name, f in some_curves(a, b, start=level).items()
    }
    name = "saving with little depreciation"
    yield curve(name, "plain", equation, box, towards, difficult=False, choose=curves)
    name += ", from a constant"
    start = {"start": level}
    yield curve(name, "several solutions", equation, box, towards, others=(away,), curves=start)


def search(beta=0.95, benefit=0.3):
    """McCall's searcher with 20 wages; the value of search is the root of an equation."""
    from scipy.optimize import brentq

    wages = fe.Empirical((np.arange(20) + 0.5) / 20)
    w = np.asarray(wages.points)
    accept = lambda h: benefit + beta * np.mean(np.maximum(w / (1 - beta), h)) - h
    on_hold = brentq(accept, 0.0, 30.0, xtol=1e-14)

    def bellman(f, w):
        later = benefit + beta * fe.expectation(f, wages)
        return (1 - beta) * (f(w) - jnp.maximum(w / (1 - beta), later))

    return curve(
        "McCall's searcher, the value by a smooth class",
        "kink",
        bellman,
        (0.0, 1.0),
        lambda w: jnp.maximum(w / (1 - beta), on_hold),
        curves={"names": ("series 16", "series 32", "spline", "network 0"), "start": 10.0},
    )


def constrained(beta=0.96, gamma=2.0, R=1.02):
    """Income fluctuations and no debt: the reference by endogenous grid points."""
    incomes = np.array([0.7, 0.9, 1.1, 1.3])
    a = np.concatenate([[0.0], np.geomspace(1e-6, 30, 4_000)])
    M, C = np.array([0.0, 30.0]), np.array([0.0, 30.0])
    for _ in range(600):
        cons = lambda m: np.where(m < M[0], m, np.interp(m, M, C))
        mean = np.mean([cons(R * a + e) ** -gamma for e in incomes], axis=0)
        c = (beta * R * mean) ** (-1 / gamma)
        M, C = a + c, c
    shock = fe.Empirical(incomes)

    def equation(f, m):
        after = lambda e: jnp.maximum(f(R * (m - f(m)) + e), 1e-3) ** -gamma
        target = (beta * R * fe.expectation(after, shock)) ** (-1 / gamma)
        return fe.fischer_burmeister(target - f(m), m - f(m))

    made = {"spline": spline(0.12, 12.0, 60, 3), "network 0": network(0.12, 12.0)}
    return Case(
        "income fluctuations without debt",
        "kink",
        on(equation, 0.12, 8.0),
        lambda m: jnp.where(m < M[0], m, jnp.interp(m, M, C)),
        {name: lambda f=f: fitted(f, lambda m: 0.5 * m, 0.12, 12.0) for name, f in made.items()},
        True,
        n=240,
        close=1e-3,
    )


def catalogue():
    """Problems of the library whose unknown is an object with several functions."""
    chosen = {
        "cake_eating_hjb": ("value", "plain"),
        "merton": ("value", "plain"),
        "perpetual_put": ("value", "kink"),
        "growth_hjb": ("consumption", "plain"),
        "mccall_search": ("value", "kink"),
    }
    for name, (part, kind) in chosen.items():
        sizes = {"gamma": 0.3} if name == "growth_hjb" else {}
        problem = problems.catalogue[name](**sizes)
        kinds = [k for k in ("chebyshev", "mlp") if k in problem.hypotheses]
        choices = {k: problem.choice(k) for k in kinds}
        yield Case(
            f"catalogue: {name}",
            kind,
            problem.risk,
            problem.exact[part],
            {k: lambda c=c: c.hypothesis(jr.key(0)) for k, c in choices.items()},
            kind == "kink",
            shown=lambda f, part=part: getattr(f, part),
            own={
                k: (lambda risk, c=c: c.sample(risk, c.points, jr.key(1)), c.solver)
                for k, c in choices.items()
            },
        )


def cases():
    yield from growth()
    yield search()
    yield constrained()
    yield from catalogue()
