"""Parameters of models as dataclasses, and what no model can do with."""

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

from ._problem import Problem


def model(parameters: type) -> Callable[[Callable[[Any], Problem]], Callable[..., Problem]]:
    """Makes a function of one dataclass of parameters into a function of its fields.

    ```python
    @model(McCall)
    def mccall_search(m: McCall) -> Problem: ...

    mccall_search(beta=0.9).parameters == McCall(beta=0.9)
    ```

    The names, defaults and meanings of the parameters stand in the dataclass alone: signature and
    documentation of the function follow from there.

    **Arguments:** `parameters`, a dataclass, whose docstring has a line ``- `name`: meaning.`` for
    each field.
    """

    def decorate(build: Callable[[Any], Problem]) -> Callable[..., Problem]:
        @functools.wraps(build)
        def problem(**values: Any) -> Problem:
            unknown = [name for name in values if name not in signature.parameters]
            if unknown:
                known = ", ".join(signature.parameters) or "none"
                raise TypeError(
                    f"`{build.__name__}` has no parameter `{unknown[0]}`; it has {known}"
                )
            m = parameters(**values)
            return dataclasses.replace(build(m), parameters=m)

        signature = inspect.signature(parameters)
        vars(problem)["__signature__"] = signature.replace(return_annotation=Problem)
        problem.__annotations__ = {
            **{name: p.annotation for name, p in signature.parameters.items()},
            "return": Problem,
        }
        meanings = "- `" + inspect.getdoc(parameters).partition("- `")[2]
        text = inspect.getdoc(build)
        problem.__doc__ = (
            f"{text}\n\n**Arguments:**\n\n{meanings}\n" if signature.parameters else text
        )
        return problem

    return decorate


def check_discount(beta: float | int, name: str = "beta") -> None:
    """**Raises:** `ValueError` unless 0 < beta < 1, without which no discounted sum is finite."""
    if not 0.0 < beta < 1.0:
        raise ValueError(
            f"`{name}` is a discount factor and must lie between 0 and 1; got {beta}: from 1 on, "
            "discounted sums have no limit"
        )


def check_persistence(**autocorrelations: float | int) -> None:
    """**Raises:** `ValueError` unless every |rho| < 1: with a unit root there is no ergodic set."""
    for name, rho in autocorrelations.items():
        if not abs(rho) < 1.0:
            raise ValueError(
                f"`{name}` is an autocorrelation and must lie between -1 and 1; got {rho}: with a "
                "unit root the process has no ergodic distribution"
            )


def check_positive(**values: float | int) -> None:
    """**Raises:** `ValueError` unless every value is a finite number above 0."""
    for name, value in values.items():
        if not (value > 0.0 and math.isfinite(value)):
            raise ValueError(f"`{name}` must be a finite number above 0; got {value}")


def check_share(**values: float | int) -> None:
    """**Raises:** `ValueError` unless every value lies strictly between 0 and 1."""
    for name, value in values.items():
        if not 0.0 < value < 1.0:
            raise ValueError(f"`{name}` must lie between 0 and 1; got {value}")
