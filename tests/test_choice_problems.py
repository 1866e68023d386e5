"""Problems of discrete choice, against value iteration in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from references_choices import Sovereign

from fesolve import problems


def agrees(problem, f):
    for name, reference in problem.references.items():
        value = float(reference.quantity(f))
        assert value == pytest.approx(reference.value, rel=reference.tolerance), name


def test_a_sovereign_defaults_as_often_as_on_a_fine_grid():
    problem = problems.sovereign_default()
    solution = problem.solve("spline")
    assert solution.solved and solution.stats["contracting"]
    agrees(problem, solution.value)


def test_what_is_refused_of_a_sovereign():
    for given, message in (
        ({"gamma": 1.0}, "`gamma` must be above 1"),
        ({"r": 0.06}, r"`beta` \(1 \+ `r`\) must be below 1"),
        ({"scale": -1.0}, "`scale` must be at least 0"),
    ):
        with pytest.raises(ValueError, match=message):
            problems.sovereign_default(**given)


@pytest.mark.slow
def test_the_policy_of_a_sovereign_and_the_way_to_no_shocks():
    problem = problems.sovereign_default()
    theirs = Sovereign(801)
    for name, value in theirs.moments().items():
        assert value == pytest.approx(problem.references[name].value, rel=1e-3), name
    f = problem.solve("spline", intervals=60).value
    values = np.asarray(jax.vmap(f)(jnp.asarray(theirs.b))).T
    assert np.max(np.abs(values - theirs.value)) < 1e-3
    # by a path from large shocks to taste to none
    solution = problem.solve("to_no_shocks")
    assert solution.solved
    agrees(problem, solution.value)


@pytest.mark.slow
def test_shocks_to_taste_smooth_the_decision():
    """As their scale falls, values fall to those without."""
    at = lambda scale: problems.sovereign_default(scale=scale).solve("spline").value
    values = [np.asarray(jax.vmap(at(s))(jnp.linspace(-0.3, 0.1, 41))) for s in (0.02, 0.002, 0.0)]
    gaps = [np.max(np.abs(v - values[2])) for v in values[:2]]
    assert gaps[1] < 0.3 * gaps[0]
