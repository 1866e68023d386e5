"""Compiled programs, kept between processes."""

import os
import platform
from pathlib import Path

import jax


KEPT = (
    "Compiled programs are kept for the next command in a folder of yours for caches, or where\n"
    "JAX_COMPILATION_CACHE_DIR says."
)


def use_cache() -> None:
    """Turns JAX's persistent compilation cache on, unless the user has said where it is."""
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
        # Most programs of a small solve compile in less than JAX's own threshold of a second.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)


def cache_folder() -> Path:
    """Where this system keeps what a user's programs can do without."""
    if platform.system() == "Windows":
        home = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
    elif platform.system() == "Darwin":
        home = str(Path.home() / "Library" / "Caches")
    else:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "fesolve" / "compiled"
