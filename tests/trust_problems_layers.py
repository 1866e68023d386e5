"""Layers, singular points, classes that are too rough, and eigenvalues."""

import functools

import jax.numpy as jnp
import numpy as np
import scipy.special
from trust_case import (
    at,
    bend,
    Case,
    Curve,
    curve,
    elements,
    interpolated,
    network,
    on,
    series,
    slope,
    slope_at,
    spline,
)

import fesolve as fe


def layers():
    def ends(name, residual, exact, domain=(0.0, 1.0), n=64, **options):
        conditions = (at(float(exact(x)), x) for x in domain)
        names = ("series 16", "series 32", "elements", "network 0")
        curves = {"names": names} | options
        return curve(name, "layer", residual, domain, exact, *conditions, n=n, curves=curves)

    for width in (3e-2, 1e-3):
        yield ends(
            f"boundary layer of {width:g}",
            lambda f, x, e=width: e * bend(f)(x) + slope(f)(x),
            lambda x, e=width: (1 - jnp.exp(-x / e)) / (1 - np.exp(-1 / e)),
        )
    yield ends(
        "Burgers at rest, a layer inside",
        lambda f, x: f(x) * slope(f)(x) - 0.05 * bend(f)(x),
        lambda x: -jnp.tanh(10 * x),
        (-1.0, 1.0),
        degrees=(16, 32, 64),
    )
    yield ends(
        "phase front that may nearly move",
        lambda f, x: 0.01 * bend(f)(x) - f(x) ** 3 + f(x),
        lambda x: jnp.tanh(x / np.sqrt(0.02)),
        (-1.0, 1.0),
    )
    yield curve(
        "arc tangent with a steep place",
        "layer",
        lambda f, x: slope(f)(x) - 50 / (1 + 2500 * x**2),
        (-1.0, 1.0),
        lambda x: jnp.arctan(50 * x),
        at(np.arctan(-50.0), -1.0),
    )
    for start in (1.0, 2.0):
        yield curve(
            f"stiff, from {start:g}",
            "layer",
            lambda f, x: slope(f)(x) / 1000 + f(x) - jnp.cos(x) + jnp.sin(x) / 1000,
            (0.0, 1.0),
            lambda x, c=start: jnp.cos(x) + (c - 1) * jnp.exp(-1000 * x),
            at(start),
        )
    yield curve(
        "Bessel, a removable singularity",
        "layer",
        lambda f, x: bend(f)(x) + slope(f)(x) / x + f(x),
        (0.0, 10.0),
        _bessel(10.0),
        at(1.0),
        curves={"names": ("series 16", "series 32", "elements", "network 0", "network 1")},
    )
    for power, exact in ((1, jnp.sinc), (5, None)):
        yield curve(
            f"Lane and Emden, n = {power}",
            "layer",
            lambda f, x, n=power: bend(f)(x) + 2 * slope(f)(x) / x + f(x) ** n,
            (0.0, 3.0),
            (lambda x: jnp.sinc(x / np.pi)) if exact else (lambda x: (1 + x**2 / 3) ** -0.5),
            at(1.0),
            slope_at(0.0),
        )
    yield curve(
        "Legendre, singular at the ends",
        "layer",
        lambda f, x: (1 - x**2) * bend(f)(x) - 2 * x * slope(f)(x) + 12 * f(x),
        (-1.0, 1.0),
        lambda x: (5 * x**3 - 3 * x) / 2,
        at(1.0, 1.0),
    )
    yield curve(
        "Van der Pol, mu = 1",
        "layer",
        lambda f, x: slope(f)(x) - _van_der_pol(f(x)[0], f(x)[1], jnp.stack),
        (0.0, 6.0),
        interpolated(lambda x, y: _van_der_pol(y[0], y[1], np.stack), [2.0, 0.0], (0.0, 6.0), 200),
        at([2.0, 0.0]),
        n=96,
        curves={
            "out": 2,
            "degrees": (16, 32, 64),
            "names": ("series 32", "series 64", "network 0"),
        },
        close=1e-7,
    )
    yield curve(
        "Lorenz, two units of time",
        "layer",
        lambda f, x: slope(f)(x) - _lorenz(f(x)[0], f(x)[1], f(x)[2], jnp.stack),
        (0.0, 2.0),
        interpolated(lambda x, y: _lorenz(*y, np.stack), [-8.0, 8.0, 27.0], (0.0, 2.0), 240),
        at([-8.0, 8.0, 27.0]),
        n=96,
        curves={
            "out": 3,
            "degrees": (16, 32, 64),
            "start": np.array([0.0, 0.0, 25.0]),
            "names": ("series 32", "series 64"),
        },
        close=1e-6,
    )


def _van_der_pol(y, v, stack):
    return stack([v, (1 - y**2) * v - y])


def _lorenz(a, b, c, stack):
    return stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c])


@functools.cache
def _bessel(upper):
    """J_0 as a Chebyshev series, since JAX has none that can be differentiated."""
    nodes = np.cos(np.pi * (np.arange(61) + 0.5) / 61)
    values = scipy.special.j0(upper * (nodes + 1) / 2)
    coefficients = np.polynomial.chebyshev.chebfit(nodes, values, 60)
    t = lambda x: 2 * x / upper - 1
    basis = fe.Chebyshev(60, (-1.0, 1.0))
    return lambda x: jnp.asarray(coefficients) @ basis(t(x))


def rough_classes():
    """The function is too rough for the equation: between its pieces nothing is asked for."""
    yield curve(
        "f'' = f on elements without a slope at their ends",
        "missing condition",
        lambda f, x: bend(f)(x) - f(x),
        (0.0, 1.0),
        lambda x: jnp.sinh(x) / np.sinh(1.0),
        at(0.0),
        at(1.0, 1.0),
        choose=lambda a, b: {
            "elements": elements(a, b, smoothness=0),
            "polygon": spline(a, b, 8, 1),
        },
    )
    yield curve(
        "a beam on elements with a slope alone",
        "missing condition",
        lambda f, x: fe.derivative(f, 4)(x) - 1.0,
        (0.0, 1.0),
        lambda x: (x**4 - 2 * x**3 + x) / 24,
        at(0.0),
        at(0.0, 1.0),
        slope_at(0.0, 0.0, 2),
        slope_at(0.0, 1.0, 2),
        choose=lambda a, b: {"elements": elements(a, b), "series 8": series(8, a, b)},
    )


def eigenvalues():
    def pair(name, residual, domain, exact, *conditions, guess, curves=(16, 24), **options):
        made = {f"series {k}": series(k, *domain) for k in curves} | {"network 0": network(*domain)}
        hypotheses = {
            label: lambda f=f: Curve(f(), jnp.asarray(guess, float)) for label, f in made.items()
        }
        risk = sum(conditions, on(residual, *domain))
        kind = options.pop("kind", "eigenvalue")
        return Case(name, kind, risk, exact, hypotheses, True, **options)

    of = lambda f: f.function
    wave = lambda f, x: bend(f.function)(x) + f.number * f.function(x)
    ends = (at(0.0, 0.0, of), at(0.0, np.pi, of))
    mode = lambda n: Curve(lambda x: jnp.sin(n * x) / n, float(n**2))
    yield pair(
        "string",
        wave,
        (0.0, np.pi),
        mode(1),
        *ends,
        slope_at(1.0, 0.0, of=of),
        guess=1.2,
        others=tuple(mode(n) for n in range(2, 9)),
    )
    yield pair(
        "string without a size",
        wave,
        (0.0, np.pi),
        None,
        *ends,
        guess=1.2,
        others=(Curve(jnp.sin, 1.0), Curve(lambda x: 2 * jnp.sin(x), 1.0)),
    )
    yield pair(
        "quantum oscillator",
        lambda f, x: -bend(f.function)(x) + (x**2 - f.number) * f.function(x),
        (-4.0, 4.0),
        Curve(lambda x: jnp.exp(-(x**2) / 2), 1.0),
        at(np.exp(-8.0), -4.0, of),
        at(np.exp(-8.0), 4.0, of),
        at(1.0, 0.0, of),
        guess=1.3,
    )
    yield pair(
        "an unknown rate",
        lambda f, x: slope(f.function)(x) - f.number * f.function(x),
        (0.0, 1.0),
        Curve(lambda x: jnp.exp(np.log(3.0) * x), np.log(3.0)),
        at(1.0, 0.0, of),
        at(3.0, 1.0, of),
        guess=0.0,
    )
    yield pair(
        "an unknown rate without the second value",
        lambda f, x: slope(f.function)(x) - f.number * f.function(x),
        (0.0, 1.0),
        None,
        at(1.0, 0.0, of),
        guess=0.5,
        kind="missing condition",
        others=(Curve(jnp.exp, 1.0), Curve(lambda x: jnp.exp(-x), -1.0)),
    )
    yield pair(
        "an unknown length, a free boundary",
        lambda f, x: bend(f.function)(x) - f.number**2,
        (0.0, 1.0),
        Curve(lambda x: 2.0 * (1 - x) ** 2, 2.0),
        at(2.0, 0.0, of),
        at(0.0, 1.0, of),
        slope_at(0.0, 1.0, of=of),
        guess=1.5,
        others=(Curve(lambda x: 2.0 * (1 - x) ** 2, -2.0),),
    )
    quarter = lambda m: Curve(lambda x: jnp.cos(m * np.pi / 2 * x), m * np.pi / 2)
    yield pair(
        "an unknown frequency",
        lambda f, x: bend(f.function)(x) + f.number**2 * f.function(x),
        (0.0, 1.0),
        quarter(1),
        at(1.0, 0.0, of),
        slope_at(0.0, 0.0, of=of),
        at(0.0, 1.0, of),
        guess=1.4,
        others=tuple(quarter(m) for m in (-1, 3, -3, 5, -5)),
    )


def cases():
    yield from layers()
    yield from rough_classes()
    yield from eigenvalues()
