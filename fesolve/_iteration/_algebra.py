"""The state of an iteration, and the algebra that it runs over."""

import abc
from collections.abc import Callable
from typing import Any, NamedTuple

from ._plans import Plan


class Point(NamedTuple):
    """A theta, the residual and its Jacobian there, and |r|^2."""

    theta: Any
    r: Any
    jacobian: Any
    cost: Any


class State(NamedTuple):
    """Where an iteration stands.

    - `here`, `best`, `start`: the iterate, that of the smallest cost, and where the solve began.
    - `unit`: the size of r and of J theta at the start. What counts as rounding is relative to it,
      so that nothing depends on the unit of the equations.
    - `steps`, `entered`: steps that were taken, and those before this stage.
    - `damping`, `length`: what is added to the diagonal; the part of a Gauss-Newton step that is
      taken.
    - `refused`, `stalled`: attempts since the last step; steps since the last real gain.
    - `lowest`: the smallest cost of this stage.
    - `digit`, `digit_at`: the cost when |r| had last lost a digit, and the number of steps then.
    - `weights`, `level`, `round_cost`, `round_at`: of a causal stage: the square roots of its
      weights, which strictness, and cost and steps when these weights were set.
    - `affine`: whether the first step went where its linearisation said; `early`, whether a probe
      was kept.
    - `converged`, `finite`, `done`; `beyond`, the theta of the last attempt that was not finite.
    """

    here: Point
    best: Point
    start: Point
    unit: Any
    stage: Any
    steps: Any
    entered: Any
    damping: Any
    length: Any
    refused: Any
    stalled: Any
    lowest: Any
    digit: Any
    digit_at: Any
    weights: Any
    level: Any
    round_cost: Any
    round_at: Any
    affine: Any
    early: Any
    converged: Any
    finite: Any
    beyond: Any
    done: Any


class Proposal(NamedTuple):
    """A step that is proposed: the theta to which it leads, whether it is damped, the step, J times
    it, and the weighted cost before it."""

    theta: Any
    damped: Any
    step: Any
    ahead: Any
    before: Any


class Tried(NamedTuple):
    """The point to which a step leads, its weighted cost, and whether it is finite."""

    point: Point
    after: Any
    finite: Any


class Order(NamedTuple):
    """Rows in the order of their times, and how many rows are earlier than each."""

    rows: Any
    earlier: Any


class Algebra(abc.ABC):
    """What an iteration asks of the library that it runs in.

    - `xp`, `eps`: the library, and the rounding of its numbers.
    - `residuals`, `linearised`: r at theta; r and its Jacobian, which is known by its products J v
      or as a matrix.
    - `holds`: whether every equation holds at a point.
    - `order`: of the rows in time, if they have one.
    - `accelerates`: whether the residuals of two theta can be differenced.
    """

    xp: Any
    eps: float
    residuals: Callable[[Any], Any]
    linearised: Callable[[Any], tuple[Any, Any]]
    holds: Callable[[Point], Any]
    order: Order | None
    accelerates: bool

    @property
    def timed(self) -> bool:
        """Whether rows have an order in time."""
        return self.order is not None

    def past(self, r: Any) -> Any:
        """At each row, the sum of r^2 over all earlier rows."""
        sums = self.xp.cumsum(r[self.order.rows] ** 2)
        return self.xp.concatenate([self.xp.zeros(1, r.dtype), sums])[self.order.earlier]

    @abc.abstractmethod
    def constant(self, x: float | int | bool) -> Any:
        """A number in the precision of theta, a whole number, or a truth value."""

    @abc.abstractmethod
    def choose(self, flag: Any, a: Any, b: Any) -> Any:
        """a or b, trees of one structure."""

    @abc.abstractmethod
    def either(self, flag: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        """What a or b returns."""

    @abc.abstractmethod
    def branch(self, flag: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        """The same where a is rare, or costs more than a few numbers."""

    @abc.abstractmethod
    def stage(self, plan: Plan, index: Any) -> Any:
        """The stage at an index."""

    @abc.abstractmethod
    def is_finite(self, r: Any, jacobian: Any) -> Any:
        """Whether both are."""

    @abc.abstractmethod
    def diagonal(self, jacobian: Any) -> Any:
        """The largest entry of the diagonal of J^T J, or of J J^T, the smaller of the two."""

    @abc.abstractmethod
    def no_weights(self, r: Any) -> Any:
        """The weights of rows that have none."""

    @abc.abstractmethod
    def weighted(self, weights: Any, r: Any, jacobian: Any) -> tuple[Any, Any]:
        """r and its Jacobian with weights."""

    @abc.abstractmethod
    def direction(
        self, plan: Plan, damped: Any, r: Any, jacobian: Any, damping: Any
    ) -> tuple[Any, Any]:
        """The step, and the factors of a damped one."""

    @abc.abstractmethod
    def damped_again(self, factors: Any, jacobian: Any, b: Any) -> Any:
        """-(J^T J + damping I)^-1 J^T b by the factors of a damped step."""

    @abc.abstractmethod
    def least_damping(self, jacobian: Any) -> Any:
        """Less than this is rounding."""
