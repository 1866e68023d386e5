"""Equations that say less than they seem to: vanishing factors, spikes, rest points, missing and
contradicting conditions, several solutions, a p* that leaves something out."""

import jax.numpy as jnp
import numpy as np
import scipy.special
from jax.scipy.special import erf
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
)

import fesolve as fe


decay = lambda x: jnp.exp(-x)
NETS = ("series 16", "series 32", "network 0", "network 1")
EVERY = (*NETS, "series 8", "elements", "spline", "network 2")


def vanishing():
    def factor(name, residual, rate, domain=(0.0, 1.0), others=(), exact=True, **options):
        right = (lambda x: jnp.exp(rate * x)) if exact else None
        options = {"curves": {"names": NETS}} | options
        return curve(name, "vanishing", residual, domain, right, at(1.0), others=others, **options)

    yield factor("the cube of f' + 2 f", lambda f, x: (slope(f)(x) + 2 * f(x)) ** 3, -2.0)
    yield factor("the square of f' + f", lambda f, x: (slope(f)(x) + f(x)) ** 2, -1.0)
    yield factor("x (f' + f)", lambda f, x: x * (slope(f)(x) + f(x)), -1.0)
    yield factor("x^8 (f' + f)", lambda f, x: x**8 * (slope(f)(x) + f(x)), -1.0)
    yield factor("f (f' + f)", lambda f, x: f(x) * (slope(f)(x) + f(x)), -1.0)
    yield factor("exp(-50 x) (f' - f)", lambda f, x: jnp.exp(-50 * x) * (slope(f)(x) - f(x)), 1.0)
    yield factor("tanh of 1e4 (f' + f)", lambda f, x: jnp.tanh(1e4 * (slope(f)(x) + f(x))), -1.0)
    half = lambda x: jnp.exp(-x) + 5 * jnp.maximum(x - 0.5, 0.0) ** 2
    yield factor(
        "nothing is asked for beyond a half",
        lambda f, x: jnp.where(x < 0.5, slope(f)(x) + f(x), 0.0),
        -1.0,
        exact=False,
        others=(decay, half),
    )
    nodes = fe.Uniform(0.0, 1.0).quadrature(24)
    right = lambda x: (jnp.exp(1 + x) - 1) / (1 + x)
    yield curve(
        "a smoothing kernel, of the first kind",
        "vanishing",
        lambda f, x: fe.expectation(lambda y: jnp.exp(x * y) * f(y), nodes) - right(x),
        (0.0, 1.0),
        jnp.exp,
        curves={"names": ("series 8", "series 16", "network 0")},
    )


def spikes():
    for width, hidden in ((3e-2, False), (1e-3, False), (1e-6, True)):
        middle = 0.2371  # between the points of every rule
        yield curve(
            f"a spike of width {width:g}",
            "spike",
            lambda f, x, w=width: slope(f)(x) - jnp.exp(-(((x - middle) / w) ** 2)) / w,
            (0.0, 1.0),
            lambda x, w=width: np.sqrt(np.pi) / 2 * erf((x - middle) / w) + 1.0,
            at(float(np.sqrt(np.pi) / 2 * scipy.special.erf(-middle / width) + 1.0)),
            hidden=hidden,
            curves={"names": ("series 16", "series 32", "network 0")},
        )
    k = 2 * np.pi * 48
    wave = lambda f, x: slope(f)(x) - k * jnp.cos(k * x)
    both = {"series 16": series(16, 0.0, 1.0), "network 0": network(0.0, 1.0)}
    fine = fe.Uniform(0.0, 1.0).quadrature(401)
    yield Case(
        "48 waves on their own 49 points",
        "spike",
        fe.Risk(wave, fe.Empirical(np.linspace(0.0, 1.0, 49))) + at(0.0),
        lambda x: jnp.sin(k * x),
        both,
        True,
        points=fine.points,
        weights=fine.weights,
        hidden=True,
    )
    yield curve("48 waves", "spike", wave, (0.0, 1.0), lambda x: jnp.sin(k * x), at(0.0))
    yield Case(
        "60 radians on 9 points",
        "spike",
        fe.Risk(lambda f, x: f(x) - jnp.sin(60 * x), fe.Empirical(np.linspace(0.0, 1.0, 9))),
        lambda x: jnp.sin(60 * x),
        {"network 0": network(0.0, 1.0)},
        True,
        points=fine.points,
        weights=fine.weights,
        hidden=True,
    )
    yield curve(
        "four points for a degree of three",
        "spike",
        lambda f, x: slope(f)(x) - 4 * f(x) * (1 - f(x)),
        (0.0, 4.0),
        lambda x: 1 / (1 + 9 * jnp.exp(-4 * x)),
        at(0.1),
        n=4,
        choose=lambda a, b: {"series 4": series(4, a, b), "network 0": network(a, b)},
    )


def rest_points():
    def rising(name, rate, start, b, **options):
        ratio = 1 / start - 1
        return curve(
            name,
            "rest point",
            lambda f, x: slope(f)(x) - rate * f(x) * (1 - f(x)),
            (0.0, b),
            lambda x: 1 / (1 + ratio * jnp.exp(-rate * x)),
            at(start),
            **{"curves": {"names": NETS}} | options,
        )

    yield rising("logistic from 1e-8", 1.0, 1e-8, 25.0)
    yield rising("logistic, rate 2 from 0.01", 2.0, 0.01, 5.0)
    yield rising(
        "logistic, rate 10",
        10.0,
        0.1,
        5.0,
        n=160,
        curves={"degrees": (32, 64, 128), "names": ("series 64", "series 128", "network 0")},
    )
    # x as a function of f is known, by partial fractions.
    t = lambda f: np.log(f - 0.3) / 0.21 - np.log(f) / 0.3 - np.log(1 - f) / 0.7
    yield curve(
        "bistable, just above the threshold",
        "rest point",
        lambda f, x: slope(f)(x) - f(x) * (1 - f(x)) * (f(x) - 0.3),
        (0.0, 20.0),
        inverse(t, 0.31, 20.0, 120),
        at(0.31),
        curves={"names": NETS},
        close=1e-6,
    )
    yield curve(
        "pendulum held upright, almost",
        "rest point",
        lambda f, x: bend(f)(x) - jnp.sin(f(x)),
        (0.0, 8.0),
        lambda x: 4 * jnp.arctan(jnp.exp(x - 8.0)),
        at(float(4 * np.arctan(np.exp(-8.0)))),
        slope_at(float(2 / np.cosh(8.0))),
        curves={"names": NETS},
    )


def inverse(t, start, length, degree):
    """The function f with t(f(x)) - t(start) = x, as a series."""
    from scipy.optimize import brentq

    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    top = 1 - 1e-9
    solve = lambda x: brentq(lambda f: t(f) - t(start) - x, start, top, xtol=1e-15, rtol=1e-14)
    values = [solve(length * (node + 1) / 2) for node in nodes]
    coefficients = jnp.asarray(np.polynomial.chebyshev.chebfit(nodes, values, degree))
    basis = fe.Chebyshev(degree, (0.0, length))
    return lambda x: coefficients @ basis(x)


def missing():
    pi = np.pi

    def free(name, residual, domain, witnesses, *conditions, **options):
        options = {"curves": {"names": NETS}} | options
        return curve(
            name,
            "missing condition",
            residual,
            domain,
            None,
            *conditions,
            others=witnesses,
            **options,
        )

    first = lambda f, x: slope(f)(x) + f(x)
    yield free(
        "f' = -f alone", first, (0.0, 1.0), (decay, lambda x: 2 * decay(x)), curves={"names": EVERY}
    )
    wave = lambda f, x: bend(f)(x) + f(x)
    both = (jnp.sin, lambda x: 2 * jnp.sin(x))
    yield free("f'' = -f with one condition", wave, (0.0, 2.0), both, at(0.0))
    yield free("a string at rest or not", wave, (0.0, pi), both, at(0.0), at(0.0, pi))
    yield free(
        "two slopes and no level",
        lambda f, x: bend(f)(x) - jnp.cos(pi * x),
        (0.0, 1.0),
        tuple(lambda x, c=c: c - jnp.cos(pi * x) / pi**2 for c in (0.0, 1.0)),
        slope_at(0.0),
        slope_at(0.0, 1.0),
        curves={"names": NETS, "start": 1.0},
    )
    yield free(
        "a system with one condition",
        lambda f, x: slope(f)(x) - jnp.stack([f(x)[1], -f(x)[0]]),
        (0.0, 3.0),
        tuple(lambda x, c=c: jnp.stack([c * jnp.sin(x), c * jnp.cos(x)]) for c in (1.0, 2.0)),
        fe.Risk(lambda f, x: f(x)[0], fe.Dirac(0.0)),
        curves={"out": 2, "start": 1.0, "names": ("series 16", "network 0")},
    )
    yield free(
        "Clairaut, lines and their envelope",
        lambda f, x: f(x) - x * slope(f)(x) - slope(f)(x) ** 2,
        (0.0, 1.0),
        (lambda x: x + 1.0, lambda x: 0.5 * x + 0.25),
        curves={"names": NETS, "start": 1.0},
    )


def contradicting():
    pi = np.pi

    def against(name, residual, domain, *conditions, **options):
        options = {"curves": {"names": ("series 16", "series 32", "network 0")}} | options
        return curve(
            name, "contradicting conditions", residual, domain, None, *conditions, **options
        )

    first = lambda f, x: slope(f)(x) + f(x)
    yield against("f' = -f with two values", first, (0.0, 2.0), at(1.0), at(1.0, 2.0))
    yield against("f' = -f with two nearly right values", first, (0.0, 1.0), at(1.0), at(0.37, 1.0))
    yield against(
        "two initial values", first, (0.0, 1.0), at(1.0), at(1.002), curves={"names": NETS}
    )
    wave = lambda f, x: bend(f)(x) + f(x)
    yield against("a string pulled at resonance", wave, (0.0, pi), at(0.0), at(1.0, pi))
    flat = (slope_at(0.0), slope_at(0.0, 1.0), at(0.0))
    yield against("a source in an insulated rod", lambda f, x: bend(f)(x) - 1, (0.0, 1.0), *flat)
    yield against(
        "f' = f^2 beyond its pole", lambda f, x: slope(f)(x) - f(x) ** 2, (0.0, 1.5), at(1.0)
    )
    yield against("1 + f^2 = 0", lambda f, x: 1 + f(x) ** 2 + 0 * x, (0.0, 1.0))
    yield against("x f' = 1 from zero", lambda f, x: x * slope(f)(x) - 1, (0.0, 1.0), at(0.0))
    yield against("the square root below zero", lambda f, x: f(x) ** 2 - x, (-1.0, 1.0))
    yield against(
        "a slope and its corner",
        lambda f, x: slope(f)(x) ** 2 - 1,
        (-1.0, 1.0),
        at(0.0, -1.0),
        at(0.0, 1.0),
    )


def several():
    def theta(lower):
        from scipy.optimize import brentq

        equation = lambda t: np.sqrt(2.0) * np.cosh(t / 4) - t
        return brentq(equation, *((1.0, 2.5) if lower else (8.0, 14.0)), xtol=1e-15)

    bratu = lambda t: lambda x: -2 * jnp.log(jnp.cosh((x - 0.5) * t / 2) / np.cosh(t / 4))
    yield curve(
        "Bratu, two solutions",
        "several solutions",
        lambda f, x: bend(f)(x) + jnp.exp(f(x)),
        (0.0, 1.0),
        bratu(theta(True)),
        at(0.0),
        at(0.0, 1.0),
        others=(bratu(theta(False)),),
        curves={"names": ("series 8", *NETS)},
    )
    yield curve(
        "Bratu from above",
        "several solutions",
        lambda f, x: bend(f)(x) + jnp.exp(f(x)),
        (0.0, 1.0),
        bratu(theta(False)),
        at(0.0),
        at(0.0, 1.0),
        others=(bratu(theta(True)),),
        curves={"names": NETS, "start": 4.0},
    )
    root = lambda x: jnp.sqrt(1 + x**2)
    yield curve(
        "a square root with both signs",
        "several solutions",
        lambda f, x: f(x) ** 2 - 1 - x**2,
        (-1.0, 1.0),
        root,
        others=(lambda x: -root(x),),
        curves={"start": 1.0},
    )
    yield curve(
        "f f' = x",
        "several solutions",
        lambda f, x: f(x) * slope(f)(x) - x,
        (0.0, 1.0),
        lambda x: x,
        at(0.0),
        others=(lambda x: -x,),
        curves={"names": NETS},
    )
    yield curve(
        "f' = 2 sqrt|f|, which may wait",
        "several solutions",
        lambda f, x: slope(f)(x) - 2 * jnp.sqrt(jnp.abs(f(x)) + 1e-300),
        (0.0, 1.0),
        None,
        at(0.0),
        others=(lambda x: x**2, lambda x: jnp.maximum(x - 0.3, 0.0) ** 2),
    )
    yield curve(
        "f'^2 + f^2 = 1, which may stay at one",
        "several solutions",
        lambda f, x: slope(f)(x) ** 2 + f(x) ** 2 - 1,
        (0.0, 4.0),
        None,
        at(0.0),
        others=(jnp.sin, lambda x: jnp.sin(jnp.minimum(x, np.pi / 2))),
        curves={"names": NETS},
    )


def other_distributions():
    first = lambda f, x: slope(f)(x) + f(x)
    gap = fe.Mixture(fe.Uniform(0.0, 0.2), fe.Uniform(0.8, 1.0))
    later = lambda x: decay(x) * (1 + 0.5 * (jnp.clip((x - 0.2) / 0.6, 0.0, 1.0)) ** 2)
    left = fe.Uniform(0.0, 0.2).quadrature(50).points, fe.Uniform(0.8, 1.0).quadrature(50).points
    yield Case(
        "a hole in the sample",
        "wrong p*",
        fe.Risk(first, gap) + at(1.0),
        None,
        some_curves(0.0, 1.0),
        True,
        points=np.concatenate(left),
        others=(decay, later),
    )
    yield Case(
        "a normal law without bounds",
        "wrong p*",
        fe.Risk(lambda f, x: slope(f)(x) + x * f(x), fe.Normal(0.0, 1.0)) + at(1.0),
        lambda x: jnp.exp(-(x**2) / 2),
        some_curves(-6.0, 6.0),
        True,
        n=24,
        points=np.random.default_rng(0).normal(size=400),
    )
    yield Case(
        "a sample that stops before the condition",
        "wrong p*",
        on(first, 0.5, 1.0) + at(1.0),
        None,
        some_curves(0.0, 1.0),
        True,
        others=(decay, lambda x: decay(x) * (1 + jnp.minimum(x, 0.5) * 0.2)),
    )
    yield Case(
        "few points in a long tail",
        "wrong p*",
        fe.Risk(lambda f, x: x * slope(f)(x) - 1.0, fe.LogNormal(0.0, 0.5)) + at(0.0, 1.0),
        jnp.log,
        some_curves(0.05, 8.0, names=("series 16", "series 32", "spline", "network 0")),
        True,
        n=24,
        points=np.exp(0.5 * np.random.default_rng(0).normal(size=400)),
    )


def cases():
    yield from vanishing()
    yield from spikes()
    yield from rest_points()
    yield from missing()
    yield from contradicting()
    yield from several()
    yield from other_distributions()
