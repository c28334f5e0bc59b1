"""What can go wrong with a cluster, beside what can go wrong with calls and runs."""

from typing import ClassVar

from cvm_async.errors import CvmError


class DatabaseLostError(CvmError):
    """The cluster's database cannot be reached, or the connection broke: what was to be written may be, or not."""

    kind: ClassVar[str] = "database_lost"


class PanelTakenError(CvmError):
    """Another worker has this panel now: what was to be sent was not."""

    kind: ClassVar[str] = "panel_taken"
