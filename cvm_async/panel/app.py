"""The panel as an ASGI application: calls are answered as PHP would, in its order and at its cost.

A PHP script does not notice that its caller has gone. So a call here outlives its caller: it keeps its
worker, holds its session's lock, and carries out what it was asked to. That is what makes an outcome unknown.
"""

import asyncio
import itertools
import re
from collections.abc import Coroutine, Iterator, Mapping

import attrs

from cvm_async.panel import faults, wire
from cvm_async.panel.controls import PanelControls, RequestRecord
from cvm_async.panel.exchange import Exchange, Outcome, Receive, Reply, Send, instead
from cvm_async.panel.php import Processor, SessionLocks, WorkerPool
from cvm_async.panel.world import Machine, Refusal, Verb

# As many hexadecimal digits as PHP's session ids have characters, and an odd factor that spreads a counter
# over them.
_SESSION_DIGITS = 26
_SESSION_SPREAD = 0x9E3779B97F4A7C15F39CC0605
_READS = frozenset({Verb.LIST, Verb.STATUS})

_fixed = attrs.setters.frozen
_none_or_positive = attrs.validators.optional(attrs.validators.ge(1))


@attrs.define(eq=False)
class _Call:
    """A request on its way through the panel."""

    exchange: Exchange
    record: RequestRecord
    caller_left: bool = False
    # Set while the call stands still.
    freed: asyncio.Future[bool] | None = None


class _CallerLeftError(Exception):
    """Nobody waits for this call any more, and it would have waited for ever."""


@attrs.define(eq=False, kw_only=True, repr=False)
class PanelApp(PanelControls):
    """A simulated panel that any ASGI server can serve; `httpx.ASGITransport(app=…)` needs not even a socket.

    A server that does not offer to drop connections, as `exchange.RESET_CONNECTION` says, gets a
    `ConnectionResetError` raised where a fault drops one.

    Args:
        path_prefix: under which the panel lives, such as "/cvm". Fixed.
        cost: seconds of a processor that each call takes; 0.040 on a real panel.
        cores: how many processors there are; None for one to each call. Fixed.
        latency: seconds for which a status call waits, in its worker, for its commands on the node.
        workers: calls that are worked on at a time; None for all. Fixed.
        backlog: calls that wait for a worker at most, None for all; beyond, a proxy says 502 at once. Fixed.
        cookie_lock: whether calls with one `PHPSESSID` are worked on one after the other.
        frees_hung_workers: whether a call that hangs is given up once its caller has gone. A real PHP goes on
            waiting, and a few timeouts later has no worker left: False for that.
    """

    path_prefix: str = attrs.field(default="", validator=attrs.validators.matches_re(r"(/[^/]+)*"), on_setattr=_fixed)
    cost: float = attrs.field(default=0.0, validator=attrs.validators.ge(0.0))
    cores: int | None = attrs.field(default=None, validator=_none_or_positive, on_setattr=_fixed)
    latency: float = attrs.field(default=0.0, validator=attrs.validators.ge(0.0))
    workers: int | None = attrs.field(default=None, validator=_none_or_positive, on_setattr=_fixed)
    backlog: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0)), on_setattr=_fixed
    )
    cookie_lock: bool = True
    frees_hung_workers: bool = True

    _route: re.Pattern[str] = attrs.field(init=False)
    _pool: WorkerPool = attrs.field(init=False)
    _processor: Processor = attrs.field(init=False)
    _locks: SessionLocks = attrs.field(factory=SessionLocks, init=False)
    _tasks: set[asyncio.Task[Outcome]] = attrs.field(factory=set["asyncio.Task[Outcome]"], init=False)
    _sessions: Iterator[int] = attrs.field(init=False)
    # The body of a list answer, and the revision of the world that it shows.
    _listed: tuple[int, bytes] = attrs.field(default=(-1, b""), init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._route = re.compile(
            re.escape(self.path_prefix)
            + r"/api/client/vps/(?:(?P<list>list)|(?P<vps>\d{1,19})/(?P<verb>status|start|stop|restart))",
            re.ASCII,
        )
        self._pool = WorkerPool(self.workers, self.backlog)
        self._processor = Processor(self.cores)
        self._sessions = itertools.count(self.seed + 1)

    async def __call__(self, scope: Mapping[str, object], receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI 3 has it."""
        exchange = Exchange.of_scope(scope, receive)
        call = _Call(exchange, self._arrival(exchange))
        outcome = await (self._work(call) if self._is_instant(call) else self._outlive(call))
        await exchange.deliver(outcome, send)

    async def aclose(self) -> None:
        """Give up all calls that are being worked on."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _arrival(self, exchange: Exchange) -> RequestRecord:
        verb, vps = self._meaning(exchange)
        machine = None if vps is None else self.world.find(vps)
        record = RequestRecord(
            method=exchange.method,
            path=exchange.path,
            verb=verb,
            vps=vps,
            node=None if machine is None else machine.vps.node,
            cookie_sent=exchange.session is not None,
            started=self.clock.now(),
        )
        self.requests.append(record)
        self._notify()
        return record

    def _meaning(self, exchange: Exchange) -> tuple[Verb, int | None] | tuple[None, None]:
        route = self._route.fullmatch(exchange.path)
        if route is None:
            return None, None
        verb, vps = (Verb.LIST, None) if route["list"] else (Verb(route["verb"]), int(route["vps"]))
        return (verb, vps) if exchange.method == ("GET" if verb in _READS else "POST") else (None, None)

    def _is_instant(self, call: _Call) -> bool:
        """Tell whether nothing can keep this call waiting, so that it needs no task to outlive its caller."""
        return (
            self.workers is None
            and not self.cost
            and not self.latency
            and not self._injections
            and not self._troubles
            and not (call.exchange.session and self.cookie_lock)
            and (call.record.verb is None or call.record.verb in _READS)
        )

    async def _outlive(self, call: _Call) -> Outcome:
        task = self._spawn(self._work(call))
        try:
            # Waiting so, and not for the task itself, neither cancels the work nor raises what ended it.
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            self._leave(call)
            raise
        return None if task.cancelled() else task.result()

    def _spawn(self, work: Coroutine[object, object, Outcome]) -> asyncio.Task[Outcome]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _work(self, call: _Call) -> Outcome:
        try:
            outcome = await self._answer(call)
        except _CallerLeftError:
            return None
        else:
            if isinstance(outcome, Reply):
                call.record.status = outcome.status
            return outcome
        finally:
            call.record.ended = self.clock.now()
            self._notify()

    async def _answer(self, call: _Call) -> Outcome:
        fault = self._fault_for(call.record)
        # What strikes on the way to the panel costs it nothing.
        if isinstance(fault, faults.Answer | faults.Reset) and not fault.after_action:
            return instead(fault)
        if self._pool.is_full:
            return instead(faults.bad_gateway())
        session = call.exchange.session if self.cookie_lock else None
        async with self._pool.worker(), self._locks.session(session):
            if isinstance(fault, faults.Hang) and not fault.after_action:
                await self._hang(call, None)
            reply = await self._script(call)
            if isinstance(fault, faults.Hang) and fault.after_action:
                await self._hang(call, None)
        if isinstance(fault, faults.Cut):
            return reply.cut(fault)
        return reply if fault is None or isinstance(fault, faults.Hang) else instead(fault)

    def _fault_for(self, record: RequestRecord) -> faults.Fault | None:
        for injection in self._injections:
            if injection.strikes(record.verb, record.vps, record.node):
                if injection.is_spent:
                    self._injections.remove(injection)
                return injection.fault
        return None

    async def _script(self, call: _Call) -> Reply:
        """Do what the PHP script does, in its order: the tokens, the database, the node."""
        verb, vps_id = call.record.verb, call.record.vps
        if verb is None:
            # An unknown route ends in an exception that nobody catches.
            return self._reply(call, 500, b"")
        if self.cost:
            await self.clock.sleep(self._processor.book(self.clock.now(), self.cost))
        if call.exchange.tokens != (self.public_token, self.private_token):
            return self._refuse(call, 401, wire.NO_VALID_PAIR)
        if not self.client_api:
            return self._refuse(call, 403, wire.NO_ACCESS)
        if vps_id is None:
            return self._reply(call, 200, self._list())
        machine = self.world.find(vps_id)
        if machine is None:
            return self._refuse(call, self.unknown_vps, wire.NO_SUCH_VPS)
        return await self._on_node(call, verb, machine)

    async def _on_node(self, call: _Call, verb: Verb, machine: Machine) -> Reply:
        vps = machine.vps
        while isinstance(trouble := self._troubles.get(vps.node), faults.Hung):
            await self._hang(call, vps.node)
        if trouble is not None:
            await self.clock.sleep(trouble.after)
            if trouble.answer == "empty":
                return self._reply(call, 500, b"")
            if trouble.answer == "unknown" and verb is Verb.STATUS:
                return self._reply(call, 200, wire.render_status(vps, None, self.dialect))
            return self._refuse(call, 503, wire.NODE_UNREACHABLE)
        if verb is Verb.STATUS:
            if self.latency:
                await self.clock.sleep(self.latency)
            shown = self.world.shown(machine, self.clock.now())
            return self._reply(call, 200, wire.render_status(vps, shown, self.dialect))
        seconds = self.world.carry_out(machine, verb, self.clock.now())
        if isinstance(seconds, Refusal):
            return self._refuse(call, 500, seconds.reason)
        self.actions.append((vps.id, verb))
        self._notify()
        if seconds:
            await self.clock.sleep(seconds)
        return self._reply(call, 200, wire.render_empty(len(self.actions), self.dialect))

    async def _hang(self, call: _Call, node: int | None) -> None:
        """Wait until the node, or with None the fault, lets go.

        Raises:
            _CallerLeftError: nobody waits for the answer any more, and this frees the worker.
        """
        if not self.frees_hung_workers:
            await self._stand_still(call, node)
        elif call.caller_left:
            raise _CallerLeftError
        else:
            watcher = self._spawn(self._watch(call))
            try:
                if not await self._stand_still(call, node):
                    raise _CallerLeftError
            finally:
                watcher.cancel()

    async def _stand_still(self, call: _Call, node: int | None) -> bool:
        call.freed = asyncio.get_running_loop().create_future()
        standing = self._stuck.setdefault(node, set())
        standing.add(call.freed)
        try:
            return await call.freed
        finally:
            standing.discard(call.freed)
            call.freed = None

    async def _watch(self, call: _Call) -> None:
        await call.exchange.until_disconnected()
        self._leave(call)

    def _leave(self, call: _Call) -> None:
        call.caller_left = True
        if self.frees_hung_workers and call.freed is not None and not call.freed.done():
            call.freed.set_result(False)

    def _list(self) -> bytes:
        revision, body = self._listed
        if revision != self.world.revision:
            body = wire.render_list(self.world, self.dialect)
            self._listed = (self.world.revision, body)
        return body

    def _refuse(self, call: _Call, status: int, message: str) -> Reply:
        return self._reply(call, status, wire.render_errors(message, self.dialect))

    def _reply(self, call: _Call, status: int, body: bytes) -> Reply:
        session = call.exchange.session
        if session is None:
            session = f"{next(self._sessions) * _SESSION_SPREAD % 16**_SESSION_DIGITS:026x}"
        return Reply.of_panel(status, body, session)
