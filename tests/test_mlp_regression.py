"""The regression of a lecture as a command and as a sweep, in a small form."""

import inspect
import json
import runpy
from pathlib import Path

import pytest

import fesolve as fe


FILE = Path(__file__).parent.parent / "examples" / "mlp_regression.py"
SMALL = {"N": 60, "width": 8, "num_epochs": 300, "batch_size": 16, "wandb_mode": "disabled"}


@pytest.fixture
def fit():
    pytest.importorskip("wandb")
    return runpy.run_path(str(FILE))["fit"]


def test_defaults_are_those_of_the_lecture(fit):
    defaults = {p.name: p.default for p in inspect.signature(fit).parameters.values()}
    assert defaults == {
        "N": 500,
        "M": 2,
        "sigma": 0.0001,
        "width": 128,
        "lr": 0.001,
        "num_epochs": 2000,
        "batch_size": 512,
        "seed": 42,
        "wandb_project": "econ622_examples",
        "wandb_mode": "offline",
    }


def test_it_learns_and_least_squares_is_at_the_noise(fit):
    figures = fit(**SMALL, lr=0.01, sigma=0.01)
    assert figures["test_loss"] < 0.05
    assert 0.5 * 0.01**2 < figures["ols_test_loss"] < 2 * 0.01**2
    again = fit(**SMALL, lr=0.01, sigma=0.01)
    assert again == figures


def test_it_is_a_command(fit, tmp_path, capsys):
    pytest.importorskip("jsonargparse")
    small = {**SMALL, "num_epochs": 5}
    words = [f"--{name}={value}" for name, value in small.items()]
    figures = fe.experiment(fit, [*words, f"--runs={tmp_path}"])
    assert figures == fit(**small)
    assert "ols_test_loss" in capsys.readouterr().out
    record = json.loads((tmp_path / "fit.jsonl").read_text())
    assert record["figures"] == figures


@pytest.mark.slow
def test_its_sweep_runs(tmp_path):
    yaml = pytest.importorskip("yaml")
    pytest.importorskip("optuna")
    sweep = yaml.safe_load(FILE.with_name("mlp_regression_sweep.yaml").read_text())
    sweep["program"] = str(FILE)
    sweep["parameters"] |= {"N": {"value": 60}, "num_epochs": {"value": 20}}
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(sweep))
    table = fe.sweep(str(path), trials=3, journal=str(tmp_path / "runs.log"))
    assert len(table.to_pandas()) == 3


def test_its_sweep_names_parameters_that_it_has(fit):
    yaml = pytest.importorskip("yaml")
    sweep = yaml.safe_load(FILE.with_name("mlp_regression_sweep.yaml").read_text())
    assert sweep["program"] == FILE.name and sweep["metric"]["name"] == "test_loss"
    assert set(sweep["parameters"]) <= set(inspect.signature(fit).parameters)
    for width in sweep["parameters"]["width"]["values"][:2]:
        assert fit(**{**SMALL, "num_epochs": 5, "width": width})["test_loss"] > 0
