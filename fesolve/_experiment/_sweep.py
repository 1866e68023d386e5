"""The search for the parameters that are not learnt."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._checks import whole
from .._monitor import LISTENER
from .._nearest import meant
from .._solver import SolveError
from ._batch import Group, grouped
from ._program import function_of, Run
from ._record import recorded
from ._signature import name_of, options_of
from ._store import Store, store_of, wait
from ._sweep_file import read_sweep, Sweep
from ._table import sweep_table, SweepTable
from ._trials import Trials


def sweep(
    path: Any,
    *,
    trials: int | None = None,
    journal: Any,
    seed: int | None = None,
    batch: int = 1,
    told: Callable[[dict[str, Any]], Any] = lambda record: None,
) -> SweepTable:
    """Runs the trials of a sweep until its journal has so many, and returns all of them.

    ```python
    table = fe.sweep("sweep.yaml", trials=64, journal="runs.log")
    print(table)
    ```

    The file is one of Weights & Biases: `program` (`model.py`, which calls `fe.experiment`, or
    `model.py:function`), `method` (`grid`, `random` or `bayes`), `metric` with `name` and `goal`,
    `parameters`, and `early_terminate`, which ends trials that have fallen behind by the figures
    that `fe.solve` and its monitors report. The search is Optuna's: by random draws, or by a
    tree-structured Parzen estimator.

    Any number of processes may run the same call at once, and any of them may be killed: the trials
    that it was at are run again by another, or when it comes back. What is recorded stays. A trial
    whose solve fails counts, without a metric; any other error ends the call.

    **Arguments:**

    - `path`: the sweep file; the program is found relative to it.
    - `trials`: how many trials the journal shall have; by default `run_cap` of the file, or the
      whole grid.
    - `journal`: a file, which is made where there is none, or a database, `sqlite:///runs.db`.
    - `seed`: of the draws; the same trials whatever the number of processes, for `random`.
    - `batch`: so many trials at a time that differ in floating-point parameters and in `seed`
      alone run as one `jax.vmap` of the function, which must not look at the values then.
    - `told`: called with the record of each trial that this process has run.

    **Returns:** an `fe.SweepTable` of all trials in the journal.

    **Raises:** `ValueError` for a file that is no sweep, a parameter that the function does not
    have, a metric that it does not return, and the journal of another sweep; `ImportError` without
    Optuna.
    """
    found = read_sweep(Path(path))
    run = function_of(found.program, found.folder)
    _refuse_unknown(run, found)
    wanted = _wanted(found, trials)
    whole(batch, "batch", owner="`fe.sweep`")
    store = store_of(journal)
    study = Trials(found, store, seed)
    worker = _Worker(run, found, store, study, told)
    with store.worker() as name:
        while True:
            mine, others = study.take(name, batch, wanted)
            if mine:
                worker.run_all(mine)
            elif others:
                wait()  # and take over what is lost
            else:
                return sweep_table(journal, name=found.name)


def _refuse_unknown(run: Run, sweep: Sweep) -> None:
    options = options_of(run)
    names = [option.name for option in options]
    for name in sweep.parameters:
        if name not in names:
            raise ValueError(
                f"the sweep's parameter `{name}` is none of `{name_of(run)}`, which takes "
                f"{names}{meant(name, names)}"
            )
    missing = [o.name for o in options if o.required and o.name not in sweep.parameters]
    if missing:
        raise ValueError(f"`{name_of(run)}` needs {missing}: give each a `value` in the sweep")


def _wanted(sweep: Sweep, trials: int | None) -> int:
    """How many trials there shall be."""
    size = sweep.size
    if trials is None:
        trials = sweep.run_cap if size is None else min(size, sweep.run_cap or size)
    if trials is None:
        raise ValueError("`trials` is missing: how many, or `run_cap` in the file?")
    whole(trials, "trials", owner="`fe.sweep`")
    return trials if size is None else min(trials, size)


class _Worker:
    """Runs trials, and tells the study how they ended."""

    def __init__(self, run: Run, sweep: Sweep, store: Store, study: Trials, told: Callable) -> None:
        self.run, self.sweep, self.store, self.study, self.told = run, sweep, store, study, told
        self.programs: dict[Any, Callable] = {}

    def run_all(self, trials: Sequence[Any]) -> None:
        """Runs trials, those as one that can be; what is left undone where one breaks is put
        back."""
        left = list(trials)
        try:
            drawn = [(trial, self.study.parameters(trial)) for trial in trials]
            for group in grouped(drawn):
                self._run_group(group)
                done = {trial.number for trial in group.trials}
                left = [trial for trial in left if trial.number not in done]
        except BaseException as error:
            with self.store.alone():
                for trial in left:
                    self.study.put_back(trial, f"{type(error).__name__}: {error}")
            raise

    def _run_group(self, group: Group) -> None:
        if len(group.trials) == 1:
            (trial,), (parameters,) = group.trials, group.parameters
            with self.store.beating(trial):
                self._run_one(trial, parameters)
            return
        for trial, record in zip(group.trials, group.records(self.run, self.programs), strict=True):
            self._tell(trial, record)

    def _run_one(self, trial: Any, parameters: dict[str, Any]) -> None:
        optuna, listener = self.study.optuna, _Listener(trial, self.sweep, self.study.optuna)
        token = LISTENER.set(listener if self.sweep.early else None)
        try:
            record = recorded(self.run, parameters, lambda: self.run(**parameters))
        except SolveError as error:
            return self._tell(trial, error.record)
        except optuna.TrialPruned as ended:
            record = {**ended.record, "error": None, "pruned": True, "figures": listener.figures}
            return self._tell(trial, record)
        except Exception as error:
            given = ", ".join(f"{name}={value}" for name, value in parameters.items())
            error.add_note(
                f"In trial {trial.number} of the sweep, {given}. The other trials are kept, and "
                "this one is run again by the next call"
            )
            raise
        finally:
            LISTENER.reset(token)
        if self.sweep.early and not listener.reports:
            warnings.warn(
                f"`early_terminate` ends no trial, since {self.sweep.metric!r} is not reported "
                "while it runs: name it in a monitor of the solve, such as "
                f"`fe.JsonLines(path, {self.sweep.metric}=risk)`",
                stacklevel=2,
            )
        self._tell(trial, record)

    def _tell(self, trial: Any, record: dict[str, Any]) -> None:
        states, metric = self.study.optuna.trial.TrialState, self.sweep.metric
        ended_well = record.get("error") is None
        if ended_well and metric not in record["figures"] and not record.get("pruned"):
            names = sorted(record["figures"])
            raise ValueError(
                f"the metric {metric!r} of the sweep is not among the figures that "
                f"`{name_of(self.run)}` returned, {names}{meant(metric, names)}"
            )
        value = record["figures"].get(metric, float("nan"))
        state = states.PRUNED if record.get("pruned") else states.COMPLETE
        if not ended_well or np.isnan(value):
            state = states.FAIL
        trial.set_user_attr("record", record)
        self.study.study.tell(trial, value if state == states.COMPLETE else None, state=state)
        self.told({"trial": trial.number, "state": state.name.lower(), **record})


class _Listener:
    """Hears what the solves of a trial report, and ends the trial where it has fallen behind."""

    def __init__(self, trial: Any, sweep: Sweep, optuna: Any) -> None:
        self.trial, self.metric, self.optuna = trial, sweep.metric, optuna
        self.reports, self.figures = 0, {}

    def __call__(self, metrics: dict[str, float | str]) -> None:
        if self.metric not in metrics:
            return
        self.reports += 1
        self.figures = {k: float(v) for k, v in metrics.items() if not isinstance(v, str)}
        self.trial.report(self.figures[self.metric], self.reports)
        if self.trial.should_prune():
            raise self.optuna.TrialPruned
