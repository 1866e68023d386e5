"""Trials that differ in numbers alone, as one program."""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._solver import Solution
from ._record import recorded
from ._signature import name_of


@dataclasses.dataclass(frozen=True)
class Group:
    """Trials whose parameters differ in floating-point numbers and in `seed` alone."""

    trials: list[Any]
    parameters: list[dict[str, Any]]

    def records(self, run: Callable, programs: dict[Any, Callable]) -> list[dict[str, Any]]:
        """The record of each, by one `jax.vmap`; `programs` are kept for further groups.

        **Raises:** `ValueError` where the function looks at values.
        """
        moving = [name for name, value in self.parameters[0].items() if _moves(name, value)]
        fixed = {k: v for k, v in self.parameters[0].items() if k not in moving}
        key = (len(self.trials), json.dumps(fixed, default=str, sort_keys=True))
        if key not in programs:
            programs[key] = jax.jit(jax.vmap(lambda numbers: _figures(run(**fixed, **numbers))))
        stacked = {name: jnp.asarray([p[name] for p in self.parameters]) for name in moving}
        try:
            whole = recorded(run, fixed, lambda: self._one_by_one(programs[key](stacked)))
        except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
            raise ValueError(
                f"`batch` runs `{name_of(run)}` under `jax.vmap`, where the values of {moving} "
                "are not known: return figures as arrays and not as `float(...)`, take no "
                "monitors, and decide nothing by these values; or leave `batch` out. "
                f"{str(error).splitlines()[0]}"
            ) from None
        except Exception as error:
            error.add_note(
                f"`batch` runs `{name_of(run)}` under `jax.vmap`; without it trials run one by one"
            )
            raise
        tables = whole.pop("figures")
        return [
            {
                **whole,
                "parameters": p,
                "seed": p.get("seed"),
                "figures": {name: tables[f"{i} {name}"] for name in self._names(tables)},
                "seconds": round(whole["seconds"] / len(self.trials), 4),
                "together": len(self.trials),
            }
            for i, p in enumerate(self.parameters)
        ]

    def _one_by_one(self, figures: Mapping[str, Array]) -> dict[str, float]:
        """Figures of all trials by the number in the group and the name."""
        arrays = {name: np.asarray(values) for name, values in figures.items()}
        return {f"{i} {n}": a[i] for n, a in arrays.items() for i in range(len(self.trials))}

    @staticmethod
    def _names(tables: Mapping[str, float]) -> list[str]:
        return [name.partition(" ")[2] for name in tables if name.startswith("0 ")]


def grouped(drawn: Sequence[tuple[Any, dict[str, Any]]]) -> list[Group]:
    """Trials in groups that can run as one."""
    groups: dict[str, Group] = {}
    for trial, parameters in drawn:
        fixed = {name: value for name, value in parameters.items() if not _moves(name, value)}
        key = json.dumps(fixed, default=str, sort_keys=True)
        group = groups.setdefault(key, Group([], []))
        group.trials.append(trial)
        group.parameters.append(parameters)
    return list(groups.values())


def _moves(name: str, value: Any) -> bool:
    return isinstance(value, float) or (name == "seed" and isinstance(value, int))


def _figures(found: Any) -> dict[str, Array]:
    """What a function has returned, as arrays by name."""
    if isinstance(found, Solution):
        return {"risk": jnp.asarray(found.risk), "steps": jnp.asarray(found.stats["steps"])}
    if isinstance(found, Mapping):
        return {str(name): jnp.asarray(value) for name, value in found.items()}
    raise ValueError(
        "under `batch` a function must return a dict of arrays or a `Solution`; got a "
        f"{type(found).__name__}"
    )
