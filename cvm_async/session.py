"""`CvmSession`: one account on one panel, and the verbs that its API has."""

import ssl
import warnings
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx
from attrs import evolve

from cvm_async._account.account import Account
from cvm_async._account.jobs import Job, gives_job
from cvm_async._api import calls
from cvm_async._api.routes import Routes
from cvm_async._api.verbs import Verb
from cvm_async._checks import given, refuse
from cvm_async._exchange.address import panel_url
from cvm_async._exchange.exchange import Exchange
from cvm_async._exchange.observing import Observer
from cvm_async._exchange.search import Search
from cvm_async._exchange.sending import Departure
from cvm_async._exchange.tokens import Tokens
from cvm_async._gates.node import NodeReport
from cvm_async._profiles.authority import trusting
from cvm_async._profiles.environment import Environment
from cvm_async._safe_text import excerpt
from cvm_async._words import counted
from cvm_async.errors import ConfigurationError
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.naming import Names, as_id, check_name
from cvm_async.models import HostNode, PowerState, Template, Vps, VpsList, VpsStatus
from cvm_async.settings import AUTO, Api, Limits, Retry, Timeouts
from cvm_async.transport import goes_through_proxy, lane_client

if TYPE_CHECKING:
    from cvm_async._profiles.choice import Access


class CvmSession:
    """One account on one CVM panel, for use from any number of tasks of one event loop.

    Use it with `async with`, or call `aclose` at the end; it may be opened in one task and closed in another. Making
    one needs no running event loop and sends nothing.

    Args:
        url: The panel's origin, possibly with a path prefix: ``https://panel.example.net/cvm``.
        public_token: The public half of an API token pair.
        private_token: The private half.
        client: An `httpx.AsyncClient` to share; the session never closes it. Its hooks, authentication, headers, query
            parameters and proxies stay in force; its cookies, its `follow_redirects`, timeouts and `base_url` are not
            used. None: the session makes one with `lane_client` and owns it. A transport that keeps a cookie jar of its
            own is out of our reach: give httpx-aiohttp an aiohttp session with aiohttp's `DummyCookieJar`. So is what
            httpx writes into its log at INFO: only our transports make a server's reason phrase safe to print there.
            And so are its idle connections: over httpx's transport a power action may meet one that the panel is just
            closing, and end unknown; `lane_client` opens a new one for each.
        limits: How much may be under way at once.
        timeouts: How long calls may take.
        retry: How often calls are tried.
        allow_insecure: Allows ``http://`` to other hosts than this one, and through a proxy that a given client has on
            its way to this one: the tokens then travel unencrypted. The session's own client has none on that way.
        name: What reports and logs call the panel; the host if None.
        api: Which revision of the API the panel has. "2012" is the specification's, "2013" the later one. None finds it
            out from the readings that are made anyway: the specification's paths are asked first, and the others only
            where a panel answers as one that lacks those. "auto" makes sure of it first: whatever comes while the
            first reading is under way waits for it, and a power action, whose path is the same in both, until some
            reading has told; so a session makes one call more at most, and that only on a panel of the later revision.

    Every verb takes a `Vps` or its id (`find` gives the `Vps` of a hostname), and raises `CvmError` and nothing else,
    but for cancellation. `timeout` is in seconds and bounds the whole call: its turn, its attempts and the pauses
    between them.

    Raises:
        ConfigurationError: The URL, a token or a setting can't be used.
    """

    def __init__(
        self,
        url: str,
        *,
        public_token: str,
        private_token: str,
        client: httpx.AsyncClient | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        allow_insecure: bool = False,
        name: str | None = None,
        api: Api | None = None,
    ) -> None:
        self._owned: httpx.AsyncClient | None = None
        try:
            tokens = Tokens.checked(public_token, private_token)
        finally:
            # Whoever prints the locals of a traceback finds them masked, or not at all.
            del public_token, private_token
        limits = given("limits", limits, Limits, "Limits(max_concurrency=16)") or Limits()
        timeouts = given("timeouts", timeouts, Timeouts, "Timeouts(read=15.0)") or Timeouts()
        retry = given("retry", retry, Retry, "Retry(attempts=3)") or Retry()
        client = given("client", client, httpx.AsyncClient, "an httpx.AsyncClient")
        name = given("name", name, str, "a text")
        routes = Routes.told(api)
        # Any other value is true or false as well, and "no" is true.
        given("allow_insecure", allow_insecure, bool, "True or False")
        base = panel_url(url, allow_insecure=allow_insecure)
        if client is None:
            client = self._owned = own_client(limits)
        elif base.scheme == "http" and not allow_insecure and goes_through_proxy(client, base):
            raise ConfigurationError(
                f"the client that was given reaches {base.host} through a proxy, and http:// would show it the tokens: "
                f"let NO_PROXY name {base.host}, make the client with trust_env=False, or allow_insecure=True"
            )
        exchange = Exchange(
            client=client,
            base=base,
            tokens=tokens,
            timeouts=timeouts,
            retry=retry,
            max_body=limits.max_body,
            panel=name or base.host,
            search=Search(routes, name or base.host, is_sure=api == AUTO),
        )
        self._account = Account.over(exchange, limits)

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        client: httpx.AsyncClient | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        allow_insecure: bool = False,
        name: str | None = None,
        api: Api | None = None,
    ) -> Self:
        """Give a session for what `CVM_URL`, `CVM_PUBLIC_TOKEN` and `CVM_PRIVATE_TOKEN` say, and `CVM_API`, if set.

        Raises:
            ConfigurationError: One of them is missing or can't be used.
        """
        given("environ", environ, Mapping, "a mapping such as os.environ", secret=True)
        environment = Environment.of(environ)
        # Whoever prints the locals of a traceback would find all of it.
        del environ
        public, private = environment.pair()
        return cls(
            environment.url,
            public_token=public.reveal(),
            private_token=private.reveal(),
            client=client,
            limits=limits,
            timeouts=timeouts,
            retry=retry,
            allow_insecure=allow_insecure,
            name=name,
            api=api or environment.api,
        )

    @classmethod
    def from_profile(
        cls,
        name: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        client: httpx.AsyncClient | None = None,
        limits: Limits | None = None,
        timeouts: Timeouts | None = None,
        retry: Retry | None = None,
        allow_insecure: bool | None = None,
        api: Api | None = None,
    ) -> Self:
        """Give a session for a profile of the file that ``cvm-async profile`` keeps.

        What is not given here is as the profile says. The profile's token command, or the keyring, is asked at once,
        which may take until somebody has typed a passphrase: in a running event loop call this with
        `asyncio.to_thread`.

        Args:
            name: Which profile; None: the one that `CVM_PROFILE` names, or else the default.
            environ: The environment variables, which may give a token or say otherwise; this process's if None.
            client: As for `CvmSession`; a client brings its own TLS settings, and the profile's `ca_file` is not used.
            limits: As for `CvmSession`.
            timeouts: As for `CvmSession`.
            retry: As for `CvmSession`.
            allow_insecure: As for `CvmSession`.
            api: As for `CvmSession`.

        Raises:
            ConfigurationError: There is no such profile, it can't be used, a token can't be had, or `CVM_URL` or a
                token in the environment says otherwise than the profile.
        """
        given("environ", environ, Mapping, "a mapping such as os.environ", secret=True)
        environment = Environment.of(environ)
        del environ
        # What reads profiles takes a quarter of what importing a session does, and most have none.
        from cvm_async._profiles.choice import access_of  # noqa: PLC0415

        access = access_of(given("name", name, str, "a profile's name"), environment)
        ways = access.ways
        ways = evolve(
            ways,
            limits=given("limits", limits, Limits, "Limits(max_concurrency=16)") or ways.limits,
            timeouts=given("timeouts", timeouts, Timeouts, "Timeouts(read=15.0)") or ways.timeouts,
            retry=given("retry", retry, Retry, "Retry(attempts=3)") or ways.retry,
            allow_insecure=ways.allow_insecure if allow_insecure is None else allow_insecure,
            api=ways.api if api is None else api,
        )
        return cls.with_access(evolve(access, ways=ways), client=client)

    @classmethod
    def with_access(
        cls, access: "Access", *, beside: Self | None = None, client: httpx.AsyncClient | None = None
    ) -> Self:
        """Give a session for what a profile or the environment says; for the parts of this library.

        Args:
            access: What they say.
            beside: A session of another account on the same panel, whose limits hold for both of them together.
            client: As for `CvmSession`.
        """
        ways, owned = access.ways, None
        if client is None and ways.ca_file is not None:
            client = owned = own_client(ways.limits, verify=trusting(ways.ca_file))
        session = cls(
            access.url,
            public_token=access.public_token.reveal(),
            private_token=access.private_token.reveal(),
            client=client,
            limits=ways.limits,
            timeouts=ways.timeouts,
            retry=ways.retry,
            allow_insecure=ways.allow_insecure,
            name=ways.name,
            api=ways.api,
        )
        session._owned = session._owned or owned
        if beside is not None:
            gates = beside._account.gates  # noqa: SLF001 - of its own kind
            session._account = Account.over(session._account.exchange, ways.limits, gates)
        return session

    def __repr__(self) -> str:
        if not hasattr(self, "_account"):
            # In a traceback with locals, of one that could not be made.
            return "<CvmSession: not made>"
        state = "closed" if self._account.closed else f"{counted(self._account.gates.in_flight, 'call')} in flight"
        return f"<CvmSession {self.name!r} at {self.url}: {state}>"

    @property
    def name(self) -> str:
        """What reports and logs call the panel."""
        return self._account.panel

    @property
    def url(self) -> str:
        """Where the panel is."""
        return str(self._account.exchange.base)

    @property
    def in_flight(self) -> int:
        """How many requests the panel is working on for this session."""
        return self._account.gates.in_flight

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Have a function called with a `CallEnd` for each request that is over, to count and to time them.

        It is called in the event loop, and must not wait for anything. What it raises is logged, and harms no call.

        Returns:
            What ends it.
        """
        return self._account.exchange.observe(observer)

    @property
    def revision(self) -> str | None:
        """The revision of the API that the panel has, "2012" or "2013"; None while it is not known. It is no number."""
        revision = self._account.exchange.search.routes.revision
        return None if revision is None else str(revision)

    def node_states(self) -> list[NodeReport]:
        """Give what the session has learned of the host nodes it made calls for.

        Whether each is in use or left alone, and after how many failures in a row.
        """
        return self._account.node_states()

    def nodes(self) -> list[NodeReport]:
        """Give what `node_states` does; the name is being left to the panel's host nodes, which `list_nodes` gives."""
        message = "CvmSession.nodes() is now node_states(); list_nodes() gives the panel's host nodes"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self.node_states()

    async def list_vpses(self, *, timeout: float | None = None) -> VpsList:
        """Give every VPS of this account, in the panel's order.

        A figure that cannot be read is None, and an entry whose id cannot be read is left out; the list's `problems`
        and a warning in the log tell of both. An id that is listed twice stays twice, with a problem noted.

        Raises:
            DecodeError: The answer is no list, or there is no VPS on it that can be read.
            CvmError: The call failed.

        Source: ``GET /api/client/vps/list``.
        """
        return await self._account.list_vpses(timeout=timeout)

    async def status(self, vps: Vps | int, *, timeout: float | None = None) -> VpsStatus:
        """Give what a VPS is doing now, and what it uses.

        Raises:
            VpsNotFoundError: The panel knows no such VPS of this user.
            NodeUnreachableError: The panel says that it cannot reach the VPS's host node.
            NoAnswerError: No whole answer came; where the panel was silent for too long it is not asked again.
            PanelError: Something in front of the panel answered, or the panel broke.
            CvmError: The call failed.

        Source: ``GET /api/client/vps/id/status``.
        """
        return await self._account.status(vps, timeout=timeout)

    @gives_job
    def start(self, vps: Vps | int, *, timeout: float | None = None) -> Job:
        """Start a VPS; done when the panel says so, which takes 5 to 60 s. The request is never sent twice.

        ``await session.start(1)`` gives None or raises. What it gives is a `Job`: to wait for a while, and later again.

        Where the same action is under way already, this joins it; where another is, it waits for its end. Whoever is
        cancelled or out of time leaves it to those who still wait for it; the last to leave ends it. Cancelled while
        under way, its outcome is unknown, and the log says so.

        Raises:
            ActionFailedError: It failed; starting a VPS that runs is a failure too.
            NodeUnreachableError: Its host node cannot be reached; nothing was done.
            NoAnswerError: It was sent, and no answer of the panel's own came, or it goes on for another caller: it may
                have been carried out.
            DecodeError: It was answered with a success that is not what the API documents: likewise.
            CvmError: The call failed.

        Source: ``POST /api/client/vps/id/start``.
        """
        return self._account.job(Verb.START, vps, timeout=timeout)

    @gives_job
    def stop(self, vps: Vps | int, *, timeout: float | None = None) -> Job:
        """Shut a VPS down; otherwise as `start`.

        Source: ``POST /api/client/vps/id/stop``.
        """
        return self._account.job(Verb.STOP, vps, timeout=timeout)

    @gives_job
    def restart(self, vps: Vps | int, *, timeout: float | None = None) -> Job:
        """Restart a VPS; otherwise as `start`.

        Source: ``POST /api/client/vps/id/restart``.
        """
        return self._account.job(Verb.RESTART, vps, timeout=timeout)

    @gives_job
    def reinstall(self, vps: Vps | int, template: Template | int, *, confirm: str, timeout: float | None = None) -> Job:
        """Make a VPS anew from a template, which **destroys all that is on it**; a job, as `start`. Never sent twice.

        It is for one VPS alone: no fleet has it. Where a start, stop or restart of it is under way, this waits for its
        end; where another reinstall is, it is refused. A start or stop that comes meanwhile waits.

        Args:
            vps: The VPS, or its id, whose hostname is then looked up.
            template: What to make it from, or its id; `list_templates` gives those that there are.
            confirm: The hostname of the VPS, as the panel has it: who has the wrong VPS in hand finds out.
            timeout: Seconds for the call.

        Raises:
            ConfigurationError: `confirm` is not its hostname; nothing was sent.
            NotSupportedError: The panel's revision of the API has no reinstall; nothing was sent.
            ActionFailedError: It failed, as where the template cannot be installed.
            NoAnswerError: It was sent, and no answer of the panel's own came: whether the VPS was reinstalled is
                unknown.
            DecodeError: It was answered with a success that is not what the API documents: likewise.
            CvmError: The call failed.

        Source: ``POST /api/client/vps/id/reinstall`` of the API's later revision.
        """
        if not isinstance(vps, (Vps, int)):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            refuse("vps", "one VPS, or its id: there is no reinstall of several", vps)
        template_id = template.id if isinstance(template, Template) else template

        async def perform(depart: Callable[[Departure], object]) -> None:
            confirmed = await self._confirmed(vps, confirm)
            await self._account.reinstall(confirmed, template_id, timeout=timeout, departing=depart)

        return self._account.jobs.make(Verb.REINSTALL, vps, perform)

    def jobs(self) -> tuple[Job, ...]:
        """Give the starts, stops and restarts of this session that are under way, those that were begun first before.

        What a fleet does is not among them: a run has its `RunControl`.
        """
        return tuple(self._account.jobs)

    def job(self, vps: Vps | int | str) -> Job | None:
        """Give the job that is under way for a VPS, the first of several; None where there is none.

        A VPS is named as for `find`; by its hostname only where the job was made with a `Vps` and not with an id.

        Raises:
            AmbiguousNameError: Jobs of several VPSes have that hostname.
            ConfigurationError: It is neither an id nor a hostname.
        """
        name = vps.id if isinstance(vps, Vps) else vps
        check_name(name)
        jobs = self.jobs()
        number = as_id(name)
        if number is None:
            known = {job.vps_id: (job.panel, job.vps) for job in jobs if isinstance(job.vps, Vps)}
            number = Names(known.values()).id_of(name)
        return next((job for job in jobs if job.vps_id == number), None)

    async def list_nodes(self, *, timeout: float | None = None) -> list[HostNode]:
        """Give the host nodes that this account has VPSes on; for how calls to them fare see `node_states`.

        Raises:
            NotSupportedError: The panel's revision of the API has none.
            CvmError: The call failed.

        Source: ``GET /api/client/node/list`` of the API's later revision.
        """
        return await self._account.ask_later(calls.list_nodes(), timeout=timeout)

    async def node(self, node_id: int, *, timeout: float | None = None) -> HostNode:
        """Give one host node, by what `Vps.node` says.

        Raises:
            NotSupportedError: The panel's revision of the API has none.
            PermissionDeniedError: This account has no VPS on it.
            CvmError: The call failed.

        Source: ``GET /api/client/node/id`` of the API's later revision.
        """
        return await self._account.ask_later(calls.node(node_id), timeout=timeout)

    async def list_templates(self, *, timeout: float | None = None) -> list[Template]:
        """Give the templates that VPSes can be made from.

        Raises:
            NotSupportedError: The panel's revision of the API has none.
            CvmError: The call failed.

        Source: ``GET /api/client/template/list`` of the API's later revision.
        """
        return await self._account.ask_later(calls.list_templates(), timeout=timeout)

    async def template(self, template_id: int, *, timeout: float | None = None) -> Template:
        """Give one template, by what `Vps.template` says.

        Raises:
            NotSupportedError: The panel's revision of the API has none.
            PermissionDeniedError: It is not visible to this account.
            CvmError: The call failed.

        Source: ``GET /api/client/template/id`` of the API's later revision.
        """
        return await self._account.ask_later(calls.template(template_id), timeout=timeout)

    async def wait_until(
        self,
        vps: Vps | int,
        state: PowerState,
        *,
        timeout: float | None = 120.0,
        interval: float = 2.0,
        confirm: int = 1,
    ) -> VpsStatus:
        """Wait for a VPS to reach a state, and give the status that shows it.

        The status is read at once, then every `interval` seconds. All waits of a session share one stream of polls. A
        reading that fails in a way that may pass is followed by the next. The last one is begun when `timeout` is over,
        and may take two seconds more. None waits without a limit.

        `confirm` readings in a row have to show it. One reading is no proof: a VPS that runs is `stopped` to a panel
        whose command on the host node came to nothing. Two seldom come to nothing in a row.

        Raises:
            NotSupportedError: The panel says `unknown` of a terminated VPS, and `TERMINATED` is waited for.
            WaitTimeoutError: It did not come within `timeout` seconds, or can no longer come (a suspended or terminated
                VPS will not run). Its `last` is the last status seen.
            CvmError: The status cannot be read, and trying again is of no use.
        """
        return await self._account.wait(vps, state, timeout=timeout, interval=interval, confirm=confirm)

    async def fleet(self, *, timeout: float | None = None) -> Fleet:
        """Give every VPS of this account, as a `Fleet`."""
        vpses = await self._account.list_vpses(timeout=timeout)
        return Fleet.of(self._account, vpses)

    async def find(self, name: str | int, *, timeout: float | None = None) -> Vps:
        """Give the VPS of this id or hostname, from a list that is read now: one call, as `list_vpses`.

        As ``fleet[name]``: digits are always an id; a hostname is given whole, or up to its first dot where no whole
        one is that; whatever the case. To look several up, take a `fleet` once.

        Raises:
            NameNotFoundError: No VPS of this account has it; it is a `VpsNotFoundError` and a `KeyError`, too.
            AmbiguousNameError: Several have it: the error lists their ids, and its `matches` are the VPSes.
            ConfigurationError: It is neither an id nor a hostname; nothing was sent.
            CvmError: The call failed.

        Source: ``GET /api/client/vps/list``.
        """
        check_name(name)
        return (await self.fleet(timeout=timeout))[name]

    async def _confirmed(self, vps: Vps | int, confirm: str) -> Vps:
        """Give the VPS whose hostname somebody has confirmed."""
        meant = vps if isinstance(vps, Vps) else await self.find(vps)
        if not meant.hostname or confirm != meant.hostname:
            rule = (
                f"a reinstall destroys all that is on a VPS: confirm must be its hostname, {excerpt(meant.hostname)!r}"
            )
            raise ConfigurationError(f"{rule}, not {excerpt(str(confirm))!r}", vps_id=meant.id)
        return meant

    async def aclose(self) -> None:
        """Close the session, and its client if it made it. Twice is as good as once.

        What waits for its turn or for a state gets a `SessionClosedError`.
        """
        await self._account.aclose()
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        account: Account | None = getattr(self, "_account", None)
        if account is not None and not account.closed:
            message = f"{self!r} was never closed: use `async with`, or `await session.aclose()`"
            warnings.warn(message, ResourceWarning, source=self, stacklevel=2)


def own_client(limits: Limits, *, verify: ssl.SSLContext | bool = True) -> httpx.AsyncClient:
    """Make the client that a session makes for itself.

    Args:
        limits: The session's.
        verify: Whom to trust; whom httpx trusts if True.

    Raises:
        ConfigurationError: The environment names a proxy, or certificates, that can't be used.
    """
    return lane_client(limits=httpx.Limits(max_connections=limits.ceiling), keep_cookies=False, verify=verify)
