"""Functional, integral and delay equations with known answers, and equations with bends."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from trust_case import (
    at,
    bend,
    Case,
    curve,
    network,
    on,
    series,
    slope,
    slope_at,
    some_curves,
    spline,
)

import fesolve as fe


def wider(lower, upper, names=("series 16", "series 32", "network 0"), **options):
    """Functions on a wider interval than that of the points: f is asked for there."""
    return lambda a, b: some_curves(lower, upper, names=names, **options)


def functional():
    yield curve(
        "the cosine by f(2 x) = 2 f(x)^2 - 1",
        "plain",
        lambda f, x: f(2 * x) - 2 * f(x) ** 2 + 1,
        (0.0, 1.0),
        jnp.cos,
        slope_at(-1.0, order=2),
        at(1.0),
        choose=wider(0.0, 2.0, start=1.0),
    )
    yield curve(
        "the cosine without its curvature",
        "several solutions",
        lambda f, x: f(2 * x) - 2 * f(x) ** 2 + 1,
        (0.0, 1.0),
        None,
        at(1.0),
        choose=wider(0.0, 2.0, start=0.9),
        others=(jnp.cos, lambda x: jnp.cos(2 * x)),
    )
    yield curve(
        "Schroeder, f(x / (2 - x)) = f(x) / 2",
        "plain",
        lambda f, x: f(x / (2 - x)) - f(x) / 2,
        (0.0, 0.8),
        lambda x: x / (1 - x),
        slope_at(1.0),
        difficult=False,
        choose=some_curves,
    )
    yield curve(
        "Schroeder without a slope",
        "missing condition",
        lambda f, x: f(x / (2 - x)) - f(x) / 2,
        (0.0, 0.8),
        None,
        curves={"start": 1.0},
        others=(lambda x: x / (1 - x), lambda x: 2 * x / (1 - x)),
    )
    log2 = lambda x: jnp.log(x) / math.log(2.0)
    yield curve(
        "Abel, f(2 x) = f(x) + 1",
        "missing condition",
        lambda f, x: f(2 * x) - f(x) - 1,
        (1.0, 2.0),
        None,
        at(0.0, 1.0),
        choose=wider(1.0, 4.0),
        others=(log2, lambda x: log2(x) + 0.1 * jnp.sin(2 * np.pi * log2(x))),
    )
    yield curve(
        "f(x) = f(x / 2) + x",
        "plain",
        lambda f, x: f(x) - f(x / 2) - x,
        (0.0, 2.0),
        lambda x: 2 * x + 1,
        at(1.0),
        difficult=False,
        choose=some_curves,
    )
    yield curve(
        "f(x) = f(x / 2) + 1",
        "contradicting conditions",
        lambda f, x: f(x) - f(x / 2) - 1,
        (0.0, 2.0),
        None,
        at(0.0),
    )
    gamma = lambda x: jnp.exp(jax.lax.lgamma(x))
    yield curve(
        "the gamma function's equation alone",
        "missing condition",
        lambda f, x: f(x + 1) - x * f(x),
        (1.0, 2.0),
        None,
        at(1.0, 1.0),
        choose=wider(1.0, 3.0, start=1.0),
        others=(gamma, lambda x: gamma(x) * (1 + 0.1 * jnp.sin(2 * np.pi * x))),
    )
    yield curve(
        "Babbage, f(f(x)) = x",
        "several solutions",
        lambda f, x: f(f(x)) - x,
        (0.0, 1.0),
        None,
        at(1.0),
        curves={"start": 0.5},
        others=(lambda x: 1 - x, lambda x: (1 - x) / (1 + x)),
    )
    yield from cauchy()


def cauchy():
    square = fe.Uniform([0.0, 0.0], [1.0, 1.0])
    x01 = fe.Uniform(0.0, 2.0).quadrature(101)

    def sums(name, residual, exact, *conditions, kind="plain", difficult=False, **options):
        risk = sum(conditions, fe.Risk(residual, square))
        made = some_curves(0.0, 2.0, start=1.0)
        sizes = {"n": 12, "points": x01.points, "weights": x01.weights}
        return Case(name, kind, risk, exact, made, difficult, **sizes, **options)

    additive = lambda f, x: f(x[0] + x[1]) - f(x[0]) - f(x[1])
    yield sums("Cauchy, f(x + y) = f(x) + f(y)", additive, lambda x: 3 * x, at(3.0, 1.0))
    yield sums(
        "Cauchy without a slope",
        additive,
        None,
        kind="missing condition",
        difficult=True,
        others=(lambda x: x, lambda x: 2 * x),
    )
    yield sums(
        "Cauchy, f(x + y) = f(x) f(y)",
        lambda f, x: f(x[0] + x[1]) - f(x[0]) * f(x[1]),
        jnp.exp,
        at(math.e, 1.0),
    )
    yield sums(
        "d'Alembert, f(x + y) + f(x - y) = 2 f(x) f(y)",
        lambda f, x: f(x[0] + x[1]) + f(jnp.abs(x[0] - x[1])) - 2 * f(x[0]) * f(x[1]),
        jnp.cos,
        at(math.cos(1.0), 1.0),
        difficult=True,
        others=tuple(lambda x, m=m: jnp.cos((2 * np.pi * m + 1) * x) for m in (-1, 1)),
    )
    yield sums(
        "Jensen with one value",
        lambda f, x: f((x[0] + x[1]) / 2) - (f(x[0]) + f(x[1])) / 2,
        None,
        at(1.0),
        kind="missing condition",
        difficult=True,
        others=(lambda x: 1 + x, lambda x: 1 - x),
    )


def integral():
    nodes = fe.Uniform(0.0, 1.0).quadrature(20)
    mean = lambda f, weight: fe.expectation(lambda y: weight(y) * f(y), nodes)
    yield curve(
        "Fredholm",
        "plain",
        lambda f, x: f(x) - x - 2 * x * mean(f, lambda y: y),
        (0.0, 1.0),
        lambda x: 3 * x,
        difficult=False,
        choose=some_curves,
    )
    yield curve(
        "Fredholm, a kernel of exponentials",
        "plain",
        lambda f, x: f(x) - jnp.exp(x) + 0.5 * jnp.exp(x) * mean(f, lambda y: jnp.exp(-y)),
        (0.0, 1.0),
        lambda x: jnp.exp(x) / 1.5,
        difficult=False,
        choose=some_curves,
    )
    yield curve(
        "Fredholm at an eigenvalue, solvable",
        "missing condition",
        lambda f, x: f(x) - 3 * x * mean(f, lambda y: y) - (2 - 3 * x),
        (0.0, 1.0),
        None,
        others=(lambda x: 2 - 3 * x, lambda x: 2.0 + 0 * x),
        curves={"start": 1.0},
    )
    yield curve(
        "Fredholm at an eigenvalue, not solvable",
        "contradicting conditions",
        lambda f, x: f(x) - 3 * x * mean(f, lambda y: y) - 1,
        (0.0, 1.0),
        None,
    )
    yield curve(
        "Hammerstein",
        "several solutions",
        lambda f, x: f(x) - x * fe.expectation(lambda y: f(y) ** 2, nodes) - 0.5 * x,
        (0.0, 1.0),
        lambda x: (3 - math.sqrt(3)) / 2 * x,
        others=(lambda x: (3 + math.sqrt(3)) / 2 * x,),
    )
    yield curve(
        "Volterra",
        "plain",
        lambda f, x: f(x) - 1 - x * fe.expectation(lambda u: f(x * u), nodes),
        (0.0, 2.0),
        jnp.exp,
        difficult=False,
        choose=some_curves,
    )
    yield curve(
        "Volterra, a convolution",
        "plain",
        lambda f, x: f(x) - x + x**2 * fe.expectation(lambda u: (1 - u) * f(x * u), nodes),
        (0.0, 3.0),
        jnp.sin,
        difficult=False,
        choose=some_curves,
    )
    yield curve(
        "Abel's integral, of the first kind",
        "vanishing",
        lambda f, x: (
            2 * jnp.sqrt(x) * fe.expectation(lambda u: f(x * (1 - u**2)), nodes)
            - 4 / 3 * x * jnp.sqrt(x)
        ),
        (0.0, 1.0),
        lambda x: x,
        curves={"names": ("series 8", "series 16", "network 0")},
    )


def delays():
    past = lambda f, x: jnp.where(x > 0, f(jnp.maximum(x, 0.0)), 1.0)

    def steps(x):
        first = lambda x: 1 - x
        second = lambda x: first(x) + (x - 1) ** 2 / 2
        third = lambda x: second(x) - (x - 2) ** 3 / 6
        return jnp.where(x < 1, first(x), jnp.where(x < 2, second(x), third(x)))

    yield curve(
        "f'(x) = -f(x - 1)",
        "kink",
        lambda f, x: slope(f)(x) + past(f, x - 1),
        (0.0, 3.0),
        steps,
        at(1.0),
        n=60,
        choose=lambda a, b: (
            some_curves(a, b, names=("series 16", "series 32", "network 0"))
            | {"elements of a unit": lambda: fe.Series(fe.SpectralElements(6, np.arange(4.0)))}
        ),
    )
    k = np.arange(24)
    ratio = np.array([(-1) ** n * 0.5 ** (n * (n - 1) / 2) / math.factorial(n) for n in k])
    yield curve(
        "pantograph, f'(x) = -f(x / 2)",
        "plain",
        lambda f, x: slope(f)(x) + f(x / 2),
        (0.0, 4.0),
        lambda x: jnp.polyval(jnp.asarray(ratio[::-1]), x),
        at(1.0),
        difficult=False,
        choose=some_curves,
    )
    yield curve(
        "delayed growth that needs its past",
        "missing condition",
        lambda f, x: slope(f)(x) - f(x - 1),
        (1.0, 3.0),
        None,
        at(1.0, 1.0),
        choose=wider(0.0, 3.0),
        others=(_omega, lambda x: _omega(x) * (1 + 0 * x) + _second(x)),
    )


def _omega(x):
    """exp(w (x - 1)) with w exp(w) = 1."""
    return jnp.exp(0.5671432904097838 * (x - 1))


def _second(x):
    """Another solution of f'(x) = f(x - 1), zero at x = 1: a complex root of w exp(w) = 1."""
    from scipy.special import lambertw

    w = complex(lambertw(1.0, 1))
    return jnp.exp(w.real * (x - 1)) * jnp.sin(w.imag * (x - 1))


def bends():
    yield curve(
        "the absolute value",
        "kink",
        lambda f, x: slope(f)(x) - jnp.sign(x),
        (-1.0, 1.0),
        jnp.abs,
        at(1.0, -1.0),
        choose=lambda a, b: (
            some_curves(a, b, names=("series 16", "series 32", "elements", "network 0"))
            | {"polygon": spline(a, b, 8, 1)}
        ),
    )
    yield curve(
        "the square root by x f' = f / 2",
        "kink",
        lambda f, x: x * slope(f)(x) - f(x) / 2,
        (0.0, 1.0),
        jnp.sqrt,
        at(1.0, 1.0),
    )
    yield curve(
        "an obstacle",
        "kink",
        lambda f, x: fe.fischer_burmeister(2 - bend(f)(x), f(x)),
        (0.0, 1.0),
        lambda x: jnp.maximum(0.5 - x, 0.0) ** 2,
        at(0.25),
        at(0.0, 1.0),
        curves={"names": ("series 16", "series 32", "spline", "network 0")},
    )
    yield curve(
        "the larger of two",
        "kink",
        lambda f, x: f(x) - jnp.maximum(1.0, 2 * x) - 0.5 * f(x / 2),
        (0.0, 2.0),
        _larger,
        curves={"names": ("series 16", "series 32", "spline", "network 0")},
    )
    yield curve(
        "a power whose slope has no limit",
        "kink",
        lambda f, x: slope(f)(x) - 1.25 * jnp.maximum(x, 0.0) ** 0.25,
        (-1.0, 1.0),
        lambda x: jnp.maximum(x, 0.0) ** 1.25,
        at(0.0, -1.0),
        curves={"names": ("series 16", "spline", "network 0")},
    )
    yield Case(
        "a payoff whose slope is not a number",
        "kink",
        on(lambda f, x: f(x) - x - 0.5 * jnp.maximum(f(0.5 * x) - 0.2, 0.0) ** 0.8, -1.0, 1.0),
        _payoff,
        {"spline": spline(-1.0, 1.0, 40, 3), "series 16": series(16, -1.0, 1.0)}
        | {"network 0": network(-1.0, 1.0)},
        True,
        n=120,
    )


def _larger(x):
    """sum_k 2^-k max(1, 2 x / 2^k): from k = 2 on the constant is larger."""
    terms = [0.5**k * jnp.maximum(1.0, 2 * x * 0.5**k) for k in range(3)]
    return sum(terms) + 2 * 0.5**3


def _payoff(x, depth=3):
    """f(x) = x where x <= 0.4."""
    inner = _payoff(0.5 * x, depth - 1) if depth else 0.5 * x
    return x + 0.5 * jnp.maximum(inner - 0.2, 0.0) ** 0.8


def cases():
    yield from functional()
    yield from integral()
    yield from delays()
    yield from bends()
