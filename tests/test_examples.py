"""Every example runs, and the number that it ends in is right: each asserts its own."""

import ast
import runpy
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest


mpl.use("agg")
COMMANDS = {"mlp_regression"}  # these have tests of their own
FILES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))
EXAMPLES = [path for path in FILES if path.stem not in COMMANDS]


LONG = {
    "aiyagari",
    "autoencoder",
    "clusters",
    "constraints",
    "deep_set",
    "disentanglement",
    "distribution_shift",
    "error_curve",
    "error_decomposition",
    "expectations",
    "features",
    "from_payoff_to_policy",
    "gradients_by_hand",
    "huggett",
    "hundred_dimensions",
    "kernel_length",
    "krusell_smith_agents",
    "principal_components",
    "pseudo_states",
    "regularisation",
    "retirement",
    "sensitivities",
    "symmetric_firms",
    "tax_transition",
    "transfer",
}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in LONG else [])
        for path in EXAMPLES
    ],
)
def test_runs(path, capsys):
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out, "an example shows what it found"
    assert plt.get_fignums(), "an example draws what it found"
    plt.close("all")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_reads_as_one_idea(path):
    text = path.read_text()
    assert 40 <= len(text.splitlines()) <= 100
    assert text.startswith("# %% [markdown]\n# # ")
    assert isinstance(ast.parse(text).body[-1], ast.Assert)
    assert "import fesolve as fe\n" in text


def test_there_are_examples():
    assert len(EXAMPLES) >= 12
