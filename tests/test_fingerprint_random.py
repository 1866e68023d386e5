"""States that are nested at random: containers, objects, functions and arrays, in which one leaf
moves. What is compiled is what a plain call gives."""

import collections
import functools
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe


class One(eqx.Module):
    """f(x) = level."""

    level: jax.Array

    def __call__(self, x):
        return self.level


F = One(jnp.asarray(1.0))


class Plain:
    """An object with a dictionary."""

    def __init__(self, inner):
        self.inner = inner

    def level(self):
        return read(self.inner)


class Slotted:
    """An object with slots."""

    __slots__ = ("inner",)

    def __init__(self, inner):
        self.inner = inner

    @property
    def level(self):
        return read(self.inner)


class Listed(list):
    """A list with attributes."""


class Frozen(eqx.Module):
    """A module with a static field."""

    inner: object = eqx.field(static=True)


Pair = collections.namedtuple("Pair", "first second")


def read(state):
    """The number at the bottom of a state: the plain meaning of each kind of nest."""
    match state:
        case float() | int():
            return float(state)
        case np.ndarray():
            return read(state.ravel().tolist()[-1])
        case Plain():
            return state.level()
        case Slotted():
            return state.level
        case Listed():
            return read(state.extra)
        case Frozen():
            return read(state.inner)
        case Pair():
            return read(state.second)
        case dict() | types.MappingProxyType() | collections.ChainMap():
            return read(state["b"])
        case list() | tuple() | collections.deque():
            return read(state[-1])
        case types.SimpleNamespace():
            return read(state.b)
        case functools.partial():
            return read(state.keywords["b"])
        case types.ModuleType():
            return read(state.b)
    return read(state())


def module(inner):
    made = types.ModuleType("made")
    made.b = inner
    return made


def listed(inner):
    made = Listed([0.0])
    made.extra = inner
    return made


def large(inner):
    made = np.zeros(3000, dtype=object)
    made[-1] = inner
    return made


def closure(inner):
    def level():
        return inner

    return level


def frozen(inner):
    return Frozen(closure(inner))


def default(inner):
    def level(given=inner):
        return given

    return level


def attribute(inner):
    def level():
        return level.b

    level.b = inner
    return level


def wrapped(inner):
    return functools.wraps(closure(inner))(lambda: inner)


NESTS = [
    lambda inner: [0.0, inner],
    lambda inner: (0.0, inner),
    lambda inner: {1: 0.0, "b": inner},
    lambda inner: collections.OrderedDict(b=inner),
    lambda inner: collections.defaultdict(list, b=inner),
    lambda inner: collections.ChainMap({}, {"b": inner}),
    lambda inner: types.MappingProxyType({"b": inner}),
    lambda inner: collections.deque([inner], maxlen=3),
    lambda inner: types.SimpleNamespace(b=inner),
    lambda inner: Pair(0.0, inner),
    lambda inner: functools.partial(read, b=inner),
    lambda inner: np.array([0.0, inner, inner], dtype=object),
    *(Plain, Slotted, frozen, listed, module, large, closure, default, attribute, wrapped),
]


@pytest.mark.parametrize("seed", range(32))
def test_a_leaf_of_a_random_state(seed):
    generator = np.random.default_rng(seed)
    leaf = np.array([0.5]) if generator.random() < 0.5 else [0.5]
    state = leaf
    for _ in range(generator.integers(1, 6)):
        state = NESTS[generator.integers(len(NESTS))](state)
        if generator.random() < 0.3:
            state = [state, *[NESTS[generator.integers(len(NESTS))](0.0)], state]

    def residual(f, x):
        return f(x) - read(state)

    for value in (0.5, 0.25, 0.5, 0.125):
        leaf[0] = value
        compiled = fe.Risk(residual, fe.Dirac(0.0)).residuals(F)
        assert float(compiled[0]) == float(residual(F, 0.0)) == 1.0 - value
