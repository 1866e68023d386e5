"""The solvers of Optimistix."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, PyTree

from .._checks import positive, whole
from .._compiled import compiled, Keyed
from .._fingerprint import fingerprint, said
from .._hypothesis._leaves import linear_leaves
from .._least_squares._assembly import Assembly, linearise, require_rows, residuals
from .._precision import in_dtype
from .._risk import AbstractRisk, require_sample, require_squares
from .._solution import Interrupted, RESULTS, Solution
from .._types import changed, Hypothesis, is_traced
from ._base import AbstractSolver, require_no_monitors, Task
from ._minimum import Outcome, solve_on_device
from ._refined import Level, refined


class Optimistix(AbstractSolver):
    """argmin over theta of R(f_theta) by a least-squares solver or a minimiser of Optimistix.

    ```python
    fe.Optimistix(optimistix.Dogleg(rtol=1e-10, atol=1e-10))
    ```

    The verdict is that of `LevenbergMarquardt`: converged is not yet solved. Where the risk is no
    sum of squares only a minimiser can take it, and the result is `ran` once it has converged.
    Being one compiled program, it calls monitors once, at its end.

    **Arguments:**

    - `solver`: an `optimistix.AbstractLeastSquaresSolver` or `optimistix.AbstractMinimiser`.
    - `max_steps`: at most this many steps.
    - `accuracy`: the relative error of f up to which it counts as solved.
    """

    solver: Any
    max_steps: int = eqx.field(default=256, kw_only=True)
    accuracy: float = eqx.field(default=1e-3, kw_only=True)

    def __check_init__(self) -> None:
        import optimistix

        kinds = optimistix.AbstractLeastSquaresSolver | optimistix.AbstractMinimiser
        if not isinstance(self.solver, kinds):
            raise ValueError(
                "`solver` must be a least-squares solver or a minimiser of Optimistix, such as "
                f"`optimistix.Dogleg(rtol=1e-8, atol=1e-8)`; got {self.solver!r}"
            )
        whole(self.max_steps, "max_steps")
        positive(self.accuracy, "accuracy")

    def minimise(self, task: Task) -> Solution:
        try:
            solution = refined(self._at_level, task, self.max_steps)
        except KeyboardInterrupt:
            risk = task.risk(task.f)
            start = Solution(task.f, risk, RESULTS.max_steps_reached, {"steps": np.asarray(0)})
            raise Interrupted(start) from None
        if is_traced(solution.risk):
            require_no_monitors(task.monitors)
        if task.monitors:
            metrics = {"risk": float(solution.risk), "stage": type(self.solver).__name__}
            task.tell(int(solution.stats["steps"]), metrics, solution.value)
        return solution

    def _at_level(self, level: Level) -> Solution:
        import optimistix

        task = level.task
        minimiser = isinstance(self.solver, optimistix.AbstractMinimiser)
        if minimiser and not _has_squares(task.risk):
            return self._descend(task)
        problem = task.posed()
        if linear_leaves(task.f, task.trainable)[1]:
            require_rows(problem)
        return solve_on_device(problem, _Iteration(changed(self, max_steps=level.left)))

    def _descend(self, task: Task) -> Solution:
        for term in task.risk.terms:
            require_sample(term)
        theta, rest = eqx.partition(task.f, task.trainable)
        risk = in_dtype(task.risk, jnp.result_type(*jax.tree.leaves(theta)))
        theta, value, steps, converged = _minimum(self, risk, theta, rest)
        result = RESULTS.where(converged, RESULTS.ran, RESULTS.max_steps_reached)
        result = RESULTS.where(jnp.isfinite(value), result, RESULTS.non_finite)
        return Solution(eqx.combine(theta, rest), value, result, {"steps": steps})


def _has_squares(risk: AbstractRisk) -> bool:
    try:
        for term in risk.terms:
            require_squares(term)
    except ValueError:
        return False
    return True


@compiled
def _minimum(
    options: Optimistix, risk: AbstractRisk, theta: PyTree, rest: Hypothesis
) -> tuple[PyTree, Array, Array, Array]:
    import optimistix

    def value(theta: PyTree, _: None) -> Array:
        return risk(eqx.combine(theta, rest))

    with jax.numpy_dtype_promotion("standard"), jax.default_matmul_precision("highest"):
        out = optimistix.minimise(
            value, options.solver, theta, max_steps=options.max_steps, throw=False
        )
    converged = out.result == optimistix.RESULTS.successful
    return out.value, value(out.value, None), out.stats["num_steps"], converged


class _Iteration(Keyed):
    """The iteration of an Optimistix solver inside a compiled program; equal to another where the
    solver's content is equal."""

    def __init__(self, options: Optimistix) -> None:
        self.solver, self.max_steps = options.solver, options.max_steps
        found = said(fingerprint(options))
        self.key, self.opaque = found.key, found.opaque

    def __call__(self, assembly: Assembly, theta: Array, data: list) -> Outcome:
        # Its linear solves go to LAPACK, so each lane runs by itself, see `_linear_algebra`.
        @sequential_vmap
        def run(theta: Array, data: list) -> tuple[Array, Array, Array]:
            return self._run(assembly, theta, data)

        theta, steps, converged = run(theta, data)
        r, jacobian = linearise(assembly, theta, data)
        return Outcome(theta, r, steps, converged, jnp.isfinite(jacobian).all())

    def _run(self, assembly: Assembly, theta: Array, data: list) -> tuple[Array, Array, Array]:
        import optimistix

        def rows(theta: Array, _: None) -> Array:
            return residuals(assembly, theta, data)

        settings = {"max_steps": self.max_steps, "throw": False}
        with jax.numpy_dtype_promotion("standard"):
            if isinstance(self.solver, optimistix.AbstractMinimiser):
                square = lambda theta, _: jnp.sum(rows(theta, None) ** 2)
                out = optimistix.minimise(square, self.solver, theta, **settings)
            else:
                count = jax.eval_shape(rows, theta, None).size
                options = {"jac": "bwd" if count < theta.size else "fwd"}
                out = optimistix.least_squares(rows, self.solver, theta, None, options, **settings)
        converged = out.result == optimistix.RESULTS.successful
        return out.value, out.stats["num_steps"], converged
