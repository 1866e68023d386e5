"""The public names and their arguments, as `tests/api.txt` has them: none changes unseen.

`python tests/test_api.py` writes the list anew, after a change that is meant and that the changelog
tells.
"""

import inspect
from pathlib import Path
from types import ModuleType

import pytest

import fesolve as fe


LIST = Path(__file__).parent / "api.txt"


def arguments(value):
    """The names of the arguments in the order and with the marks of a signature."""
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return ""
    plain = [p.replace(annotation=p.empty, default=p.empty) for p in parameters]
    # a default that is gone may not stand before one that never was
    return str(inspect.Signature(plain))


def names(module, prefix):
    for name in dir(module):
        value = getattr(module, name)
        if name[0] != "_" and not isinstance(value, ModuleType):
            yield f"{prefix}{name}{arguments(value) if callable(value) else ''}"


def listed():
    rooms = ((fe, ""), (fe.plots, "plots."), (fe.problems, "problems."))
    return "\n".join(line for module, prefix in rooms for line in names(module, prefix)) + "\n"


def test_public_names_are_those_listed():
    found, known = set(listed().splitlines()), set(LIST.read_text().splitlines())
    assert found == known, (
        f"new: {sorted(found - known)}; gone: {sorted(known - found)}. If this is meant, "
        "tell it in the changelog and run `python tests/test_api.py`"
    )


if __name__ == "__main__":
    LIST.write_text(listed())


def test_a_mistyped_name_has_a_neighbour():
    with pytest.raises(AttributeError, match=r"no attribute 'Chebychev'; did you mean 'Chebyshev'"):
        _ = fe.Chebychev
    with pytest.raises(AttributeError, match=r"no attribute 'zzzz'$"):
        _ = fe.zzzz
    with pytest.raises(TypeError, match=r"`exponential` has no parameter `b`; it has a, horizon"):
        fe.problems.exponential(b=3.0)
