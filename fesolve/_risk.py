"""Risks R(f, p) = E_{x ~ p}[l(r(f, x))] and their sums."""

import abc
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray, PyTree

from ._checks import function, is_real, tolerance as checked_tolerance
from ._distribution import AbstractDistribution, as_distribution, Dirac, Empirical
from ._distribution._arrays import check_count, keys_from
from ._distribution._compare import check_weights, same
from ._distribution._part import holds, on_part, Part, under_ratio
from ._entry import entry
from ._evaluation import Bare, mean_loss, Pairs, weighted_rows
from ._losses import squared
from ._precision import in_dtype, theta_dtype
from ._show import Called, Plain, told, Word, words
from ._types import as_array, changed, Hypothesis, is_traced, made, Residual


class AbstractRisk(Called):
    """A functional f -> R(f) >= 0, closed under `+` and multiplication by a scalar."""

    # or NumPy would take a risk for a number, and an array times a risk for an array of risks
    __array_ufunc__ = None

    @property
    @abc.abstractmethod
    def terms(self) -> "tuple[Risk, ...]":
        """The single risks whose sum this is."""

    def __add__(self, other: "AbstractRisk") -> "SumRisk":
        if not isinstance(other, AbstractRisk):
            return NotImplemented
        return SumRisk(self.terms + other.terms)

    def __radd__(self, other: Any) -> "AbstractRisk":
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __mul__(self, scalar: ArrayLike | Any) -> "AbstractRisk":
        if isinstance(scalar, AbstractRisk):
            raise ValueError(
                "a risk can be multiplied by a scalar, not by another risk; to sum risks use `+`"
            )
        return rebuilt(self, [_scaled(term, scalar) for term in self.terms])

    def __rmul__(self, scalar: ArrayLike | Any) -> "AbstractRisk":
        return self * scalar

    def empirical(self, n: int, *, key: PRNGKeyArray) -> "AbstractRisk":
        """The empirical risk R(f, D) on n points a term, drawn independently from p.

        Terms that stand on points already (`Dirac`, `Empirical`, conditions) stay as they are.
        """
        check_count("empirical", n, key)
        keys = keys_from(key, len(self.terms))
        return rebuilt(self, [_empirical(t, n, k) for t, k in zip(self.terms, keys, strict=True)])

    def quadrature(self, n: int) -> "AbstractRisk":
        """The risk by a quadrature rule of n nodes per coordinate: collocation, with weights."""
        check_count("quadrature", n)
        return rebuilt(self, [_quadrature(term, n) for term in self.terms])

    def on(self, q: AbstractDistribution | Any) -> "AbstractRisk":
        """The same risk under q, which may be data: the first distribution, wherever it stands, is
        replaced by q. Conditions, which live on a `Dirac` or another face, stay where they are.

        **Raises:** `ValueError` where no term has a distribution that q could replace.
        """
        q = as_distribution(q, "q")
        populations = [term.population for term in self.terms]
        movable = [p for p in populations if p is not None and not isinstance(p, Dirac)]
        if not movable:
            raise ValueError(
                "`.on(q)` found no term with a distribution to replace: every term is a "
                "condition or stands on a `Dirac`"
            )
        return rebuilt(
            self,
            [
                _replaced(term, q) if same(population, movable[0]) else term
                for term, population in zip(self.terms, populations, strict=True)
            ],
        )

    def given(self, f: Hypothesis) -> "AbstractRisk":
        """The risk under p*(x; f): each distribution that depends on f is taken at this f."""
        at = lambda p: None if p is None else p.given(f)
        return rebuilt(self, [changed(t, distribution=at(t.distribution)) for t in self.terms])

    @entry
    def where(self, condition: Callable) -> "AbstractRisk":
        """The risk on the part of p where `condition(x)` holds: R(f, p(. | condition)).

        So that what happens at a kink is seen apart from what happens elsewhere:

        ```python
        near = lambda x: jnp.abs(x - kink) < 0.05
        far = lambda x: ~near(x)
        fe.RiskReport(f, test=test.where(far), kink=test.where(near))
        ```

        Points of a sample at which it does not hold are left out, the weights of the others
        renormalised, and the worst point is sought in the part alone. Conditions, and terms on a
        `Dirac`, stay as they are.

        **Arguments:** `condition`, a function of one point to a truth value (of x and y on data);
        one that depends on f closes over it.

        **Raises:** `ValueError` where it holds at no point of a sample.
        """
        function(condition, "condition", "`lambda x: x > 0.5`")
        return rebuilt(self, [_where(term, condition) for term in self.terms])

    @entry
    def reweighted(self, ratio: Callable) -> "AbstractRisk":
        """The risk under q on points that were drawn from p: R(f, q) with dq / dp = c ratio(x).

        Weights become w_i ratio(x_i) / sum_j w_j ratio(x_j), whatever c. The `effective_size` says
        what they are worth: where few points carry the weight, q is not where these points are.
        Conditions, and terms on a `Dirac`, stay as they are.

        **Arguments:** `ratio`, a function of one point (of x and y on data) to a number >= 0.

        **Raises:** `ValueError` for a risk without sample, and where the ratio is negative, not
        finite, or zero at every point.
        """
        function(ratio, "ratio", "`lambda x: jnp.exp(x)`")
        return rebuilt(self, [_reweighted(term, ratio) for term in self.terms])

    @property
    def effective_size(self) -> Any:
        """Kish's effective sample size (sum_i w_i)^2 / sum_i w_i^2 of the points of the first term
        that stands on a sample: so many draws of q would be worth as much as these points; 1 where
        there is none."""
        for term in self.terms:
            if isinstance(term.distribution, Empirical):
                weights = term.distribution.weights
                return weights.sum() ** 2 / (weights**2).sum()
        return 1.0

    @entry
    def residuals(self, f: Hypothesis) -> Float[Array, " rows"]:
        """The vector whose squared norm is the risk: terms, then points, then components, each
        scaled by sqrt(multiplier * w_i). **Raises:** as the risk, and where it is not of squares.
        """
        for term in self.terms:
            require_sample(term)
            require_squares(term)
        return weighted_rows(in_dtype([term.bare for term in self.terms], theta_dtype(f)), f)

    @entry
    def __call__(self, f: Hypothesis) -> Float[Array, ""]:
        """R(f), under an empirical distribution or a quadrature rule.

        **Raises:** `ValueError` under a continuous distribution, where R has no exact value.
        """
        for term in self.terms:
            require_sample(term)
        return mean_loss(in_dtype([term.bare for term in self.terms], theta_dtype(f)), f)


class Risk(AbstractRisk):
    """R(f, p) = E_{x ~ p}[l(r(f, x))]: zero where f solves r(f, x) = 0 for p-almost every x.

    **Arguments:**

    - `residual`: `residual(f, x, *args)` at one point x, returning a scalar, a vector or a
      pytree of them, whose keys name equations. Without a `distribution` it is
      `residual(f, *args)`; with a `shock` it is `residual(f, x, e, *args)`; on `fe.Data(X, Y)` it
      is `residual(f, x, y, *args)`.
    - `distribution`: p*(x), where accuracy counts; `None` for a condition on f as a whole.
    - `args`: further arguments, differentiable and free to change without a compilation.
    - `loss`: elementwise l(r), by default r^2.
    - `shock`: the distribution of e in r(f, x) = E_e[residual(f, x, e)]. An `Empirical` shock is
      summed exactly; under a continuous one the risk is E[r(f, x, e) r(f, x, e')], the product of
      two independent draws, whose mean is E_x[(E_e r)^2] (Maliar, Maliar and Winant, 2021).
    - `tolerance`: sqrt(E r^2) of each equation at or below which it counts as solved; `None` is
      1e-6 in float64 and 1e-3 in float32; `inf` says regression, where zero is not expected.
    - `name`: what reports call it; by default the residual's own name; a lambda is `residual`.
    """

    residual: Residual
    distribution: AbstractDistribution | None
    args: tuple
    loss: Callable
    shock: PyTree
    multiplier: Any
    tolerance: float | None = eqx.field(static=True)
    name: str = eqx.field(static=True)

    def __init__(
        self,
        residual: Residual | Any,
        distribution: Any = None,
        *,
        args: tuple | Any = (),
        loss: Any = squared,
        shock: Any = None,
        tolerance: Any = None,
        name: str | None = None,
    ) -> None:
        if not callable(residual):
            raise ValueError(
                f"`residual` must be a function `residual(f, x, *args)`; got {residual!r}"
            )
        if not isinstance(args, tuple):
            raise ValueError(
                f"`args` must be a tuple, for example `args=(a,)`; got {type(args).__name__}"
            )
        function(loss, "loss", "`fe.squared`", ["r"])
        if name is not None and not isinstance(name, str):
            raise ValueError(f"`name` must be a text, or None; got {name!r}")
        distribution = None if distribution is None else as_distribution(distribution)
        check_weights(distribution)
        if shock is not None and distribution is None:
            raise ValueError(
                "`shock` needs a `distribution`, over whose points x its expectation is taken at "
                "each x; in a condition on f as a whole use `fe.expectation`"
            )
        shock = None if shock is None else as_distribution(shock, "shock")
        self.residual, self.distribution, self.loss = residual, distribution, loss
        self.args = jax.tree.map(lambda x: as_array(x) if isinstance(x, float) else x, args)
        if isinstance(shock, Dirac):
            shock = Empirical(jax.tree.map(lambda x: x[None], shock.point))
        self.shock = shock
        self.multiplier = np.asarray(1.0)
        self.tolerance = checked_tolerance(tolerance)
        own = getattr(residual, "__name__", type(residual).__name__)
        self.name = name or ("residual" if own == "<lambda>" else own)

    @property
    def terms(self) -> "tuple[Risk, ...]":
        return (self,)

    @property
    def population(self) -> AbstractDistribution | None:
        """The distribution that the points stand for: that of the sample, where it is known."""
        p = self.distribution
        if isinstance(p, Empirical) and p.population is not None:
            return p.population
        return p

    @property
    def count(self) -> int:
        """The number of points of the sample; 1 where there is none."""
        return self.distribution.size if isinstance(self.distribution, Empirical) else 1

    @property
    def bare(self) -> Bare:
        """What an evaluation needs, without names and tolerances."""
        p = self.distribution
        if isinstance(p, Dirac):
            points = jax.tree.map(lambda x: as_array(x)[None], p.point)
            weights = np.ones(1)
        elif isinstance(p, Empirical):
            points, weights = p.points, p.weights
        else:
            points, weights = None, np.ones(1)
        shock = self.shock
        if isinstance(shock, Empirical):
            shock = (shock.points, shock.weights)
        elif isinstance(shock, Pairs):
            shock = Pairs(shock.first, shock.second, None)
        return Bare(self.residual, self.loss, self.args, points, weights, shock, self.multiplier)


class SumRisk(AbstractRisk):
    """R(f) = R_1(f) + ... + R_m(f)."""

    parts: tuple[Risk, ...]

    @property
    def terms(self) -> tuple[Risk, ...]:
        return self.parts


def rebuilt(risk: AbstractRisk, terms: Sequence[Risk]) -> AbstractRisk:
    """The risk with other terms."""
    return made(SumRisk, parts=tuple(terms)) if isinstance(risk, SumRisk) else terms[0]


def _scaled(term: Risk, scalar: ArrayLike) -> Risk:
    scalar = as_array(scalar)
    if not is_real(scalar):
        raise ValueError(f"a risk is multiplied by a `scalar`, a real number; got {scalar}")
    if scalar.shape != ():
        raise ValueError(f"a risk is multiplied by a `scalar`; got shape {scalar.shape}")
    if not is_traced(scalar) and not (np.isfinite(scalar) and scalar >= 0):
        raise ValueError(f"a risk is multiplied by a finite number >= 0; got {scalar}")
    return changed(term, multiplier=term.multiplier * scalar)


def _empirical(term: Risk, n: int, key: PRNGKeyArray) -> Risk:
    p, q = term.distribution, term.shock
    point_key, first, second = keys_from(key, 3)
    if not (p is None or isinstance(p, Dirac | Empirical)):
        p = Empirical(p.sample(n, key=point_key), population=p)
    if isinstance(q, AbstractDistribution) and not isinstance(q, Empirical):
        count = p.size if isinstance(p, Empirical) else 1
        if term.loss is not squared:
            raise ValueError(
                f"`shock` of `{term.name}` is continuous, and its two independent draws a "
                "point estimate the square of E_e[r] alone: for another loss pass "
                "`shock=q.quadrature(n)`"
            )
        q = Pairs(q.sample(count, key=first), q.sample(count, key=second), q)
    return changed(term, distribution=p, shock=q)


def _quadrature(term: Risk, n: int) -> Risk:
    p, q = term.distribution, term.shock
    if not (p is None or isinstance(p, Dirac | Empirical)):
        p = p.quadrature(n)
        check_weights(p)
    if isinstance(q, AbstractDistribution):
        q = q.quadrature(n)
    return changed(term, distribution=p, shock=q)


def _where(term: Risk, condition: Callable) -> Risk:
    p, q = term.distribution, term.shock
    if p is None or isinstance(p, Dirac):
        return term
    if not isinstance(p, Empirical):
        return changed(term, distribution=Part(p, condition), shock=q)
    inside = holds(condition, p.points)
    if isinstance(q, Pairs):
        q = Pairs(*jax.tree.map(lambda e: e[inside], (q.first, q.second)), q.population)
    return changed(term, distribution=on_part(p, condition, inside), shock=q)


def _reweighted(term: Risk, ratio: Callable) -> Risk:
    p = term.distribution
    if p is None or isinstance(p, Dirac):
        return term
    require_sample(term)
    return changed(term, distribution=under_ratio(p, ratio))


def _replaced(term: Risk, q: AbstractDistribution) -> Risk:
    check_weights(q)
    # Draws of the shock belong to points: at new points they are drawn anew.
    shock = term.shock.population if isinstance(term.shock, Pairs) else term.shock
    return changed(term, distribution=q, shock=shock)


def require_risk(risk: Any) -> None:
    if not isinstance(risk, AbstractRisk):
        raise ValueError(f"`risk` must be an `fe.Risk(...)` or a sum of them; got {told(risk)}")


def require_sample(term: Risk) -> None:
    """Raises where the risk has no exact value because its points were not chosen yet."""
    p = term.distribution
    if not (p is None or isinstance(p, Dirac | Empirical)):
        raise ValueError(
            f"`risk` has a continuous distribution ({type(p).__name__}, of `{term.name}`): "
            "pass `risk.empirical(n, key=key)` or `risk.quadrature(n)`"
        )
    if isinstance(term.shock, AbstractDistribution) and not isinstance(term.shock, Empirical):
        raise ValueError(
            f"`shock` of `{term.name}` is continuous ({type(term.shock).__name__}): pass "
            "`shock=q.quadrature(n)`, or draw with `risk.empirical(n, key=key)`"
        )


def require_squares(term: Risk) -> None:
    """Raises where the risk is not a sum of squares."""
    if term.loss is not squared or isinstance(term.shock, Pairs):
        what = "a product of two draws" if isinstance(term.shock, Pairs) else "another loss"
        raise ValueError(
            f"the risk of `{term.name}` is not a sum of squares ({what}): a least-squares "
            "solver cannot take it; use `fe.Optax`, or `shock=q.quadrature(n)`"
        )


def on_exact_shock(term: Risk, n: int) -> Risk:
    """The term with a rule of n nodes in place of draws of a continuous shock."""
    q = term.shock.population if isinstance(term.shock, Pairs) else term.shock
    if q is None or isinstance(q, Empirical):
        return term
    return changed(term, shock=q.quadrature(n))


@words.register
def _(risk: AbstractRisk) -> list[Word]:
    if not isinstance(risk, Risk):
        return [Word(term) for term in risk.terms]
    drawn = risk.distribution is not risk.population
    found = {"shock": risk.shock, "args": risk.args or None, "tolerance": risk.tolerance}
    found["loss"] = None if risk.loss is squared else risk.loss
    found["times"] = None if told(risk.multiplier) == "1" else risk.multiplier
    points = Word(Plain(f"{risk.count:,} points") if drawn else None)
    parts = [Word(Plain(risk.name)), Word(risk.population), points]
    return [w for w in [*parts, *(Word(v, k) for k, v in found.items())] if w.value is not None]
