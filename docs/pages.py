"""Pages of the site that nobody writes: the gallery, its examples and the problems, from what was
drawn and found (`drawn.py`) and from docstrings."""

import html
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drawn import cells, PHONE, SCREEN
from formulas import headline, typeset


def picture(address: str, alt: str) -> str:
    """The Markdown of a figure, of which the page shows the one for its ground."""
    dark = address.replace(".svg", "-dark.svg")
    return (
        f"![{alt}]({address}#only-light){{ .figure loading=lazy }}"
        f"![{alt}]({dark}#only-dark){{ .figure loading=lazy }}"
    )


def title(source: Path) -> str:
    """The title of an example, its first line of Markdown."""
    return source.read_text().splitlines()[1].removeprefix("# # ")


def example(source: Path, folder: Path) -> str:
    """An example: its text and code, with what each cell printed and drew."""
    found = iter(json.loads((folder / "found.json").read_text()))
    name, page = source.stem, []
    for is_text, body in cells(source.read_text()):
        if is_text:
            page.append(typeset(body))
            continue
        page.append(f"```python\n{body}\n```")
        kept = next(found)
        if kept["printed"].strip():
            page.append(f"```text\n{_folded(kept['printed'])}\n```")
        page += [picture(f"{name}{n}.svg", f"figure {n} of {name}") for n in kept["figures"]]
    head, _, rest = "\n\n".join(page).partition("\n")
    links = f"[Notebook]({name}.ipynb){{ .md-button }} [Script]({name}.py){{ .md-button }}"
    return f"{head}\n\n{links}\n{rest}\n"


def _folded(printed: str) -> str:
    """Sentences that are longer than a terminal is wide, in several lines as it shows them."""
    lines = printed.splitlines()
    return "\n".join(textwrap.fill(x, SCREEN) if len(x) > SCREEN else x for x in lines)


def notebook(source: Path) -> str:
    """An example as a notebook, by Jupytext."""
    import jupytext
    import nbformat

    made = jupytext.read(source)
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    for i, cell in enumerate(made.cells):
        cell["id"] = f"cell-{i}"
    return nbformat.writes(nbformat.from_dict(made), version=4)


def problem(name: str, function: Callable[..., Any], folder: Path) -> str:
    """A problem: its equation, its solution, how to solve it, and the report on it."""
    found = json.loads((folder / "found.json").read_text())
    text, _, arguments = (inspect.getdoc(function) or "").partition("**Arguments:**")
    first, _, rest = text.strip().partition("\n")
    names = frozenset(inspect.signature(function).parameters)
    equation, words = headline(first, names)
    if equation is None:  # a sentence, which goes on until its paragraph ends
        words, _, rest = typeset(text.strip(), names).partition("\n\n")
    lead = words if equation is None else f"{words[0].upper()}{words[1:]}"
    shown = (
        [] if equation is None else [f'<div class="equation" markdown>\n\n${equation}$\n\n</div>']
    )
    pair = [
        picture(f"{name}-{kind}.svg", f"{name}: {text}")
        for kind, text in (
            ("residuals", "residuals over the state space"),
            ("report", "residuals on each sample"),
        )
        if (folder / f"{kind}.svg").exists()
    ]
    kinds = ", ".join(f"`{one}`" for one in found["hypotheses"])
    parts = [
        f"# {name}",
        f"**{lead}**" if "$" not in lead else lead,
        *shown,
        picture(f"{name}-solution.svg", f"{name}: the solution"),
        rest.strip() if equation is None else typeset(rest.strip(), names),
        "## Solve it",
        f"```console\n$ fesolve solve {name}\n```",
        "```py\nimport jax, fesolve as fe\n\n"
        'jax.config.update("jax_enable_x64", True)\n'
        f"problem = fe.problems.{name}()\nsolution = problem.solve()\n```",
        f"Hypotheses: {kinds}; the first one made this page.",
        _parameters(function, arguments),
        "## Its report",
        f'<div class="pair" markdown>\n{"".join(pair)}\n</div>',
        *(_report(found["report"][str(width)], width) for width in (SCREEN, PHONE)),
        _references(found["references"]),
        f"**Source:** {found['source']}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _report(text: str, width: int) -> str:
    """A report, shown where there is room for lines of this width."""
    kind = "wide" if width == SCREEN else "narrow"
    return f'<div class="{kind}" markdown>\n\n```text\n{text}\n```\n\n</div>'


def _parameters(function: Callable[..., Any], arguments: str) -> str:
    """The parameters of a model: name, default and meaning."""
    found = re.findall(r"^- `(\w+)`: (.*?)(?=^- `|\Z)", arguments, re.DOTALL | re.MULTILINE)
    defaults = inspect.signature(function).parameters
    lines = [
        f"| `{name}` | {_default(defaults[name].default)} | {typeset(' '.join(meaning.split()))} |"
        for name, meaning in found
        if name in defaults
    ]
    head = ["| parameter | default | meaning |", "|---|---|---|"]
    return "\n".join([*head, *lines]) if lines else ""


def _default(value: Any) -> str:
    if value is None or value is inspect.Parameter.empty:
        return ""
    shown = repr(value)
    return f"`{value:.6g}`" if isinstance(value, float) and len(shown) > 10 else f"`{shown}`"


def _references(found: list[list[str]]) -> str:
    rows = [f"| {' | '.join(row)} |" for row in found]
    head = ["## References", "", "| quantity | reference | found | source |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) if rows else ""


def gallery(examples: list[Path], catalogue: Mapping[str, Callable]) -> str:
    """A card for each example and each problem."""
    shown = [
        _card(f"examples/{path.stem}.html", f"examples/{path.stem}1", html.escape(title(path)))
        for path in examples
    ]
    return "\n".join(
        [
            "# Gallery\n",
            "Each example is one idea. It ends in a number that is checked, and it is a notebook",
            "to download and run. Each problem of the catalogue is one function call away.\n",
            "## Examples\n",
            f'<div class="cards">{"".join(shown)}</div>\n',
            "## Problems of the catalogue\n",
            _cards(catalogue),
        ]
    )


def problems(catalogue: Mapping[str, Callable]) -> str:
    """The page of the catalogue."""
    return "\n".join(
        [
            "# Problems\n",
            "The catalogue. Each problem is a function of the parameters of its model. Its page",
            "shows what its first hypothesis gives; `fesolve solve NAME` does the same.\n",
            _cards(catalogue),
        ]
    )


def _cards(catalogue: Mapping[str, Callable]) -> str:
    cards = []
    for name, function in catalogue.items():
        names = frozenset(inspect.signature(function).parameters)
        equation, words = headline((inspect.getdoc(function) or "").splitlines()[0], names)
        shown = words if equation is None else f"${equation}$: {words}"
        parts = re.split(r"\$([^$]*)\$", shown)
        parts[::2] = map(html.escape, parts[::2])
        parts[1::2] = [f'<i class="arithmatex">\\({html.escape(t)}\\)</i>' for t in parts[1::2]]
        text = f"<span>{''.join(parts)}</span>"
        cards.append(_card(f"problems/{name}.html", f"problems/{name}-solution", name, text))
    return f'<div class="cards">{"".join(cards)}</div>\n'


def _card(page: str, drawing: str, name: str, text: str = "") -> str:
    image = "".join(
        f'<img src="{drawing}{kind}.svg#only-{ground}" alt="" loading="lazy">'
        for kind, ground in (("", "light"), ("-dark", "dark"))
    )
    return f'<a class="card" href="{page}">{image}<b>{name}</b>{text}</a>'
