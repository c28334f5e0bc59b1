"""What the panel's PHP script does with one call, in its order: the tokens, the database, the node.

A command on a hung node has no limit but PHP's own for its sockets, and nobody tells the script that its caller left.
"""

import asyncio
import itertools
import math
from collections.abc import Iterator

import attrs

from cvm_async.panel import faults, wire
from cvm_async.panel.asgi import HttpRequest, HttpResponse
from cvm_async.panel.controls import PanelControls
from cvm_async.panel.hosts.world import Machine, Refusal, SimulatedVps, Verb
from cvm_async.panel.php import End, Processor
from cvm_async.panel.records import RequestRecord

# As many hexadecimal digits as PHP's session ids have characters, and an odd factor that spreads a counter
# over them.
_SESSION_DIGITS = 26
_SESSION_SPREAD = 0x9E3779B97F4A7C15F39CC0605
# Commands that the script runs on the node, one after the other; for any other call it is one.
_COMMANDS = {Verb.STATUS: 3}
# Seconds: PHP's `default_socket_timeout` as it comes.
SOCKET_TIMEOUT: float | None = 60.0


@attrs.define(eq=False)
class Call:
    """A request on its way through the panel."""

    request: HttpRequest
    record: RequestRecord
    left: asyncio.Event = attrs.field(factory=asyncio.Event)


class CallerLeftError(Exception):
    """Nobody waits for this call any more, and it would have waited for long."""


@attrs.frozen
class _Listed:
    """The body of a list answer, the revision of the world that it shows, and since when it does."""

    revision: int = -1
    since: float = -math.inf
    body: bytes = b""


@attrs.define(eq=False, kw_only=True, repr=False)
class PanelScript(PanelControls):
    """The script behind every call, and what it costs.

    Args:
        cost: seconds of a processor that each call takes; 0.040 on a real panel.
        cores: how many processors there are; None for one to each call. Fixed.
        latency: seconds for which a status call waits, in its worker, for its commands on the node.
        socket_timeout: seconds after which PHP gives up a command on a node, its `default_socket_timeout`; None for
            never. A status takes three commands, so that a hung node keeps its worker for three times as long. A
            power action that takes longer is carried out, and its answer is a 500 with an empty body.
        frees_hung_workers: whether a call that hangs is given up once its caller has gone. PHP does not notice that
            anybody left, and a few timeouts later may have no worker free; True for a panel that does.
    """

    cost: float = attrs.field(default=0.0, validator=attrs.validators.ge(0.0))
    cores: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(1)), on_setattr=attrs.setters.frozen
    )
    latency: float = attrs.field(default=0.0, validator=attrs.validators.ge(0.0))
    socket_timeout: float | None = attrs.field(
        default=SOCKET_TIMEOUT, validator=attrs.validators.optional(attrs.validators.ge(0.0))
    )
    frees_hung_workers: bool = False

    _processor: Processor = attrs.field(init=False)
    _sessions: Iterator[int] = attrs.field(init=False)
    _listed: _Listed = attrs.field(factory=_Listed, init=False)
    # The pair that was let in last, and when.
    _let_in: tuple[tuple[str, str], float] = attrs.field(default=(("", ""), -math.inf), init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._processor = Processor(self.cores)
        self._sessions = itertools.count(self.seed + 1)

    async def _script(self, call: Call) -> HttpResponse:
        """Do what the PHP script does, in its order: the tokens, the database, the node."""
        verb, vps_id = call.record.verb, call.record.vps
        if verb is None:
            # An unknown route ends in an exception that nobody catches.
            return self._uncaught(call)
        if self.cost:
            await self.clock.sleep(self._processor.book(self.clock.now(), self.cost))
        if not self._lets_in(call.request.tokens):
            return self._refuse(call, 401, wire.NO_VALID_PAIR)
        if not self.client_api:
            return self._refuse(call, self.no_access, wire.NO_ACCESS)
        if vps_id is None:
            return self._respond(call, 200, self._list())
        machine = self.world.find(vps_id)
        if machine is None:
            return self._refuse(call, self.unknown_vps, wire.NO_SUCH_VPS)
        return await self._on_node(call, verb, machine)

    async def _on_node(self, call: Call, verb: Verb, machine: Machine) -> HttpResponse:
        node, lost = machine.vps.node, 0
        for _ in range(_COMMANDS.get(verb, 1)):
            lost += not await self._is_heard(call, node)
            trouble = self._troubles.get(node)
            if isinstance(trouble, faults.Unreachable):
                await self.clock.sleep(trouble.after)
                return self._unreached(call, verb, machine.vps, trouble)
        if verb is not Verb.STATUS:
            return self._uncaught(call) if lost else await self._act(call, verb, machine)
        if lost:
            return self._respond(call, 200, wire.render_unheard(machine.vps, self.dialect))
        if self.latency:
            await self.clock.sleep(self.latency)
        shown = self.world.shown(machine, self.clock.now())
        return self._respond(call, 200, wire.render_status(machine.vps, shown, self.dialect))

    def _unreached(self, call: Call, verb: Verb, vps: SimulatedVps, trouble: faults.Unreachable) -> HttpResponse:
        of_status, of_action = faults.UNREACHABLE_ANSWERS[trouble.answer]
        answer = of_status if verb is Verb.STATUS else of_action
        if answer == "503":
            return self._refuse(call, 503, wire.NODE_UNREACHABLE)
        if answer == "unknown":
            return self._respond(call, 200, wire.render_status(vps, None, self.dialect))
        return self._uncaught(call)

    async def _act(self, call: Call, verb: Verb, machine: Machine) -> HttpResponse:
        seconds = self.world.carry_out(machine, verb, self.clock.now())
        if isinstance(seconds, Refusal):
            return self._refuse(call, 500, seconds.reason)
        self.actions.append((machine.vps.id, verb))
        self._notify()
        patience = math.inf if self.socket_timeout is None else self.socket_timeout
        if seconds:
            await self.clock.sleep(min(seconds, patience))
        if seconds > patience:
            return self._uncaught(call)
        return self._respond(call, 200, wire.render_empty(len(self.actions), self.dialect))

    async def _is_heard(self, call: Call, node: int) -> bool:
        """Wait while a node hangs, and tell whether it answers after all."""
        while isinstance(self._troubles.get(node), faults.Hung):
            if not await self._stand_still(call, node, self.socket_timeout):
                return False
        return True

    async def _stand_still(self, call: Call, node: int | None, seconds: float | None) -> bool:
        """Wait until the node, or with None the fault, lets go, and tell whether it did within so many seconds.

        Raises:
            CallerLeftError: nobody waits for the answer any more, and this frees the worker.
        """
        leaving = (call.left.wait(), call.request.until_disconnected()) if self.frees_hung_workers else ()
        end = await self._standing.wait(node, seconds, *leaving)
        if end is End.CALLER_LEFT:
            raise CallerLeftError
        return end is End.WENT_ON

    def _lets_in(self, tokens: tuple[str, str]) -> bool:
        if tokens == (self.public_token, self.private_token):
            self._let_in = (tokens, self.clock.now())
            return True
        known, since = self._let_in
        return tokens == known and self.clock.now() < since + self.cached_for

    def _list(self) -> bytes:
        now = self.clock.now()
        if now >= self._listed.since + self.cached_for:
            same = self._listed.revision == self.world.revision
            body = self._listed.body if same else wire.render_list(self.world, self.dialect)
            self._listed = _Listed(self.world.revision, now, body)
        return self._listed.body

    def _refuse(self, call: Call, status: int, message: str) -> HttpResponse:
        return self._respond(call, status, wire.render_errors(message, self.dialect))

    def _uncaught(self, call: Call) -> HttpResponse:
        return self._respond(call, *wire.render_uncaught(self.dialect))

    def _respond(self, call: Call, status: int, body: bytes) -> HttpResponse:
        session = call.request.session
        if session is None:
            session = f"{next(self._sessions) * _SESSION_SPREAD % 16**_SESSION_DIGITS:026x}"
        return HttpResponse.of_panel(200 if self.dialect.early_headers else status, body, session)
