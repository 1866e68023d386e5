"""Every block of Python in the README and in the docs runs, page by page, in one namespace."""

import json
import re
import sys
from pathlib import Path
from types import ModuleType

import jax
import matplotlib as mpl
import pytest

import fesolve as fe


mpl.use("agg")
ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page):
    """The blocks of a page, each with the number of its first line."""
    text = page.read_text()
    return [(text[: m.start(1)].count("\n"), m.group(1)) for m in BLOCK.finditer(text)]


LONG = {
    f"docs/{name}.md"
    for name in (
        "learning",
        "economics",
        "diagnostics",
        "estimation",
        "representations",
        "experiments",
    )
}


def with_code():
    """The pages that have blocks, the long ones marked."""
    for page in filter(blocks, PAGES):
        name = str(page.relative_to(ROOT))
        yield pytest.param(page, id=name, marks=[pytest.mark.slow] if name in LONG else [])


@pytest.mark.parametrize("page", list(with_code()))
def test_blocks_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__page__"}
    for line, code in blocks(page):
        # Empty lines in front, so that a traceback shows the line of the page.
        exec(compile("\n" * line + code, str(page), "exec"), namespace)
    assert not re.search(r"\bnan\b", capsys.readouterr().out)


def test_relative_links_lead_somewhere():
    made_by_the_site = {"problems.md", "gallery.md"}
    drawn = {f"figures/{path.stem}.svg" for path in (ROOT / "docs" / "figures").glob("*.py")}
    examples = (ROOT / "examples").glob("*.py")
    pages = [(f"examples/{path.stem}1.svg", f"examples/{path.stem}.md") for path in examples]
    made_by_the_site |= drawn.union(*pages)
    for page in PAGES:
        prose = BLOCK.sub("", page.read_text())  # f["share"](x) is no link
        for target in re.findall(r"\]\(([^)#:\s]+)\)", prose):
            found = (page.parent / target).exists() or target in made_by_the_site
            assert found, f"{page.name} links to {target}"


def test_every_figure_is_shown_once():
    shown = [
        target
        for page in PAGES
        for target in re.findall(r"!\[[^\]]+\]\(figures/([\w-]+)\.svg\)", page.read_text())
    ]
    assert sorted(shown) == sorted(path.stem for path in (ROOT / "docs" / "figures").glob("*.py"))


def test_every_page_has_its_place_in_the_site():
    site = (ROOT / "mkdocs.yml").read_text()
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES if page.name != "README.md"}
    assert not [page for page in pages if page not in site]


def test_every_public_name_has_its_place_in_the_api():
    pages = "\n".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    shown = set(re.findall(r"^::: fesolve\.(\w+)$", pages, re.MULTILINE))
    names = {n for n in dir(fe) if not isinstance(getattr(fe, n), ModuleType)}
    assert names <= shown, f"add to docs/api: {sorted(names - shown)}"
    missing = {n for n in shown - names if n not in {"plots", "problems", "cli"}}
    assert not missing, f"no longer public: {sorted(missing)}"


@pytest.fixture
def building(monkeypatch):
    """The modules that build the site are found as by the site itself."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))


def test_a_figure_is_made_again_where_what_it_runs_has_changed(building):
    import reads

    script = ROOT / "docs/figures/home.py"
    code = compile(script.read_text(), str(script), "exec")
    exec(code, {"__name__": "__page__"})  # what is imported has been imported
    ran = set()

    def note(frame, event, _):
        ran.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        exec(code, {"__name__": "__page__"})
    finally:
        sys.setprofile(before)
    ran = {Path(name) for name in ran if name.startswith(str(ROOT / "fesolve"))}
    assert len(ran) > 50
    assert ran <= reads.reached(script), sorted(ran - reads.reached(script))
    assert len(reads.reached(script)) < 0.7 * len(reads.WHOLE)


def test_what_an_example_misses_in_float32_is_said(building, tmp_path):
    import single

    try:
        single.example(ROOT / "examples/first_solve.py", tmp_path)
    finally:
        jax.config.update("jax_enable_x64", True)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["trouble"].startswith("`assert "), found


def test_formulas_are_told_from_prose(building):
    from formulas import formula, headline, page

    assert formula("k'^(alpha - 1) / c_t") == r"k'^{\alpha  - 1} / c_{t}"
    assert formula("V of a cake") is None
    assert headline("f'(x) = a f(x): growth.") == (r"f'(x) = a \, f(x)", "growth.")
    equation, _ = headline("f'(0) = omega: a start.")
    assert equation == r"f'(0) = \omega", "a space before the dollar would leave it as it is"
    assert page("a cake, f's 1e-8 and `k^2`: x <= y") == r"a cake, f's 1e-8 and `k^2`: $x \le y$"
    text = "# f^2\n\n```python\nf = x\n```\n\n| one | two |\n|---|---|\n| text | it is 5 s |\n"
    assert page(text) == text
    assert page("f' = -2 f, n^2 P steps in 5 s") == r"$f' = -2 \, f$, $n^{2} \, P$ steps in 5 s"
    assert page("f = f~ ∘ g, e ~ p") == r"$f = \tilde f \circ g$, $e \sim p$"
    own = frozenset({"scale", "value"})
    assert page("a p-value of N(0, scale^2)", own) == r"a p-value of $N(0, \mathrm{scale}^{2})$"
    for words in ("W&B reads", "DC-EGM on a grid", "refused: MAX_STEPS, and so on"):
        assert page(words) == words


def test_a_formula_that_is_not_typeset_is_found(building, tmp_path):
    from check import _read

    page = tmp_path / "page.html"
    page.write_text(
        r"<p>$5 and <code>\n</code> <span class='arithmatex'>\(\omega<br>\)</span></p>"
        r"<pre>$x^2$</pre><p>so <b>$f' = \omega $</b> it is</p>"
    )
    assert _read(page).raw == [r"$f' = \omega $"]
