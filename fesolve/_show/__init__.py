"""How things are shown: numbers, tables, and every object in a line."""

from ._estimate import Estimate as Estimate
from ._legend import legend as legend
from ._line import (
    Called as Called,
    Given as Given,
    is_known as is_known,
    is_readable as is_readable,
    is_whole as is_whole,
    line as line,
    parameters as parameters,
    Plain as Plain,
    Shown as Shown,
    told as told,
    Word as Word,
    words as words,
)
from ._numbers import (
    at as at,
    number as number,
    numbers as numbers,
    place as place,
    with_error as with_error,
)
from ._table import Table as Table
