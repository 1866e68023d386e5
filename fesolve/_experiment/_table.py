"""The trials of a sweep as a table."""

import os
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from .._report._tabular import AbstractReport
from .._show import Table
from ._page import page
from ._plot import figure
from ._store import names_in, optuna_of, store_of
from ._trials import counts


class SweepTable(AbstractReport):
    """The trials of a sweep, the best first, and what the metric depends on.

    - `metric`, `goal`: the figure that decides, and whether it is minimised.
    - `parameters`: the names of the parameters that were searched.
    - `rows`: for each trial a dict with `trial`, `state` (`complete`, `pruned`, `fail` or
      `running`), its parameters, its figures and `seconds`.
    - `importances`: for each parameter the share of the metric's variance among the best trials
      that it explains; none where there are fewer than two trials.

    **Reference:** Watanabe, Bansal and Hutter (2023), "PED-ANOVA: efficiently quantifying
    hyperparameter importance in arbitrary subspaces".
    """

    name: str
    metric: str
    goal: str
    parameters: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    importances: dict[str, float]

    def sorted(self, by: str | None = None, *, reverse: bool | None = None) -> "SweepTable":
        """The trials in the order of a column; by default of the metric, the best first. Trials
        that have no such number come last.

        **Raises:** `ValueError` for a column that there is not.
        """
        by = self.metric if by is None else by
        columns = {name: None for row in self.rows for name in row}
        if by != self.metric and by not in columns:
            raise ValueError(
                f"`by` must be a column of the sweep, one of {list(columns)}; got {by!r}"
            )
        falls = by == self.metric and self.goal == "maximize"
        backwards = falls if reverse is None else reverse
        known = [row for row in self.rows if _is_known(row.get(by))]
        text = any(isinstance(row[by], str | bool) for row in known)
        order = sorted(known, key=lambda r: str(r[by]) if text else r[by], reverse=backwards)
        rest = [row for row in self.rows if not _is_known(row.get(by))]
        return eqx.tree_at(lambda t: t.rows, self, (*order, *rest), is_leaf=lambda x: x is None)

    @property
    def best(self) -> dict[str, Any] | None:
        """The row of the best trial that ran to its end; `None` where there is none."""
        complete = [row for row in self.sorted().rows if row["state"] == "complete"]
        return complete[0] if complete else None

    def correlations(self) -> dict[str, float]:
        """Spearman's rank correlation of each parameter with the metric over the trials that ran to
        their end; without those that are no numbers, or are constant."""
        from scipy.stats import spearmanr

        rows = [r for r in self.rows if r["state"] == "complete" and _is_known(r.get(self.metric))]
        found = {}
        for name in self.parameters:
            x = [row.get(name) for row in rows]
            if len(set(map(str, x))) < 2 or not all(_is_number(value) for value in x):
                continue
            y = [row[self.metric] for row in rows]
            if len(set(y)) > 1:
                found[name] = float(spearmanr(x, y).statistic)
        return found

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        first = ["state", *self.parameters, self.metric]
        others = {name: None for row in self.rows for name in row}
        rest = [name for name in others if name not in (*first, "trial", "seconds")]
        return [*first, *rest, "seconds"]

    @property
    def table(self) -> Table:
        values = [[_cell(row.get(name)) for name in self.columns] for row in self.rows]
        correlations, notes = self.correlations(), []
        for name in sorted(self.parameters, key=lambda n: -self.importances.get(n, -1.0)):
            parts = []
            if name in self.importances:
                parts.append(f"importance {self.importances[name]:.2f}")
            if name in correlations:
                parts.append(f"rank correlation {correlations[name]:+.2f}")
            if parts:
                notes.append(f"{name}: {', '.join(parts)}")
        states = [row["state"] for row in self.rows]
        tally = {state: states.count(state) for state in dict.fromkeys(states)}
        notes.append(
            ", ".join(f"{count} {state}" for state, count in tally.items()) or "no trials yet"
        )
        title = f"{self.name}: {self.metric}, to {self.goal}"
        names = [row["trial"] for row in self.rows]
        return Table(title, names, self.columns, values, index="trial", notes=notes)

    def to_dict(self) -> dict[str, Any]:
        """The trials as plain dicts, with importances and rank correlations."""
        return {
            "name": self.name,
            "metric": self.metric,
            "goal": self.goal,
            "trials": [dict(row) for row in self.rows],
            "importances": dict(self.importances),
            "correlations": self.correlations(),
        }

    def plot(self) -> Any:
        """Parallel coordinates, a line a trial through its parameters to its metric, and below them
        the metric over each parameter alone: a `matplotlib` figure."""
        return figure(
            self.name,
            self.metric,
            self.rows,
            correlations=self.correlations(),
            parameters=self.parameters,
            maximised=self.goal == "maximize",
        )

    def to_html(self, path: str | os.PathLike) -> None:
        """Writes a page that needs nothing else: the table, which a click on a column sorts, and
        the figure, in which the trial under the pointer stands out."""
        Path(path).write_text(page(self.table, self.rows, self.plot()))


def sweep_table(journal: Any, *, name: str | None = None) -> SweepTable:
    """The trials in a journal, also while a sweep goes on.

    **Arguments:** `journal`, a file or a database that `fe.sweep` has written; `name`, of the
    sweep, where there are several.

    **Raises:** `ValueError` where there is no such journal, and where it has no such sweep.
    """
    optuna = optuna_of()
    if "://" not in str(journal) and not Path(journal).is_file():
        raise ValueError(f"there is no journal {str(journal)!r}: `fe.sweep` writes one")
    store = store_of(journal)
    names, storage = names_in(store), store.storage
    if not names:
        raise ValueError(f"{str(journal)!r} has no sweep in it")
    if name is None and len(names) > 1:
        raise ValueError(f"{str(journal)!r} has several sweeps: say which `name` of {names}")
    name = names[0] if name is None else name
    if name not in names:
        raise ValueError(f"{str(journal)!r} has no sweep {name!r}; it has {names}")
    study = optuna.load_study(study_name=name, storage=storage)
    definition = study.user_attrs["sweep"]
    trials = [
        t for t in study.get_trials(deepcopy=False) if counts(t) and t.state.name != "WAITING"
    ]
    searched = tuple(n for n, spec in definition["parameters"].items() if not _is_fixed(spec))
    return SweepTable(
        name=name,
        metric=definition["metric"]["name"],
        goal=definition["metric"].get("goal", "minimize"),
        parameters=searched,
        rows=tuple(_row(trial, searched) for trial in trials),
        importances=_importances(optuna, study, trials),
    ).sorted()


def _is_fixed(spec: dict[str, Any]) -> bool:
    return "value" in spec or len(spec.get("values", (1, 2))) < 2


def _row(trial: Any, searched: tuple[str, ...]) -> dict[str, Any]:
    record, parameters = (trial.user_attrs.get(name, {}) for name in ("record", "parameters"))
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        **{name: parameters.get(name) for name in searched},
        **record.get("figures", {}),
        "seconds": record.get("seconds"),
    }


def _importances(optuna: Any, study: Any, trials: list[Any]) -> dict[str, float]:
    complete = [t for t in trials if t.state.name == "COMPLETE"]
    if len({t.value for t in complete}) < 2:
        return {}
    # of a study of its own, without the trials that were lost
    alone = optuna.create_study(direction=study.direction)
    alone.add_trials(complete)
    try:
        found = optuna.importance.get_param_importances(alone)
    except (ValueError, RuntimeError, ZeroDivisionError):  # too few trials to tell
        return {}
    return {name: float(value) for name, value in found.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_known(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and np.isnan(value))


def _cell(value: Any) -> Any:
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)
