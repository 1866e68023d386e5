"""The same program on several devices: forced host devices stand in for accelerators."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


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
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "same on" in done.stdout


# -- the way of an accelerator, taken on the CPU --------------------------------------------------


def decays(f, x):
    return jax.grad(f)(x) + f(x)


def starts_at_one(f, x):
    return f(x) - 1.0


def decay(dtype):
    zero, one = np.asarray(0.0, dtype), np.asarray(1.0, dtype)
    risk = fe.Risk(decays, fe.Uniform(zero, one)) + fe.Risk(starts_at_one, fe.Dirac(zero))
    return risk.quadrature(16)


@pytest.fixture
def accelerator(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_starts_at_once(accelerator, dtype):
    draw = lambda key: fe.Series(fe.Chebyshev(8, (0.0, 1.0)), start=jr.normal(key), dtype=dtype)
    solver = fe.MultiStart(draw, fe.LevenbergMarquardt(max_steps=20), starts=2)
    solution = fe.solve(decay(dtype), draw(jr.key(0)), solver, key=jr.key(1))
    assert solution.solved and solution.history is None
    error = float(solution.value(jnp.ones((), dtype))) - np.exp(-1.0)
    assert abs(error) < (1e-9 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("solver", [fe.LinearLeastSquares(), fe.LevenbergMarquardt()])
def test_monitors_are_told_as_on_the_host(accelerator, solver):
    seen = []
    f = fe.Series(fe.Chebyshev(8, (0.0, 1.0)))
    watch = lambda step, metrics, f: seen.append((step, metrics["stage"]))
    assert fe.solve(decay(np.float64), f, solver, monitors=(watch,)).solved
    assert seen and seen[-1][0] == len(seen)
