"""Finds out which revision of the API a panel has, from readings that are made anyway: a call more, and that once.

Whoever comes while that is being found out waits for it, where the session is to be sure; else nobody waits for
anything. A power action never takes part: it would have to be sent twice.
"""

import asyncio
import contextlib
import logging
from typing import Final, TypeVar

from attrs import define, field

from cvm_async._api.calls import Call
from cvm_async._api.routes import Routes
from cvm_async._api.verbs import Revision
from cvm_async.errors import CvmError

T = TypeVar("T")

logger = logging.getLogger("cvm_async")

PATIENCE: Final = 2.0
"""Seconds for which others wait: where a path is not routed a panel says so at once, and a host node that hangs must
cost only its own VPSes."""

FREE: Final = 5
"""Searches that may find nothing before there is a rest after each: a panel that was broken is found as soon as it is
well, and one that is broken for long, or none, is not asked twice for ever."""

_LONGEST_REST: Final = 16.0
"""Seconds of such a rest; the first is of one, and each twice as long as the one before."""


@define(eq=False)
class Search:
    """The search on one panel.

    Attributes:
        routes: What is known.
        panel: The panel's name in the log.
        is_sure: Whether others wait while one finds out.
    """

    routes: Routes
    panel: str
    is_sure: bool = False
    _finder: object = field(init=False, default=None)
    _found: asyncio.Event = field(init=False, factory=asyncio.Event)
    _in_vain: int = field(init=False, default=0)
    _rests_until: float = field(init=False, default=0.0)

    def begins(self, who: object) -> bool:
        """Tell whether this one may go on: as the one who finds it out, until `leave`, or as that is over."""
        if self._finder is None:
            self._finder, self._found = who, asyncio.Event()
        return self._finder is who

    async def wait(self) -> None:
        """Wait for whoever finds it out, but not for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._found.wait()

    def leave(self, who: object) -> None:
        """Let others try."""
        if self._finder is who:
            self._finder = None
            self._found.set()

    def elsewhere(self, call: Call[T], error: CvmError) -> Call[T] | None:
        """Give the same call at the other path, where it is worth asking after this failure."""
        layout = self.routes.elsewhere(call, error)
        if layout is None or asyncio.get_running_loop().time() < self._rests_until:
            return None
        return call.at(layout)

    def found_nothing(self) -> None:
        """Rest before the next search, where there were many."""
        self._in_vain += 1
        if self._in_vain > FREE:
            rest = min(2.0 ** min(self._in_vain - FREE - 1, FREE), _LONGEST_REST)
            self._rests_until = asyncio.get_running_loop().time() + rest

    def worked(self, call: Call[object], value: object) -> None:
        """Learn from an answer, and say so once where that is news."""
        before = self.routes.revision
        self.routes.worked(call, value)
        self._tell(before)

    def failed(self, call: Call[object], error: CvmError) -> None:
        """Learn from a failure, likewise."""
        before = self.routes.revision
        self.routes.failed(call, error)
        self._tell(before)

    def _tell(self, before: Revision | None) -> None:
        if before is None and self.routes.revision is Revision.LATER:
            message = "%s has the API's later revision (%s): its paths are asked, and its megabytes given as bytes"
            logger.info(message, self.panel, Revision.LATER)
