"""Wrong inputs of every public constructor, by name; run as a program, it says as JSON what each
of them brings about. Apart from `test_wrong_input.py`, since a test session checks annotations,
which a user's does not."""

import json
import sys

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

import fesolve as fe


KEY = jr.key(0)
CHAIN = fe.rouwenhorst(3, 0.5, 0.1)
ENDS = {"low": 0.0, "high": 1.0}
UNIT = (0.0, 1.0)
P = fe.Uniform(*UNIT)
BASIS = fe.Chebyshev(3, UNIT)
F = fe.Series(BASIS)


def ode(f, x):
    return jax.grad(f)(x) + f(x)


RISK = fe.Risk(ode, P)
SAMPLE = RISK.quadrature(8) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
NO_KEYS = (0, 1.5, "key", True, np.zeros(2), np.zeros(2, int), [0, 0], jnp.zeros(2), object())
NO_KEYS += (jr.split(KEY, 3), jnp.zeros(3, jnp.uint32), jax.random)
NO_SIZES = (0, -1, 2.5, "8", None, True, [8], jnp.ones(2), np.nan)
NO_IN_SIZES = (0, -1, 2.5, "8", "vector", None, True, (2,))
NO_COUNTS = (0, -1, 2.5, "8", None, True, jnp.ones(3))
NO_DEGREES = (-1, 2.5, "8", True, [3], np.nan)
NO_POSITIVES = (0.0, -1.0, np.nan, np.inf, "1", None, [1.0, 2.0], True)
NO_TOLERANCES = (-1.0, np.nan, "1e-6", True, np.array([1e-3, 1e-3]), jnp.ones(2), [1e-6], 1j)
NO_FUNCTIONS = (None, 3, "f", [])
NO_DOMAINS = (
    3,
    None,
    (1.0, 0.0),
    (0.0,),
    (0.0, np.nan),
    "ab",
    (0.0, np.inf),
    ("a", "b"),
    (0, 1, 2),
)


def mlp(**given):
    given = {"in_size": 1, "out_size": "scalar", "width": 4, "depth": 1, "key": KEY, **given}
    return fe.MLP(given.pop("in_size"), given.pop("out_size"), **given)


def shaped(kind):
    def make(**given):
        given = {"in_size": 1, "width": 4, "depth": 1, "key": KEY, **given}
        return kind(given.pop("in_size"), **given)

    return make


def levenberg(**given):
    return fe.LevenbergMarquardt(**given)


def optaxed(**given):
    return fe.Optax(**{"optim": optax.adam(1e-3), "num_steps": 3, **given})


# name of what is called: (the call, {argument: wrong values})
TABLE = {
    "MLP": (
        mlp,
        {
            "in_size": NO_IN_SIZES,
            "out_size": NO_IN_SIZES,
            "width": NO_SIZES,
            "depth": (-1, 2.5, "2", None, True),
            "key": (None, *NO_KEYS),
            "activation": NO_FUNCTIONS,
            "final_activation": NO_FUNCTIONS,
            "spread": (-1.0, np.nan, "1", None, [1.0, 2.0]),
            "support": NO_DOMAINS[:1] + NO_DOMAINS[2:],
            "start": ("a", [1.0, 2.0], object()),
            "dtype": ("no dtype", int, 3),
        },
    ),
    "Monotone": (
        shaped(fe.Monotone),
        {
            "in_size": NO_IN_SIZES,
            "width": NO_SIZES,
            "depth": (0, -1, 2.5, "2", None, True),
            "key": (None, *NO_KEYS),
            "direction": (0, 2, 0.5, "up", None, (1, 1)),
            "spread": (-1.0, np.nan, "1", None),
            "support": NO_DOMAINS[:1] + NO_DOMAINS[2:],
            "dtype": ("no dtype", int, 3),
        },
    ),
    "Concave": (
        shaped(fe.Concave),
        {
            "in_size": NO_IN_SIZES,
            "width": NO_SIZES,
            "depth": (0, -1, 2.5, "2", None, True),
            "key": (None, *NO_KEYS),
            "direction": (2, 0.5, "up", None, (1, 1)),
            "coordinates": ((), (3,), "a", 0.5),
            "spread": (-1.0, np.nan, "1", None),
            "dtype": ("no dtype", int, 3),
        },
    ),
    "Series": (
        lambda **given: fe.Series(**{"basis": BASIS, **given}),
        {
            "basis": (None, 3, "chebyshev", UNIT),
            "out_size": NO_IN_SIZES,
            "start": (None, "a", [1.0, 2.0], np.nan, 1j, object(), {}),
            "dtype": ("no dtype", int, 3),
        },
    ),
    "Chebyshev": (
        lambda **given: fe.Chebyshev(**{"degree": 3, "domain": UNIT, **given}),
        {"degree": NO_DEGREES, "domain": NO_DOMAINS, "max_degree": (*NO_DEGREES, None)},
    ),
    "Fourier": (
        lambda **given: fe.Fourier(**{"degree": 3, "domain": UNIT, **given}),
        {"degree": (*NO_DEGREES, None), "domain": NO_DOMAINS},
    ),
    "Indicator": (fe.Indicator, {"states": (0, *NO_DEGREES, None)}),
    "BSpline": (
        lambda **given: fe.BSpline(**{"knots": 4, "domain": UNIT, **given}),
        {
            "knots": (0, -1, 2.5, "4", None, True, [0.0], [1.0, 0.0], [0.0, np.nan], [[0.0, 1.0]]),
            "domain": NO_DOMAINS[:1] + NO_DOMAINS[2:],
            "degree": (*NO_DEGREES, None),
        },
    ),
    "SpectralElements": (
        lambda **given: fe.SpectralElements(**{"degree": 4, "breaks": UNIT, **given}),
        {
            "degree": (*NO_DEGREES[:3], True),
            "breaks": (0, -1, "4", None, [0.0], [1.0, 0.0], [0.0, np.nan]),
            "smoothness": (-1, 2.5, "1", None),
        },
    ),
    "Tensor": (
        lambda **given: fe.Tensor(*given.pop("bases", (BASIS,)), **given),
        {"bases": ((), (3,), (None,), (UNIT,)), "degree": NO_DEGREES},
    ),
    "Smolyak": (
        lambda **given: fe.Smolyak(*given.pop("bases", (BASIS,)), **{"level": 2, **given}),
        {"bases": ((), (3,), (None,), (UNIT,)), "level": NO_DEGREES},
    ),
    "KernelBasis": (
        lambda **given: fe.KernelBasis(
            **{"kernel": fe.Matern52(0.5), "centres": np.ones(2), **given}
        ),
        {"kernel": (None, 3, "matern"), "centres": (None, "a", [], [np.nan], 3.0)},
    ),
    "Matern52": (fe.Matern52, {"length": NO_POSITIVES[:6]}),
    "SquaredExponential": (fe.SquaredExponential, {"length": NO_POSITIVES[:6]}),
    "Positive": (
        lambda **given: fe.Positive(**{"g": F, **given}),
        {"g": NO_FUNCTIONS, "start": (None, "a", -1.0, 0.0, np.nan, 1j)},
    ),
    "Bounded": (
        lambda **given: fe.Bounded(**{"g": F, **given}),
        {
            "g": NO_FUNCTIONS,
            "low": (None, "a", 2.0, np.nan),
            "high": (None, "a", -2.0, np.nan),
            "start": ("a", 2.0, -1.0, np.nan),
        },
    ),
    "Shares": (
        lambda **given: fe.Shares(**{"g": F, **given}),
        {"g": NO_FUNCTIONS, "start": (0.5, "a", [0.5, 0.6], [1.5, -0.5], [1.0], [np.nan, 1.0])},
    ),
    "Functions": (
        fe.Functions,
        {"functions": (None, 3, F, {}, [F], (F, F), {"c": 1.0}, {"a b": F}, {"functions": F})},
    ),
    "Ansatz": (
        lambda **given: fe.Ansatz(**{"transform": lambda f, x: f(x), "net": F, **given}),
        {"transform": NO_FUNCTIONS},
    ),
    "Compose": (
        lambda **given: fe.Compose(**{"outer": jnp.exp, "inner": F, **given}),
        {"outer": NO_FUNCTIONS, "inner": NO_FUNCTIONS},
    ),
    "DeepSet": (
        lambda **given: fe.DeepSet(**{"phi": F, "rho": F, **given}),
        {"phi": NO_FUNCTIONS, "rho": NO_FUNCTIONS},
    ),
    "Risk": (
        lambda **given: fe.Risk(**{"residual": ode, "distribution": P, **given}),
        {
            "residual": NO_FUNCTIONS,
            "distribution": (3, "uniform", (0.0, 1.0), object()),
            "args": (3, [1.0], None, "a"),
            "loss": NO_FUNCTIONS,
            "shock": (3, "normal", object()),
            "tolerance": NO_TOLERANCES,
            "name": (3, [], ode),
        },
    ),
    "Risk.empirical": (
        lambda **given: RISK.empirical(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "Risk.quadrature": (RISK.quadrature, {"n": NO_COUNTS}),
    "Risk.on": (RISK.on, {"q": (None, 3, "uniform")}),
    "Risk.where": (RISK.where, {"condition": NO_FUNCTIONS}),
    "Risk.__mul__": (lambda **given: given["scalar"] * RISK, {"scalar": ("a", None, np.ones(2))}),
    "Uniform": (
        lambda **given: fe.Uniform(**{"lower": 0.0, "upper": 1.0, **given}),
        {"lower": (None, "a", 2.0, np.nan), "upper": (None, "a", -1.0, np.inf)},
    ),
    "Normal": (
        lambda **given: fe.Normal(**{"loc": 0.0, "scale": 1.0, **given}),
        {"loc": (None, "a", np.nan), "scale": (None, "a", -1.0, 0.0, np.nan)},
    ),
    "LogNormal": (
        lambda **given: fe.LogNormal(**{"loc": 0.0, "scale": 1.0, **given}),
        {"loc": (None, "a", np.nan), "scale": (None, "a", -1.0, 0.0, np.nan)},
    ),
    "TruncatedNormal": (
        lambda **given: fe.TruncatedNormal(
            **{"loc": 0.0, "scale": 1.0, "lower": -1.0, "upper": 1.0, **given}
        ),
        {"scale": (None, "a", -1.0), "lower": (None, "a", 2.0), "upper": (None, "a", -2.0)},
    ),
    "Mixture": (
        lambda parts=(P, P), **given: fe.Mixture(*parts, **given),
        {
            "parts": ((), (3,), (None,), ("a",), ([P, P],), (P, None), (P, 0.5)),
            "weights": ("a", [0.5], [2.0, -1.0], [np.nan, 1.0], 3),
        },
    ),
    "Product": (
        lambda **given: fe.Product(*given["parts"]),
        {"parts": ((), (3,), (None,), ("a",), ([P, P],), (P, 0.5))},
    ),
    "Dirac": (fe.Dirac, {"point": ("a", np.nan, object())}),
    "Empirical": (
        lambda **given: fe.Empirical(**{"points": jnp.ones(3), **given}),
        {
            "points": (None, 3.0, "a", [], [np.nan], [object()]),
            "weights": ("a", [0.5], [np.nan] * 3, 3),
            "population": (3, "a", object()),
        },
    ),
    "Uniform.sample": (
        lambda **given: P.sample(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "Normal.sample": (
        lambda **given: fe.Normal(0.0, 1.0).sample(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "Product.sample": (
        lambda **given: fe.Product(P, P).sample(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "Mixture.sample": (
        lambda **given: fe.Mixture(P, P).sample(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "Empirical.sample": (
        lambda **given: fe.Empirical(jnp.ones(3)).sample(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "Dirac.sample": (
        lambda **given: fe.Dirac(0.0).sample(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS},
    ),
    "Sobol.empirical": (
        lambda **given: fe.Sobol(P).empirical(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "LatinHypercube.sample": (
        lambda **given: fe.LatinHypercube(P).sample(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "Antithetic.sample": (
        lambda **given: fe.Antithetic(P).sample(**{"n": 4, "key": KEY, **given}),
        {"n": NO_COUNTS, "key": (None, *NO_KEYS)},
    ),
    "Sobol": (fe.Sobol, {"distribution": (None, 3, "a")}),
    "LatinHypercube": (fe.LatinHypercube, {"distribution": (None, 3, "a")}),
    "LevenbergMarquardt": (
        levenberg,
        {
            "max_steps": NO_COUNTS,
            "damping": NO_POSITIVES,
            "causal": (3, "x", []),
            "memory": NO_COUNTS,
        },
    ),
    "MinimumNorm": (
        lambda **given: fe.MinimumNorm(**{"norm": SAMPLE, **given}),
        {"norm": (None, 3, RISK, ode), "max_steps": NO_COUNTS},
    ),
    "Optax": (
        optaxed,
        {
            "optim": (None, 3, "adam"),
            "num_steps": NO_COUNTS,
            "batch_size": (0, -1, 2.5, "8", True),
        },
    ),
    "Resample": (
        lambda **given: fe.Resample(
            **{"solver": fe.LevenbergMarquardt(), "n": 4, "rounds": 2, **given}
        ),
        {"solver": (None, 3, "lm"), "n": NO_COUNTS, "rounds": NO_COUNTS},
    ),
    "MultiStart": (
        lambda **given: fe.MultiStart(**{"hypothesis_class": lambda key: F, **given}),
        {
            "hypothesis_class": (None, 3, fe.LevenbergMarquardt()),
            "solver": (3, "lm"),
            "starts": NO_COUNTS,
            "compare": (3, "x"),
            "tolerance": NO_POSITIVES,
        },
    ),
    "FixedPoint": (
        lambda **given: fe.FixedPoint(**{"step": lambda f, g, x: f(x) - g(x), **given}),
        {
            "step": NO_FUNCTIONS,
            "solver": (3, "lm"),
            "max_steps": NO_COUNTS,
            "damping": (0.0, 2.0, -1.0, np.nan, "1", None),
            "anderson": (-1, 2.5, "1", None, True),
            "tolerance": (-1.0, np.nan, "1", True),
        },
    ),
    "Continuation": (
        lambda **given: fe.Continuation(**{"begin": SAMPLE, **given}),
        {
            "begin": (None, 3, ode),
            "solver": (3, "lm"),
            "steps": NO_COUNTS,
            "least": (0.0, -1.0, 2.0, np.nan, "1", None),
        },
    ),
    "Sequential": (
        lambda **given: fe.Sequential(*given["solvers"]),
        {"solvers": ((), (3,), (None,))},
    ),
    "expectation": (
        lambda **given: fe.expectation(**{"payoff": jnp.sin, "q": P.quadrature(3), **given}),
        {
            "payoff": (*NO_FUNCTIONS, lambda: 1.0),
            "q": (P, None, 3, np.ones(3), [P], CHAIN, lambda e: e),
        },
    ),
    "generator": (
        lambda **given: fe.generator(**{"f": F, "drift": None, **given}),
        {"drift": (3, "f", 0.1, lambda: 0.1), "diffusion": (3, "f", 0.1, lambda: 0.1)},
    ),
    "equilibrium": (
        lambda **given: fe.equilibrium(**{"excess": lambda p: p - 0.5, **ENDS, **given}),
        {"excess": (*NO_FUNCTIONS, lambda: 1.0), "low": (jnp.ones(2), 2.0), "high": (jnp.ones(2),)},
    ),
    "argmax": (
        lambda **given: fe.argmax(**{"q": lambda c: -c * c, **ENDS, **given}),
        {"q": (*NO_FUNCTIONS, lambda: 1.0), "low": (jnp.ones(2), 2.0), "points": (1, 2.5, "8")},
    ),
    "error_estimate": (lambda risk: fe.error_estimate(risk, F), {"risk": (None, 3, ode)}),
    "worst_points": (lambda risk: fe.worst_points(risk, F), {"risk": (None, 3, ode)}),
    "solve": (
        lambda **given: fe.solve(**{"risk": SAMPLE, "f": F, **given}),
        {
            "risk": (None, 3, ode),
            "f": (None, 3, "f", {}),
            "solver": (3, "lm", fe.LevenbergMarquardt),
            "key": NO_KEYS,
            "monitors": (3, (3,), "ab"),
            "throw": (None, "no", 2.5, []),
            "only": (3, "f"),
        },
    ),
    "fit": (
        lambda **given: fe.fit(**{"f": F, "target": jnp.sin, "distribution": P, **given}),
        {
            "f": NO_FUNCTIONS,
            "target": NO_FUNCTIONS,
            "distribution": (None, 3, "a"),
            "solver": (3, "lm"),
            "key": NO_KEYS,
        },
    ),
    "save": (lambda **given: fe.save(**{"f": F, **given}), {"path": (None, 3.5, F, [])}),
    "load": (fe.load, {"path": (None, 3.5, F, [])}),
}


def outcome(call, argument, value):
    try:
        call(**{argument: value})
    except Exception as error:
        return type(error).__name__, str(error)
    return "accepted", ""


def _traced_tolerance(x):
    return fe.Risk(ode, P, tolerance=x)


def outcomes():
    found = {}
    for name, (call, arguments) in TABLE.items():
        for argument, values in arguments.items():
            for index, value in enumerate(values):
                found[f"{name}-{argument}-{index}"] = (*outcome(call, argument, value), repr(value))
    traced = outcome(lambda tolerance: jax.jit(_traced_tolerance)(tolerance), "tolerance", 1.0)
    found["Risk-tolerance-traced"] = (*traced, "a traced value")
    return found


if __name__ == "__main__":
    json.dump(outcomes(), sys.stdout)
