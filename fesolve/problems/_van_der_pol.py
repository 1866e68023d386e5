"""Van der Pol's oscillator."""

import functools
from dataclasses import astuple, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._curves import curves
from ._parameters import check_positive, model
from ._problem import Choice, Problem


@dataclass(frozen=True, kw_only=True)
class VanDerPol:
    """Damping and an interval.

    - `mu`: the strength of the nonlinear damping; from about 10 on the equation is stiff.
    - `horizon`: the equation holds on [0, horizon].
    """

    mu: float = 1.0
    horizon: float = 10.0

    def __post_init__(self) -> None:
        check_positive(horizon=self.horizon)


@model(VanDerPol)
def van_der_pol(m: VanDerPol) -> Problem:
    """f'' = mu (1 - f^2) f' - f, f(0) = 2, f'(0) = 0: Van der Pol's oscillator.

    For large mu the solution creeps for a time of about 0.8 mu and then jumps within one of about
    1 / mu.
    """
    mu, horizon = astuple(m)

    def ode(f, x, mu):
        slope = fe.derivative(f)
        r = fe.derivative(slope)(x) - mu * (1.0 - f(x) ** 2) * slope(x) + f(x)
        return r / (1.0 + mu)  # speeds reach 1.5 mu, so r is measured in units of that

    def initial(f, x):
        return {"position": f(x) - 2.0, "speed": fe.derivative(f)(x)}

    def hard(net, x):
        return 2.0 + x**2 * net(x)

    def elements(degree: int = 24, elements: int = 10) -> Choice:
        breaks = np.linspace(0.0, horizon, elements + 1)
        series = fe.Series(fe.SpectralElements(degree, breaks, adaptive=True), start=2.0)
        return Choice(lambda key: series, points=degree)

    @functools.cache
    def reference() -> Any:
        from scipy.integrate import solve_ivp

        def step(t, y):
            return [y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]]

        # short steps, because between them SciPy interpolates
        limits = {"rtol": 1e-13, "atol": 1e-14, "max_step": 0.02}
        return solve_ivp(step, (0, horizon), [2, 0], "DOP853", dense_output=True, **limits).sol

    def exact(x):
        like = jax.ShapeDtypeStruct(jnp.shape(x), jnp.result_type(float))
        return jax.pure_callback(
            lambda t: reference()(np.ravel(t))[0].reshape(np.shape(t)).astype(like.dtype),
            like,
            x,
            vmap_method="expand_dims",
        )

    return Problem(
        risk=fe.Risk(ode, fe.Uniform(0.0, horizon), args=(mu,))
        + 10.0 * fe.Risk(initial, fe.Dirac(0.0)),
        hypotheses={
            "elements": elements,
            **curves(0.0, horizon, degree=128, hard=hard, spread=5.0),
        },
        exact=exact,
        source="van der Pol (1926); the reference is SciPy's DOP853 at its tightest tolerance",
    )
