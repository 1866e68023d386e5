"""How JAX compiles for the tests, most of whose time is compilation.

To be called before the first computation.
"""

import os
from pathlib import Path

import jax


FLAGS = ["--xla_backend_optimization_level=0"]
if jax.__version_info__ < (0, 11):
    # a flag that XLA does not know ends the process, and newer ones have no older code generator
    FLAGS += ["--xla_cpu_use_fusion_emitters=false", "--xla_cpu_parallel_codegen_split_count=1"]


def little() -> None:
    """As little optimisation as XLA can do: a third of the time, for programs that run slower."""
    os.environ["XLA_FLAGS"] = " ".join((os.environ.get("XLA_FLAGS", ""), *FLAGS)).strip()
    # where each operation of a program was written, with all that called it, is a tenth of a trace
    jax.config.update("jax_include_full_tracebacks_in_locations", False)


def kept_in(folder: Path, *, least: float = 0.02) -> None:
    """Compiled programs are kept there, for all processes and for the next run, if they took so
    many seconds."""
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", least)
