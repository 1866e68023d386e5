"""Files from which a solve that was killed goes on."""

from ._checkpoint import as_checkpoint as as_checkpoint, Checkpoint as Checkpoint
from ._keeper import keeping as keeping
from ._run import next_run as next_run, Run as Run, Watched as Watched
