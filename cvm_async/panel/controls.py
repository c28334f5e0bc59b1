"""What a test can do to a panel behind its back, and see there: the side that no caller knows.

Kept apart from the answering of calls, so that all of it stands on one page.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Literal, TypeVar

import attrs

from cvm_async.panel import faults, wire
from cvm_async.panel.hosts.catalog import TEMPLATES, SimulatedTemplate
from cvm_async.panel.hosts.clock import Clock, LoopClock
from cvm_async.panel.hosts.population import populate
from cvm_async.panel.hosts.world import Machine, Power, SimulatedVps, Verb, World
from cvm_async.panel.php import StandingCalls
from cvm_async.panel.records import RequestRecord, most_at_once
from cvm_async.panel.routes import Api

T = TypeVar("T")

_fixed = attrs.setters.frozen
_not_negative = attrs.validators.ge(0.0)


@attrs.define(eq=False, kw_only=True, repr=False)
class PanelControls:
    """The state of a simulated panel; what is not said to be fixed may be set while it is served.

    Args:
        vpses: how many, or which. Fixed; see `add_vps`.
        nodes: on how many nodes, where `vpses` is a number. Fixed.
        seed: for the figures of such a fleet. Fixed.
        boot_time, shutdown_time: seconds that a node takes to start or stop a VPS, the POST being open.
            Fixed.
        settle: seconds after the answer until the new state shows. Fixed.
        public_token, private_token: the one pair that is let in; setting others revokes it.
        client_api: whether the pair has access to this API; False gives 403.
        api: which revision of the API it routes: "2012", the specification's; "2013", the later one, with its paths and
            its megabytes; or "both". Fixed.
        documented_list: whether the later revision's list is where its text says, `vps/list`, and not at `list`, as on
            the running panel. Fixed.
        resources: whether the later revision has nodes, templates and reinstall, as documented; the running panel has
            none of them. Fixed.
        templates: what VPSes can be installed from. Fixed.
        unknown_route: the status of a path that is not routed: 500 with an empty body, or 404 with a web server's page.
        unknown_vps: the status that goes with the error for an unknown id: 200 as seen, or 404 as the later revision
            documents it. None: 200, or with "2013" 404.
        no_access: the status that goes with the error of a pair without access: 403, or 200 on some releases.
        clock_skew: seconds by which the panel's clock is ahead of this machine's, in the `Date` of its answers; below 0
            where it is behind, None for no `Date`.
        swallows_failures: whether a power action that is refused, as of a VPS that is suspended, is answered as if it
            had been done: where a handler swallows the exception, only looking tells.
        cached_for: seconds for which a list, once shown, stays as it is, and a pair that was let in is let in; 60 on a
            panel with memcache as shipped.
        numbers, diagnostics, debug_output, early_headers, later_keys, terminated_as_unknown, empty: see
            `wire.Dialect`. Fixed. `later_keys` and `terminated_as_unknown` are True with "2013" if they are None.
        clock: what time is; `ManualClock` for one that stands still. Fixed.
    """

    vpses: int | Iterable[SimulatedVps] = attrs.field(default=200, on_setattr=_fixed)
    nodes: int = attrs.field(default=8, validator=attrs.validators.ge(1), on_setattr=_fixed)
    seed: int = attrs.field(default=0, on_setattr=_fixed)
    boot_time: float = attrs.field(default=0.0, validator=_not_negative, on_setattr=_fixed)
    shutdown_time: float = attrs.field(default=0.0, validator=_not_negative, on_setattr=_fixed)
    settle: float = attrs.field(default=0.0, validator=_not_negative, on_setattr=_fixed)
    public_token: str = "simulated-public-token"  # noqa: S105 - opens nothing but a simulation
    private_token: str = "simulated-private-token"  # noqa: S105 - likewise
    client_api: bool = True
    api: Api = attrs.field(default="2012", validator=attrs.validators.in_(("2012", "2013", "both")), on_setattr=_fixed)
    documented_list: bool = attrs.field(default=False, on_setattr=_fixed)
    resources: bool = attrs.field(default=True, on_setattr=_fixed)
    templates: Iterable[SimulatedTemplate] = attrs.field(default=TEMPLATES, on_setattr=_fixed)
    unknown_route: int = attrs.field(default=500, validator=attrs.validators.in_((404, 500)))
    unknown_vps: Literal[200, 404] | None = None
    no_access: Literal[200, 403] = 403
    swallows_failures: bool = False
    clock_skew: float | None = 0.0
    cached_for: float = attrs.field(default=0.0, validator=_not_negative)
    numbers: Literal["strings", "mixed"] = attrs.field(default="strings", on_setattr=_fixed)
    diagnostics: int = attrs.field(default=0, validator=attrs.validators.ge(0), on_setattr=_fixed)
    debug_output: bool = attrs.field(default=False, on_setattr=_fixed)
    early_headers: bool = attrs.field(default=False, on_setattr=_fixed)
    later_keys: bool | None = attrs.field(default=None, on_setattr=_fixed)
    terminated_as_unknown: bool | None = attrs.field(default=None, on_setattr=_fixed)
    empty: wire.EmptyResponse | Literal["rotating"] = attrs.field(default="response-list", on_setattr=_fixed)
    clock: Clock = attrs.field(factory=LoopClock, on_setattr=_fixed)

    # The ledger: what really was carried out, in order, also where the answer was lost. A refused call is not
    # here.
    actions: list[tuple[int, Verb]] = attrs.field(factory=list[tuple[int, Verb]], init=False)
    # Which template each reinstalled VPS got, in order.
    reinstalls: list[tuple[int, int]] = attrs.field(factory=list[tuple[int, int]], init=False)
    requests: list[RequestRecord] = attrs.field(factory=list[RequestRecord], init=False)
    world: World = attrs.field(init=False)
    dialect: wire.Dialect = attrs.field(init=False)
    _troubles: dict[int, faults.NodeTrouble] = attrs.field(factory=dict[int, faults.NodeTrouble], init=False)
    _injections: list[faults.Injection] = attrs.field(factory=list[faults.Injection], init=False)
    # Nodes whose tunnel has just been opened anew.
    _reconnected: set[int] = attrs.field(factory=set[int], init=False)
    _standing: StandingCalls = attrs.field(init=False)
    _watchers: set[asyncio.Future[None]] = attrs.field(factory=set["asyncio.Future[None]"], init=False)

    def __attrs_post_init__(self) -> None:
        self._standing = StandingCalls(self.clock)
        fleet = self.vpses
        self.world = World(
            populate(fleet, self.nodes, self.seed) if isinstance(fleet, int) else fleet,
            boot_time=self.boot_time,
            shutdown_time=self.shutdown_time,
            settle=self.settle,
        )
        later = self.api == "2013"
        self.dialect = wire.Dialect(
            numbers=self.numbers,
            diagnostics=self.diagnostics,
            debug_output=self.debug_output,
            early_headers=self.early_headers,
            later_keys=later if self.later_keys is None else self.later_keys,
            terminated_as_unknown=later if self.terminated_as_unknown is None else self.terminated_as_unknown,
            empty=self.empty,
        )

    def inject(
        self,
        fault: faults.Fault,
        *,
        verb: str | None = None,
        vps: int | None = None,
        node: int | None = None,
        skip: int = 0,
        times: int | None = 1,
    ) -> faults.Injection:
        """Let something go wrong with certain calls; of several faults that fit, the first injected strikes.

        Args:
            fault: what goes wrong.
            verb: "list", "status", "start", "stop" or "restart", or of the later revision "reinstall", "list_nodes",
                "node", "list_templates" or "template"; None for any call.
            vps: the id of a VPS; None for any call, a list too.
            node: a node; None likewise.
            skip: how many such calls pass unharmed first: `skip=2` strikes the third.
            times: how many are struck then; None for all until the faults are cleared.

        Returns:
            What tells by its `struck` how many calls it has struck.
        """
        injection = faults.Injection(fault, None if verb is None else Verb(verb), vps, node, skip, times)
        self._injections.append(injection)
        return injection

    def clear_faults(self) -> None:
        """Forget all injected faults; calls that `Hang` has stopped go on."""

        def clear() -> None:
            self._injections.clear()
            self._standing.release(None)

        self._on_loop(clear)

    def hang_node(self, node: int) -> None:
        """Let calls to the node's VPSes wait without an answer, in their workers, until the node is healed.

        The panel gives up a command on a node after its `socket_timeout`; a status takes three, and tells of a VPS
        that it could not ask about as `stopped`, with no memory or disk in use.

        Raises:
            ValueError: no VPS is on such a node.
        """
        self._trouble(node, faults.Hung())

    def unreachable_node(
        self, node: int, *, after: float = 10.0, answer: faults.UnreachableAnswer = "uncaught"
    ) -> None:
        """Let the panel fail to reach a node.

        Args:
            node: which.
            after: seconds until the panel gives up and says so.
            answer: how: "uncaught" as running panels do, a 500 with an empty body for a status (with `diagnostics` a
                200 with PHP's fatal error) and 503 with an error, as documented, for a power action; "empty" the
                former for both, "503" the latter for both; "unknown" a status of `unknown`, and 503.

        Raises:
            ValueError: no VPS is on such a node.
        """
        self._trouble(node, faults.Unreachable(after, answer))

    def wedge_node(self, node: int) -> None:
        """Let a node's daemon answer nothing of use, so that each of its VPSes seems to be stopped and to use nothing.

        So it does with a wrong session key, and where every command times out. A power action is not carried out.

        Raises:
            ValueError: no VPS is on such a node.
        """
        self._trouble(node, faults.Wedged())

    def reconnect_node(self, node: int) -> None:
        """Open the tunnel to a node anew: its first answer is lost, and tells of a VPS that runs without memory.

        Raises:
            ValueError: no VPS is on such a node.
        """
        self._check_node(node)
        self._on_loop(lambda: self._reconnected.add(node))

    def heal_node(self, node: int, *, release: bool = True) -> None:
        """Let a node work again.

        Args:
            node: which.
            release: whether calls that waited for it go on, and are carried out now, as when its daemon was only
                slow; False where their commands are lost, so that they wait until PHP gives them up.
        """

        def heal() -> None:
            self._troubles.pop(node, None)
            (self._standing.release if release else self._standing.lose)(node)

        self._on_loop(heal)

    def power(self, vps: int) -> Power:
        """Return what the panel would now say about a VPS, without a call."""
        machine = self._machine(vps)
        return self._on_loop(lambda: self.world.shown(machine, self.clock.now()))

    def set_power(self, vps: int, power: str) -> None:
        """Put a VPS into a state at once, as if its owner or the host's staff had."""
        machine = self._machine(vps)
        self._on_loop(lambda: self.world.force(machine, Power(power)))

    def add_vps(self, vps: SimulatedVps) -> None:
        """Create a VPS.

        Raises:
            ValueError: there is one with this id.
        """
        self._on_loop(lambda: self.world.add(vps))

    def remove_vps(self, vps: int) -> None:
        """Delete a VPS; calls to it that are under way are not disturbed.

        Raises:
            KeyError: there is none with this id.
        """
        self._on_loop(lambda: self.world.remove(vps))

    def peak_in_flight(self, *, node: int | None = None) -> int:
        """Return the most requests that were open at one instant; with `node`, of those to its VPSes."""
        return most_at_once((record.started, record.ended) for record in self._of(node))

    def busy_workers(self, *, node: int | None = None) -> int:
        """Return how many workers are at work now, for callers who have gone, too; with `node`, on its VPSes' calls."""
        return sum(record.begun is not None and record.ended is None for record in self._of(node))

    def peak_busy_workers(self, *, node: int | None = None, since: float = -math.inf) -> int:
        """Return the most workers that were at work at one instant, or at one not before `since`."""
        begun = ((record.begun, record.ended) for record in self._of(node))
        return most_at_once(((begin, end) for begin, end in begun if begin is not None), since)

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Return once a condition on this panel holds, such as `lambda: len(panel.actions) == 3`.

        It is looked at whenever a request arrives, an action begins or a request ends; from any event loop.
        """
        while True:
            heard = asyncio.get_running_loop().create_future()
            self._watchers.add(heard)
            try:
                # Only now, so that nothing can happen unheard between the look and the wait.
                if condition():
                    return
                await heard
            finally:
                self._watchers.discard(heard)

    def _trouble(self, node: int, trouble: faults.NodeTrouble) -> None:
        self._check_node(node)
        self._troubles[node] = trouble

    def _check_node(self, node: int) -> None:
        if node not in self.world.nodes:
            raise ValueError(f"no VPS is on a node {node}")

    def _of(self, node: int | None) -> Iterable[RequestRecord]:
        return (record for record in self.requests if node is None or record.node == node)

    def _machine(self, vps: int) -> Machine:
        machine = self.world.find(vps)
        if machine is None:
            raise KeyError(vps)
        return machine

    def _on_loop(self, action: Callable[[], T]) -> T:
        """Do something where calls are answered: here, unless a panel answers them in another thread."""
        return action()

    def _notify(self) -> None:
        """Tell those who wait that something has happened."""
        for heard in tuple(self._watchers):
            heard.get_loop().call_soon_threadsafe(_settle, heard)


def _settle(heard: asyncio.Future[None]) -> None:
    if not heard.done():
        heard.set_result(None)
