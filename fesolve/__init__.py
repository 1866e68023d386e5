"""Functional equations, solved by empirical risk minimisation."""

import lazy_loader as _lazy_loader


# The public names stand in `__init__.pyi`; each is loaded when it is first used.
__getattr__, __dir__, __all__ = _lazy_loader.attach_stub(__name__, __file__)

__version__ = "0.1.0"
