"""Tables: what they print, at which width, and in which other forms."""

import html.parser
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe


GROUPS = [("series", "8"), ("series", "16"), ("network", "8")]
COLUMNS = ["mean", "median", "seconds", "solved", "where", "points", "risk"]
VALUES = [
    [1.234e-3, 1e-4, 0.2, True, 0.5, 10_000, 1e-20],
    [-0.5, 2.0, 0.312, False, None, 3, 0.04],
    [1e-9, np.nan, 30.0, True, np.array([0.1, 2.0]), 5, None],
]
ERRORS = [[5.678e-5, *[None] * 6], [0.02, *[None] * 6], [2e-11, *[None] * 6]]


@pytest.fixture
def table():
    return fe.Table(
        "errors & more",
        GROUPS,
        COLUMNS,
        VALUES,
        errors=ERRORS,
        index=("class", "points of D"),
        notes=["verdict  " + "a sentence that goes on " * 6],
    )


def test_columns_that_do_not_fit_are_left_out_and_named(table):
    whole = table.text(200).splitlines()
    assert "not shown" not in table.text(200)
    for width in range(45, 140, 7):
        lines = table.text(width).splitlines()
        assert max(map(len, lines)) <= width
        named = re.search(r"not shown: (.*)\)", " ".join(lines))
        left_out = named.group(1).split(", ") if named else []
        assert [name for name in COLUMNS if name not in left_out] == COLUMNS[: 7 - len(left_out)]
        assert whole[1].startswith(lines[1])
    # the labels and the first column stay, however narrow it is
    assert "mean" in table.text(10).splitlines()[1]


def test_the_width_is_that_of_the_terminal(table, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert str(table) == repr(table) == table.text(60)


def test_groups_are_apart_and_a_label_stands_once(table):
    lines = table.text(200).splitlines()
    assert lines[5] == "" and [line.split()[0] for line in (lines[3], lines[6])] == [
        "series",
        "network",
    ]
    assert lines[4].startswith("         16")


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        ([-4.123, -10.38, -0.5], ["-4.12", "-10.38", "-0.50"]),
        ([0.1, 0.25, 30.0], ["0.10", "0.25", "30.00"]),
        ([1e-20, 0.04, 0.0], ["1.00e-20", "0.0400", "0"]),
        ([1.0, 2.0, 1e5], ["1", "2", "100000"]),
        ([10_000, 3, None], ["10,000", "3", "-"]),
        ([np.nan, np.inf, 1.5], ["nan", "inf", "1.50"]),
        ([True, False, None], ["yes", "no", "-"]),
        ([1 + 2j, np.complex128(0.5)], ["1+2j", "0.5+0j"]),
        ([{"k": 1.0, "z": np.zeros(6)}, 1, "a|b"], ["k=1, z=(0, 0, 0, 0, ...)", "1", "a|b"]),
        ([np.float32(0.5), jnp.asarray(0.25), np.int32(3)], ["0.50", "0.25", "3.00"]),
    ],
)
def test_numbers(column, texts):
    shown = (
        fe.Table("", "abc"[: len(column)], ["x"], [[value] for value in column])
        .text(80)
        .splitlines()[2:]
    )
    assert [line[1:].strip() for line in shown] == texts


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.23456, 0.0123, "1.235 ± 0.012"),
        (123.4, 5.6, "123.4 ± 5.6"),
        (1.2341e-9, 4.5e-11, "1.234e-09 ± 4.5e-11"),
        (0.0, 0.01, "0.000 ± 0.010"),
        (1.0, 1e-16, "1 ± 0"),
        (2.5, 0.0, "2.5 ± 0"),
        (1e-5, 0.002, "0.0000 ± 0.0020"),
        (np.nan, 1.0, "nan ± 1"),
    ],
)
def test_a_number_has_as_many_digits_as_its_error_leaves(value, error, text):
    assert str(fe.Estimate(value, error)) == text
    line = fe.Table("", ["a"], ["x"], [[value]], errors=[[error]]).text(80).splitlines()[-1]
    assert line.endswith("{} ({})".format(*text.split(" ± ")))


def test_data(table):
    record = json.loads(json.dumps(table.to_dict()))
    assert record["series"]["8"]["mean"] == 1.234e-3
    assert record["series"]["16"]["standard_error"] == {"mean": 0.02}
    assert record["network"]["8"]["where"] == [0.1, 2.0]
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert frame.loc[("series", "8"), "points"] == 10_000
    assert list(frame.columns)[:2] == ["mean", "mean (s.e.)"]
    assert frame.index.names == ["class", "points of D"]
    plain = fe.Table("", [1, 2], ["x"], np.eye(2)[:, :1]).to_pandas()
    assert plain.loc[2, "x"] == 0.0
    assert isinstance(plain, pandas.DataFrame) and list(plain["x"]) == [1.0, 0.0]


def test_without_pandas_it_says_what_to_install(table, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'fesolve\[data\]'"):
        table.to_pandas()


def test_latex(table):
    lines = table.to_latex().splitlines()
    assert lines[1] == r"\begin{tabular}{llrrrrrrr}"
    assert lines[5].startswith(r"series & $8$ & $0.001234$ &")
    assert lines[6].strip().startswith("&  & ($0.000057$)")
    assert r"$1.00 \times 10^{-20}$" in lines[5] and r"$10{,}000$" in lines[5]
    assert all(line.count("&") == 8 for line in lines[3:-2] if line.endswith(r"\\"))
    special = fe.Table("", ["a_b & c%"], ["log10 |r|"], [["$x^2$"]]).to_latex()
    assert r"a\_b \& c\%" in special and r"log10 \textbar{}r\textbar{}" in special


def test_markdown(table):
    lines = table.to_markdown().splitlines()
    assert lines[1].count("--:") == 7 and lines[1].count(":--") == 2
    assert len({line.count("|") for line in lines}) == 1
    assert fe.Table("", ["a"], ["|r|"], [[1]]).to_markdown().splitlines()[0] == r"|  | \|r\| |"


class Tags(html.parser.HTMLParser):
    """Whether every tag that is opened is closed, in order."""

    def __init__(self):
        html.parser.HTMLParser.__init__(self)
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells.append(data)


def test_a_notebook_shows_everything(table):
    found = Tags()
    found.feed(table._repr_html_())
    assert not found.open
    assert set(COLUMNS) <= set(found.cells) and "errors & more" in found.cells
    assert "<b>" not in fe.Table("<b>", ["<b>"], ["<b>"], [["<b>"]], notes=["<b>"])._repr_html_()


def test_a_long_table_is_folded():
    table = fe.Table("", range(100), ["x"], [[float(i)] for i in range(100)])
    lines = table.text(80).splitlines()
    assert len(lines) < 30 and lines[-1].split() == ["99", "99"] and "..." in lines[-5]
    assert len(table.to_markdown().splitlines()) == 102


def test_what_does_not_fit_together_is_refused():
    for arguments in (
        (["a"], ["x"], [[1, 2]]),
        (["a", "b"], ["x"], [[1]]),
        (["a", "a"], ["x"], [[1], [2]]),
        (["a"], ["x", "x"], [[1, 2]]),
        ([("a", "b")], ["x"], [[1]]),
    ):
        with pytest.raises(ValueError, match=r"`(values|rows|columns|index)`"):
            fe.Table("", *arguments)
    with pytest.raises(ValueError, match="`errors`"):
        fe.Table("", ["a"], ["x"], [[1]], errors=[[1, 2]])


def test_a_batch_of_reports_prints_as_a_line():
    law = fe.Ergodic(
        lambda f, x, e: f * x + e, fe.Dirac(0.0), fe.Normal(0.0, 1.0), periods=12, burn_in=2
    )

    def moments(rho):
        found = fe.simulated_moments(rho, law, paths=3, key=jax.random.key(0))
        assert repr(found).startswith("SimulatedMoments(")
        return found

    many = jax.vmap(moments)(jnp.linspace(0.1, 0.9, 3))
    for text in (str(many), repr(many)):
        assert text.startswith("SimulatedMoments(") and len(text.splitlines()) == 1
    assert "<code>" in many._repr_html_()
    one = jax.tree.map(lambda leaf: leaf[0], many)
    assert "s.d." in str(one) and "<table>" in one._repr_html_()
