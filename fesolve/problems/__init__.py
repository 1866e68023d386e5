"""The catalogue: model problems with their parameters, solutions and sources."""

import lazy_loader as _lazy_loader


# The public names stand in `__init__.pyi`; each problem is loaded when it is first used.
__getattr__, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)
