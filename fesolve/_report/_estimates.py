"""Parameters that were estimated, with their standard errors."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, PyTree

from .._show import Table
from ._tabular import AbstractReport


class Estimates(AbstractReport):
    """What `fe.maximum_likelihood` and `fe.method_of_moments` find.

    - `parameters`: the estimates, shaped like the start.
    - `names`: of their numbers, and `value` these numbers in one vector.
    - `covariance`: the asymptotic covariance of `value`, divided by the number of observations: of
      likelihood the inverse of the observed information, of moments the efficient one.
    - `robust`: the covariance that also holds where the model is wrong: the sandwich of both.
    - `objective`: the log likelihood; of moments, J, the distance from zero that is left.
    - `degrees`, `p_value`: the degrees of freedom of J and its p-value; `None` of likelihood. With
      as many moments as parameters there is no p-value.
    - `observations`: their number.
    """

    parameters: PyTree
    names: tuple[str, ...] = eqx.field(static=True)
    value: Float[np.ndarray, " p"]
    covariance: Float[np.ndarray, "p p"]
    robust: Float[np.ndarray, "p p"]
    objective: float
    degrees: int | None
    p_value: float | None
    observations: int

    @property
    def error(self) -> Float[np.ndarray, " p"]:
        """The standard errors."""
        return np.sqrt(np.diag(self.covariance))

    def interval(self, level: float = 0.95) -> Float[np.ndarray, "p 2"]:
        """Lower and upper ends of confidence intervals, one row a parameter.

        **Raises:** `ValueError` for a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"`level` must lie between 0 and 1, such as 0.95; got {level}")
        from scipy.special import ndtri

        half = float(ndtri((1 + level) / 2)) * self.error
        return np.stack([self.value - half, self.value + half], axis=1)

    @property
    def table(self) -> Table:
        robust = np.sqrt(np.diag(self.robust))
        lines = [
            [v, r, low, high]
            for v, r, (low, high) in zip(self.value, robust, self.interval(), strict=True)
        ]
        errors = [[e, None, None, None] for e in self.error]
        columns = ["estimate", "robust s.e.", "2.5 %", "97.5 %"]
        title = "estimates, with standard errors"
        return Table(title, self.names, columns, lines, errors=errors, notes=[self._note])

    @property
    def _note(self) -> str:
        count = f"{self.observations} observations"
        if self.degrees is None:
            return f"{count}, log likelihood {self.objective:.6g}"
        if self.p_value is None:
            return f"{count}, as many moments as parameters"
        return f"{count}, J({self.degrees}) = {self.objective:.3g}, p = {self.p_value:.3g}"

    def to_dict(self) -> dict[str, Any]:
        """Estimates, standard errors and covariance by name, for JSON."""
        by_name = lambda a: dict(zip(self.names, np.asarray(a).tolist(), strict=True))
        return {
            "estimate": by_name(self.value),
            "standard_error": by_name(self.error),
            "robust_standard_error": by_name(np.sqrt(np.diag(self.robust))),
            "covariance": self.covariance.tolist(),
            "objective": self.objective,
            "degrees": self.degrees,
            "p_value": self.p_value,
            "observations": self.observations,
        }


def names_of_numbers(parameters: PyTree, alone: str = "theta") -> tuple[str, ...]:
    """The name of each number of a tree; `alone` is that of a tree that is a single leaf."""
    names: list[str] = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(parameters):
        label = jax.tree_util.keystr(path, simple=True, separator=".") or alone
        size = int(np.size(leaf))
        names += [label] if np.ndim(leaf) == 0 else [f"{label}[{i}]" for i in range(size)]
    return tuple(names)
