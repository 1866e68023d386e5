"""The command line."""

import lazy_loader as _lazy_loader

from ._main import main as main


# `main` alone is loaded at once, so that Ctrl-C while all the rest is loaded is heard by it.
__getattr__, __dir__, _ = _lazy_loader.attach(
    __name__, submod_attrs={"_clock": ["Clock"], "_run": ["run"]}
)
