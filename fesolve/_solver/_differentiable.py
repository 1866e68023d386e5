"""The boundary between the host and the compiled program, and the derivative across it.

Called with arrays, the solve below runs on the host; called inside `jit`, `vmap` or on an
accelerator, it is one compiled program; differentiated, the solve runs either way and the implicit
function theorem gives the tangent.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from . import _device, _implicit
from ._assembly import Assembly


class Settings(NamedTuple):
    """What a device solve must know at compile time: whether f is linear in theta, the columns in
    which it is, `max_steps` and the damping."""

    linear: bool
    last: tuple[int, ...]
    max_steps: int
    damping: float


class Minimum(NamedTuple):
    """A minimum as arrays; `smallest` is the smallest singular value of the Jacobian there, and
    infinite for networks, whose weights nobody expects to be determined."""

    theta: Array
    r: Array
    risk: Array
    steps: Array
    converged: Array
    smallest: Array


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def minimum(
    assembly: Assembly, settings: Settings, theta: Array, floats: list, others: list
) -> Minimum:
    """argmin over theta of |r(theta; data)|^2, differentiable in the data."""
    return _minimum(assembly, settings, theta, floats, others)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _minimum(
    assembly: Assembly, settings: Settings, theta: Array, floats: list, others: list
) -> Minimum:
    data = _implicit.join(floats, others)
    with jax.default_matmul_precision("highest"):
        out = _device.minimise(assembly, theta, data, *settings)
    return Minimum(out.theta, out.r, out.r @ out.r, out.steps, out.converged, out.smallest)


@minimum.defjvp
def _(assembly: Assembly, settings: Settings, primals: tuple, tangents: tuple) -> tuple:
    theta, floats, others = primals
    out = minimum(assembly, settings, theta, floats, others)
    moving = [
        None if x is None else jnp.asarray(dx, x.dtype)
        for x, dx in zip(floats, tangents[1], strict=True)
    ]
    dtheta, drisk = _implicit.tangent(assembly, out.theta, floats, others, moving)
    none = np.zeros((), jax.dtypes.float0)
    still = jnp.zeros_like
    return out, Minimum(dtheta, still(out.r), drisk, none, none, still(out.smallest))

