"""Faults in functions of the user, by every way in which such a function is called; as a program
it says as JSON what each of them brings about. Apart from `test_entry.py`, since a test session
checks annotations, whose lines a user's traceback does not have."""

import json
import math
import sys
import traceback

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

import fesolve as fe


P = fe.Uniform(0.5, 1.5)
F = fe.Series(fe.Chebyshev(3, (0.5, 1.5)), start=1.0)
KEY = jr.key(0)


class Own(Exception):
    pass


def own(v):
    raise Own("mine")


FAULTS = {
    "branch": (lambda v: v if v > 0 else -v, ValueError, r"jnp\.where"),
    "numpy": (lambda v: np.sin(v), ValueError, r"`jax\.numpy`"),
    "math": (lambda v: math.exp(v), ValueError, r"`jnp\.exp` for `math\.exp`"),
    "index": (lambda v: [1.0, 2.0][jnp.asarray(v, int)], ValueError, "index of a list"),
    "mask": (lambda v: jnp.ones(2)[jnp.ones(2) * v > 0].sum(), ValueError, "by a traced condition"),
    "name": (lambda v: v * not_defined, NameError, "not_defined"),  # noqa: F821
    "own": (own, Own, "^mine$"),
    "key": (lambda v: {"a": v}["b"], KeyError, "'b'"),
    "shapes": (lambda v: (jnp.ones(3) @ jnp.ones(4)) * v, TypeError, "dot_general"),
}


def risk(bad, **options):
    return fe.Risk(lambda f, x: bad(f(x)), P, **options).quadrature(9)


def solved(r, solver=None, f=F, **options):
    return fe.solve(r, f, solver, **options)


def good(f, x):
    return f(x) - x


def with_compare(bad):
    starts = fe.MultiStart(
        lambda key: fe.Series(F.basis, start=jr.uniform(key)), compare=lambda f, x: bad(f(x))
    )
    return solved(fe.Risk(good, P).quadrature(9), starts, key=KEY)


def kept_after(bad):
    return fe.FixedPoint(lambda f, g, x: f(x) - bad(g(x)))


# every way by which a function of the user is called, as `bad -> the call`
ROUTES = {
    "solve": lambda bad: solved(risk(bad)),
    "solve a population": lambda bad: solved(fe.Risk(lambda f, x: bad(f(x)), P)),
    "solve a condition": lambda bad: solved(fe.Risk(lambda f: bad(f(1.0)))),
    "solve under a shock": lambda bad: solved(
        fe.Risk(lambda f, x, e: bad(f(x) + e), P, shock=fe.Normal(0.0, 1.0)).quadrature(3)
    ),
    "solve by Optax": lambda bad: solved(risk(bad), fe.Optax(optax.adam(1e-3), num_steps=2)),
    "loss": lambda bad: fe.Risk(good, P, loss=lambda r: bad(r.sum()) * r).quadrature(9)(F),
    "fit": lambda bad: fe.fit(F, bad, P),
    "hypothesis": lambda bad: solved(
        fe.Risk(good, P).quadrature(9), f=fe.Ansatz(lambda net, x: bad(net(x)), F)
    ),
    "risk": lambda bad: risk(bad)(F),
    "residuals": lambda bad: risk(bad).residuals(F),
    "error_estimate": lambda bad: fe.error_estimate(risk(bad), F),
    "worst_points": lambda bad: fe.worst_points(risk(bad), F),
    "report": lambda bad: fe.RiskReport(F, test=risk(bad)),
    "curve": lambda bad: fe.error_curve(
        fe.Risk(lambda f, x: bad(f(x)), P), {1: lambda key: F}, n=[9], replications=2, key=KEY
    ),
    "where": lambda bad: risk(lambda v: v).where(lambda x: bad(x) > 0),
    "reweighted": lambda bad: risk(lambda v: v).reweighted(bad),
    "ergodic": lambda bad: (
        fe.Ergodic(lambda f, x: bad(x), fe.Dirac(1.0), periods=3).given(F).sample(2, key=KEY)
    ),
    "diffusion": lambda bad: (
        fe.Diffusion(lambda f, x: bad(x), lambda f, x: 0.1, fe.Dirac(1.0), horizon=1.0, steps=2)
        .given(F)
        .sample(2, key=KEY)
    ),
    "residual-weighted": lambda bad: (
        fe.ResidualWeighted(P, lambda f, x: bad(x)).given(F).sample(2, key=KEY)
    ),
    "expectation": lambda bad: fe.expectation(bad, P.quadrature(3)),
    "argmax": lambda bad: fe.argmax(lambda c: bad(c), 0.0, 1.0),
    "steady_state": lambda bad: fe.steady_state(
        lambda x, y, x1, y1: (x1 - bad(x), y), (jnp.ones(()), jnp.ones(()))
    ),
    "stability": lambda bad: fe.spectral_radius(F, lambda f, x: bad(x), jnp.asarray(1.0)),
    "causal": lambda bad: solved(
        risk(lambda v: v * v - 1.0), fe.LevenbergMarquardt(causal=bad), f=fe.Ansatz(cubed, F)
    ),
    "fixed point": lambda bad: solved(fe.Risk(good, P).quadrature(9), kept_after(bad)),
    "compare": with_compare,
    "inside jit": lambda bad: jax.jit(
        lambda a: solved(fe.Risk(lambda f, x, a: bad(f(x)) - a, P, args=(a,)).quadrature(9)).risk
    )(1.0),
}


def cubed(net, x):
    return net(x) ** 3 + x


def outcome(call):
    try:
        call()
    except Exception as error:
        lines = traceback.extract_tb(error.__traceback__)[1:]
        return {
            "kind": type(error).__name__,
            "sentence": str(error),
            "files": sorted({line.filename for line in lines}),
            "last": lines[-1].lineno if lines else 0,
            "cause": repr(error.__cause__),
            "notes": getattr(error, "__notes__", []),
        }
    return {"kind": "nothing"}


CASES = [(route, fault) for route in ("solve", "ergodic") for fault in FAULTS]
CASES += [(r, f) for r in ROUTES for f in ("branch", "name", "shapes") if (r, f) not in CASES]


def outcomes():
    return {
        f"{route}-{fault}": outcome(lambda r=route, f=fault: ROUTES[r](FAULTS[f][0]))
        for route, fault in CASES
    }


if __name__ == "__main__":
    json.dump(outcomes(), sys.stdout)
