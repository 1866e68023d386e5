"""A residual is what it reads: no stale program is served after something it reads has changed,
and an equal residual, written again, compiles nothing."""

import collections
import dataclasses
import functools
import sys
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe


COMPILED = []


def _listen(event, duration, **_):
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(duration)


jax.monitoring.register_event_duration_secs_listener(_listen)


class One(eqx.Module):
    """f(x) = level."""

    level: jax.Array

    def __call__(self, x):
        return self.level


F = One(jnp.asarray(1.0))


def at(residual, f=F):
    """The residual at x = 0, through the compiled evaluation of a risk."""
    return float(fe.Risk(residual, fe.Dirac(0.0)).residuals(f)[0])


# What residuals below read. Each test moves one of these and looks again.
beta = 0.5
array = np.ones(3)
jax_array = jnp.ones(3)
large = np.zeros(20_000)
table = {"b": 0.5}
items = [0.5]
members = {0.5}
default = collections.defaultdict(float, b=0.5)
package = types.ModuleType("package")
package.inner = types.ModuleType("package.inner")
package.inner.beta = 0.5
imported = types.ModuleType("imported_by_a_residual")
imported.beta = 0.5
queue = collections.deque([0.5])
source = {"b": 0.5}
view = types.MappingProxyType(source)


def reads_global(f, x):
    return f(x) - beta


def helper(y):
    return y - beta


def reads_through_helper(f, x):
    return helper(f(x))


def reads_in_nested_function(f, x):
    def inner(y):
        return y - beta

    return inner(f(x))


def decorated_by_beta(function):
    @functools.wraps(function)
    def wrapper(f, x):
        return function(f, x) - beta

    return wrapper


@decorated_by_beta
def reads_in_decorator(f, x):
    return f(x)


class Model:
    """A user's plain class."""

    def residual(self, f, x):
        return f(x) - beta

    @staticmethod
    def static(f, x):
        return f(x) - beta

    @classmethod
    def of_class(cls, f, x):
        return f(x) - beta

    @property
    def level(self):
        return beta

    def reads_property(self, f, x):
        return f(x) - self.level

    def __call__(self, f, x):
        return f(x) - beta


class Derived(Model):
    pass


class Callable(eqx.Module):
    scale: float

    @property
    def level(self):
        return self.scale * beta

    def __call__(self, f, x):
        return f(x) - self.level


@pytest.mark.parametrize(
    "residual",
    [
        reads_global,
        reads_through_helper,
        reads_in_nested_function,
        reads_in_decorator,
        lambda f, x: f(x) - beta,
        functools.partial(lambda c, f, x: c * (f(x) - beta), 1.0),
        Model().residual,
        Model.static,
        Model.of_class,
        Model().reads_property,
        Model(),
        Derived(),
        Callable(1.0),
    ],
    ids=lambda r: getattr(r, "__qualname__", type(r).__name__),
)
def test_a_changed_global_is_seen(residual, monkeypatch):
    assert at(residual) == 0.5
    monkeypatch.setitem(globals(), "beta", 0.25)
    assert at(residual) == 0.75
    monkeypatch.setitem(globals(), "beta", 0.5)
    assert at(residual) == 0.5


def reads_array(f, x):
    return f(x) - array[0]


def test_a_numpy_array_changed_in_place_is_seen(monkeypatch):
    monkeypatch.setitem(globals(), "array", np.full(3, 0.5))
    assert at(reads_array) == 0.5
    array[0] = 0.25
    assert at(reads_array) == 0.75


def test_a_large_array_changed_in_place_is_seen():
    def residual(f, x):
        return f(x) - large[10_000]

    assert at(residual) == 1.0
    large[10_000] = 1.0
    assert at(residual) == 0.0


def test_jax_arrays(monkeypatch):
    def residual(f, x):
        return f(x) - jax_array[0]

    assert at(residual) == 0.0
    monkeypatch.setitem(globals(), "jax_array", jnp.zeros(3))
    assert at(residual) == 1.0


@pytest.mark.parametrize(
    ("residual", "change"),
    [
        (lambda f, x: f(x) - table["b"], lambda: table.update(b=0.25)),
        (lambda f, x: f(x) - default["b"], lambda: default.update(b=0.25)),
        (lambda f, x: f(x) - items[0], lambda: items.__setitem__(0, 0.25)),
        (lambda f, x: f(x) - sum(members), lambda: (members.clear(), members.add(0.25))),
        (
            lambda f, x: f(x) - package.inner.beta,
            lambda: setattr(package.inner, "beta", 0.25),
        ),
        (lambda f, x: f(x) - queue[0], lambda: queue.__setitem__(0, 0.25)),
        (lambda f, x: f(x) - view["b"], lambda: source.update(b=0.25)),
    ],
    ids=["dict", "defaultdict", "list", "set", "module chain", "deque", "view of a dict"],
)
def test_containers_and_modules(residual, change):
    assert at(residual) == 0.5
    change()
    assert at(residual) == 0.75


def renames_a_module(f, x):
    parameters = imported
    return f(x) - parameters.beta


def imports_a_module(f, x):
    import imported_by_a_residual  # pyright: ignore[reportMissingImports]

    return f(x) - imported_by_a_residual.beta


def imports_a_name(f, x):
    from imported_by_a_residual import beta  # pyright: ignore[reportMissingImports]

    return f(x) - beta


def closes_over_a_module():
    parameters = imported
    return lambda f, x: f(x) - parameters.beta


@pytest.mark.parametrize(
    "residual", [renames_a_module, imports_a_module, imports_a_name, closes_over_a_module()]
)
def test_modules_by_another_way(residual, monkeypatch):
    monkeypatch.setitem(sys.modules, "imported_by_a_residual", imported)
    assert at(residual) == 0.5
    monkeypatch.setattr(imported, "beta", 0.25)
    assert at(residual) == 0.75


def test_attributes_of_a_function():
    def residual(f, x):
        return f(x) - residual.beta

    residual.beta = 0.5
    assert at(residual) == 0.5
    residual.beta = 0.25
    assert at(residual) == 0.75


class Wrapper:
    """A decorator written as a class."""

    def __init__(self, function, beta):
        functools.update_wrapper(self, function)
        self.function, self.beta = function, beta

    def __call__(self, f, x):
        return self.function(f, x) - self.beta


def value(f, x):
    return f(x)


def test_attributes_of_a_wrapper():
    assert at(Wrapper(value, 0.5)) == 0.5
    assert at(Wrapper(value, 0.25)) == 0.75


def test_rules_of_differentiation():
    def residual(slope):
        square = jax.custom_jvp(lambda x: x**2)
        square.defjvp(lambda primals, tangents: (primals[0] ** 2, slope * tangents[0]))
        return lambda f, x: jax.grad(square)(f(x))

    assert at(residual(1.0)) == 1.0
    assert at(residual(3.0)) == 3.0


@dataclasses.dataclass
class Parameters:
    beta: float = 0.5


@dataclasses.dataclass(slots=True)
class Slotted:
    beta: float = 0.5


class Constants:
    beta = 0.5

    class Inner:
        beta = 0.5


@pytest.mark.parametrize("holder", [Parameters(), Slotted(), Constants, Constants.Inner])
def test_attributes_of_objects_and_classes(holder):
    def residual(f, x):
        return f(x) - holder.beta

    assert at(residual) == 0.5
    holder.beta = 0.25
    assert at(residual) == 0.75


def test_attributes_of_the_callable_itself():
    class Residual:
        shift = 0.0

        def __init__(self, beta):
            self.beta = beta

        def __call__(self, f, x):
            return f(x) - self.beta - self.shift

    residual = Residual(0.5)
    assert at(residual) == 0.5
    residual.beta = 0.25
    assert at(residual) == 0.75
    Residual.shift = 0.25
    assert at(residual) == 0.5


def test_closures_and_defaults():
    def outer():
        c = 0.5

        def residual(f, x, *, d=0.0):
            return f(x) - c - d

        def move(value):
            nonlocal c
            c = value

        return residual, move

    residual, move = outer()
    assert at(residual) == 0.5
    move(0.25)
    assert at(residual) == 0.75
    residual.__kwdefaults__["d"] = 0.25
    assert at(residual) == 0.5


def test_methods_of_a_hypothesis_read_globals(monkeypatch):
    class Shifted(eqx.Module):
        level: jax.Array

        def __call__(self, x):
            return self.level - beta

    f = Shifted(jnp.asarray(1.0))
    assert at(lambda f, x: f(x), f) == 0.5
    monkeypatch.setitem(globals(), "beta", 0.25)
    assert at(lambda f, x: f(x), f) == 0.75


def test_type_of_a_number_counts():
    def with_power(p):
        return lambda f, x: jnp.asarray(float(isinstance(p, int))) + f(x)

    assert at(with_power(1)) == 2.0
    assert at(with_power(1.0)) == 1.0


def test_recursion_ends():
    def power(y, n):
        return y if n == 0 else power(2 * y, n - 1)

    def even(n):
        return True if n == 0 else odd(n - 1)

    def odd(n):
        return False if n == 0 else even(n - 1)

    assert at(lambda f, x: power(f(x), 3 if even(4) else 2)) == 8.0


def compilations(call):
    before = len(COMPILED)
    call()
    return len(COMPILED) - before


def equal_lambda(c):
    return lambda f, x: (f(x) - c) * 1.25


def test_an_equal_residual_compiles_once():
    assert compilations(lambda: at(equal_lambda(0.125))) > 0
    assert compilations(lambda: at(equal_lambda(0.125))) == 0
    assert compilations(lambda: at(equal_lambda(0.375))) > 0


def test_new_args_compile_nothing():
    def risk(a):
        return fe.Risk(lambda f, x, a: f(x) - 3 * a, fe.Dirac(0.0), args=(a,))

    assert compilations(lambda: risk(0.5)(F)) > 0
    assert compilations(lambda: risk(0.75)(F)) == 0
    assert compilations(lambda: (2.0 * risk(0.75))(F)) == 0
    assert float(risk(1.0)(F)) == 4.0


def test_a_traced_value_in_a_closure_is_differentiated():
    """Where it can be, it is; a solver, which cannot, says to use `args`."""

    def of(a):
        return fe.Risk(lambda f, x: f(x) - a, fe.Dirac(0.0))(F)

    assert jax.grad(of)(0.5) == -1.0


def test_a_solve_refuses_a_traced_closure():
    series = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))

    def at_half(a):
        risk = fe.Risk(lambda f, x: f(x) - a, fe.Uniform(0.0, 1.0))
        return fe.solve(risk.quadrature(8), series).value(0.5)

    with pytest.raises(ValueError, match=r"`a`, which `.*` reads: pass it through `args`"):
        jax.grad(at_half)(2.0)
