"""From an economic model to its residual: the Euler and the Bellman equation of a payoff."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike

from .._checks import numbered, takes
from .._distribution import AbstractDistribution, expectation
from .._operators import argmax
from .._show import told
from .._types import Hypothesis, is_traced, Point, Residual


def euler_residual(
    payoff: Callable | Any,
    beta: ArrayLike | Callable,
    law: Callable | Any = None,
    *,
    policy: Callable | Any = None,
    shocked: bool = True,
    unit_free: bool = True,
) -> Residual:
    """d2 Pi(k, k', z) + beta E[d1 Pi(k', k'', z')] = 0: the Euler equation of a period payoff Pi.

    For the choice of k' out of max E sum_t beta^t Pi(k_t, k_{t+1}, z_t), with z' = law(z, e). Both
    derivatives are taken by JAX. Stochastic growth with log utility is

    ```python
    payoff = lambda k, k1, z: jnp.log(jnp.exp(z) * k**alpha + (1 - delta) * k - k1)
    euler = fe.euler_residual(payoff, beta, law=lambda z, e: rho * z + e)
    risk = fe.Risk(euler, box, shock=fe.Normal(0.0, sigma).quadrature(7))
    ```

    and stands for these lines, which one can write instead and change:

    ```python
    def euler(f, x, e):
        k, z = x
        k1, z1 = f(x), rho * z + e
        k2 = f(jnp.stack([k1, z1]))
        today = jax.grad(payoff, 1)(k, k1, z)          # minus the marginal cost of saving
        tomorrow = jax.grad(payoff, 0)(k1, k2, z1)     # the marginal gain from it
        return 1.0 + beta * tomorrow / today           # where not unit_free, a sum
    ```

    A point x is the array of k and z, in this order, or k alone where there is no z; k' and so k
    may be vectors. Where there is one z it is a number in `payoff` and `law`, else a vector.

    **Arguments:**

    - `payoff`: Pi(k, k', z, *args), or Pi(k, k', *args) without a `law`; a number.
    - `beta`: the discount factor, below 1, or a function of `args`.
    - `law`: z' = law(z, e, *args), or law(z, *args) where nothing is random.
    - `policy`: `(f, x) -> k'`; by default f(x).
    - `shocked`: whether `law` takes a shock. The expectation is that of the risk, over its
      `shock`: the residual is linear in it.
    - `unit_free`: divide by -d2 Pi, each component of k' by its own, so that the residual is a
      relative error of marginal utilities: 1 - beta E[d1 Pi'] / (-d2 Pi).

    **Returns:** `residual(f, x, e, *args)`; `residual(f, x, *args)` without a shock.

    **Raises:** `ValueError` for a discount factor that is not between 0 and 1.
    """
    check_functions(payoff=payoff, law=law, policy=policy)
    check_discounting(beta)

    def check_calls(shock: tuple, args: tuple) -> None:
        names, z = numbered(args), [] if law is None else ["z"]
        form = "Pi(k, k', z, *args) with a `law`, and Pi(k, k', *args) without one"
        takes(payoff, "payoff", ["k", "k1", *z, *names], f"it is {form}")
        if law is not None:
            remedy = "e comes of `shock=` of the risk, where nothing is random say `shocked=False`"
            takes(law, "law", ["z", *(["e"] if shock else []), *names], remedy)
        if policy is not None:
            takes(policy, "policy", ["f", "x"], "it is `policy(f, x)`")

    def residual(f: Hypothesis, x: Point, *rest: Any) -> Array:
        shock, args = (rest[:1], rest[1:]) if law is not None and shocked else ((), rest)
        check_calls(shock, args)
        k1 = jnp.asarray(_chosen(policy, f, x))
        k, z = _split(x, k1, law is not None)
        z1 = () if law is None else (jnp.asarray(law(*z, *shock, *args)),)
        k2 = jnp.asarray(_chosen(policy, f, _joined(k1, z1)))
        today = jax.grad(payoff, 1)(k, k1, *z, *args)
        tomorrow = jax.grad(payoff, 0)(k1, k2, *z1, *args)
        factor = _discount(beta, args, today)
        return 1 + factor * tomorrow / today if unit_free else today + factor * tomorrow

    return residual


def bellman_residual(
    payoff: Callable | Any,
    beta: ArrayLike | Callable,
    law: Callable | Any,
    *,
    bounds: Callable | Any = None,
    policy: Callable | Any = None,
    value: Callable | Any = None,
    shock: AbstractDistribution | None = None,
) -> Residual:
    """V(x) = max over c of u(x, c) + beta E[V(x')], with x' = law(x, c, e): a Bellman equation.

    With `bounds` the maximum is sought, at a number c, by `fe.argmax`; with a `policy`, which is
    then part of f, its first-order condition is a second equation. A cake of which one eats is

    ```python
    bellman = fe.bellman_residual(
        lambda x, c: jnp.log(c), beta, lambda x, c: R * (x - c), bounds=lambda x: (0.01 * x, x)
    )
    ```

    They stand for these lines, which one can write instead and change:

    ```python
    def bellman(f, x):                                              # with bounds
        q = lambda c: jnp.log(c) + beta * f(R * (x - c))
        return f(x) - q(fe.argmax(q, 0.01 * x, x))

    def bellman(f, x):                                              # with a policy
        q = lambda c: jnp.log(c) + beta * f.value(R * (x - c))
        c = f.policy(x)
        return {"bellman": f.value(x) - q(c), "first order": jax.grad(q)(c) * c}
    ```

    where with a `shock` beta V stands inside of `fe.expectation(..., shock)`: the maximum is
    outside of the expectation, so that here, and not in the risk, is its place. The first equation
    is in units of V: give the risk a `tolerance` where V is large. The second is unit-free, q'(c)
    over the marginal payoff u'(c).

    **Arguments:**

    - `payoff`: u(x, c, *args), a number.
    - `beta`: the discount factor, below 1, or a function of `args`.
    - `law`: tomorrow's state, law(x, c, *args), with a shock law(x, c, e, *args).
    - `bounds`: (low, high) = bounds(x, *args), between which the number c is chosen.
    - `policy`: `(f, x) -> c`, a number or a vector.
    - `value`: `(f, x) -> V(x)`; by default f(x).
    - `shock`: the law of e, a rule or a sample such as `fe.Normal(0.0, 0.1).quadrature(7)`.

    **Returns:** `residual(f, x, *args)`.

    **Raises:** `ValueError` without `bounds` and `policy`, or with both, and for a discount factor
    that is not between 0 and 1.
    """
    check_functions(payoff=payoff, law=law, bounds=bounds, policy=policy, value=value)
    check_discounting(beta)
    if (bounds is None) == (policy is None):
        raise ValueError(
            "`bellman_residual` needs either `bounds`, between which the maximum is sought, or a "
            "`policy`, whose first-order condition is the second equation"
        )

    def check_calls(args: tuple) -> None:
        names, e = numbered(args), [] if shock is None else ["e"]
        takes(payoff, "payoff", ["x", "c", *names], "it is `payoff(x, c, *args)`")
        remedy = "it is `law(x, c, *args)`, and `law(x, c, e, *args)` where `bellman_residual` "
        takes(law, "law", ["x", "c", *e, *names], remedy + "is given a `shock`")
        if bounds is not None:
            takes(bounds, "bounds", ["x", *names], "it is `bounds(x, *args)`")
        for name, given in {"policy": policy, "value": value}.items():
            if given is not None:
                takes(given, name, ["f", "x"], f"it is `{name}(f, x)`")

    def residual(f: Hypothesis, x: Point, *args: Any) -> Any:
        check_calls(args)
        v = f if value is None else lambda x: value(f, x)

        def today(c: Array) -> Array:
            return payoff(x, c, *args)

        def q(c: Array) -> Array:
            now = today(c)
            if shock is None:
                later = v(law(x, c, *args))
            else:
                later = expectation(lambda e: v(law(x, c, e, *args)), shock)
            return now + _discount(beta, args, now) * later

        if bounds is not None:
            return v(x) - q(argmax(q, *_ends(bounds(x, *args))))
        c = jnp.asarray(_chosen(policy, f, x))
        return {"bellman": v(x) - q(c), "first order": jax.grad(q)(c) / jax.grad(today)(c)}

    return residual


def check_functions(**functions: Any) -> None:
    """**Raises:** `ValueError` for what is neither a function nor `None`."""
    for name, function in functions.items():
        if function is not None and not callable(function):
            raise ValueError(f"`{name}` must be a function; got {function!r}")


def check_discounting(beta: Any) -> None:
    """**Raises:** `ValueError` unless 0 < beta < 1, where beta is a number that can be seen."""
    if callable(beta) or is_traced(beta):
        return
    if jnp.shape(beta) or not 0 < float(beta) < 1:
        raise ValueError(
            f"`beta` is a discount factor and must be a number between 0 and 1; got {beta}: from "
            "1 on, discounted sums have no limit, and neither Euler nor Bellman equation a meaning"
        )


def _discount(beta: Any, args: tuple, like: Array) -> Array:
    factor = beta(*args) if callable(beta) else beta
    return jnp.asarray(factor).astype(like.dtype)


def _ends(ends: Any) -> tuple[Any, Any]:
    """The two ends of an interval."""
    if not isinstance(ends, tuple | list) or len(ends) != 2:
        raise ValueError(
            "`bounds(x, *args)` must return a pair (low, high), between which c is chosen, such as "
            f"(0.0, x); it returned {told(ends)}"
        )
    return ends[0], ends[1]


def _chosen(policy: Callable | None, f: Hypothesis, x: Point) -> Any:
    return f(x) if policy is None else policy(f, x)


def _split(x: Point, k1: Array, has_z: bool) -> tuple[Array, tuple]:
    """k, of the shape of k', and z as a tuple that is empty where there is none."""
    x = jnp.asarray(x)
    if not has_z:
        if x.shape != k1.shape:
            raise ValueError(
                f"without a `law` a point is k, of the shape of k'; got shape {x.shape} for k and "
                f"{k1.shape} for k'"
            )
        return x, ()
    n = k1.size
    if x.ndim != 1 or k1.ndim > 1 or x.size <= n:
        raise ValueError(
            "with a `law` a point is an array of k, shaped like k', and z; got shape "
            f"{x.shape} for a point and {k1.shape} for k'"
        )
    return x[:n].reshape(k1.shape), (x[n] if x.size == n + 1 else x[n:],)


def _joined(k: Array, z: tuple) -> Array:
    return jnp.concatenate([jnp.ravel(k), jnp.ravel(z[0]).astype(k.dtype)]) if z else k
