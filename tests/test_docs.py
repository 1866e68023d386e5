"""Every block of Python in the README and in the docs runs, page by page, in one namespace."""

import re
from pathlib import Path
from types import ModuleType

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


LONG = {"docs/learning.md", "docs/economics.md", "docs/diagnostics.md"}


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
    made_by_the_site |= drawn | {f"examples/{path.stem}1.svg" for path in examples}
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text()):
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
