"""The catalogue: model problems with their parameters, solutions and sources."""

import sys as _sys

import lazy_loader as _lazy_loader


# The public names stand in `__init__.pyi`; each problem is loaded when it is first used.
_load, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name in __all__:
        return _load(name)
    # with the module, so that Python says which name was meant
    module = _sys.modules[__name__]
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'", name=name, obj=module)
