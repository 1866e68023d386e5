"""The name that was meant by one that is not known."""

from collections.abc import Sequence


def nearest(name: str, names: Sequence[str]) -> str:
    """The name that is most like it; empty where none is, or where it is one of them."""
    import difflib  # whoever asks has made a mistake, and can wait

    found = [] if name in names else difflib.get_close_matches(name, names, 1)
    return found[0] if found else ""


def meant(name: str, names: Sequence[str]) -> str:
    """The end of a sentence that says that a name is not known."""
    near = nearest(name, names)
    return f"; did you mean `{near}`?" if near else ""
