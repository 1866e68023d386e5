"""What is checked of the site once it is built: every link leads somewhere, nothing is asked of a
network, formulas are typeset, and no page is wider than a screen, if there is a Chromium to measure
it."""

import html.parser
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote, urldefrag


WIDTHS = (390, 1280)
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class _Page(html.parser.HTMLParser):
    """The addresses that a page leads to or loads, the places in it that can be led to, and what
    of its text is still TeX."""

    def __init__(self) -> None:
        html.parser.HTMLParser.__init__(self)
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.places: set[str] = set()
        self.raw: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        given = {name: value or "" for name, value in attrs}
        self._enter(tag, given.get("class", ""))
        self.places |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        loaded = given.get("src", given.get("href", "") if tag == "link" else "")
        if loaded and given.get("rel") not in ("canonical", "prev", "next"):
            self.loads.add(loaded)

    def _enter(self, tag: str, kind: str) -> None:
        """Goes into an element; of those whose dollars and backslashes are right, to its end."""
        if self._open or tag in ("code", "pre", "script", "style") or "arithmatex" in kind.split():
            self._open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag: str) -> None:
        if self._open and tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        if not self._open and (found := re.search(r"\\[a-zA-Z]+|\$\S[^$]*[\\^_][^$]*\$", data)):
            self.raw.append(data[max(0, found.start() - 20) : found.end() + 40].strip())


VOID = ("br", "img", "hr", "input", "link", "meta", "wbr", "source")


def site(folder: Path) -> None:
    """**Raises:** `SystemExit` where something is wrong, with all of it."""
    pages = {path: _read(path) for path in sorted(folder.rglob("*.html"))}
    wrong = _broken(folder, pages) + _not_typeset(folder, pages)
    wrong += _too_wide(folder, sorted(pages))
    if wrong:
        raise SystemExit("docs: " + "\ndocs: ".join(wrong))


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text())
    return page


def _broken(folder: Path, pages: dict[Path, _Page]) -> list[str]:
    wrong = []
    for path, page in pages.items():
        here = path.relative_to(folder)
        wrong += [f"{here} loads {a} from a network" for a in page.loads if _is_outside(a)]
        if path.name == "404.html":  # its addresses are those of a server
            continue
        for address in sorted(page.links | page.loads):
            target, place = urldefrag(address)
            if _is_outside(address) or address.startswith(("data:", "mailto:", "javascript:")):
                continue
            found = (path.parent / unquote(target)).resolve() if target else path
            found = found / "index.html" if found.is_dir() else found
            if not found.exists():
                wrong.append(f"{here} leads to {address}, which is not there")
            elif place and found in pages and unquote(place) not in pages[found].places:
                wrong.append(f"{here} leads to {address}, a place that is not there")
    for path in folder.rglob("*.css"):
        wrong += [
            f"{path.relative_to(folder)} loads {address}"
            for address in re.findall(r"url\([\"']?(https?:[^)\"']+)", path.read_text())
        ]
    # light and dark are no places, but say which picture is meant
    return [text for text in wrong if "#only-" not in text]


def _not_typeset(folder: Path, pages: dict[Path, _Page]) -> list[str]:
    """The formulas that stand on a page as they were written."""
    return [
        f"{path.relative_to(folder)} has a formula that is not typeset: {text}"
        for path, page in pages.items()
        for text in page.raw
    ]


def _is_outside(address: str) -> bool:
    return address.startswith(("http:", "https:", "//"))


def _too_wide(folder: Path, pages: list[Path]) -> list[str]:
    """The pages that are wider than a screen, each with the part that is."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("docs: no Chromium here, so that the widths of pages were not measured", flush=True)
        return []
    with tempfile.TemporaryDirectory() as home:
        measure = Path(home) / "measure.html"
        addresses = [path.resolve().as_uri() for path in pages]
        measure.write_text(MEASURE % (json.dumps(addresses), json.dumps(WIDTHS)))
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
        flags += ["--timeout=240000", f"--user-data-dir={home}/profile", "--dump-dom"]
        done = subprocess.run(
            [browser, *flags, measure.as_uri()], capture_output=True, text=True, timeout=300
        )
    found = re.search(r"<pre>(\[.*?\])</pre>", done.stdout, re.DOTALL)
    if found is None:
        return [f"widths were not measured: {done.stderr[-300:] or done.stdout[-300:]}"]
    return [
        f"{Path(unquote(address)).relative_to(folder.resolve())} is {wide} pixels wide on a screen "
        f"of {screen}: {html.unescape(part)}"
        for address, screen, wide, part in json.loads(html.unescape(found.group(1)))
    ]


# Every page in a frame as wide as the screen, one after the other; a page is too wide where it can
# be scrolled sideways.
MEASURE = """<!doctype html><title>widths</title><body></body><script>
const pages = %s, widths = %s, wrong = [];
const frame = document.createElement("iframe");
frame.style.border = 0;
document.body.append(frame);
const load = (address) => new Promise((done) => {
  frame.onload = done;
  frame.src = address;
});
(async () => {
  for (const screen of widths) {
    frame.style.width = screen + "px";
    frame.style.height = "800px";
    for (const address of pages) {
      await load(address);
      const root = frame.contentDocument.documentElement;
      const wide = Math.max(root.scrollWidth, frame.contentDocument.body.scrollWidth);
      if (wide > screen) {
        let part = "";
        for (const node of frame.contentDocument.querySelectorAll("article *")) {
          if (node.getBoundingClientRect().right > screen + 1) {
            part = node.tagName + "." + node.className + " " + node.textContent.slice(0, 60);
            break;
          }
        }
        wrong.push([new URL(address).pathname, screen, wide, part.trim()]);
      }
    }
  }
  const result = document.createElement("pre");
  result.textContent = JSON.stringify(wrong);
  document.body.replaceChildren(result);
})();
</script>
"""


if __name__ == "__main__":
    site(Path(sys.argv[1]))
