"""What a problem of the campaign is, and the functions that are let loose on it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


KINDS = (
    "plain",
    "growth",
    "units",
    "vanishing",
    "spike",
    "rest point",
    "layer",
    "missing condition",
    "contradicting conditions",
    "several solutions",
    "open box",
    "kink",
    "eigenvalue",
    "wrong p*",
    "many coordinates",
)


@dataclasses.dataclass(frozen=True)
class Case:
    """A functional equation whose answer is known.

    - `name`; `kind`, of `KINDS`.
    - `risk`: the population risk R(f, p*).
    - `exact`: the solution, in the place of f: a JAX function of a point, or a module of them;
      `None` where there is none, or more than can be told apart.
    - `hypotheses`: by name, functions `() -> f`.
    - `difficult`: whether it is hard, tricky or without a solution.
    - `n`, `sample`: the number of training points, and `(risk, n) -> risk` on them.
    - `others`: where `exact` is given, solutions that are right as well; where it is not, two
      functions that both solve the equation, or none where nothing does.
    - `shown`: the function of a point in f that is compared; where it is not f itself, `exact` is
      that function, and cannot stand in the place of f.
    - `own`: for a hypothesis with another sample or solver, `(risk -> sample, solver)`.
    - `points`, `weights`: where the true error is measured; by default a rule for p*.
    - `close`: the residual of `exact`, by that of a function a tenth away, may be this large.
    - `hidden`: nobody who looks at finitely many points can see that f is wrong.
    - `slow`: left out unless asked for by name.
    - `parent`: the name of the problem of which this is a change of units.
    """

    name: str
    kind: str
    risk: Any
    exact: Any
    hypotheses: dict[str, Callable[[], Any]]
    difficult: bool
    n: int = 48
    sample: Callable[..., Any] = lambda risk, n: risk.quadrature(n)
    others: tuple = ()
    shown: Callable[[Any], Callable] | None = None
    own: dict[str, tuple] = dataclasses.field(default_factory=dict)
    points: Any = None
    weights: Any = None
    close: float = 1e-8
    hidden: bool = False
    slow: bool = False
    parent: str = ""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"`kind` of {self.name} must be one of {KINDS}; got {self.kind!r}")

    @property
    def population(self):
        """p*, the distribution of the first equation."""
        return self.risk.terms[0].population

    @property
    def dimension(self) -> int:
        leaves = jax.tree.leaves(self.population.support[0])
        return sum(np.size(leaf) for leaf in leaves)

    @functools.cached_property
    def measure(self):
        """Where the true error is measured, as (points, weights)."""
        if self.points is None:
            rule = rule_for(self.population)
            return jax.tree.map(jnp.asarray, rule.points), np.asarray(rule.weights)
        n = jax.tree.leaves(self.points)[0].shape[0]
        weights = np.full(n, 1 / n) if self.weights is None else np.asarray(self.weights)
        return jax.tree.map(jnp.asarray, self.points), weights

    def training(self, hypothesis: str):
        """The sample and the solver of a hypothesis."""
        if hypothesis in self.own:
            sample, solver = self.own[hypothesis]
            return sample(self.risk), solver
        return self.sample(self.risk, self.n), None

    def values(self, f) -> np.ndarray:
        """f at the points, one row each."""
        values = jax.vmap(lambda x: jnp.ravel(f(x)))(self.measure[0])
        return np.asarray(values, float)

    def error(self, f) -> float:
        """|f - exact| / |exact| under p*, for the nearest of the right answers; nan without one."""
        if self.exact is None:
            return float("nan")
        found = self.values(f if self.shown is None else self.shown(f))
        size = lambda v: np.sqrt(np.sum(self.measure[1][:, None] * v**2))
        right = [self.values(g) for g in (self.exact, *self.others)]
        return float(min(size(found - g) / size(g) for g in right))


def rule_for(p):
    """Points and weights under p, more of them than a solver takes."""
    if isinstance(p, fe.Empirical):
        return p
    lower, _ = p.support
    d = sum(np.size(leaf) for leaf in jax.tree.leaves(lower))
    if d <= 2:
        return p.quadrature(401 if d == 1 else 41)
    return p.empirical(2_048, key=jr.key(101)) if d > 3 else p.quadrature(13)


class Curve(eqx.Module):
    """A function with an unknown number beside it: an eigenvalue, a rate, a length."""

    function: Any
    number: Any

    def __call__(self, x):
        return jnp.stack([self.function(x), jnp.asarray(self.number, float)])


# Words of the problems.


def slope(f):
    return fe.derivative(f, 1)


def bend(f):
    return fe.derivative(f, 2)


def on(residual, lower, upper, **options):
    """An equation under the uniform distribution of an interval or box."""
    return fe.Risk(residual, fe.Uniform(lower, upper), **options)


def at(value, x=0.0, of=lambda f: f, name="value"):
    """The condition f(x) = value."""
    value = jnp.asarray(value, float)
    return fe.Risk(lambda f, x: of(f)(x) - value, fe.Dirac(x), name=name)


def slope_at(value, x=0.0, order=1, of=lambda f: f):
    """The condition f'(x) = value, or one on a higher derivative."""
    return fe.Risk(
        lambda f, x: fe.derivative(of(f), order)(x) - value, fe.Dirac(x), name=f"derivative {order}"
    )


# Functions that are let loose.


def series(degree, lower, upper, **options):
    return lambda: fe.Series(fe.Chebyshev(degree, (lower, upper)), **options)


def elements(lower, upper, number=4, degree=8, smoothness=1, **options):
    breaks = np.linspace(lower, upper, number + 1)
    return lambda: fe.Series(fe.SpectralElements(degree, breaks, smoothness), **options)


def spline(lower, upper, number=24, degree=5, **options):
    return lambda: fe.Series(fe.BSpline(number, (lower, upper), degree=degree), **options)


def network(lower, upper, seed=0, out="scalar", **options):
    size = "scalar" if np.ndim(lower) == 0 else len(lower)
    return lambda: fe.MLP(
        size, out, width=16, depth=2, support=(lower, upper), key=jr.key(seed), **options
    )


def all_curves(lower, upper, out="scalar", degrees=(8, 16, 32), start=0.0, smoothness=1):
    """Series of three degrees, elements, splines, networks of three seeds."""
    made = {f"series {k}": series(k, lower, upper, out_size=out, start=start) for k in degrees}
    made["elements"] = elements(lower, upper, smoothness=smoothness, out_size=out, start=start)
    made["spline"] = spline(lower, upper, out_size=out, start=start)
    nets = {
        f"network {seed}": network(
            lower, upper, seed, out, **({"start": start} if np.any(start) else {})
        )
        for seed in range(3)
    }
    return made | nets


def some_curves(lower, upper, names=("series 16", "series 32", "network 0"), **options):
    """Some of them."""
    return {
        name: made for name, made in all_curves(lower, upper, **options).items() if name in names
    }


def boxes(lower, upper, degrees=(6, 12), seeds=(0,), out="scalar", start=0.0):
    """Complete polynomials of total degree and networks, on a box."""
    made = {
        f"series {k}": lambda k=k: fe.Series(
            fe.Tensor(*(fe.Chebyshev(k, pair) for pair in zip(lower, upper)), degree=k),
            out_size=out,
            start=start,
        )
        for k in degrees
    }
    return made | {f"network {seed}": network(lower, upper, seed, out) for seed in seeds}


def curve(name, kind, residual, domain, exact, *conditions, difficult=True, curves=None, **options):
    """A problem on an interval; `curves` are options of `some_curves`, of all where it is plain."""
    choose = options.pop("choose", all_curves if kind == "plain" else some_curves)
    return Case(
        name,
        kind,
        sum(conditions, on(residual, *domain)),
        exact,
        choose(*domain, **(curves or {})),
        difficult,
        **options,
    )


def interpolated(rhs, start, domain, degree, **options):
    """The solution of y' = rhs(x, y), by SciPy's DOP853 in short steps, as a Chebyshev series."""
    from scipy.integrate import solve_ivp

    lower, upper = domain
    nodes = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))[::-1]
    x = lower + (upper - lower) * (nodes + 1) / 2
    settings = {"method": "DOP853", "rtol": 3e-14, "atol": 1e-15} | options
    # Stopped at every node: the dense output is less accurate than the steps.
    y, values, before = np.asarray(start, float), [], lower
    for node in x:
        y = solve_ivp(rhs, (before, node), y, **settings).y[:, -1]
        values.append(y)
        before = node
    coefficients = np.polynomial.chebyshev.chebfit(nodes, np.asarray(values), degree).T
    f = fe.Series(fe.Chebyshev(degree, domain), out_size=len(start))
    return eqx.tree_at(lambda f: f.coefficients, f, jnp.asarray(coefficients))


# Units.


def in_units(case, *, r=1.0, x=1.0, f=1.0):
    """The same problem in other units of r, x and f: values and points are multiplied by these."""
    name = f"{case.name}, " + ", ".join(
        f"{letter} x {size:g}" for letter, size in (("r", r), ("x", x), ("f", f)) if size != 1
    )
    old = lambda g: lambda z: g(z * x) / f

    def changed(term):
        residual = term.residual
        p = term.distribution
        if isinstance(p, fe.Dirac):
            p = fe.Dirac(p.point * x)
        elif isinstance(p, fe.Uniform):
            p = fe.Uniform(p.lower * x, p.upper * x)
        # Of first order: the residual is that of a derivative in the new unit of x.
        factor = r if isinstance(p, fe.Dirac) else r / x
        return fe.Risk(lambda g, z: factor * residual(old(g), z / x), p, name=term.name)

    lower, upper = (np.asarray(end) * x for end in case.population.support)
    chosen = {"series 16": series(16, lower, upper), "network 0": network(lower, upper)}
    return dataclasses.replace(
        case,
        name=name,
        kind="units",
        risk=sum(changed(term) for term in case.risk.terms),
        exact=lambda z: f * case.exact(z / x),
        others=(),
        hypotheses=chosen,
        points=None if case.points is None else case.points * x,
        parent=case.name,
    )
