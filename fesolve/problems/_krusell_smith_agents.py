"""The economy of Krusell and Smith with a number of households, each with assets and an income."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


PERIODS, BURN_IN = 1_200, 200
GOLDEN = (5.0**0.5 - 1.0) / 2.0
"""Steps of so much, modulo 1, are spread evenly."""


def once(numbers, f):
    """numbers(f), a number or an array of a few, whose gradient is worked out once, not again for
    each row that depends on them."""
    arrays, rest = eqx.partition(f, eqx.is_inexact_array)
    value = jax.custom_jvp(lambda arrays: numbers(eqx.combine(arrays, rest)))

    @value.defjvp
    def _(given, along):
        found = lambda arrays: (numbers(eqx.combine(arrays, rest)),) * 2
        slope, at = jax.jacrev(found, has_aux=True)(*given)
        moved = jax.tree.map(lambda g, d: jnp.tensordot(g, d, d.ndim), slope, *along)
        return at, sum(jax.tree.leaves(moved))

    return value(arrays)


class Agents:
    """N households, of whom x holds the assets `a`, the probabilities `p` of each income, and the
    productivity `z`.

    f is asked for `f.moments({"a": a, "p": p})`, an array of a few numbers, all that a household
    sees of the others, and for `f.policy(moments, z)`: consumption c(cash, income), and cash below
    which all of it is consumed, one number an income. Many draws of incomes average out: in
    expectation tomorrow's households have each income with its probability. In a history incomes
    are drawn, evenly over households of one income in the order of their assets.
    """

    def __init__(self, economy: Any, number: int) -> None:
        self.economy, self.number = economy, number
        self.centre = sum(economy.capitals) / 2

    def aggregate(self, x):
        """log K and z."""
        return jnp.stack([jnp.log(jnp.mean(x["a"])), x["z"]])

    def moments(self, f, x):
        return f.moments({"a": x["a"], "p": x["p"]})

    def chosen(self, f, x):
        """Cash, the state of income, and consumption, of each household."""
        i = jnp.argmax(x["p"], axis=1)
        s, (policy, _) = self.aggregate(x), f.policy(self.moments(f, x), x["z"])
        cash = jax.vmap(lambda a, i: self.economy.cash(a, i, s))(x["a"], i)
        return cash, i, jax.vmap(policy)(cash, i)

    def ahead(self, f, x):
        """log K of tomorrow, and its moments."""
        cash, i, c = self.chosen(f, x)
        x1 = {"a": cash - c, "p": jnp.asarray(self.economy.chain.transition)[i]}
        return jnp.append(jnp.log(jnp.mean(x1["a"])), f.moments(x1))

    def asked(self, f, x, saved, i):
        """Consumption that Euler's equation asks of those who save so much in the states i."""
        k1, *moments = once(lambda f: self.ahead(f, x), f)

        def tomorrow(e):
            z1 = self.economy.m.rho_z * x["z"] + e
            return jnp.stack([k1, z1]), f.policy(jnp.stack(moments), z1)[0]

        return self.economy.asked(tomorrow, saved, i)

    def euler(self, f, x, above):
        """In units of consumption, where cash is so much above each kink."""

        def row(f, t, i):
            policy, kinks = f.policy(once(lambda f: self.moments(f, x), f), x["z"])
            cash = kinks[i] + t
            c = policy(cash, i)
            return 1.0 - self.asked(f, x, (cash - c)[None], i[None])[0] / c

        states = jnp.arange(self.economy.m.states)
        each = jax.vmap(lambda t, i: once(lambda f: row(f, t, i), f))
        return each(jnp.tile(above, states.size), jnp.repeat(states, above.size))

    def moved(self, x, saved, e):
        m, i = self.economy.m, jnp.argmax(x["p"], axis=1)
        rank = jnp.argsort(jnp.lexsort((x["a"], i))).astype(saved.dtype)
        u = jnp.mod(rank * GOLDEN + e[1], 1.0)
        bounds = jnp.cumsum(self.economy.chain.transition, axis=1).astype(saved.dtype)[i, :-1]
        j = jnp.sum(u[:, None] > bounds, axis=1)
        p = jax.nn.one_hot(j, m.states, dtype=saved.dtype)
        return {"a": saved, "p": p, "z": m.rho_z * x["z"] + e[0]}

    def step(self, f, x, e):
        """A period on."""
        cash, _, c = self.chosen(f, x)
        return self.moved(x, cash - c, e)

    def corrected(self, f, x, e):
        """The same, where households do what Euler's equation asks for."""
        cash, i, c = self.chosen(f, x)
        return self.moved(x, cash - jnp.minimum(self.asked(f, x, cash - c, i), cash), e)

    def state(self, log_k, z):
        """Assets of an exponential distribution, whatever the income."""
        rank = np.random.default_rng(0).permutation(self.number)
        a = -np.log1p(-(rank + 0.5) / self.number)
        bounds = np.cumsum(self.economy.shares)[:-1]
        i = np.searchsorted(bounds, (np.arange(self.number) + 0.5) / self.number)
        p = np.eye(self.economy.m.states)[i]
        return {"a": a * np.exp(log_k) / a.mean(), "p": p, "z": np.asarray(z)}

    def states(self, n: int, seed: int = 0) -> fe.Empirical:
        """Such states, of many K and z."""
        draws = np.random.default_rng(seed).uniform(-1.0, 1.0, (n, 2))
        ends = np.array([0.3, 3.0 * self.economy.spread])
        found = [self.state(self.centre + k, z) for k, z in draws * ends]
        return fe.Empirical(jax.tree.map(lambda *a: np.stack(a), *found))

    def history(self, f, key, step=None):
        """A long path of the economy."""
        shock = fe.Product(fe.Normal(0.0, self.economy.m.sigma_z), fe.Uniform(0.0, 1.0))
        start = fe.Dirac(self.state(self.centre, 0.0))
        step = self.step if step is None else step
        law = fe.Ergodic(step, start, shock, periods=PERIODS, burn_in=BURN_IN)
        return law.given(f).simulate(PERIODS - BURN_IN, key=key)

    def errors(self, f, key, every: int = 50) -> dict[str, float]:
        """Of a history: the mean Euler error, 0 where the limit binds; the largest distance of
        log K from that of the economy in which households do, in each period, what the equation
        asks for (the dynamic test of Den Haan); and what log K and z leave of log K'."""
        path, other = self.history(f, key), self.history(f, key, self.corrected)
        (k, z), k1 = (jax.vmap(self.aggregate)(x).T for x in (path, other))

        def error(x):
            cash, i, c = self.chosen(f, x)
            return jnp.mean(jnp.abs(jnp.minimum(self.asked(f, x, cash - c, i), cash) / c - 1.0))

        some = jax.tree.map(lambda a: a[::every], path)
        columns = np.stack([np.ones_like(k), k, z, k * k, k * z, z * z], axis=1)[:-1]
        rest = k[1:] - columns @ np.linalg.lstsq(columns, np.asarray(k[1:]), rcond=None)[0]
        return {
            "euler": float(jnp.mean(jax.lax.map(error, some))),
            "dynamic": float(jnp.max(jnp.abs(k1[0] - k))),
            "unexplained": float(jnp.var(rest) / jnp.var(k[1:])),
        }
