"""A sweep as it stands in a file, in the format of Weights & Biases."""

import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .._nearest import meant


KEYS = ("program", "method", "metric", "parameters", "early_terminate", "run_cap", "name")
OTHERS = ("command", "description", "entity", "project")
"""Keys that are of W&B alone."""
METHODS = ("grid", "random", "bayes")
GOALS = ("minimize", "maximize")


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What a parameter may be: one of `choices`; or what `value` makes of a number between `low`
    and `high`, that is drawn on a scale of logarithms where `log` is set; a constant is the only
    choice."""

    choices: tuple[Any, ...] = ()
    low: Any = 0.0
    high: Any = 1.0
    log: bool = False
    value: Callable[[Any], Any] = lambda drawn: drawn


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep: a program, how its parameters are searched, and the figure that decides."""

    program: str
    folder: Path
    name: str
    method: str
    metric: str
    goal: str
    parameters: dict[str, Parameter]
    early: dict[str, Any] | None
    run_cap: int | None
    definition: dict[str, Any]

    @property
    def size(self) -> int | None:
        """The number of points of a grid."""
        grid = self.method == "grid"
        return math.prod(len(p.choices) for p in self.parameters.values()) if grid else None

    def point(self, index: int) -> dict[str, Any]:
        """A point of the grid, the last parameter moving fastest."""
        found = {}
        for name, parameter in reversed(self.parameters.items()):
            index, at = divmod(index, len(parameter.choices))
            found[name] = parameter.choices[at]
        return {name: found[name] for name in self.parameters}


def read_sweep(path: Path) -> Sweep:
    """The sweep in a file.

    **Raises:** `ValueError` for what is no sweep, or none that is understood; `ImportError`
    without PyYAML.
    """
    try:
        import yaml
    except ImportError as error:
        raise ImportError("a sweep needs PyYAML: pip install 'fesolve[sweep]'") from error
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ValueError(f"there is no sweep file {str(path)!r}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{str(path)!r} is no YAML: {error}") from None
    try:
        return _checked(raw, path)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


def _checked(raw: Any, path: Path) -> Sweep:
    if not isinstance(raw, Mapping):
        raise ValueError("a sweep is a table with `program`, `method`, `metric` and `parameters`")
    for key in raw:
        if key not in KEYS + OTHERS:
            hint = meant(str(key), KEYS)
            raise ValueError(f"`{key}` is no key of a sweep{hint}; it has {KEYS + OTHERS}")
    for key in KEYS[:4]:
        if key not in raw:
            raise ValueError(f"`{key}` is missing")
    method, metric = raw["method"], raw["metric"]
    if method not in METHODS:
        raise ValueError(f"`method` must be one of {METHODS}; got {method!r}")
    if not isinstance(metric, Mapping) or not isinstance(metric.get("name"), str):
        raise ValueError(f"`metric` must have a `name`, and may have a `goal`; got {metric!r}")
    goal = metric.get("goal", "minimize")
    if goal not in GOALS:
        raise ValueError(f"`goal` of the metric must be one of {GOALS}; got {goal!r}")
    if not isinstance(raw["parameters"], Mapping) or not raw["parameters"]:
        raise ValueError("`parameters` must be a table of parameters by their names")
    parameters = {str(name): _parameter(str(name), s) for name, s in raw["parameters"].items()}
    if method == "grid":
        open_ = [name for name, parameter in parameters.items() if not parameter.choices]
        if open_:
            raise ValueError(f"`method: grid` needs `values` for {open_}")
    definition = {key: raw[key] for key in (*KEYS[:4], "early_terminate") if key in raw}
    return Sweep(
        program=str(raw["program"]),
        folder=path.resolve().parent,
        name=str(raw.get("name", path.stem)),
        method=method,
        metric=metric["name"],
        goal=goal,
        parameters=parameters,
        early=_early(raw.get("early_terminate")),
        run_cap=raw.get("run_cap"),
        definition=json.loads(json.dumps(definition, default=str)),
    )


def _early(raw: Any) -> dict[str, Any] | None:
    """Hyperband between `min_iter` and `max_iter` reports: after `min_iter` of them, and after
    `eta` times as many again and again, the worse trials end, and later in other brackets."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or raw.get("type") != "hyperband":
        raise ValueError(f"`early_terminate` must be of `type: hyperband`; got {raw!r}")
    eta, most = int(raw.get("eta", 3)), raw.get("max_iter")
    if "min_iter" in raw:
        least = int(raw["min_iter"])
    elif most is not None:
        least = int(most) // eta ** int(raw.get("s", 1))
    else:
        raise ValueError("`early_terminate` needs `min_iter`, or `max_iter` and `s`")
    least = max(1, least)
    longest = "auto" if most is None else max(least, int(most))
    return {"min_resource": least, "max_resource": longest, "reduction_factor": eta}


def _parameter(name: str, spec: Any) -> Parameter:
    """A parameter in W&B's words."""
    if not isinstance(spec, Mapping):
        raise ValueError(f"parameter `{name}` must be a table, such as `values: [1, 2]`")
    kind = spec.get("distribution")
    if "parameters" in spec:
        raise ValueError(f"parameter `{name}` is nested, which a function's parameters are not")
    if "value" in spec or kind == "constant":
        return Parameter(choices=(spec.get("value"),))
    if "values" in spec:
        values = spec["values"]
        if not isinstance(values, Sequence) or isinstance(values, str) or not values:
            raise ValueError(f"`values` of `{name}` must be a list; got {values!r}")
        if "probabilities" in spec:
            return _weighted(name, values, spec["probabilities"])
        return Parameter(choices=tuple(values))
    if kind in ("normal", "log_normal", "q_normal", "q_log_normal"):
        return _normal(spec, kind)
    if kind in ("beta", "q_beta"):
        return _beta(spec, kind)
    if "min" in spec and "max" in spec:
        return _between(name, spec, kind)
    raise ValueError(f"parameter `{name}` needs `value`, `values`, or `min` and `max`; got {spec}")


def _between(name: str, spec: Mapping[str, Any], kind: str | None) -> Parameter:
    low, high = spec["min"], spec["max"]
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int | float):
            raise ValueError(f"the bounds of `{name}` must be numbers; got {bound!r}")
    if not low < high:
        raise ValueError(f"`min` of `{name}` must be below `max`; got {low} and {high}")
    whole = isinstance(low, int) and isinstance(high, int)
    if kind is None:
        kind = "int_uniform" if whole else "uniform"
    if kind == "int_uniform" and not whole:
        raise ValueError(f"the bounds of `{name}` must be whole; got {low} and {high}")
    if kind.endswith("log_uniform_values") and not low > 0:
        raise ValueError(f"`min` of `{name}` must be above 0; got {low}")
    rounded = _rounding(spec) if kind.startswith("q_") else lambda x: x
    a, b = float(low), float(high)
    match kind.removeprefix("q_"):
        case "uniform":
            return Parameter(low=a, high=b, value=rounded)
        case "int_uniform":
            return Parameter(low=low, high=high)
        case "log_uniform_values":
            return Parameter(low=a, high=b, log=True, value=rounded)
        case "log_uniform":
            return Parameter(low=math.exp(a), high=math.exp(b), log=True, value=rounded)
        case "inv_log_uniform_values":
            return Parameter(low=1 / b, high=1 / a, log=True, value=lambda x: 1 / x)
        case "inv_log_uniform":
            return Parameter(low=math.exp(-b), high=math.exp(-a), log=True, value=lambda x: 1 / x)
    raise ValueError(f"`distribution` of `{name}` is not known: {kind!r}")


def _rounding(spec: Mapping[str, Any]) -> Callable[[float], Any]:
    """To a multiple of q, a whole number where q is one."""
    q = spec.get("q", 1)
    return lambda x: round(x / q) * q


def _normal(spec: Mapping[str, Any], kind: str) -> Parameter:
    from statistics import NormalDist

    law = NormalDist(float(spec.get("mu", 0.0)), float(spec.get("sigma", 1.0)))
    rounded = _rounding(spec) if kind.startswith("q_") else lambda x: x
    shaped = math.exp if "log" in kind else lambda x: x
    return Parameter(low=1e-6, high=1 - 1e-6, value=lambda u: rounded(shaped(law.inv_cdf(u))))


def _beta(spec: Mapping[str, Any], kind: str) -> Parameter:
    a, b = float(spec.get("a", 1.0)), float(spec.get("b", 1.0))
    rounded = _rounding(spec) if kind.startswith("q_") else lambda x: x

    def value(u: float) -> Any:
        from scipy.special import betaincinv

        return rounded(float(betaincinv(a, b, u)))

    return Parameter(value=value)


def _weighted(name: str, values: Sequence[Any], weights: Sequence[float]) -> Parameter:
    if len(values) != len(weights) or abs(sum(weights) - 1) > 1e-6:
        raise ValueError(f"`probabilities` of `{name}` must be one a value, and sum to 1")
    ends = [sum(weights[: i + 1]) for i in range(len(weights))]
    last = len(values) - 1
    return Parameter(value=lambda u: values[min(last, sum(u > end for end in ends))])
