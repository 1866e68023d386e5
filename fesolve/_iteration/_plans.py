"""In which order a least-squares problem is attacked, and whether it is affine, found by trying."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float


class Stage(NamedTuple):
    """A part of a plan.

    - `damped`: Levenberg-Marquardt; else Gauss-Newton with full steps, in the columns of the plan.
    - `causal`: under causal weights, stricter and stricter, until every weight is near 1.
    - `timely`: where rows have no times there is no such stage.
    - `turns_back`: begins where the solve began, unless the solve has come near a solution.
    - `again`: a second try of the whole, where the first arrived at what is no solution.
    - `probes`: keeps what it finds only where the problem is affine, or no matter of time.
    - `decides`: how the stage ends is how the solve has ended.
    - `steps`, `rtol`: at most so many steps; a step so short, relative to theta, is the last.
    """

    name: str
    damped: bool = False
    causal: bool = False
    timely: bool = False
    turns_back: bool = False
    again: bool = False
    probes: bool = False
    decides: bool = True
    steps: int = 1 << 30
    rtol: float | None = None


class Plan(NamedTuple):
    """Stages in their order; hashable, so that a program can be kept for it.

    - `columns`: those in which Gauss-Newton steps move theta, all where there are none.
    - `damping`: what is first added to the diagonal of J^T J, relative to its largest entry.
    - `accuracy`: the relative error of f that is asked for.
    - `to_rounding`: a solve is at its end where the residual is rounding; else where the equations
      hold.
    - `affine`: the residual is said to be affine in theta: the solve has arrived where the step led
      to where its linearisation said.
    """

    stages: tuple[Stage, ...]
    max_steps: int
    columns: tuple[int, ...] = ()
    damping: float = 1e-3
    accuracy: float = 1e-3
    to_rounding: bool = False
    affine: bool = False

    @property
    def has_damped(self) -> bool:
        """Whether some stage is damped."""
        return any(stage.damped for stage in self.stages)

    @property
    def reserve(self) -> int:
        """Steps that damped ones leave for the Gauss-Newton steps after them."""
        last = self.stages[-1]
        return 0 if last.damped else min(last.steps, self.max_steps // 4)


def newton_plan(
    steps: int,
    *,
    columns: tuple[int, ...] = (),
    max_steps: int = 1 << 30,
    rtol: float | None = None,
) -> Plan:
    """Gauss-Newton steps alone, at most so many."""
    return Plan((Stage("Gauss-Newton", steps=steps, rtol=rtol),), max_steps, columns)


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


def is_affine(
    residuals: Callable[[Any], Float[np.ndarray, " N"]], theta: Float[np.ndarray, " P"]
) -> bool:
    """Whether r(theta + d) - r(theta) = r(theta) - r(theta - d), to half of the digits, for a d
    that changes every entry by as much as it is, and by 1 at least.

    It costs three residuals and no Jacobian. What is affine in pieces may pass, so that whoever
    asks must be right, and no more than slower, where it is not so.
    """
    size = 1 + np.abs(theta)
    step = (size * np.random.default_rng(0).uniform(0.5, 1.0, theta.size)).astype(theta.dtype)
    step *= np.where(np.random.default_rng(1).uniform(size=theta.size) < 0.5, -1, 1)
    before, here, after = (residuals(t) for t in (theta - step, theta, theta + step))
    if not all(np.isfinite(r).all() for r in (before, here, after)):
        return False
    first, second, norm = here - before, after - here, np.linalg.norm
    eps = float(np.finfo(theta.dtype).eps)
    rounding = 100 * eps * (norm(before) + norm(here) + norm(after))
    return bool(norm(second - first) <= eps**0.5 * (norm(first) + norm(second)) + rounding)
