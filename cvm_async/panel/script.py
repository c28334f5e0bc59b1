"""What the panel's PHP script does with one call, in its order: the tokens, the database, the node.

A command on a hung node has no limit but PHP's own for its sockets, and nobody tells the script that its caller left.
"""

import asyncio
import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from http import HTTPStatus

import attrs

from cvm_async.panel import faults, wire
from cvm_async.panel.asgi import HttpRequest, HttpResponse
from cvm_async.panel.controls import PanelControls
from cvm_async.panel.hosts.catalog import SimulatedTemplate, by_id, node_of
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
    number: int | None = None
    form: Mapping[str, str] = attrs.field(factory=dict[str, str])
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
    _listed: dict[bool, _Listed] = attrs.field(factory=dict[bool, _Listed], init=False)
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
            return self._unrouted(call)
        if self.cost:
            await self.clock.sleep(self._processor.book(self.clock.now(), self.cost))
        if not self._lets_in(call.request.tokens):
            return self._refuse(call, 401, wire.NO_VALID_PAIR)
        if not self.client_api:
            return self._refuse(call, self.no_access, wire.NO_ACCESS)
        return self._told(call, verb) if vps_id is None else await self._about_vps(call, verb, vps_id)

    async def _about_vps(self, call: Call, verb: Verb, vps_id: int) -> HttpResponse:
        machine = self.world.find(vps_id)
        if machine is None:
            documented = 404 if self.api == "2013" else 200
            return self._refuse(call, self.unknown_vps or documented, wire.NO_SUCH_VPS)
        if verb is Verb.REINSTALL and self._template(call) is None:
            return self._refuse(call, 422, wire.NOT_INSTALLABLE)
        return await self._on_node(call, verb, machine)

    def _unrouted(self, call: Call) -> HttpResponse:
        if self.unknown_route == HTTPStatus.NOT_FOUND:
            return self._respond(call, self.unknown_route, wire.proxy_page(404, "Not Found"))
        # It ends in an exception that nobody catches.
        return self._uncaught(call)

    def _told(self, call: Call, verb: Verb) -> HttpResponse:
        """Answer what is about no VPS, and so needs no node."""
        tell: Mapping[Verb, Callable[[Call], bytes | None]] = {
            Verb.LIST: self._list,
            Verb.LIST_NODES: lambda _: wire.render_nodes(map(node_of, sorted(self.world.nodes)), self.dialect),
            Verb.NODE: self._node,
            Verb.LIST_TEMPLATES: lambda _: wire.render_templates(self._offered.values(), self.dialect),
            Verb.TEMPLATE: self._one_template,
        }
        body = tell[verb](call)
        refusal = wire.NO_SUCH_NODE if verb is Verb.NODE else wire.NO_SUCH_TEMPLATE
        return self._refuse(call, self.no_access, refusal) if body is None else self._respond(call, 200, body)

    def _node(self, call: Call) -> bytes | None:
        if call.number is None or call.number not in self.world.nodes:
            return None
        return wire.render_node(node_of(call.number), self.dialect)

    @property
    def _offered(self) -> dict[int, SimulatedTemplate]:
        return {number: template for number, template in by_id(self.templates).items() if template.visible}

    def _one_template(self, call: Call) -> bytes | None:
        template = None if call.number is None else self._offered.get(call.number)
        return None if template is None else wire.render_template(template, self.dialect)

    def _template(self, call: Call) -> int | None:
        """Return the template that a form asks for, or None where it can't be installed."""
        named = call.form.get("template", "")
        template = self._offered.get(int(named)) if named.isdecimal() else None
        return template.id if template is not None and template.available else None

    async def _on_node(self, call: Call, verb: Verb, machine: Machine) -> HttpResponse:
        node, lost = machine.vps.node, 0
        later = call.record.is_later
        for _ in range(_COMMANDS.get(verb, 1)):
            lost += not await self._is_heard(call, node)
            trouble = self._troubles.get(node)
            if isinstance(trouble, faults.Wedged):
                lost += 1
            if isinstance(trouble, faults.Unreachable):
                await self.clock.sleep(trouble.after)
                return self._unreached(call, verb, machine.vps, trouble)
        if verb is not Verb.STATUS:
            return self._uncaught(call) if lost else await self._act(call, verb, machine)
        if lost:
            return self._respond(call, 200, wire.render_unheard(machine.vps, self.dialect, later=later))
        if self.latency:
            await self.clock.sleep(self.latency)
        vps, shown = machine.vps, self.world.shown(machine, self.clock.now())
        if node in self._reconnected:
            self._reconnected.remove(node)
            vps = attrs.evolve(vps, ram_used=0)
        return self._respond(call, 200, wire.render_status(vps, shown, self.dialect, later=later))

    def _unreached(self, call: Call, verb: Verb, vps: SimulatedVps, trouble: faults.Unreachable) -> HttpResponse:
        of_status, of_action = faults.UNREACHABLE_ANSWERS[trouble.answer]
        answer = of_status if verb is Verb.STATUS else of_action
        if answer == "503":
            return self._refuse(call, 503, wire.NODE_UNREACHABLE)
        if answer == "unknown":
            return self._respond(call, 200, wire.render_status(vps, None, self.dialect, later=call.record.is_later))
        return self._uncaught(call)

    async def _act(self, call: Call, verb: Verb, machine: Machine) -> HttpResponse:
        seconds = self.world.carry_out(machine, verb, self.clock.now())
        if isinstance(seconds, Refusal):
            if self.swallows_failures:
                return self._respond(call, 200, wire.EMPTY_RESPONSES["list"])
            return self._refuse(call, 500, seconds.reason)
        self.actions.append((machine.vps.id, verb))
        template = self._template(call)
        if template is not None:
            self.reinstalls.append((machine.vps.id, template))
            self.world.install(machine, template)
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

    def _list(self, call: Call) -> bytes:
        now, later = self.clock.now(), call.record.is_later
        listed = self._listed.get(later, _Listed())
        if now >= listed.since + self.cached_for:
            dialect = attrs.evolve(self.dialect, later_keys=self.dialect.later_keys or later)
            same = listed.revision == self.world.revision
            body = listed.body if same else wire.render_list(self.world, dialect)
            listed = self._listed[later] = _Listed(self.world.revision, now, body)
        return listed.body

    def _refuse(self, call: Call, status: int, message: str) -> HttpResponse:
        return self._respond(call, status, wire.render_errors(message, self.dialect))

    def _uncaught(self, call: Call) -> HttpResponse:
        return self._respond(call, *wire.render_uncaught(self.dialect))

    def _respond(self, call: Call, status: int, body: bytes) -> HttpResponse:
        session = call.request.session
        if session is None:
            session = f"{next(self._sessions) * _SESSION_SPREAD % 16**_SESSION_DIGITS:026x}"
        date = None if self.clock_skew is None else formatdate(time.time() + self.clock_skew, usegmt=True)
        return HttpResponse.of_panel(200 if self.dialect.early_headers else status, body, session, date)
