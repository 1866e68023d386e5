"""One hypothesis class on samples of one size: what was measured, and what it says."""

from typing import Any, NamedTuple

import equinox as eqx
import numpy as np

from .._show import Estimate
from ._replications import population_error, sample_error


class Truth(NamedTuple):
    """What stands for p*: the weights of the points of each term, which terms were drawn, and the
    losses of f** at each point, where it is known."""

    weights: list[np.ndarray]
    drawn: list[bool]
    floor: list[np.ndarray]

    def mean(self, losses: list[np.ndarray]) -> float:
        return float(sum(np.sum(w * x) for w, x in zip(self.weights, losses, strict=True)))

    def error(self, losses: list[np.ndarray]) -> float:
        return population_error(self.weights, self.drawn, losses)


class Measured(NamedTuple):
    """Of every sample D the risks of f_D and of f* on it and the excess risk of f_D; the losses of
    f* at the points that stand for p*, and by how much those of f_D are higher on average."""

    train: np.ndarray
    train_of_best: np.ndarray
    excess: np.ndarray
    best: list[np.ndarray]
    higher: list[np.ndarray]


class Cell(eqx.Module):
    """The error of a hypothesis class on samples of n points.

    - `label`, `n`, `unknowns`: the class, the points of each sample, and the numbers in theta.
    - `eps_app`, `eps_est`, `excess`, `gap`: as in `fe.ErrorDecomposition`.
    - `medians`: the medians of eps_est, excess and gap over samples, by name.
    - `failed`: samples without a finite risk, which were left out.
    """

    label: Any
    n: int
    unknowns: int
    eps_app: Estimate
    eps_est: Estimate
    excess: Estimate
    gap: Estimate
    medians: dict[str, float]
    failed: int


def cell(label: Any, n: int, unknowns: int, truth: Truth, found: Measured) -> Cell:
    """What was measured in numbers.

    R(f_D, D) is compared with R(f*, D), whose mean is R(f*, p*), and not with that mean: most of
    the noise is in both. So is that of the points that stand for p*, in R(f*, p*) and R(f**, p*).

    **Raises:** `ValueError` where R(f*, p*) is not finite.
    """
    if not np.isfinite(truth.mean(found.best)):
        raise ValueError(
            f"the risk of the best f of the class {label!r} under p* is not finite: the residual "
            "is not a number at some of the points. Look at the domain of the functions in it (a "
            "log, a power, a division)"
        )
    fine = np.isfinite(found.train) & np.isfinite(found.excess)
    optimism = (found.train - found.train_of_best)[fine]
    excess = found.excess[fine]
    above = [a - b for a, b in zip(found.best, truth.floor, strict=True)]
    noise = truth.error(found.higher)
    values = {"eps_est": optimism, "excess": excess, "gap": excess - optimism}
    errors = {"eps_est": 0.0, "excess": noise, "gap": noise}
    means = {
        name: Estimate(_or_nan(np.mean, x), float(np.hypot(sample_error(x), errors[name])))
        for name, x in values.items()
    }
    return Cell(
        label=label,
        n=n,
        unknowns=unknowns,
        eps_app=Estimate(truth.mean(above), truth.error(above)),
        medians={name: _or_nan(np.median, x) for name, x in values.items()},
        failed=int((~fine).sum()),
        **means,
    )


def _or_nan(kind: Any, values: np.ndarray) -> float:
    return float(kind(values)) if len(values) else float("nan")
