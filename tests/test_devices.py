"""The same program on several devices: forced host devices stand in for accelerators."""

import subprocess
import sys


PROGRAM = """
import jax, jax.numpy as jnp, fesolve as fe
jax.config.update("jax_enable_x64", True)
assert jax.device_count() == 4

def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)

def initial(f, x):
    return f(x) - 1.0

def solution(a):
    risk = fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(a,)) + fe.Risk(initial, fe.Dirac(0.0))
    series = fe.Series(fe.Chebyshev(16, (0.0, 1.0)))
    return fe.solve(risk.quadrature(24), series).value(1.0)

a = jnp.linspace(-2.0, 0.0, 8)
assert abs(float(solution(-2.0)) - float(jnp.exp(-2.0))) < 1e-13
mesh = jax.make_mesh((4,), ("a",), axis_types=(jax.sharding.AxisType.Auto,))
sharded = jax.device_put(a, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("a")))
values = jax.jit(jax.vmap(solution))(sharded)
assert float(jnp.max(jnp.abs(values - jnp.exp(a)))) < 1e-13
print("same on", len(values.sharding.device_set), "devices")
"""


def test_a_batch_of_solves_runs_on_several_devices(tmp_path, monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=4")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "same on" in done.stdout
