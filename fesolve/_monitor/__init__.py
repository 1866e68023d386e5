"""What watches a solve from the host."""

from ._base import running as running
from ._history import History as History
from ._progress import Progress as Progress
