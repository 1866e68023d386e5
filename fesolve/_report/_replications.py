"""What a decomposition of the error is made of: risks that stand for p*, samples of it, and the
losses of every f at every point."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._distribution import Dirac, Empirical
from .._evaluation import Bare, drawn, Pairs, table
from .._judge._fresh import SHOCK_NODES
from .._risk import AbstractRisk, on_exact_shock, rebuilt, require_sample, Risk
from .._types import Hypothesis
from ._statistics import is_drawn


def with_exact_shocks(risk: AbstractRisk) -> AbstractRisk:
    """The risk with the expectation over a continuous shock by a rule, as least squares take it."""
    terms = tuple(on_exact_shock(term, SHOCK_NODES) for term in risk.terms)
    return rebuilt(risk, terms)


def population_of(
    risk: AbstractRisk, population: int | AbstractRisk, key: PRNGKeyArray
) -> tuple[AbstractRisk, list[bool]]:
    """A risk that stands for that under p*, and which of its terms were drawn for it."""
    if isinstance(population, AbstractRisk):
        terms = population.terms
        for term in terms:
            require_sample(term)
        return population, [is_drawn(t, np.asarray(t.bare.weights)) for t in terms]
    terms, drawn = [], []
    keys = jr.split(key, len(risk.terms))
    for term, one in zip(risk.terms, keys, strict=True):
        p = term.population
        settled = p is None or isinstance(p, Dirac | Empirical)
        term = term if p is None or isinstance(p, Dirac) else term.on(p)
        terms.append(term.empirical(population, key=one))
        drawn.append(not settled)
    return sum(terms[1:], start=terms[0]), drawn


def sample_of(risk: AbstractRisk, n: int, key: PRNGKeyArray) -> AbstractRisk:
    """The risk on a fresh sample D of p*."""
    keys = jr.split(key, len(risk.terms))
    terms = [_sampled(term, n, one) for term, one in zip(risk.terms, keys, strict=True)]
    return sum(terms[1:], start=terms[0])


def _sampled(term: Risk, n: int, key: PRNGKeyArray) -> AbstractRisk:
    p = term.population
    if p is None or isinstance(p, Dirac):
        return term.empirical(n, key=key)
    for_points, for_shocks = jr.split(key)
    if isinstance(p, Empirical):
        p = Empirical(p.sample(n, key=for_points), population=p)
    return term.on(p).empirical(n, key=for_shocks)


@compiled
def losses_of(bares: list[Bare], f: Hypothesis) -> list[Array]:
    """The loss at each point of each term, with the multiplier of the term."""
    out = []
    for bare in bares:
        shock = bare.shock
        if isinstance(shock, Pairs):
            values = drawn(bare, f, shock.first) * drawn(bare, f, shock.second)
        else:
            values = bare.loss(table(bare, f))
        out.append(jnp.asarray(bare.multiplier, values.dtype) * jnp.sum(values, axis=1))
    return out


@compiled
def tested(
    bares: list[Bare], start: Hypothesis, found: PyTree, train: Float[Array, " replications"]
) -> tuple[Float[Array, " replications"], list[Array], Bool[Array, " replications"]]:
    """R(f_D, p*) of every f_D; the losses at each point, averaged over those; and which of them
    are finite. One f_D after the other, since all at all points would not fit."""
    static = eqx.filter(start, eqx.is_array, inverse=True)

    def one(total: list[Array], replication: tuple) -> tuple[list[Array], tuple]:
        arrays, train = replication
        losses = losses_of(bares, eqx.combine(arrays, static))
        test = sum(
            jnp.sum(jnp.asarray(bare.weights, term.dtype) * term)
            for bare, term in zip(bares, losses, strict=True)
        )
        fine = jnp.isfinite(test) & jnp.isfinite(train)
        kept = [t + jnp.where(fine, x, jnp.zeros_like(x)) for t, x in zip(total, losses)]
        return kept, (test, fine)

    shapes = eqx.filter_eval_shape(losses_of, bares, start)
    zero = [jnp.zeros(shape.shape, shape.dtype) for shape in shapes]
    total, (test, fine) = jax.lax.scan(one, zero, (found, train))
    count = jnp.maximum(jnp.sum(fine), 1)
    return test, [t / count.astype(t.dtype) for t in total], fine


def population_error(
    weights: list[np.ndarray], drawn: list[bool], losses: list[np.ndarray]
) -> float:
    """The standard error of the mean loss, from the points that were drawn to stand for p*."""
    variance = 0.0
    for w, values, is_random in zip(weights, losses, drawn, strict=True):
        if is_random and len(w) > 1:
            deviations = values - np.sum(w * values)
            variance += np.sum((w * deviations) ** 2) * len(w) / (len(w) - 1)
    return float(np.sqrt(variance))


def sample_error(values: np.ndarray) -> float:
    """The standard error of a mean over samples D."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
