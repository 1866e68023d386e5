"""Ordinary differential equations with known answers: plain, growing, in odd units."""

import jax.numpy as jnp
import numpy as np
from trust_case import (
    at,
    bend,
    Case,
    curve,
    interpolated,
    slope,
    slope_at,
    some_curves,
)

import fesolve as fe


def plain():
    pi = np.pi
    yield curve(
        "exponential",
        "plain",
        lambda f, x: slope(f)(x) + f(x),
        (0.0, 2.0),
        lambda x: jnp.exp(-x),
        at(1.0),
        difficult=False,
    )
    yield curve(
        "oscillator",
        "plain",
        lambda f, x: bend(f)(x) + f(x),
        (0.0, 2 * pi),
        jnp.sin,
        at(0.0),
        slope_at(1.0),
        difficult=False,
    )
    yield curve(
        "logistic",
        "plain",
        lambda f, x: slope(f)(x) - f(x) * (1 - f(x)),
        (0.0, 5.0),
        lambda x: 1 / (1 + 9 * jnp.exp(-x)),
        at(0.1),
        difficult=False,
    )
    yield curve(
        "tangent, a Riccati equation",
        "plain",
        lambda f, x: slope(f)(x) - 1 - f(x) ** 2,
        (0.0, 1.2),
        jnp.tan,
        at(0.0),
        difficult=False,
    )
    yield curve(
        "f' = f^2 before it blows up",
        "plain",
        lambda f, x: slope(f)(x) - f(x) ** 2,
        (0.0, 1.5),
        lambda x: 1 / (2 - x),
        at(0.5),
        difficult=False,
    )
    yield curve(
        "bell curve",
        "plain",
        lambda f, x: slope(f)(x) + 2 * x * f(x),
        (0.0, 2.0),
        lambda x: jnp.exp(-(x**2)),
        at(1.0),
        difficult=False,
    )
    yield curve(
        "forced decay",
        "plain",
        lambda f, x: slope(f)(x) + f(x) - jnp.sin(x),
        (0.0, 6.0),
        lambda x: (jnp.sin(x) - jnp.cos(x) + jnp.exp(-x)) / 2,
        at(0.0),
        difficult=False,
    )
    yield curve(
        "rotation, a system",
        "plain",
        lambda f, x: slope(f)(x) - jnp.stack([f(x)[1], -f(x)[0]]),
        (0.0, 6.0),
        lambda x: jnp.stack([jnp.cos(x), -jnp.sin(x)]),
        at([1.0, 0.0]),
        difficult=False,
        curves={"out": 2},
    )
    yield curve(
        "two decays, a system",
        "plain",
        lambda f, x: slope(f)(x) - jnp.stack([-f(x)[0], f(x)[0] - 2 * f(x)[1]]),
        (0.0, 4.0),
        lambda x: jnp.stack([jnp.exp(-x), jnp.exp(-x) - jnp.exp(-2 * x)]),
        at([1.0, 0.0]),
        difficult=False,
        choose=some_curves,
        curves={"out": 2},
    )
    yield curve(
        "two ends",
        "plain",
        lambda f, x: bend(f)(x) - f(x),
        (0.0, 1.0),
        lambda x: jnp.sinh(x) / np.sinh(1.0),
        at(0.0),
        at(1.0, 1.0),
        difficult=False,
    )
    yield curve(
        "Bernoulli",
        "plain",
        lambda f, x: slope(f)(x) - f(x) + f(x) ** 3,
        (0.0, 4.0),
        lambda x: 1 / jnp.sqrt(1 + 99 * jnp.exp(-2 * x)),
        at(0.1),
        difficult=False,
        choose=some_curves,
    )
    yield curve(
        "Gompertz",
        "plain",
        lambda f, x: slope(f)(x) + f(x) * jnp.log(jnp.abs(f(x))),
        (0.0, 5.0),
        lambda x: 0.1 ** jnp.exp(-x),
        at(0.1),
        difficult=False,
        choose=some_curves,
        curves={"start": 0.5},
    )
    yield curve(
        "Cauchy and Euler",
        "plain",
        lambda f, x: x**2 * bend(f)(x) + x * slope(f)(x) - f(x),
        (1.0, 3.0),
        lambda x: x + 1 / x,
        at(2.0, 1.0),
        slope_at(0.0, 1.0),
        difficult=False,
        choose=some_curves,
    )
    whole = fe.Risk(
        lambda f, x: slope(f)(x) + f(x) - (1 + jnp.cos(x)) * jnp.exp(jnp.sin(x)),
        fe.Uniform(0.0, 2 * pi),
    )
    yield Case(
        "periodic, by Fourier series",
        "plain",
        whole,
        lambda x: jnp.exp(jnp.sin(x)),
        {f"Fourier {k}": lambda k=k: fe.Series(fe.Fourier(k)) for k in (4, 8, 16)},
        False,
    )
    volterra = lambda x, y: [y[0] * (1 - y[1]), y[1] * (y[0] - 1)]
    yield curve(
        "Lotka and Volterra",
        "plain",
        lambda f, x: slope(f)(x) - jnp.stack([f(x)[0] * (1 - f(x)[1]), f(x)[1] * (f(x)[0] - 1)]),
        (0.0, 4.0),
        interpolated(volterra, [1.5, 1.0], (0.0, 4.0), 60),
        at([1.5, 1.0]),
        difficult=False,
        choose=some_curves,
        curves={"out": 2, "start": 1.0},
    )
    yield curve(
        "pendulum",
        "plain",
        lambda f, x: bend(f)(x) + jnp.sin(f(x)),
        (0.0, 5.0),
        _first(interpolated(lambda x, y: [y[1], -np.sin(y[0])], [1.0, 0.0], (0.0, 5.0), 60)),
        at(1.0),
        slope_at(0.0),
        difficult=False,
        choose=some_curves,
    )


def _first(f):
    return lambda x: f(x)[0]


def growth():
    decaying = lambda b, rate: curve(
        f"f'' = {rate**2:g} f, the decaying one, on [0, {b:g}]",
        "growth",
        lambda f, x: bend(f)(x) - rate**2 * f(x),
        (0.0, b),
        lambda x: jnp.exp(-rate * x),
        at(1.0),
        slope_at(-rate),
        curves={"names": ("series 16", "series 32", "elements", "network 0", "network 1")},
    )
    yield decaying(15.0, 1.0)
    yield decaying(2.0, 10.0)
    yield curve(
        "f' = 3 f from 1e-6",
        "growth",
        lambda f, x: slope(f)(x) - 3 * f(x),
        (0.0, 6.0),
        lambda x: 1e-6 * jnp.exp(3 * x),
        at(1e-6),
        curves={"names": ("series 8", "series 16", "series 32", "network 0", "network 1")},
    )
    yield curve(
        "f' = 5 f from 1",
        "growth",
        lambda f, x: slope(f)(x) - 5 * f(x),
        (0.0, 4.0),
        lambda x: jnp.exp(5 * x),
        at(1.0),
    )
    yield curve(
        "an unstable path, f' = 10 (f - cos x) - sin x",
        "growth",
        lambda f, x: slope(f)(x) - 10 * (f(x) - jnp.cos(x)) + jnp.sin(x),
        (0.0, 3.0),
        jnp.cos,
        at(1.0),
    )


def units():
    def decay(name, residual, domain, start, exact):
        return curve(name, "units", residual, domain, exact, start)

    for c in (1e-8, 1e8):
        yield decay(
            f"exponential, residual x {c:g}",
            lambda f, x, c=c: c * (slope(f)(x) + f(x)),
            (0.0, 2.0),
            fe.Risk(lambda f, x, c=c: c * (f(x) - 1.0), fe.Dirac(0.0), name="value"),
            lambda x: jnp.exp(-x),
        )
        yield decay(
            f"exponential, f x {c:g}",
            lambda f, x: slope(f)(x) + f(x),
            (0.0, 2.0),
            at(c),
            lambda x, c=c: c * jnp.exp(-x),
        )
    for c in (1e-6, 1e6):
        yield decay(
            f"exponential, x x {c:g}",
            lambda f, x, c=c: slope(f)(x) + f(x) / c,
            (0.0, 2.0 * c),
            at(1.0),
            lambda x, c=c: jnp.exp(-x / c),
        )
    yield decay(
        "logistic in seconds, x to 2e6",
        lambda f, x: slope(f)(x) - 5e-6 * f(x) * (1 - f(x)),
        (0.0, 2e6),
        at(0.1),
        lambda x: 1 / (1 + 9 * jnp.exp(-5e-6 * x)),
    )
    yield decay(
        "logistic to 1e-8, the condition below a tolerance",
        lambda f, x: slope(f)(x) - 5 * f(x) * (1 - 1e8 * f(x)),
        (0.0, 2.0),
        at(1e-9),
        lambda x: 1e-8 / (1 + 9 * jnp.exp(-5 * x)),
    )
    yield curve(
        "a system with unlike units",
        "units",
        lambda f, x: {
            "kelvin": slope(f)(x)[0] + f(x)[0] - 300,
            "moles": slope(f)(x)[1] + 1e-6 * f(x)[0] / 300 * f(x)[1] / 1e-6,
        },
        (0.0, 2.0),
        lambda x: jnp.stack([300 + 30 * jnp.exp(-x), 1e-6 * jnp.exp(-x - 0.1 * (1 - jnp.exp(-x)))]),
        at([330.0, 1e-6]),
        curves={"out": 2},
    )


def cases():
    yield from plain()
    yield from growth()
    yield from units()
