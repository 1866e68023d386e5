"""A residual is what it reads: no stale program is served after something it reads has changed."""

import builtins
import contextlib
import itertools
import sys
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from routes import FUNCTIONS
from routes_classes import CLASSES
from routes_containers import CONTAINERS
from routes_hypotheses import HYPOTHESES
from routes_jax import JAX
from routes_modules import MODULES
from routes_objects import OBJECTS
from routes_opaque import OPAQUE

import fesolve as fe


ROUTES = FUNCTIONS + CONTAINERS + OBJECTS + CLASSES + HYPOTHESES + MODULES + JAX + OPAQUE
PRELUDE = """
import abc, collections, contextlib, dataclasses, enum, functools, math, operator, os, random, re
import sys, threading, time, types, typing, weakref
import equinox as eqx, jax, jax.numpy as jnp, numpy as np
import fesolve as fe
beta = 0.5
"""
HOLDERS = [builtins, np, jnp, scipy.special, fe.expectation]
HOLDERS += [eqx.nn.MLP, eqx.nn.Identity, eqx.nn.Linear]
COUNT = itertools.count()


class One(eqx.Module):
    """f(x) = level."""

    level: jax.Array

    def __call__(self, x):
        return self.level


F = One(jnp.asarray(1.0))


@contextlib.contextmanager
def program(route):
    """A module of a user's that holds the route."""
    before = dict(sys.modules)
    module = types.ModuleType(f"a_program_of_a_user_{next(COUNT)}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(PRELUDE + route.source, module.__name__, "exec"), vars(module))
        yield module
    finally:
        for holder in HOLDERS:
            if "a_level_of_tests" in vars(holder):
                delattr(holder, "a_level_of_tests")
        for name, now in list(sys.modules.items()):
            if name in before:
                sys.modules[name] = before[name]
            elif getattr(now, "__spec__", None) is None:  # made by the route
                del sys.modules[name]


def warned(route):
    """The warning that is due where a state cannot be followed."""
    if route.opaque:
        return pytest.warns(fe.RetraceWarning, match="args")
    return contextlib.nullcontext()


def at(residual, f=F):
    """The residual at x = 0, through the compiled evaluation of a risk."""
    return float(fe.Risk(residual, fe.Dirac(0.0)).residuals(f)[0])


@pytest.mark.parametrize(
    "route",
    ROUTES,
    ids=lambda route: route.name,
)
def test_what_moves_is_seen(route):
    with program(route) as user:
        said = (
            pytest.warns(fe.RetraceWarning, match="args")
            if route.opaque
            else contextlib.nullcontext()
        )
        with said:
            before = at(user.residual, getattr(user, "f", F))
        assert before == 0.5
        exec(compile(route.move, "move", "exec"), vars(user))
        after = at(user.residual, getattr(user, "f", F))
        f = jax.tree.map(lambda leaf: leaf, getattr(user, "f", F))
        plain = user.residual(f, jnp.asarray(0.0))
        assert after == float(plain) == 0.75


# A handful again through the verb: whether f is right, not only the risk.
SOLVED = [
    "a global",
    "a method of a named tuple",
    "__init__ of an object that the residual makes",
    "a default factory",
    "an attribute that is called method",
    "scan",
    "jit",
    "globals()",
]


@pytest.mark.parametrize("name", SOLVED)
def test_a_solve_sees_what_moves(name):
    route = next(route for route in ROUTES if route.name == name)
    start = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))
    with program(route) as user:
        residual = lambda f, x: user.residual(f, x)  # f(x) = what is read
        risk = fe.Risk(residual, fe.Uniform(0.0, 1.0)).quadrature(8)
        with warned(route):
            assert float(fe.solve(risk, start).value(0.5)) == pytest.approx(0.5)
        exec(compile(route.move, "move", "exec"), vars(user))
        assert float(fe.solve(risk, start).value(0.5)) == pytest.approx(0.25)


def test_a_static_field_of_f_in_a_solve():
    class Shifted(eqx.Module):
        g: fe.Series
        transform: object = eqx.field(static=True)

        def __call__(self, x):
            return self.transform(self.g(x))

    shift = 0.0
    start = Shifted(fe.Series(fe.Chebyshev(3, (0.0, 1.0))), lambda y: y + shift)
    risk = fe.Risk(lambda f, x: f(x) - 1.0, fe.Uniform(0.0, 1.0)).quadrature(8)
    for shift in (0.0, 1.0):
        assert float(fe.solve(risk, start).value.g(0.5)) == pytest.approx(1.0 - shift)
