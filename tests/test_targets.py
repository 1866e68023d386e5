"""Every row of docs/benchmarks.md reaches its error; its times are for `make bench`."""

import numpy as np
import pytest
from references import FirstOrder, van_der_pol
from rows import LONG, ROWS


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if n in LONG else []) for n in ROWS]
)
def test_errors(name):
    lines = ROWS[name](timed=False)
    assert lines
    for line in lines:
        for figure in line.errors:
            assert figure.reached, f"{line.work}: {figure}"


@pytest.mark.parametrize("mu, horizon, agreement", [(1.0, 10.0, 1e-14), (5.0, 20.0, 1e-12)])
def test_the_reference_is_that_of_others(mu, horizon, agreement):
    points = np.linspace(0.0, horizon, 501)
    # short steps, because between them SciPy interpolates
    theirs = FirstOrder(mu, horizon).integrate("DOP853", 1e-14, max_step=0.01)(points)
    assert np.max(np.abs(van_der_pol(mu, points) - theirs)) <= agreement * 2
