"""Formulas in docstrings of the API, typeset as those of pages are."""

from typing import Any

import formulas
import griffe


class Typeset(griffe.Extension):
    """Changes docstrings once they are read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Of functions, classes and their methods alike."""
        if obj.docstring is not None:
            obj.docstring.value = formulas.page(obj.docstring.value)
