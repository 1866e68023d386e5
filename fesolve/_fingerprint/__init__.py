from ._keys import (
    alike as alike,
    Fingerprint as Fingerprint,
    fingerprint as fingerprint,
    said as said,
)
from ._library import is_own_name as is_own_name
from ._reader import TracedClosureError as TracedClosureError
from ._tokens import (
    depth_outside as depth_outside,
    Opaque as Opaque,
    Recent as Recent,
    RetraceWarning as RetraceWarning,
)
from ._traces import forget as forget
