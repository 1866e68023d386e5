"""Wrong inputs: a sentence that names the argument, and neither a traceback of JAX nor a result."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from wrong_inputs import TABLE


CASES = [
    f"{name}-{argument}-{index}"
    for name, (_, arguments) in TABLE.items()
    for argument, values in arguments.items()
    for index in range(len(values))
]


@pytest.fixture(scope="module")
def outcomes():
    """What each case brings about in a process that does not check annotations, as a user's."""
    program = Path(__file__).with_name("wrong_inputs.py")
    paths = os.pathsep.join([str(program.parent.parent), *sys.path])
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "PYTHONPATH": paths}
    command = [sys.executable, "-W", "ignore", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", [*CASES, "Risk-tolerance-traced"])
def test_wrong_input(case, outcomes):
    kind, sentence, given = outcomes[case]
    argument = case.split("-")[1]
    assert kind == "ValueError", (given, kind, sentence)
    assert f"`{argument}`" in sentence or f"`{argument}[" in sentence, (given, sentence)


def test_right_keys_and_numbers_pass():
    import jax
    import jax.numpy as jnp
    import numpy as np

    import fesolve as fe

    uniform = fe.Uniform(0.0, 1.0)
    for key in (jax.random.key(0), jax.random.PRNGKey(0)):
        assert uniform.sample(3, key=key).shape == (3,)
    drawn = jax.vmap(lambda key: uniform.sample(2, key=key))(jax.random.split(jax.random.key(0), 3))
    assert drawn.shape == (3, 2)
    net = lambda key: fe.MLP(1, 1, width=2, depth=0, key=key)(jnp.ones(1))
    assert jax.jit(net)(jax.random.key(0)).shape == (1,)
    assert fe.Risk(lambda f, x: x, uniform, tolerance=np.float64(1e-3)).tolerance == 1e-3
    assert fe.Risk(lambda f, x: x, uniform, tolerance=jnp.inf).tolerance == np.inf
    assert fe.Series(fe.Chebyshev(2), dtype=jnp.bfloat16).coefficients.dtype == jnp.bfloat16
    assert jax.jit(lambda a: fe.Series(fe.Chebyshev(2), start=a)(0.5))(2.0) == 2.0
