"""How many programs a call compiles."""

import jax


_COMPILED = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, duration, **_: _COMPILED.append(event) if "backend_compile" in event else None
)


def compilations(call):
    """The number of programs that are compiled while `call()` runs."""
    before = len(_COMPILED)
    jax.block_until_ready(jax.tree.leaves(call()))
    return len(_COMPILED) - before
