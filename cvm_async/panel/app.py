"""The panel as an ASGI application: calls are answered as PHP would, in its order and at its cost.

A PHP script does not notice that its caller has gone. So a call here outlives its caller: it keeps its
worker, holds its session's lock, and carries out what it was asked to. That is what makes an outcome unknown.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from http import HTTPStatus

import attrs

from cvm_async.panel import faults
from cvm_async.panel.asgi import Delivery, HttpRequest, HttpResponse, Receive, Send, instead
from cvm_async.panel.hosts.world import Verb
from cvm_async.panel.php import SessionLocks, WorkerPool
from cvm_async.panel.records import RequestRecord
from cvm_async.panel.routes import Route, Routes
from cvm_async.panel.script import Call, CallerLeftError, PanelScript

_ACTS = frozenset({Verb.START, Verb.STOP, Verb.RESTART, Verb.REINSTALL})

_fixed = attrs.setters.frozen
_none_or_positive = attrs.validators.optional(attrs.validators.ge(1))
_none_or_seconds = attrs.validators.optional(attrs.validators.ge(0.0))


@attrs.define(eq=False, kw_only=True, repr=False)
class PanelApp(PanelScript):
    """A simulated panel that any ASGI server can serve; `httpx.ASGITransport(app=…)` needs not even a socket.

    A server that does not offer to drop connections, as `asgi.RESET_CONNECTION` says, gets a
    `ConnectionResetError` raised where a fault drops one.

    Args:
        path_prefix: under which the panel lives, such as "/cvm". Fixed.
        workers: calls that are worked on at a time; None for all. Fixed.
        backlog: calls that wait for a worker at most, None for all; beyond, a proxy says 502 at once. Fixed.
        proxy_timeout: seconds after which a proxy says 504, while the panel works on; 60 in nginx as it comes, None
            for no proxy.
        cookie_lock: whether calls with one `PHPSESSID` are worked on one after the other.
    """

    path_prefix: str = attrs.field(default="", validator=attrs.validators.matches_re(r"(/[^/]+)*"), on_setattr=_fixed)
    workers: int | None = attrs.field(default=None, validator=_none_or_positive, on_setattr=_fixed)
    backlog: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0)), on_setattr=_fixed
    )
    proxy_timeout: float | None = attrs.field(default=None, validator=_none_or_seconds)
    cookie_lock: bool = True

    _routes: Routes = attrs.field(init=False)
    _pool: WorkerPool = attrs.field(init=False)
    _locks: SessionLocks = attrs.field(factory=SessionLocks, init=False)
    _tasks: set[asyncio.Task[Delivery]] = attrs.field(factory=set["asyncio.Task[Delivery]"], init=False)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._routes = Routes(self.api, self.documented_list, self.resources, self.path_prefix)
        self._pool = WorkerPool(self.workers, self.backlog)

    async def __call__(self, scope: Mapping[str, object], receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI 3 has it."""
        request = HttpRequest.of_scope(scope, receive)
        route = self._routes.find(request.method, request.path)
        form = await request.form() if route is not None and route.verb is Verb.REINSTALL else {}
        call = Call(request, self._arrival(request, route), None if route is None else route.number, form)
        delivery = await (self._work(call) if self._is_instant(call) else self._outlive(call))
        await request.deliver(delivery, send)

    async def aclose(self) -> None:
        """Give up all calls that are being worked on."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _arrival(self, request: HttpRequest, route: Route | None) -> RequestRecord:
        vps = None if route is None else route.vps
        machine = None if vps is None else self.world.find(vps)
        record = RequestRecord(
            method=request.method,
            path=request.path,
            verb=None if route is None else route.verb,
            vps=vps,
            is_later=route is not None and route.is_later,
            node=None if machine is None else machine.vps.node,
            cookie_sent=request.session is not None,
            started=self.clock.now(),
        )
        self.requests.append(record)
        self._notify()
        return record

    def _is_instant(self, call: Call) -> bool:
        """Tell whether nothing can keep this call waiting, so that it needs no task to outlive its caller."""
        return (
            self.workers is None
            and not self.cost
            and not self.latency
            and not self._injections
            and not self._troubles
            and not (call.request.session and self.cookie_lock)
            and call.record.verb not in _ACTS
        )

    async def _outlive(self, call: Call) -> Delivery:
        """Work on a call in a task of its own, which goes on when its caller, or the proxy, has had enough."""
        task = self._spawn(self._work(call))
        try:
            # Waiting so, and not for the task itself, neither cancels the work nor raises what ended it.
            await (asyncio.wait((task,)) if self.proxy_timeout is None else self._proxied(task, self.proxy_timeout))
        except asyncio.CancelledError:
            call.left.set()
            raise
        if not task.done():
            call.left.set()
            call.record.status = HTTPStatus.GATEWAY_TIMEOUT
            return instead(faults.gateway_timeout())
        return None if task.cancelled() else task.result()

    async def _proxied(self, task: asyncio.Task[Delivery], seconds: float) -> None:
        patience = asyncio.ensure_future(self.clock.sleep(seconds))
        try:
            await asyncio.wait((task, patience), return_when=asyncio.FIRST_COMPLETED)
        finally:
            patience.cancel()

    def _spawn(self, work: Coroutine[object, object, Delivery]) -> asyncio.Task[Delivery]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _work(self, call: Call) -> Delivery:
        try:
            delivery = await self._answer(call)
        except CallerLeftError:
            return None
        else:
            # Unless the proxy was before it.
            if isinstance(delivery, HttpResponse) and call.record.status is None:
                call.record.status = delivery.status
            return delivery
        finally:
            call.record.ended = self.clock.now()
            self._notify()

    async def _answer(self, call: Call) -> Delivery:
        fault = self._fault_for(call.record)
        # What strikes on the way to the panel costs it nothing.
        if isinstance(fault, faults.Answer | faults.Reset) and not fault.after_action:
            return instead(fault)
        if self._pool.is_full:
            return instead(faults.bad_gateway())
        session = call.request.session if self.cookie_lock else None
        async with self._pool.worker():
            call.record.begun = self.clock.now()
            async with self._locks.session(session):
                if isinstance(fault, faults.Hang) and not fault.after_action:
                    await self._stand_still(call, None, None)
                response = await self._script(call)
                if isinstance(fault, faults.Hang) and fault.after_action:
                    await self._stand_still(call, None, None)
        if isinstance(fault, faults.Cut):
            return response.cut(fault)
        return response if fault is None or isinstance(fault, faults.Hang) else instead(fault)

    def _fault_for(self, record: RequestRecord) -> faults.Fault | None:
        for injection in self._injections:
            if injection.strikes(record.verb, record.vps, record.node):
                if injection.is_spent:
                    self._injections.remove(injection)
                return injection.fault
        return None
