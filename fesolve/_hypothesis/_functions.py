"""Several unknown functions, each with its name."""

from typing import Any

from jaxtyping import PyTree

from .._checks import function
from .._show import Called, told
from .._types import Point


class Functions(Called):
    """f(x) = (f_1(x), ..., f_m(x)) by name: the variables of a model, as functions of its state.

    Values have the names that the functions have, so that equations read as they are written, and
    steady states, linear solutions, moments, responses, errors and figures go by these names.

    ```python
    class Choice(NamedTuple):
        consumption: Any
        labour: Any

    f = fe.Functions(Choice(fe.Positive(fe.Series(basis)), fe.Bounded(fe.Series(basis))))
    y = f(s)                               # Choice(consumption=..., labour=...)
    y.consumption, f.consumption(s)        # the same number; the second evaluates one function
    ```

    With a dictionary in place of the named tuple, or names alone, `fe.Functions(c=..., n=...)`,
    values are `f(s)["c"]`.

    **Arguments:** `functions`, a named tuple or a dictionary of functions or modules of the same
    point, or these by their names; theta is that of all of them. For an unknown number write an
    `eqx.Module` instead.

    **Raises:** `ValueError` for anything else, and for names that are no words of Python.
    """

    functions: Any

    def __init__(self, functions: Any = None, **named: Any) -> None:
        if named and functions is not None:
            raise ValueError(
                "`functions` of Functions is given and so are functions by their names, "
                f"{', '.join(named)}: put all into one dictionary, or name all"
            )
        self.functions = named or functions

    def __check_init__(self) -> None:
        names = names_of_functions(self)
        if not names:
            raise ValueError(
                "`functions` of Functions must be a named tuple or a dictionary of functions, such "
                f"as {{'consumption': fe.Series(basis)}}, or such functions by their names, as "
                f"`fe.Functions(consumption=fe.Series(basis))`; got {told(self.functions)}"
            )
        for name in names:
            if not (isinstance(name, str) and name.isidentifier() and name != "functions"):
                raise ValueError(
                    f"`functions` of Functions has the name {name!r}: names are words by which "
                    "`f.name` can be written, other than `functions`"
                )
            function(getattr(self, name), f"functions[{name}]", "`fe.Series(basis)`")

    def __call__(self, x: Point) -> PyTree:
        names = names_of_functions(self)
        values = {name: getattr(self, name)(x) for name in names}
        return values if isinstance(self.functions, dict) else type(self.functions)(**values)

    def __getattr__(self, name: str) -> Any:
        # Reached only for names that this class lacks; `functions` itself is missing while a copy
        # is being built.
        if name == "functions" or name.startswith("__"):
            raise AttributeError(name)
        if name not in names_of_functions(self):
            raise AttributeError(f"no function {name!r} among {names_of_functions(self)}")
        given = self.functions
        return given[name] if isinstance(given, dict) else getattr(given, name)


def names_of_functions(f: Functions) -> tuple[Any, ...]:
    """The names of the functions, in the order of the tuple, or as a dictionary is sorted; none
    where they are not named."""
    if isinstance(f.functions, dict):
        return tuple(sorted(f.functions, key=str))
    return tuple(getattr(f.functions, "_fields", ()))
