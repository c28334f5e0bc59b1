"""What the demonstration simulates, and how each of its polls is measured."""

from attrs import frozen

from cvm_async.cli.demo.by_hand import Tally, poll_by_hand
from cvm_async.fleet.report import FleetReport
from cvm_async.models import VpsStatus
from cvm_async.panel import SimulatedPanel
from cvm_async.session import CvmSession
from cvm_async.settings import Limits, Retry, Timeouts


@frozen(kw_only=True)
class Scenario:
    """What is simulated, and how patient both clients are. All times are in seconds.

    Attributes:
        vpses: VPSes in all.
        nodes: Host nodes.
        moved: VPSes to stop and to start.
        cost: What a real panel spends on checking the tokens of each call.
        workers: Calls that the panel works on at a time: a usual size for PHP.
        gives_up: When the panel says that it cannot reach a node. A real one takes longer, as for the next three.
        shutdown: What a node takes to shut a VPS down.
        boot: And to start one.
        settle: From the panel's "done" until the new state shows.
        width: Calls in flight, for us and for the poll by hand.
        timeout: For an answer, likewise. With more patience, the poll by hand would take still longer.
    """

    vpses: int = 200
    nodes: int = 8
    moved: int = 20
    cost: float = 0.04
    workers: int = 8
    gives_up: float = 0.5
    shutdown: float = 0.3
    boot: float = 0.6
    settle: float = 0.2
    width: int = 16
    timeout: float = 1.0

    @property
    def hung(self) -> int:
        """The node that never answers."""
        return self.nodes // 2

    @property
    def unreachable(self) -> int:
        """The node that the panel cannot reach."""
        return self.nodes - 1

    def panel(self, *, sick: bool) -> SimulatedPanel:
        """Give a panel of its own for each measurement, so that none has to bear what another left behind."""
        panel = SimulatedPanel(
            vpses=self.vpses,
            nodes=self.nodes,
            cost=self.cost,
            workers=self.workers,
            boot_time=self.boot,
            shutdown_time=self.shutdown,
            settle=self.settle,
        )
        if sick:
            panel.hang_node(self.hung)
            panel.unreachable_node(self.unreachable, after=self.gives_up)
        return panel

    def session(self, panel: SimulatedPanel) -> CvmSession:
        """Make our client as it comes: patient enough for any machine."""
        return self._session(panel, Timeouts(), Retry())

    def poller(self, panel: SimulatedPanel) -> CvmSession:
        """Make our client as impatient as the poll by hand, and without second tries, since that has none."""
        return self._session(panel, Timeouts(read=self.timeout), Retry(attempts=1))

    def _session(self, panel: SimulatedPanel, timeouts: Timeouts, retry: Retry) -> CvmSession:
        return CvmSession(
            panel.url,
            public_token=panel.public_token,
            private_token=panel.private_token,
            limits=Limits(max_concurrency=self.width),
            timeouts=timeouts,
            retry=retry,
            name="the simulated panel",
        )

    async def poll(self, *, sick: bool) -> Tally:
        """Give our poll, measured."""
        async with self.panel(sick=sick) as panel, self.poller(panel) as session:
            return tally(panel, await (await session.fleet()).status())

    async def poll_by_hand(self, *, sick: bool, keep_cookies: bool) -> Tally:
        """Give the poll by hand, measured."""
        async with self.panel(sick=sick) as panel:
            tally = await poll_by_hand(
                panel.url,
                panel.public_token,
                panel.private_token,
                width=self.width,
                timeout=self.timeout,
                keep_cookies=keep_cookies,
            )
            tally.stuck = panel.busy_workers()
        return tally


def tally(panel: SimulatedPanel, report: FleetReport[VpsStatus]) -> Tally:
    """Give the figures of a poll that has just come to its end."""
    return Tally(len(report.ok), report.elapsed, panel.busy_workers())
