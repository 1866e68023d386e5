"""Saving with four shocks and no borrowing, against its limit without shocks."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from references_expectations import consumption_differences, consumption_without_shocks

from fesolve import problems


def test_the_reference_is_that_of_others():
    w = np.array([1.0, 1.5, 2.0, 3.0, 4.0])
    published = [1.0, 1.17940, 1.27073, 1.41268, 1.53207]
    np.testing.assert_allclose(consumption_without_shocks(w, 0.9, 1.04, 2.0), published, atol=5e-6)


@pytest.mark.parametrize("parameters", [{}, {"gamma": 3.0, "beta": 0.93}])
def test_the_references_of_the_problem_are_the_polygon(parameters):
    problem = problems.consumption_saving(**parameters)
    m = problem.parameters
    for name, reference in problem.references.items():
        w = float(name[2:-1])
        exact = consumption_without_shocks(w, m.beta, m.rbar, m.gamma)
        assert abs(reference.value / exact - 1) < 1e-5


@pytest.mark.slow
def test_a_small_one():
    f = problems.consumption_saving().solve("chebyshev", degree=4, points=160, throw=False).value
    assert consumption_differences(f)[0] < 0.02
    # All is consumed up to the first bend.
    poor = jnp.array([0.7, 0.001, 0.0, -0.002, 0.001])
    assert float(f.consumption(poor)) == 0.7


@pytest.mark.slow
@pytest.mark.parametrize("kind, target", [("chebyshev", 2e-3), ("mlp", 2e-3)])
def test_it_is_solved(kind, target):
    problem = problems.consumption_saving()
    solution = problem.solve(kind, key=jr.key(0))
    largest, (mean, _) = consumption_differences(solution.value)
    assert largest < target and mean < 1e-4


@pytest.mark.parametrize(
    "parameters, words",
    [
        ({"beta": 1.0}, "`beta`"),
        ({"beta": 0.97}, r"`beta \* rbar`"),
        ({"rho_p": 1.0}, "`rho_p` .* unit root"),
        ({"sigma_q": 0.0}, "`sigma_q`"),
    ],
)
def test_bad_parameters(parameters, words):
    with pytest.raises(ValueError, match=words):
        problems.consumption_saving(**parameters)
