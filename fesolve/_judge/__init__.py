"""How wrong f is: the error of a solution, estimated without knowing the answer."""

from ._bound import Bound as Bound, quick_bound as quick_bound
from ._error import ErrorEstimate as ErrorEstimate, margin as margin
from ._estimate import error_estimate as error_estimate, estimate as estimate
from ._judged import judged as judged
