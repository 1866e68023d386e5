"""How a command ends: its exit status, and the sentence on standard error."""

import shutil
import sys
import textwrap


NOT_SOLVED = 1
WRONG_INPUT = 2
NOT_WRITTEN = 3
BROKEN_MODEL = 4
INTERRUPTED = 130

MEANINGS = f"""exit status:
  0    solved, or done
  {NOT_SOLVED}    not solved, or not known to be
  {WRONG_INPUT}    wrong arguments
  {NOT_WRITTEN}    the output could not be written
  {BROKEN_MODEL}    an error in the model: the traceback says where
  {INTERRUPTED}  interrupted
"""


class NotWritten(Exception):
    """A file that could not be written, with the reason."""


def stop(sentence: str, status: int) -> int:
    """Says on standard error why a command ends so; the status."""
    print(folded(f"fesolve: {sentence}"), file=sys.stderr)
    return status


def columns() -> int:
    """How wide the terminal is; 80 where there is none."""
    return shutil.get_terminal_size().columns


def folded(text: str, indent: str = "") -> str:
    """A text in lines no longer than the terminal, broken between words."""
    return textwrap.fill(
        text,
        columns(),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def paragraph(text: str) -> str:
    """A paragraph of a docstring in lines no longer than the terminal; what its lines set out, as
    code and lists, stays as it is."""
    is_set_out = any(line.startswith((" ", "- ", "|", "`" * 3)) for line in text.splitlines())
    return text if is_set_out else folded(" ".join(text.split()))


def shortened(line: str) -> str:
    """A line without the words for which the terminal has no room."""
    if len(line) <= columns():
        return line
    return f"{line[: columns() - 3].rsplit(' ', 1)[0]} ..."
