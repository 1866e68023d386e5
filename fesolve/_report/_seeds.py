"""Whether a result depends on its seed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import numpy as np

from .._solver import Solution, SolveError
from ._risk_report import RiskReport
from ._table import aligned


class SeedTable(eqx.Module):
    """Figures of one experiment over seeds.

    - `seeds`: the seeds.
    - `columns`: each figure, one number a seed; nan where a seed has none.
    - `solved`: whether each seed ended in a solution.
    """

    seeds: list[int]
    columns: dict[str, np.ndarray]
    solved: np.ndarray

    def __str__(self) -> str:
        names = list(self.columns)
        table = [["seed", *names, "solved"]]
        for i, seed in enumerate(self.seeds):
            cells = [_shown(self.columns[name][i]) for name in names]
            table.append([str(seed), *cells, "yes" if self.solved[i] else "NO"])
        share = f"{int(self.solved.sum())} of {len(self.seeds)}"
        for label, figure in self._figures().items():
            table.append([label, *(_shown(figure[n]) for n in names), share])
            share = ""
        lines, _ = aligned(table, left=1)
        rule = "-" * max(map(len, lines))
        return "\n".join([lines[0], rule, *lines[1:-3], rule, *lines[-3:]])

    def __repr__(self) -> str:
        return str(self)

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

    def to_pandas(self) -> Any:
        """One row a seed, as a `pandas.DataFrame`."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "`SeedTable.to_pandas` needs pandas: pip install 'fesolve[data]'"
            ) from error
        return pandas.DataFrame({**self.columns, "solved": self.solved}, index=self.seeds)


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
        figures, verdicts = zip(*map(_read, parts), strict=True)
        records.append({name: value for part in figures for name, value in part.items()})
        solved.append(all(verdicts))
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: np.array([record.get(name, np.nan) for record in records]) for name in names}
    return SeedTable(seeds, columns, np.array(solved))


def _read(found: Any) -> tuple[dict[str, float], bool]:
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


def _shown(value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.0f}" if value == np.round(value) and abs(value) < 1e6 else f"{value:.2e}"
