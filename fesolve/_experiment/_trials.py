"""The trials of a sweep as its workers see them: which are to be run, which were lost.

A trial that was lost, since its process was killed or its function broke, is put back with the same
parameters and the number of the lost one, `again`, so that none is lost and none counts twice.
"""

import contextlib
import json
import warnings
from typing import Any

import numpy as np

from ._store import names_in, optuna_of, Store
from ._sweep_file import Parameter, Sweep


class Trials:
    """The trials of one sweep."""

    def __init__(self, sweep: Sweep, store: Store, seed: int | None) -> None:
        self.optuna, self.sweep, self.store, self.seed = optuna_of(), sweep, store, seed
        with store.alone():
            self._refuse_another()
            self.study = self.optuna.create_study(
                study_name=sweep.name,
                storage=store.storage,
                direction=sweep.goal,
                pruner=self._pruner(),
                load_if_exists=True,
            )
            if "sweep" not in self.study.user_attrs:
                self.study.set_user_attr("sweep", sweep.definition)

    def _refuse_another(self) -> None:
        names = names_in(self.store)
        name = self.sweep.name
        if self.store.one_sweep and names and name not in names:
            raise ValueError(
                f"`journal` holds another sweep, {names[0]!r}, and not {name!r}: give this one a "
                "journal of its own"
            )
        if name not in names:
            return
        held = self.optuna.load_study(study_name=name, storage=self.store.storage)
        before = held.user_attrs.get("sweep", self.sweep.definition)
        keys = sorted({*before, *self.sweep.definition})
        differs = [k for k in keys if before.get(k) != self.sweep.definition.get(k)]
        if differs:
            raise ValueError(
                f"`journal` holds another sweep {name!r}, with another {' and '.join(differs)}: "
                "give this one a journal of its own, or another `name:`"
            )

    def _pruner(self) -> Any:
        pruners = self.optuna.pruners
        if self.sweep.early is None:
            return pruners.NopPruner()
        return pruners.HyperbandPruner(**self.sweep.early)

    def _sampler(self, number: int) -> Any:
        """Its draws depend on the seed and the number of the trial, and not on the process."""
        samplers, seed = self.optuna.samplers, None
        if self.seed is not None:
            seed = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        if self.sweep.method == "bayes":
            return samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
        return samplers.RandomSampler(seed=seed)

    def take(self, worker: str, most: int, wanted: int) -> tuple[list[Any], bool]:
        """At most so many trials for a worker, while there are less than `wanted`; and whether
        others go on with theirs."""
        state = self.optuna.trial.TrialState
        with self.store.alone():
            self._put_back_lost()
            found: list[Any] = []
            while len(found) < most:
                trials = self.study.get_trials(deepcopy=False)
                waiting = any(t.state == state.WAITING for t in trials)
                if not waiting and sum(map(counts, trials)) >= wanted:
                    break
                found.append(self._ask(worker, trials, waiting))
            mine = {trial.number for trial in found}
            trials = self.study.get_trials(deepcopy=False)
            going = any(t.state == state.RUNNING and t.number not in mine for t in trials)
        return found, going

    def _ask(self, worker: str, trials: list[Any], waiting: bool) -> Any:
        if self.sweep.method == "grid" and not waiting:
            index = sum("again" not in t.user_attrs for t in trials)
            self.study.enqueue_trial(_encoded(self.sweep.point(index)))
        self.study.sampler = self._sampler(len(trials))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Heartbeat")  # `beating` has it
            trial = self.study.ask()
        trial.set_user_attr("worker", worker)
        trial.set_user_attr("sweep", self.sweep.name)
        return trial

    def _put_back_lost(self) -> None:
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state != self.optuna.trial.TrialState.RUNNING:
                continue
            if self.store.is_dead(trial.user_attrs.get("worker"), trial):
                self.put_back(trial, "its process was killed")

    def put_back(self, trial: Any, why: str) -> None:
        """Has a trial that was lost run once more."""
        trials = self.study.get_trials(deepcopy=False)
        if not any(t.user_attrs.get("again") == trial.number for t in trials):
            params = trials[trial.number].params or trials[trial.number].system_attrs.get(
                "fixed_params", {}
            )
            self.study.enqueue_trial(params, user_attrs={"again": trial.number, "why": why})
        finished = self.optuna.exceptions.UpdateFinishedTrialError
        with contextlib.suppress(RuntimeError, ValueError, finished):  # another was first
            # it may have a record, of which it was killed before it could say that it is whole
            self.store.storage.set_trial_user_attr(trial._trial_id, "lost", True)
            self.study.tell(trial.number, state=self.optuna.trial.TrialState.FAIL)

    def parameters(self, trial: Any) -> dict[str, Any]:
        """What a trial is to be run with."""
        found = {}
        for name, p in self.sweep.parameters.items():
            found[name] = p.choices[0] if len(p.choices) == 1 else _drawn(trial, name, p)
        trial.set_user_attr("parameters", found)
        return found


def counts(trial: Any) -> bool:
    """Whether a trial is one of the sweep: not those that were lost, for which there is another."""
    attributes = trial.user_attrs
    return trial.state.name != "FAIL" or ("record" in attributes and "lost" not in attributes)


def _drawn(trial: Any, name: str, p: Parameter) -> Any:
    if p.choices:
        texts = {_text(choice): choice for choice in p.choices}
        plain = all(_text(choice) is choice for choice in p.choices)
        drawn = trial.suggest_categorical(name, p.choices if plain else list(texts))
        return drawn if plain else texts[drawn]
    if isinstance(p.low, int):
        return trial.suggest_int(name, p.low, p.high)
    return p.value(trial.suggest_float(name, p.low, p.high, log=p.log))


def _text(choice: Any) -> Any:
    """A choice as Optuna takes it, a list or a table as its JSON."""
    plain = choice is None or isinstance(choice, bool | int | float | str)
    return choice if plain else json.dumps(choice, default=str)


def _encoded(point: dict[str, Any]) -> dict[str, Any]:
    return {name: _text(value) for name, value in point.items()}
