"""What all reports share: one table, and every way to show it."""

import abc
import dataclasses
import html
from typing import Any

import equinox as eqx
import jaxtyping

from .._show import is_known, is_whole, line, Shown, Table


class AbstractReport(Shown):
    """What was found about f, as a table and as data. Under a JAX transformation, and as a batch
    of reports that `jax.vmap` returns, it prints as a line."""

    @property
    @abc.abstractmethod
    def table(self) -> Table:
        """What was found, as an `fe.Table`."""

    @abc.abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What was found as plain dictionaries, lists, texts and numbers, for JSON."""

    def __str__(self) -> str:
        return str(self.table) if _is_single(self) and is_known(self) else line(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        if _is_single(self) and is_known(self):
            return self.table._repr_html_()
        return f"<code>{html.escape(line(self))}</code>"

    def to_pandas(self) -> Any:
        """The table as a `pandas.DataFrame`, the labels of its rows as index."""
        return self.table.to_pandas()

    def to_latex(self) -> str:
        """The table in LaTeX (with `booktabs`), standard errors in parentheses."""
        return self.table.to_latex()

    def to_markdown(self) -> str:
        """The table in Markdown, standard errors in parentheses."""
        return self.table.to_markdown()


def _is_single(module: eqx.Module) -> bool:
    """Whether a module is complete, and its arrays have the axes that its annotations name."""
    if not is_whole(module):
        return False
    for field in dataclasses.fields(module):
        value, kind = getattr(module, field.name), field.type
        if not isinstance(kind, type):
            continue
        is_array = issubclass(kind, jaxtyping.AbstractArray)
        if is_array and not (eqx.is_array(value) and value.ndim == len(kind.dims)):
            return False
        if issubclass(kind, eqx.Module) and not _is_single(value):
            return False
    return True
