"""Models of economics with known answers."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from trust_case import (
    all_curves,
    at,
    boxes,
    Case,
    curve,
    network,
    series,
    slope,
    some_curves,
    spline,
)

import fesolve as fe


def pricing():
    chain = fe.rouwenhorst(7, 0.9, 0.1)
    dividend = jnp.exp(chain.grid)
    states = np.arange(7)

    def value(beta, pays):
        def equation(f, i):
            return f(i) - pays[i] - beta * fe.expectation(f, chain.given(i))

        return fe.Risk(equation, chain.stationary)

    matrix = np.eye(7) - 0.95 * np.asarray(chain.transition)
    table = lambda values: lambda i: jnp.asarray(values)[i]
    right = np.linalg.solve(matrix, np.asarray(dividend))
    tables = {"table": lambda: fe.Series(fe.Indicator(7))}
    where = {"points": states, "weights": np.asarray(chain.stationary.weights)}
    risk = value(0.95, dividend)
    yield Case("a claim on a Markov chain", "plain", risk, table(right), tables, False, **where)
    fair = dividend - jnp.asarray(where["weights"]) @ dividend
    grown = np.linalg.lstsq(np.eye(7) - np.asarray(chain.transition), np.asarray(fair), rcond=None)
    both = (table(grown[0]), table(grown[0] + 1))
    risk = value(1.0, fair)
    yield Case(
        "an undiscounted claim, fair", "missing condition", risk, None, tables, True,
        others=both, **where,
    )  # fmt: skip
    risk = value(1.0, dividend)
    yield Case(
        "an undiscounted claim, endless",
        "contradicting conditions",
        risk,
        None,
        tables,
        True,
        **where,
    )
    yield lucas()
    rate, fall = 0.1, 0.02
    fundamental = lambda t: jnp.exp(-fall * t) / (rate + fall)
    equation = lambda f, t: slope(f)(t) - rate * f(t) + jnp.exp(-fall * t)
    end = float(fundamental(30.0))
    horizon = (0.0, 30.0)
    last = at(end, 30.0)
    yield curve(
        "a price with its end", "plain", equation, horizon, fundamental, last, difficult=False
    )
    bubble = lambda t: fundamental(t) + 0.1 * jnp.exp(rate * t)
    yield curve(
        "a price that may have a bubble",
        "missing condition",
        equation,
        horizon,
        None,
        others=(fundamental, bubble),
        curves={"names": ("series 16", "series 32", "network 0", "network 1")},
    )


def lucas(beta=0.95, gamma=2.5, mean=0.0179, rho=-0.139, sigma=0.0348):
    """Burnside (1998): the price-dividend ratio with autoregressive growth, an infinite sum."""
    theta = 1 - gamma
    i = np.arange(1, 600)
    b = theta * rho * (1 - rho**i) / (1 - rho)
    noise = i - 2 * rho * (1 - rho**i) / (1 - rho) + rho**2 * (1 - rho ** (2 * i)) / (1 - rho**2)
    a = theta * mean * i + (theta * sigma / (1 - rho)) ** 2 / 2 * noise
    weights, b = jnp.asarray(beta**i * np.exp(a)), jnp.asarray(b)

    def equation(f, x, e):
        x1 = (1 - rho) * mean + rho * x + e
        return f(x) - beta * jnp.exp(theta * x1) * (1 + f(x1))

    wide = 0.15
    return Case(
        "Lucas tree with autoregressive growth",
        "plain",
        fe.Risk(
            equation,
            fe.Uniform(mean - wide, mean + wide),
            shock=fe.Normal(0.0, sigma).quadrature(15),
        ),
        lambda x: weights @ jnp.exp(b * (x - mean)),
        all_curves(mean - 2.5 * wide, mean + 2.5 * wide, start=10.0),
        False,
    )


def open_boxes():
    beta, rho, sigma = 0.99, 0.9895, 0.0034
    spread = sigma / np.sqrt(1 - rho**2)
    box, wide = fe.Uniform(-3.5 * spread, 3.5 * spread), 3.5 * spread + 4 * sigma
    shock = fe.Normal(0.0, sigma).quadrature(7)
    made = {f"series {k}": series(k, -wide, wide) for k in (10, 20, 30, 40, 60)}
    yield Case(
        "open box, a persistent dividend",
        "open box",
        fe.Risk(lambda f, z, e: f(z) - z - beta * f(rho * z + e), box, shock=shock),
        lambda z: z / (1 - beta * rho),
        made | {"network 0": network(-wide, wide)},
        True,
        n=96,
    )
    far = 8 * spread
    yield Case(
        "a persistent dividend under its own law, to 8 deviations",
        "open box",
        fe.Risk(
            lambda f, z, e: f(z) - z - beta * f(rho * z + e),
            fe.TruncatedNormal(0.0, spread, -far, far),
            shock=shock,
        ),
        lambda z: z / (1 - beta * rho),
        {f"series {k}": series(k, -far, far) for k in (10, 20, 30, 40, 60)}
        | {"network 0": network(-far, far), "spline": spline(-far, far, 20, 3)},
        True,
        n=96,
    )
    yield matching()
    yield matching("a vacancy under its own law, to 8 deviations", 8.0)
    beta = 0.95
    level = (math.log(1 - beta) + beta * math.log(beta) / (1 - beta)) / (1 - beta)
    known = lambda s: level + s / (1 - beta)

    def eaten(f, s):
        return f(s) - math.log(1 - beta) - s - beta * f(s + math.log(beta))

    curves = lambda a, b: some_curves(a + math.log(beta), b, start=-70.0)
    yield curve(
        "cake in logs, an open box",
        "open box",
        eaten,
        (-2.0, 0.0),
        None,
        choose=curves,
        others=(known, lambda s: known(s) + 0.1 * jnp.exp(-s)),
    )
    yield curve(
        "cake in logs with a value at the left",
        "open box",
        eaten,
        (-2.0, 0.0),
        known,
        at(float(known(-2.0)), -2.0),
        choose=curves,
    )


@functools.cache
def matching_value():
    """The gain of a filled vacancy, by a contraction on cubic splines."""
    from scipy.interpolate import CubicSpline

    m = MATCHING
    grid = np.linspace(-9 * m["spread"], 9 * m["spread"], 1_201)
    nodes = fe.Normal(0.0, m["sigma"]).quadrature(7)
    z1 = np.clip(m["rho"] * grid[:, None] + np.asarray(nodes.points), grid[0], grid[-1])
    J = np.full(grid.size, 0.7)
    for _ in range(2_000):
        J1 = CubicSpline(grid, J)(z1)
        J = matching_gain(z1, J1, np) @ np.asarray(nodes.weights)
    fine = np.linspace(grid[0], grid[-1], 60_001)
    return fine, CubicSpline(grid, J)(fine)


MATCHING: dict[str, Any] = {"beta": 0.99 ** (1 / 12), "s": 0.0081, "rho": 0.9895, "sigma": 0.0034}
MATCHING["spread"] = MATCHING["sigma"] / math.sqrt(1 - MATCHING["rho"] ** 2)


def matching_gain(z1, J1, xp, iota=0.407, eta=0.052, b=0.955, kappa=0.584):
    """What a filled vacancy gains tomorrow; vacancies are never negative."""
    posted = J1 > kappa * (1 + 1e-12)
    tightness = xp.where(posted, (xp.where(posted, J1 / kappa, 2.0) ** iota - 1) ** (1 / iota), 0.0)
    gain = (1 - eta) * (xp.exp(z1) - b) - eta * kappa * tightness + (1 - MATCHING["s"]) * J1
    return MATCHING["beta"] * gain


def matching(name: str = "matching with vacancies that may stop", deviations: float = 3.5):
    m = MATCHING

    def equation(J, z, e):
        z1 = m["rho"] * z + e
        return J(z) - matching_gain(z1, J(z1), jnp)

    fine, values = matching_value()
    ends = deviations * m["spread"]
    if deviations > 6:
        wide, box = ends, fe.TruncatedNormal(0.0, m["spread"], -ends, ends)
    else:
        wide, box = ends + 4 * m["sigma"], fe.Uniform(-ends, ends)
    made = {f"series {k}": series(k, -wide, wide, start=0.7) for k in (20, 25, 30, 40)}
    return Case(
        name,
        "open box",
        fe.Risk(equation, box, shock=fe.Normal(0.0, m["sigma"]).quadrature(7)),
        lambda z: jnp.interp(z, fine, values),
        made | {"spline": spline(-wide, wide, 40, 3, start=0.7)},
        True,
        n=60,
        close=1e-4,
    )


def policies():
    alpha, beta = 0.36, 0.96
    shock = fe.Normal(0.0, 0.02).quadrature(5)

    def euler(c, x):
        k1 = jnp.exp(alpha * x[0] + x[1]) - c(x)

        def payoff(e):
            x1 = jnp.stack([jnp.log(k1), 0.8 * x[1] + e])
            return alpha * jnp.exp(x1[1]) * k1 ** (alpha - 1) * c(x) / c(x1)

        return 1 - beta * fe.expectation(payoff, shock)

    rest = math.log(alpha * beta) / (1 - alpha)
    lower, upper = np.array([rest - 0.5, -0.1]), np.array([rest + 0.5, 0.1])
    yield Case(
        "Brock and Mirman, consumption",
        "plain",
        fe.Risk(euler, fe.Uniform(lower, upper)),
        lambda x: (1 - alpha * beta) * jnp.exp(alpha * x[0] + x[1]),
        boxes(
            lower - np.array([0.0, 0.1]), upper + np.array([0.0, 0.1]), (4, 8), (0, 1), start=0.36
        ),
        False,
        n=12,
    )
    theta = lambda x: 0.4 + 0.1 * jnp.sin(3 * x)

    def shares(f, x):
        s = f(x)
        x1 = jnp.log(s[2]) + alpha * x
        gain = alpha * beta * theta(x1) / (s[2] * f(x1)[0])
        return {
            "goods": jnp.log(s[0] / s[1]) - jnp.log(theta(x) / (1 - theta(x))),
            "euler": 1 - gain * s[0] / theta(x),
        }

    save = alpha * beta
    curves = lambda a, b: {
        name: lambda f=f: fe.Ansatz(_softmax, f())
        for name, f in some_curves(
            a, b, names=("series 16", "series 32", "network 0"), out=3
        ).items()
    }
    yield curve(
        "shares by a softmax over all logits",
        "vanishing",
        shares,
        (rest - 1.0, rest + 1.0),
        lambda x: jnp.stack([theta(x) * (1 - save), (1 - theta(x)) * (1 - save), save + 0 * x]),
        n=64,
        choose=curves,
    )
    saturated = lambda a, b: {
        name: lambda f=f: fe.Ansatz(_sigmoid, f())
        for name, f in some_curves(a, b, names=("series 8", "series 16", "network 0")).items()
    }
    yield curve(
        "a sigmoid that saturates",
        "vanishing",
        lambda f, x: slope(f)(x) - 30 * f(x) * (1 - f(x)),
        (-1.0, 1.0),
        lambda x: jax.nn.sigmoid(30 * x),
        at(0.5),
        choose=saturated,
    )


def _softmax(net, x):
    return jax.nn.softmax(net(x))


def _sigmoid(net, x):
    return jax.nn.sigmoid(net(x))


def cases():
    yield from pricing()
    yield from open_boxes()
    yield from policies()
