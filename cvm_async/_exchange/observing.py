"""Who wants to count and to time the calls is told of each one that is over; where nobody wants to, nothing is made."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeAlias

from attrs import frozen

logger = logging.getLogger("cvm_async")


@frozen(kw_only=True)
class CallEnd:
    """One request to a panel that is over, however it ended. A call that is tried again makes several."""

    panel: str
    """The name of the session."""
    verb: str
    """What was asked: list, status, start, stop or restart."""
    vps_id: int | None
    """The id of the VPS that it was about; None for the list of all."""
    attempt: int
    """The number of this request among those of its call, from 1 on."""
    result: str
    """What came of it: "ok", "cancelled", or the `kind` of the error."""
    status_code: int | None
    """The HTTP status; None where no whole answer came."""
    seconds: float
    """Seconds that it took, from when its turn came until its answer was read."""


Observer: TypeAlias = Callable[[CallEnd], object]
"""Called with each request that is over, in the event loop: it must not wait for anything."""


def tell(observers: Iterable[Observer], end: CallEnd) -> None:
    """Tell everybody; where one fails, the log says so, and neither the call nor the others know of it."""
    for observer in observers:
        try:
            observer(end)
        except Exception:
            logger.exception("%s: what observes the calls failed", end.panel)
