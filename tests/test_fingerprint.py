"""A residual is what it reads: no stale program is served after something it reads has changed."""

import contextlib
import itertools
import sys
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from routes import CONTAINERS, FUNCTIONS
from routes_library import JAX, MODULES, OPAQUE
from routes_objects import HYPOTHESES, OBJECTS

import fesolve as fe


PRELUDE = """
import abc, collections, contextlib, dataclasses, enum, functools, math, operator, os, random, re
import sys, threading, time, types, typing, weakref
import equinox as eqx, jax, jax.numpy as jnp, numpy as np
import fesolve as fe
beta = 0.5
"""
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
    module = types.ModuleType(f"a_program_of_a_user_{next(COUNT)}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(PRELUDE + route.source, module.__name__, "exec"), vars(module))
        yield module
    finally:
        del sys.modules[module.__name__]


def at(residual, f=F):
    """The residual at x = 0, through the compiled evaluation of a risk."""
    return float(fe.Risk(residual, fe.Dirac(0.0)).residuals(f)[0])


@pytest.mark.parametrize(
    "route",
    [*FUNCTIONS, *CONTAINERS, *OBJECTS, *HYPOTHESES, *MODULES, *JAX, *OPAQUE],
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
