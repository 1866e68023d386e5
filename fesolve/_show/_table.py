"""A table of numbers: on the terminal, in a notebook, in a paper, and as data."""

import html
import itertools
import re
import shutil
import textwrap
from collections.abc import Sequence
from typing import Any, final

import equinox as eqx
import jax
import numpy as np

from ._line import is_whole
from ._numbers import cells


GAP = "  "
ROWS, LAST = 24, 4
"""Of a longer table so many rows are printed, and so many of them are its last."""
SPECIAL = str.maketrans(
    {c: f"\\{c}" for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}"}
)


@final
class Table(eqx.Module):
    """Values by row and column, with standard errors where there are some.

    It prints within the width of the terminal (80 columns elsewhere): columns that do not fit are
    left out from the right and named below, and so the most important ones come first. Rows in the
    middle of a long table are left out. Everything is in the other forms: `.to_pandas()`,
    `.to_dict()`, `.to_latex()`, `.to_markdown()`, and in a notebook.

    ```python
    errors = [[1e-3, 0.12], [1e-6, 0.34]]
    print(fe.Table("error of f", ["degree 4", "degree 8"], ["error", "seconds"], errors))
    ```

    **Arguments:**

    - `title`: what is shown.
    - `rows`: the label of each row; a tuple of labels, where rows come in groups.
    - `columns`: the name of each column.
    - `values`: one list a row: numbers, texts, truth values, points; `None` is what has no meaning.
    - `errors`: standard errors, shaped like `values`; `None` where there is none.
    - `index`: what the labels of the rows are, one name a label.
    - `notes`: sentences below the table.

    **Raises:** `ValueError` where the sizes do not fit together, or two rows have one label.
    """

    title: str
    rows: tuple[tuple[Any, ...], ...]
    columns: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    errors: tuple[tuple[Any, ...], ...]
    index: tuple[str, ...]
    notes: tuple[str, ...]

    def __init__(
        self,
        title: str,
        rows: Sequence[Any],
        columns: Sequence[Any],
        values: Any,
        *,
        errors: Any = None,
        index: Sequence[str] | str = "",
        notes: Sequence[str] = (),
    ) -> None:
        self.title = title
        self.rows = tuple(tuple(map(_plain, r)) if _is_list(r) else (_plain(r),) for r in rows)
        self.columns = tuple(map(str, columns))
        self.index = (index,) if isinstance(index, str) else tuple(index)
        self.notes = tuple(notes)
        self.values = self._shaped("values", values)
        nothing = [[None] * len(self.columns)] * len(self.rows)
        self.errors = self._shaped("errors", nothing if errors is None else errors)
        self._check_labels()

    def _shaped(self, name: str, given: Any) -> tuple[tuple[Any, ...], ...]:
        lines = tuple(tuple(map(_plain, line)) for line in given)
        sizes, expected = [len(line) for line in lines], [len(self.columns)] * len(self.rows)
        if sizes != expected:
            raise ValueError(
                f"`{name}` must have one list a row ({len(self.rows)}) with one entry a column "
                f"({len(self.columns)}); got lists of {sizes}"
            )
        return lines

    def _check_labels(self) -> None:
        if any(len(row) != len(self.index) for row in self.rows):
            raise ValueError(
                f"`index` names {len(self.index)} labels a row, {self.index}, and `rows` must have "
                f"as many; got {self.rows[:3]}"
            )
        for name, labels in {"rows": self.rows, "columns": self.columns}.items():
            twice = [label for i, label in enumerate(labels) if label in labels[:i]]
            if twice:
                raise ValueError(f"`{name}` must differ from one another; got {twice[0]!r} twice")

    def __str__(self) -> str:
        return self.text(shutil.get_terminal_size().columns)

    def __repr__(self) -> str:
        return str(self) if is_whole(self) else "Table(...)"

    def text(self, width: int) -> str:
        """The table as lines of at most so many characters."""
        head, left, lines = self._lines()
        if len(lines) > ROWS:
            lines = [*lines[: ROWS - LAST], ["..."] * len(head), *lines[-LAST:]]
        sizes = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
        ends = list(itertools.accumulate(size + len(GAP) for size in sizes))
        fitting = sum(end - len(GAP) <= width for end in ends)
        shown = max(fitting, min(len(self.index) + 1, len(head)))

        def aligned(row: Sequence[str]) -> str:
            parts = zip(row[:shown], sizes, left, strict=False)
            return GAP.join(t.ljust(n) if is_left else t.rjust(n) for t, n, is_left in parts)

        out = _folded(self.title, width)
        out += [aligned(head), "-" * (ends[shown - 1] - len(GAP))] if any(head) else []
        grouped = len({row[0] for row in self.rows}) < len(self.rows)
        for i, line in enumerate(lines):
            out += [""] if grouped and i and line[0] not in ("", "...") else []
            out.append(aligned(line))
        rest = [f"(not shown: {', '.join(head[shown:])})"] if shown < len(head) else []
        out += [part for note in [*rest, *self.notes] for part in _folded(note, width)]
        return "\n".join(line.rstrip() for line in out)

    def _repr_html_(self) -> str:
        head, left, lines = self._lines()

        def row(tag: str, entries: Sequence[str]) -> str:
            cells = "".join(
                f'<{tag} style="text-align: {"left" if is_left else "right"}">'
                f"{html.escape(text)}</{tag}>"
                for is_left, text in zip(left, entries, strict=True)
            )
            return f"<tr>{cells}</tr>"

        style = "caption-side: top; text-align: left"
        title = f'<caption style="{style}">{html.escape(self.title)}</caption>'
        top = f"<thead>{row('th', head)}</thead>" if any(head) else ""
        body = "".join(row("td", line) for line in lines)
        notes = "".join(f"<div>{html.escape(note)}</div>" for note in self.notes)
        return (
            f"<div><table>{title if self.title else ''}{top}<tbody>{body}</tbody></table>{notes}"
            "</div>"
        )

    def to_markdown(self) -> str:
        """The table in Markdown, standard errors in parentheses."""
        head, left, lines = self._lines()
        rule = [":--" if is_left else "--:" for is_left in left]
        head, *lines = ([text.replace("|", "\\|") for text in row] for row in [head, *lines])
        return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *lines])

    def to_latex(self) -> str:
        """The table in LaTeX (with `booktabs`), standard errors in parentheses below."""
        head, left, lines = self._lines(joined=False)
        sides = "".join("l" if is_left else "r" for is_left in left)
        title = ["% " + self.title] if self.title else []
        top = [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", _latex_row(head), r"\midrule"]
        rows = [_latex_row(line) for line in lines]
        return "\n".join([*title, *top, *rows, r"\bottomrule", r"\end{tabular}"])

    def to_dict(self) -> dict[str, Any]:
        """The values by row and column, for JSON; standard errors by column as "standard_error"
        of their row. Rows with several labels are dictionaries in dictionaries."""
        found: dict[str, Any] = {}
        for row, values, errors in zip(self.rows, self.values, self.errors, strict=True):
            line = {c: _as_json(v) for c, v in zip(self.columns, values, strict=True)}
            known = {c: e for c, e in zip(self.columns, errors, strict=True) if e is not None}
            inner = found
            for label in row[:-1]:
                inner = inner.setdefault(label, {})
            inner[row[-1]] = {**line, **({"standard_error": known} if known else {})}
        return found

    def to_pandas(self) -> Any:
        """The table as a `pandas.DataFrame`: the labels of the rows are its index, and each
        column with standard errors is followed by one of these, `name (s.e.)`."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("`.to_pandas()` needs pandas: pip install 'fesolve[data]'") from error
        data: dict[str, list[Any]] = {}
        for j, name in enumerate(self.columns):
            data[name] = [line[j] for line in self.values]
            errors = [line[j] for line in self.errors]
            if any(error is not None for error in errors):
                data[f"{name} (s.e.)"] = errors
        names = [name or None for name in self.index]
        if len(names) > 1:
            return pandas.DataFrame(data, pandas.MultiIndex.from_tuples(self.rows, names=names))
        return pandas.DataFrame(data, pandas.Index([row[0] for row in self.rows], name=names[0]))

    def _lines(self, joined: bool = True) -> tuple[list[str], list[bool], list[list[str]]]:
        """All columns as text: their names, whether they stand to the left, and the rows, in
        which standard errors are joined to the numbers, or have lines of their own. A column
        without any entry is left out, and so is a group's label where it stands above."""
        known = [j for j in range(len(self.columns)) if any(v[j] is not None for v in self.values)]
        columns = [cells([v[j] for v in self.values], [e[j] for e in self.errors]) for j in known]
        lines, above = [], None
        for i, row in enumerate(self.rows):
            first, *others = map(str, row)
            labels = ["" if others and first == above else first, *others]
            above = first
            entries = [column[i] for column in columns]
            if joined:
                lines.append([*labels, *(f"{v} ({e})" if e else v for v, e in entries)])
                continue
            lines.append([*labels, *(v for v, _ in entries)])
            if any(e for _, e in entries):
                lines.append([*[""] * len(labels), *(f"({e})" if e else "" for _, e in entries)])
        left = [True] * len(self.index) + [self._is_text(j) for j in known]
        return [*self.index, *(self.columns[j] for j in known)], left, lines

    def _is_text(self, j: int) -> bool:
        """Whether a column holds texts alone, which stand to the left."""
        return all(line[j] is None or isinstance(line[j], str) for line in self.values)


def _is_list(value: Any) -> bool:
    return isinstance(value, tuple | list)


def _plain(value: Any) -> Any:
    """An entry as it is kept: a number of its own type, or a point of NumPy arrays."""
    if isinstance(value, np.generic | np.ndarray | jax.Array) and np.ndim(value) == 0:
        return np.asarray(value).item()
    if isinstance(value, jax.Array | tuple | list | dict):
        return jax.tree.map(np.asarray, value)
    return value


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), value)


def _folded(note: str, width: int) -> list[str]:
    """A sentence as lines of this width; what goes on is indented."""
    return textwrap.wrap(note, max(width, 40), subsequent_indent=" " * _hang(note))


def _hang(note: str) -> int:
    """How far the sentence of a note is to the right, where a word and spaces stand before it."""
    found = re.match(r"\S+ {2,}", note)
    return found.end() if found else 0


def _latex_row(entries: Sequence[str]) -> str:
    return " & ".join(map(_latex, entries)) + r" \\"


def _latex(text: str) -> str:
    """Text for LaTeX: numbers with a proper minus sign and powers of ten."""
    number = re.fullmatch(r"(\(?)([-+]?[\d,.]+)(?:e([-+]\d+))?(\)?)", text)
    if number is None:
        return text.translate(SPECIAL)
    begin, digits, power, end = number.groups()
    digits = digits.replace(",", "{,}")
    times = "" if power is None else rf" \times 10^{{{int(power)}}}"
    return f"{begin}${digits}{times}${end}"
