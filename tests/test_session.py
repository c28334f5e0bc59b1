import asyncio
import gc
import logging
import pickle
import random
import ssl
import subprocess
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import trustme
from loopback import LoopbackServer
from mocked import LIST, LISTED, PRIVATE, PUBLIC, STATUS, URL, Panel, account_of, answer, session_over
from virtual_time import virtual, virtual_loop

from cvm_async._profiles.environment import VARIABLES
from cvm_async.errors import (
    ConfigurationError,
    CvmError,
    NoAnswerError,
    NotSentError,
    PanelError,
    SessionClosedError,
    VpsNotFoundError,
    WaitTimeoutError,
)
from cvm_async.models import PowerState, Vps
from cvm_async.panel import SimulatedPanel, faults
from cvm_async.session import CvmSession
from cvm_async.settings import Api, Limits, Retry, Timeouts
from cvm_async.transport import lane_client

pytestmark = pytest.mark.usefixtures("no_proxies_from_outside")


@pytest.fixture
async def panel() -> AsyncIterator[SimulatedPanel]:
    async with SimulatedPanel(vpses=8, nodes=2, path_prefix="/cvm") as panel:
        yield panel


def session_with(
    panel: SimulatedPanel, *, client: httpx.AsyncClient | None = None, name: str | None = None
) -> CvmSession:
    return CvmSession(
        panel.url, public_token=panel.public_token, private_token=panel.private_token, client=client, name=name
    )


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


async def hang(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(1e6)
    raise AssertionError


async def answer_late(_: httpx.Request) -> httpx.Response:
    await asyncio.sleep(10)
    return answer(200, STATUS)


# The main job.


async def test_every_verb_does_on_a_panel_what_it_says(panel: SimulatedPanel) -> None:
    panel.set_power(1, "stopped")
    async with session_with(panel) as session:
        vpses = await session.list_vpses()
        assert [vps.id for vps in vpses] == [*range(1, 9)]
        assert (await session.status(vpses[0])).state is PowerState.STOPPED
        await session.start(vpses[0])
        assert (await session.wait_until(1, PowerState.RUNNING, timeout=60)).state is PowerState.RUNNING
        await session.restart(1)
        await session.stop(1)
        assert (await session.status(1)).state is PowerState.STOPPED
        fleet = await session.fleet()
        assert [vps.id for vps in fleet] == [vps.id for vps in vpses]
    assert panel.actions == [(1, "start"), (1, "restart"), (1, "stop")]


@pytest.mark.parametrize("slash", ["", "/", "//"])
async def test_a_trailing_slash_of_the_url_does_not_matter(panel: SimulatedPanel, slash: str) -> None:
    session = CvmSession(panel.url + slash, public_token=panel.public_token, private_token=panel.private_token)
    async with session:
        await session.status(1)
        assert session.url == panel.url
    assert panel.requests[0].path == "/cvm/api/client/vps/1/status"


async def test_a_vps_that_does_not_exist_is_an_error_that_names_it(panel: SimulatedPanel) -> None:
    async with session_with(panel) as session:
        with pytest.raises(VpsNotFoundError) as found:
            await session.status(999)
    assert found.value.vps_id == 999


async def test_a_panel_that_is_gone_was_not_sent_anything() -> None:
    async with SimulatedPanel(vpses=1) as panel:
        session = CvmSession(panel.url, public_token="a", private_token="b", retry=Retry(attempts=2, max_wait=0.001))
    async with session:
        for verb in (session.status, session.start, session.stop, session.restart):
            with pytest.raises(NotSentError) as found:
                await verb(1)
            assert found.value.attempts == 2


@virtual
async def test_waiting_tells_the_last_status_seen_and_ends_at_once_where_the_state_can_no_longer_come() -> None:
    suspended = {"response": {"status": "suspended"}}
    async with session_over(Panel(answer(200, suspended))) as session:
        with pytest.raises(WaitTimeoutError) as found:
            await session.wait_until(1, PowerState.RUNNING)
    assert found.value.last is not None
    assert found.value.last.state is PowerState.SUSPENDED
    assert virtual_loop().time() == 0


@virtual
async def test_a_state_may_be_given_as_its_word() -> None:
    async with session_over(Panel()) as session:
        wanted: PowerState = "running"  # type: ignore[assignment] # pyright: ignore[reportAssignmentType]
        assert (await session.wait_until(1, wanted)).state is PowerState.RUNNING


# What is given.


@pytest.mark.parametrize("vps", [0, -1, 2**64, True, "1", 1.0, None, [1], {}, "../../admin"], ids=repr)
@virtual
async def test_what_is_no_vps_is_refused_before_anything_is_sent(vps: int) -> None:
    panel = Panel()
    async with session_over(panel) as session:
        for verb in (session.status, session.start, session.stop, session.restart):
            with pytest.raises(ConfigurationError, match="a VPS id is a whole number of 1 or more"):
                await verb(vps)
        with pytest.raises(ConfigurationError, match="a VPS id is a whole number of 1 or more"):
            await session.wait_until(vps, PowerState.RUNNING)
    assert panel.requests == []


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), True, "5"], ids=repr)
@virtual
async def test_a_timeout_that_is_none_is_refused_before_anything_is_sent(timeout: float) -> None:
    panel = Panel()
    async with session_over(panel) as session:
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: session.list_vpses(timeout=timeout),
            lambda: session.fleet(timeout=timeout),
            lambda: session.status(1, timeout=timeout),
            lambda: session.start(1, timeout=timeout),
            lambda: session.stop(1, timeout=timeout),
            lambda: session.restart(1, timeout=timeout),
            lambda: session.wait_until(1, PowerState.RUNNING, timeout=timeout),
        ]
        for call in calls:
            with pytest.raises(ConfigurationError, match="timeout must be a finite number of seconds above 0"):
                await call()
        with pytest.raises(ConfigurationError, match="interval must be"):
            await session.wait_until(1, PowerState.RUNNING, interval=timeout)
    assert panel.requests == []


@pytest.mark.parametrize("state", ["booting", None, 1])
@virtual
async def test_a_state_that_is_none_is_refused(state: PowerState) -> None:
    async with session_over(Panel()) as session:
        with pytest.raises(
            ConfigurationError, match="a state is one of running, stopped, suspended, terminated, unknown"
        ):
            await session.wait_until(1, state)


def test_a_session_that_was_not_made_has_a_repr_for_tracebacks() -> None:
    assert repr(CvmSession.__new__(CvmSession)) == "<CvmSession: not made>"


@pytest.mark.parametrize(
    ("url", "public", "private"),
    [("http://panel.example.net", PUBLIC, PRIVATE), (URL, "", PRIVATE), (URL, PUBLIC, "a\n")],
    ids=["url", "public token", "private token"],
)
def test_a_session_that_cannot_be_made_leaves_nothing_to_close(url: str, public: str, private: str) -> None:
    with pytest.raises(ConfigurationError):
        CvmSession(url, public_token=public, private_token=private)
    gc.collect()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "gopher://user:hunter2@proxy.example.net"),
        ("http_proxy", "http://user:hunter2@proxy.example.net:port"),
        ("ALL_PROXY", "http://user:hunter2@"),
        ("SSL_CERT_FILE", "/nonexistent/authority.pem"),
        ("SSL_CERT_DIR", "/nonexistent"),
        ("SSLKEYLOGFILE", "/nonexistent/keys"),
    ],
)
def test_what_the_environment_says_and_cannot_be_used_is_a_configuration_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    # It would go before the folder.
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable) as found:
        CvmSession(URL, public_token=PUBLIC, private_token=PRIVATE)
    assert "hunter2" not in str(found.value)


async def test_the_environment_tells_where_the_panel_is_and_who_we_are(
    panel: SimulatedPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVM_URL", panel.url)
    monkeypatch.setenv("CVM_PUBLIC_TOKEN", panel.public_token)
    monkeypatch.setenv("CVM_PRIVATE_TOKEN", panel.private_token)
    async with CvmSession.from_env(name="home") as session:
        assert len(await session.list_vpses()) == 8
        assert session.name == "home"


@pytest.mark.parametrize(
    ("told", "given", "revision"), [("2013", None, "2013"), ("2013", "2012", "2012"), ("", None, None)]
)
async def test_it_tells_which_revision_the_panel_has_unless_the_caller_does(
    told: str, given: Api | None, revision: str | None
) -> None:
    environ = {"CVM_URL": URL, "CVM_PUBLIC_TOKEN": PUBLIC, "CVM_PRIVATE_TOKEN": PRIVATE, "CVM_API": told}
    async with CvmSession.from_env(environ, api=given) as session:
        assert session.revision == revision


def test_a_revision_that_is_none_is_refused() -> None:
    environ = {"CVM_URL": URL, "CVM_PUBLIC_TOKEN": PUBLIC, "CVM_PRIVATE_TOKEN": PRIVATE, "CVM_API": "2014"}
    with pytest.raises(ConfigurationError, match="api must be one of auto, 2012, 2013, not '2014'"):
        CvmSession.from_env(environ)


async def test_the_old_name_of_the_states_of_nodes_warns() -> None:
    async with session_over(Panel()) as session:
        await session.list_vpses()
        await session.status(1)
        with pytest.warns(DeprecationWarning, match="node_states"):
            assert session.nodes() == session.node_states() != []


async def test_a_reinstall_goes_over_a_real_connection() -> None:
    async with (
        SimulatedPanel(vpses=1, api="2013") as panel,
        CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token) as session,
    ):
        await session.status(1)
        await session.reinstall(1, 2, confirm="web-001.example.net")
        await session.stop(1)
        assert panel.reinstalls == [(1, 2)]


@pytest.mark.parametrize("missing", VARIABLES.values())
def test_what_is_missing_in_the_environment_is_named(missing: str) -> None:
    environ = {"CVM_URL": URL, "CVM_PUBLIC_TOKEN": PUBLIC, "CVM_PRIVATE_TOKEN": PRIVATE}
    with pytest.raises(ConfigurationError, match=f"^not set in the environment: {missing}$"):
        CvmSession.from_env(environ | {missing: ""})


@pytest.fixture
def profiles(panel: SimulatedPanel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with the profile of a panel, and nothing of this machine's own."""
    for variable in (*VARIABLES.values(), "CVM_PROFILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "cvm_async" / "profiles.toml"
    path.parent.mkdir()
    path.touch(mode=0o600)
    return rewrite(path, profile_of(panel))


def rewrite(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def profile_of(panel: SimulatedPanel) -> str:
    return (
        f'default_profile = "home"\n[home]\nurl = "{panel.url}"\npublic_token = "{panel.public_token}"\n'
        f'private_token = "{panel.private_token}"\nper_node = 1\nallow_insecure = true\n'
    )


async def test_a_profile_tells_which_revision_its_panel_has(profiles: Path, panel: SimulatedPanel) -> None:
    rewrite(profiles, f'{profile_of(panel)}api = "2013"\n')
    async with CvmSession.from_profile("home") as session, CvmSession.from_profile("home", api="2012") as other:
        assert (session.revision, other.revision) == ("2013", "2012")


@pytest.mark.parametrize("name", ["home", None])
@pytest.mark.usefixtures("profiles")
async def test_a_profile_tells_it_too(name: str | None) -> None:
    async with CvmSession.from_profile(name) as session:
        assert len(await session.list_vpses()) == 8
        assert session.name == "home"


async def test_a_profile_may_be_looked_for_with_another_environment(
    profiles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVM_URL", "https://other.example.net")
    with pytest.raises(ConfigurationError, match="CVM_URL says"):
        CvmSession.from_profile("home")
    session = CvmSession.from_profile("home", environ={"XDG_CONFIG_HOME": str(profiles.parent.parent)})
    assert session.url.startswith("http://127.0.0.1")
    await session.aclose()


@pytest.mark.parametrize(
    "settings",
    [{"limits": 16}, {"timeouts": 10}, {"retry": 3}, {"allow_insecure": "no"}, {"name": 7}, {"client": "x"}],
    ids=str,
)
@pytest.mark.usefixtures("profiles")
async def test_a_setting_of_another_kind_beside_a_profile_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        CvmSession.from_profile(**settings)


async def test_what_a_caller_says_counts_before_the_profile(profiles: Path, panel: SimulatedPanel) -> None:
    rewrite(profiles, profile_of(panel).replace("127.0.0.1", "panel.invalid"))
    await CvmSession.from_profile().aclose()
    with pytest.raises(ConfigurationError, match="would send the tokens unencrypted"):
        CvmSession.from_profile(allow_insecure=False)


async def test_an_authority_of_a_profile_is_trusted_and_its_client_closed(
    profiles: Path, server_tls: ssl.SSLContext, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(str(profiles.parent / "ca.pem"))
    with SimulatedPanel(vpses=2, tls=server_tls) as private:
        rewrite(profiles, f'{profile_of(private)}ca_file = "ca.pem"\n')
        async with CvmSession.from_profile("home") as session:
            assert len(await session.list_vpses()) == 2
        # Else it would be told of as the warning, and so the error, that it is.
        gc.collect()
        async with lane_client() as client, CvmSession.from_profile("home", client=client) as session:
            with pytest.raises(NotSentError, match="certificate"):
                await session.list_vpses()


# Names, and no tokens.


@virtual
async def test_a_session_shows_its_name_and_address_and_state_and_no_token() -> None:
    session = CvmSession("https://panel.example.net:8443/cvm/", public_token=PUBLIC, private_token=PRIVATE)
    start = "<CvmSession 'panel.example.net' at https://panel.example.net:8443/cvm: "
    assert repr(session) == f"{start}0 calls in flight>"
    assert (session.name, session.url) == ("panel.example.net", "https://panel.example.net:8443/cvm")
    await session.aclose()
    assert repr(session) == f"{start}closed>"


@virtual
async def test_a_session_is_not_pickled_and_its_tokens_less_so() -> None:
    async with session_over(Panel()) as session:
        with pytest.raises(TypeError):
            pickle.dumps(session)


# Where tokens and cookies go.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_another_origin_gets_nothing_there(panel: SimulatedPanel, status: int) -> None:
    async with (
        LoopbackServer() as elsewhere,
        lane_client(follow_redirects=True) as client,
        session_with(panel, client=client) as session,
    ):
        for verb, kind in ((session.status, PanelError), (session.start, NoAnswerError)):
            panel.inject(faults.redirect(f"{elsewhere.url}/steal", status=status))
            with pytest.raises(kind, match=rf"wants to send us to {elsewhere.url}/steal"):
                await verb(1)
        assert elsewhere.connections == 0


async def test_a_poll_sends_no_cookie_whether_the_client_is_ours_or_given(panel: SimulatedPanel) -> None:
    async with lane_client() as given, httpx.AsyncClient() as plain:
        for client in (None, given, plain):
            async with session_with(panel, client=client) as session:
                for _ in range(2):
                    report = await (await session.fleet()).status()
                    assert len(report.ok) == 8
        assert list(plain.cookies)
        await plain.get(panel.url)
    assert [record.cookie_sent for record in panel.requests] == [False] * 54 + [True]


# Life and death.


def test_a_session_can_be_made_without_an_event_loop_and_used_on_one_later() -> None:
    session = session_over(Panel())

    async def work() -> PowerState:
        async with session:
            return (await session.status(1)).state

    assert asyncio.run(work()) is PowerState.RUNNING


async def test_a_session_may_be_opened_in_one_task_and_closed_in_another(panel: SimulatedPanel) -> None:
    async def begin() -> CvmSession:
        session = await session_with(panel).__aenter__()
        await session.status(1)
        return session

    session = await asyncio.create_task(begin())
    await asyncio.create_task(session.aclose())
    assert account_of(session).closed


async def test_many_tasks_may_use_one_session_at_once(panel: SimulatedPanel) -> None:
    async with session_with(panel) as session, asyncio.TaskGroup() as group:
        tasks = [group.create_task(session.status(number % 8 + 1)) for number in range(100)]
    assert all(task.result().state_text for task in tasks)
    assert panel.peak_in_flight() <= Limits().ceiling


async def test_sessions_may_share_a_client_which_none_of_them_closes(panel: SimulatedPanel) -> None:
    async with lane_client() as client:
        sessions = [session_with(panel, client=client, name=str(number)) for number in range(3)]
        for session in sessions:
            async with session:
                await session.status(1)
        assert not client.is_closed
        assert (await client.get(panel.url)).status_code == 500


async def test_a_session_closes_the_client_that_it_made(panel: SimulatedPanel) -> None:
    session = session_with(panel)
    await session.status(1)
    client = account_of(session).exchange.client
    await session.aclose()
    await session.aclose()
    assert client.is_closed


@virtual
async def test_after_its_end_every_verb_says_that_the_session_is_closed() -> None:
    panel = Panel()
    session = session_over(panel)
    await session.aclose()
    calls: list[Callable[[], Awaitable[object]]] = [
        session.list_vpses,
        session.fleet,
        lambda: session.status(1),
        lambda: session.start(1),
        lambda: session.stop(1),
        lambda: session.restart(1),
        lambda: session.wait_until(1, PowerState.RUNNING),
    ]
    for call in calls:
        with pytest.raises(SessionClosedError, match=r"the session with panel\.example\.net is closed"):
            await call()
    assert panel.requests == []


@virtual
async def test_the_end_of_a_session_is_told_to_all_who_wait_and_lets_end_what_is_under_way() -> None:
    panel = Panel(answer_late)
    session = session_over(panel, limits=Limits(max_concurrency=1))
    under_way = asyncio.create_task(session.status(1))
    await asyncio.sleep(1)
    waiting: list[asyncio.Task[object]] = [
        asyncio.create_task(session.status(2)),
        asyncio.create_task(session.start(3)),
        asyncio.create_task(session.list_vpses()),
        asyncio.create_task(session.wait_until(4, PowerState.STOPPED)),
    ]
    await asyncio.sleep(1)
    await session.aclose()
    for task in waiting:
        with pytest.raises(SessionClosedError):
            await task
    assert virtual_loop().time() == 2
    assert (await under_way).state is PowerState.RUNNING
    assert len(panel.requests) == 1


def test_a_session_says_in_words_that_it_belongs_to_another_event_loop() -> None:
    session = session_over(Panel())

    async def use() -> None:
        await session.list_vpses()
        await session.status(1)

    asyncio.run(use())
    with pytest.raises(ConfigurationError, match="first used on another event loop"):
        asyncio.run(use())
    # What it has learned can be looked at from anywhere.
    assert [report.in_flight for report in session.node_states()] == [0]
    asyncio.run(session.aclose())
    assert account_of(session).closed


def test_a_session_is_not_closed_from_another_loop_while_its_own_is_alive() -> None:
    session = session_over(Panel())

    async def use_and_close_elsewhere() -> None:
        await session.status(1)
        failures: list[Exception] = []

        def close() -> None:
            try:
                asyncio.run(session.aclose())
            except ConfigurationError as error:
                failures.append(error)

        thread = threading.Thread(target=close)
        thread.start()
        await asyncio.to_thread(thread.join)
        assert len(failures) == 1
        await session.aclose()

    asyncio.run(use_and_close_elsewhere())


@pytest.fixture
def panel_in_thread() -> Iterator[SimulatedPanel]:
    with SimulatedPanel(vpses=1) as panel:
        yield panel


def test_a_session_with_a_client_of_its_own_can_be_closed_after_its_loop(panel_in_thread: SimulatedPanel) -> None:
    session = session_with(panel_in_thread)

    async def use() -> None:
        await session.status(1)

    with warnings.catch_warnings():
        # Of its connection, which nobody can close any more, asyncio complains by itself.
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(use())
        asyncio.run(session.aclose())
        gc.collect()
    assert account_of(session).closed


def test_a_session_that_is_forgotten_warns_and_says_what_to_do() -> None:
    session = session_over(Panel())
    with pytest.warns(ResourceWarning, match=r"<CvmSession 'panel.example.net' .*> was never closed: use `async with`"):
        del session


SCRIPT = """
import asyncio, cvm_async
session = cvm_async.CvmSession("https://panel.example.net", public_token="a", private_token="b")
async def close():
    await session.aclose()
{close}
"""


def said_by_python(script: str, *options: str) -> str:
    # What is run is this interpreter and a script that stands above.
    run = subprocess.run([sys.executable, *options, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    return run.stderr


@pytest.mark.parametrize("closes", [True, False])
def test_at_the_interpreters_end_a_forgotten_session_makes_no_noise_but_its_warning(*, closes: bool) -> None:
    script = SCRIPT.format(close="asyncio.run(close())" if closes else "")
    assert said_by_python(script) == ""
    loud = said_by_python(script, "-W", "always::ResourceWarning")
    assert ("was never closed" in loud) is not closes
    assert "Traceback" not in loud
    assert "Exception ignored" not in loud


# What a person should know.


@virtual
async def test_a_list_that_cannot_be_read_whole_is_warned_of_and_again_only_when_it_has_changed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = {**LISTED, "id": "2", "guaranteed_ram": f"{PRIVATE}\x1b"}
    worse = {"response": {"vpses": [LISTED, broken, {**broken, "id": "3"}]}}
    bodies = [{"response": {"vpses": [LISTED, broken]}}] * 2 + [LIST, worse]
    async with session_over(Panel(*[answer(200, body) for body in bodies])) as session:
        lists = [await session.list_vpses() for _ in bodies]
    assert [[vps.id for vps in vpses] for vpses in lists] == [[1, 2], [1, 2], [1], [1, 2, 3]]
    assert [len(vpses.problems) for vpses in lists] == [1, 1, 0, 2]
    first, second = warnings_of(caplog)
    assert first.startswith(
        "panel.example.net: not all of the list of VPSes can be read: response.vpses[1].guaranteed_ram is "
    )
    assert second == f"{first}, and 1 more such"
    assert PRIVATE not in first
    assert first.isprintable()


@virtual
async def test_the_last_list_tells_on_which_node_a_bare_id_is() -> None:
    bare = {key: text for key, text in LISTED.items() if key != "node"} | {"id": "2"}
    async with session_over(Panel(answer(200, {"response": {"vpses": [LISTED, bare]}}))) as session:
        vpses = await session.list_vpses()
        for vps in (1, 2, vpses[1]):
            await session.status(vps)
        assert [report.node for report in session.node_states()] == [1]


# Cancellation.


class Churned:
    """A server that takes its time, and often closes, cuts or resets."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - for variety only
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_calm = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'{"response":{"status":"running"}}'
        good = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    chance = 1.0 if self.is_calm else self._random.random()
                    if not self.is_calm:
                        await asyncio.sleep(self._random.uniform(0, 0.02))
                    if chance < 0.1:  # Reset.
                        writer.transport.abort()
                        return
                    writer.write(good[:-5] if chance < 0.2 else good)
                    if chance < 0.4:  # Cut, or closed unannounced.
                        return
        finally:
            writer.close()


@pytest.mark.parametrize("kind", ["own", "lanes", "plain httpx"])
async def test_after_many_cancellations_every_call_is_answered(kind: str) -> None:
    client = {"own": None, "lanes": lane_client(), "plain httpx": httpx.AsyncClient()}[kind]
    chance = random.Random(7)  # noqa: S311 - for variety only
    async with Churned(11) as server:
        session = CvmSession(
            server.url,
            public_token=PUBLIC,
            private_token=PRIVATE,
            client=client,
            limits=Limits(max_concurrency=8),
            timeouts=Timeouts(connect=2, read=2),
            retry=Retry(attempts=2, max_wait=0.01),
        )

        async def caller() -> None:
            for _ in range(8):
                with suppress(CvmError, TimeoutError):
                    async with asyncio.timeout(chance.uniform(0.0005, 0.03)):
                        await session.status(chance.randint(1, 99))

        async with session:
            await asyncio.gather(*[caller() for _ in range(30)])
            assert account_of(session).gates.in_flight == 0
            server.is_calm = True
            answers = await asyncio.gather(*[session.status(number) for number in range(1, 101)])
            assert [status.state for status in answers] == [PowerState.RUNNING] * 100
        if client is not None:
            await client.aclose()


@virtual
async def test_a_vps_object_of_another_session_is_taken_by_its_id() -> None:
    panel = Panel()
    vps = Vps(id=7, hostname="x", node=3, virtualization_type=1, guaranteed_ram=1, disk_space=1, cpu_count=1)
    async with session_over(panel) as session:
        await session.status(vps)
        assert [report.node for report in session.node_states()] == [3]
    assert panel.requests[0].url.path == "/api/client/vps/7/status"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"timeouts": 10}, r"timeouts must be Timeouts\(read=15.0\), not 10"),
        ({"limits": 16}, r"limits must be Limits\(max_concurrency=16\), not 16"),
        ({"retry": {"attempts": 3}}, r"retry must be Retry\(attempts=3\), not a dict"),
        ({"client": httpx.Client()}, r"client must be an httpx.AsyncClient, not a httpx.Client"),
        ({"client": "https://panel.example.net"}, r"client must be an httpx.AsyncClient, not 'https://panel"),
        ({"name": 7}, "name must be a text, not 7"),
        ({"url": None}, "the panel's URL must be a text such as https://panel.example.net, not a NoneType"),
        ({"url": 7}, "the panel's URL must be a text such as https://panel.example.net, not an int"),
        ({"public_token": 7}, "public_token is empty, or no text"),
        ({"allow_insecure": "no"}, "allow_insecure must be True or False, not 'no'"),
    ],
)
def test_what_is_of_a_wrong_type_is_refused_at_once_and_says_what_was_meant(
    settings: dict[str, Any], says: str
) -> None:
    usual: dict[str, Any] = {"url": "https://panel.example.net", "public_token": "a", "private_token": "b"}
    with pytest.raises(ConfigurationError, match=says):
        CvmSession(**usual | settings)
