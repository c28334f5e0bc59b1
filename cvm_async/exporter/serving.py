"""`serve` watches each panel by itself and serves what was found: one that hangs makes no other's figures old."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from attrs import frozen

from cvm_async._checks import check_seconds
from cvm_async.errors import CvmError
from cvm_async.exporter.collector import FleetCollector
from cvm_async.exporter.http_server import HttpServer
from cvm_async.exporter.site import Site
from cvm_async.session import CvmSession
from cvm_async.watch.watch import ENDS

logger: logging.Logger = logging.getLogger("cvm_async")


@frozen(kw_only=True)
class Pace:
    """How often a panel is asked.

    Attributes:
        every: Seconds from one look to the next, each a call a VPS.
        relist: Seconds after which its VPSes are listed again.
    """

    every: float = 60.0
    relist: float = 300.0

    def __attrs_post_init__(self) -> None:
        check_seconds("every", self.every)
        check_seconds("relist", self.relist)


async def serve(
    sessions: Sequence[CvmSession],
    *,
    host: str,
    port: int,
    pace: Pace,
    listening: Callable[[int], object],
) -> None:
    """Serve until cancelled.

    Args:
        sessions: With the panels.
        host: The address to listen on.
        port: The port; any that is free if 0.
        pace: How often they are asked.
        listening: Called with the port once scrapes can come.

    Raises:
        CvmError: No panel lets us in any more.
        OSError: The address cannot be listened on.
    """
    collector = FleetCollector(*sessions)
    try:
        async with HttpServer(Site(collector, panels=len(sessions)), host=host, port=port) as server:
            listening(server.port)
            await Watching(collector, sessions, pace).run()
    finally:
        collector.close()


class Watching:
    """The watches of some panels, into one collector.

    Args:
        collector: Is given what they find.
        sessions: With the panels.
        pace: How often they are asked.
    """

    def __init__(self, collector: FleetCollector, sessions: Sequence[CvmSession], pace: Pace) -> None:
        self._collector = collector
        self._sessions = sessions
        self._pace = pace
        self._refused: dict[CvmSession, CvmError] = {}

    async def run(self) -> None:
        """Watch until cancelled.

        Raises:
            CvmError: No panel lets us in any more, which does not pass.
        """
        tasks = [asyncio.create_task(self._keep_watching(session)) for session in self._sessions]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_watching(self, session: CvmSession) -> None:
        panel = self._collector.name_of(session)
        while True:
            try:
                await self._watch(session, panel)
            except CvmError as error:
                self._collector.lose(panel, error)
                logger.warning("%s: nothing can be read of it, and will be tried again: %s", panel, error)
                self._note(session, error)
            await asyncio.sleep(self._pace.every)

    async def _watch(self, session: CvmSession, panel: str) -> None:
        fleet = await session.fleet()
        self._refused.pop(session, None)
        async with fleet.watch(every=self._pace.every, relist=self._pace.relist) as snapshots:
            async for snapshot in snapshots:
                self._collector.take(snapshot, source=panel)

    def _note(self, session: CvmSession, error: CvmError) -> None:
        """Go on where a panel of several refuses us: the others do not, and it may mend. Where all do, it is no use."""
        self._refused.pop(session, None)
        if isinstance(error, ENDS):
            self._refused[session] = error
        if len(self._refused) == len(self._sessions):
            raise error
