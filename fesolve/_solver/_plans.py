"""In which order a least-squares problem is attacked."""

import functools
from typing import Any

import jax.numpy as jnp

from .._least_squares._assembly import Assembly, Equation, linearise, residuals
from .._least_squares._tolerances import holds
from ._algebra import Plan, Stage
from ._causal import Order
from ._jax_algebra import InJax


def newton_plan(
    steps: int, *, rtol: float | None = None, columns: Any = (), max_steps: int = 1 << 30
) -> Plan:
    """Gauss-Newton steps alone, at most so many."""
    stage = Stage("Gauss-Newton", steps=steps, rtol=rtol)
    return Plan((stage,), max_steps, tuple(columns))


LINEAR = newton_plan(1)._replace(affine=True)
"""One step, for what is said to be affine."""


@functools.lru_cache(256)
def series_plan(max_steps: int, damping: float, accuracy: float, *, timed: bool = True) -> Plan:
    """f linear in theta: Gauss-Newton; where that does not arrive, damped steps, causally weighted
    on an initial-value problem, and Gauss-Newton again."""
    stages = (
        Stage("Gauss-Newton", steps=30),
        Stage("causal", damped=True, causal=True, timely=True, turns_back=True, rtol=1e-12),
        Stage("Gauss-Newton", timely=True, steps=10),
        Stage("damped", damped=True, turns_back=True),
        Stage("Gauss-Newton", steps=10),
    )
    return Plan(_usable(stages, timed), max_steps, (), damping, accuracy)


@functools.lru_cache(256)
def network_plan(
    last: tuple[int, ...], max_steps: int, damping: float, accuracy: float, *, timed: bool = True
) -> Plan:
    """f nonlinear in theta: the last layer by QR, all weights by damped steps, the last layer
    once more, and all of it without the first where that arrives at what is no solution. The
    damped steps travel, the QR arrives: Cholesky of a Gram matrix loses half of the digits.

    On a nonlinear initial-value problem the first solve of the last layer is left out, since it
    settles in a false minimum that blocks what follows, and the steps travel causally instead.
    """
    causal = Stage("causal", damped=True, causal=True, timely=True, decides=False, rtol=1e-12)
    damped = Stage("damped", damped=True)
    probe = Stage("last layer", probes=True, decides=False, steps=6)
    arrival = Stage("last layer", decides=False, steps=6)
    first = (probe, causal, damped, arrival) if last else (causal, damped)
    again = _usable((causal, damped, arrival), timed)
    again = tuple(s._replace(again=True, turns_back=not i) for i, s in enumerate(again))
    stages = (*_usable(first, timed), *again) if last else _usable(first, timed)
    return Plan(stages, max_steps, last, damping, accuracy, to_rounding=True)


def _usable(stages: tuple[Stage, ...], timed: bool) -> tuple[Stage, ...]:
    return tuple(stage for stage in stages if timed or not stage.timely)


def in_jax(
    assembly: Assembly, theta: Any, data: list, equations: tuple[Equation, ...], timed: bool
) -> InJax:
    """The algebra of a problem inside a program; where rows have times, their order is the last of
    the data."""
    multipliers = [
        jnp.asarray(bare.multiplier, assembly.dtype) for bare in assembly.merge(theta, data)[0]
    ]
    return InJax(
        lambda theta: residuals(assembly, theta, data),
        lambda theta: linearise(assembly, theta, data),
        dtype=assembly.dtype,
        holds=lambda at: holds(equations, multipliers, *at[:3]),
        order=Order(*data[-2:]) if timed else None,
    )
