"""Functional equations, solved by empirical risk minimisation."""

import lazy_loader as _lazy_loader


# The public names stand in `__init__.pyi`; each is loaded when it is first used.
_load, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name in __all__:
        return _load(name)
    from ._nearest import nearest

    near = nearest(name, __all__)
    hint = f"; did you mean '{near}'?" if near else ""
    # without the module, or Python would say the neighbour once more
    raise AttributeError(f"module 'fesolve' has no attribute '{name}'{hint}", name=name, obj=None)
