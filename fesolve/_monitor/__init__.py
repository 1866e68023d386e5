"""What watches a solve from the host."""

from ._base import LISTENER as LISTENER, Monitors as Monitors, running as running
from ._early_stop import EarlyStop as EarlyStop
from ._history import History as History
from ._json_lines import JsonLines as JsonLines
from ._progress import Progress as Progress
from ._tensorboard import TensorBoard as TensorBoard
from ._wandb import WandB as WandB
