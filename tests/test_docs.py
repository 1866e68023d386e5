"""Every block of Python in the README and in the docs runs, page by page, in one namespace."""

import re
from pathlib import Path

import matplotlib as mpl
import pytest


mpl.use("agg")
ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(page):
    """The blocks of a page, each with the number of its first line."""
    text = page.read_text()
    return [(text[: m.start(1)].count("\n"), m.group(1)) for m in BLOCK.finditer(text)]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_blocks_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__page__"}
    for line, code in blocks(page):
        # Empty lines in front, so that a traceback shows the line of the page.
        exec(compile("\n" * line + code, str(page), "exec"), namespace)
    assert not re.search(r"\bnan\b", capsys.readouterr().out)


def test_relative_links_lead_somewhere():
    made_by_the_site = {"problems.md"}
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:\s]+)\)", page.read_text()):
            found = (page.parent / target).exists() or target in made_by_the_site
            assert found, f"{page.name} links to {target}"
