"""Whether a result depends on its seed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from .._entry import entry
from .._show import numbers, Table
from .._solver import Solution, SolveError
from ._risk_report import RiskReport
from ._tabular import AbstractReport


class SeedTable(AbstractReport):
    """Figures of one experiment over seeds.

    - `seeds`: the seeds.
    - `columns`: each figure, one number a seed; nan where a seed has none.
    - `solved`: whether each seed ended in a solution.
    """

    seeds: list[int]
    columns: dict[str, np.ndarray]
    solved: np.ndarray

    @property
    def table(self) -> Table:
        columns = {**self.columns, "solved": self.solved}
        rows = zip(*columns.values(), strict=True)
        values = [[None if np.isnan(value) else value for value in row] for row in rows]
        figures, notes = self._figures(), []
        for name in self.columns:
            low, middle, high = numbers([figures[kind][name] for kind in ("min", "median", "max")])
            notes.append(f"{name}: min {low}, median {middle}, max {high}")
        notes.append(f"solved: {int(self.solved.sum())} of {len(self.seeds)}")
        return Table("", self.seeds, list(columns), values, index="seed", notes=notes)

    def _figures(self) -> dict[str, dict[str, float]]:
        """Minimum, median and maximum of each column over the seeds that have a number."""
        kinds = {"min": np.min, "median": np.median, "max": np.max}
        return {
            label: {name: _over(kind, column) for name, column in self.columns.items()}
            for label, kind in kinds.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """The table as plain lists and numbers, for JSON."""
        columns = {name: column.tolist() for name, column in self.columns.items()}
        solved = self.solved.tolist()
        return {"seeds": list(self.seeds), **columns, "solved": solved, **self._figures()}


@entry
def seed_table(run: Callable[[int], Any], seeds: Iterable[int]) -> SeedTable:
    """The same experiment over seeds: one lucky seed is no result.

    ```python
    def run(seed):
        solution = fe.solve(risk.empirical(64, key=jr.key(seed)), mlp(jr.key(seed)), throw=False)
        return [solution, fe.RiskReport(solution.value, test=test, exact=jnp.exp)]
    print(fe.seed_table(run, range(5)))
    ```

    **Arguments:**

    - `run`: from a seed to a `Solution`, a `RiskReport`, a dict of numbers by name, or a list of
      those. A `SolveError` counts as the solution that it carries.
    - `seeds`: the seeds.

    **Returns:** a `SeedTable`: of a solution its risk and steps, of a report the risk on each of
    its samples and the errors against the exact solution, of a dict its numbers; whether all of
    it is solved; and the minimum, the median and the maximum over seeds.

    **Raises:** `ValueError` where there are no seeds, and for anything else that `run` returns.
    """
    seeds = [int(seed) for seed in seeds]
    if not seeds:
        raise ValueError("`seeds` is empty: pass some, such as `range(5)`")
    records, solved = [], []
    for seed in seeds:
        try:
            found = run(seed)
        except SolveError as error:
            found = error.solution
        parts = list(found) if isinstance(found, list | tuple) else [found]
        figures, verdicts = zip(*map(read, parts), strict=True)
        records.append({name: value for part in figures for name, value in part.items()})
        solved.append(all(verdicts))
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: np.array([record.get(name, np.nan) for record in records]) for name in names}
    return SeedTable(seeds, columns, np.array(solved))


def read(found: Any) -> tuple[dict[str, float], bool]:
    """The figures of one result, and whether it is solved; numbers alone give no verdict."""
    if isinstance(found, Solution):
        steps = found.stats.get("steps", np.nan)
        return {"risk": float(found.risk), "steps": float(steps)}, bool(found.solved)
    if isinstance(found, RiskReport):
        totals = {row.on: row.risk for row in found.rows}  # the total is the last of each
        figures = {f"risk on {on}": float(risk) for on, risk in totals.items()}
        for error in found.errors:
            figures[f"error of {error.name or 'f'}"] = error.largest
        return figures, found.solved
    if isinstance(found, Mapping):
        return {str(name): float(value) for name, value in found.items()}, True
    raise ValueError(
        "`run` must return a `Solution`, a `RiskReport`, a dict of numbers, or a list of those; "
        f"got a {type(found).__name__}"
    )


def _over(kind: Callable, column: np.ndarray) -> float:
    some = column[~np.isnan(column)]
    return float(kind(some)) if some.size else float("nan")
