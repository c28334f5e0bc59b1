"""OpenTelemetry's instrumentation of httpx shows each call as one span, over whichever client, and no token in it."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import httpx
import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cvm_async import CvmSession, NotSentError, fast_client, lane_client
from cvm_async.panel import SimulatedPanel

CLIENTS = [lane_client, fast_client, httpx.AsyncClient]
CAPTURE = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST"


@pytest.fixture(scope="module")
def panel() -> Iterator[SimulatedPanel]:
    with SimulatedPanel(vpses=3, nodes=1, cost=0.0, boot_time=0.0, shutdown_time=0.0) as panel:
        yield panel


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(spans: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return provider


@contextmanager
def instrumented(provider: TracerProvider) -> Generator[None]:
    instrumentor = HTTPXClientInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        yield
    finally:
        instrumentor.uninstrument()


def session_on(panel: SimulatedPanel, client: httpx.AsyncClient | None = None) -> CvmSession:
    return CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token, client=client)


async def called(session: CvmSession) -> None:
    await session.list_vpses()
    await session.status(1)
    await session.restart(1)


def told(spans: Sequence[ReadableSpan]) -> list[tuple[str, str]]:
    return [(span.name, str((span.attributes or {})["http.url"]).partition("/api/client/vps")[2]) for span in spans]


THREE = [("GET", "/list"), ("GET", "/1/status"), ("POST", "/1/restart")]


@pytest.mark.parametrize("make", [*CLIENTS, None], ids=["lane_client", "fast_client", "httpx", "the session's own"])
@pytest.mark.parametrize("first", [True, False], ids=["before the session", "after it"])
async def test_all_clients_are_instrumented_at_once(
    panel: SimulatedPanel,
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    make: Callable[[], httpx.AsyncClient] | None,
    *,
    first: bool,
) -> None:
    def when(*, now: bool) -> AbstractContextManager[None]:
        return instrumented(provider) if now else nullcontext()

    with when(now=first):
        client = None if make is None else make()
        async with session_on(panel, client) as session:
            with when(now=not first):
                await called(session)
        if client is not None:
            await client.aclose()
    assert told(spans.get_finished_spans()) == THREE


@pytest.mark.parametrize("make", CLIENTS, ids=["lane_client", "fast_client", "httpx"])
@pytest.mark.parametrize("first", [True, False], ids=["before the session", "after it"])
async def test_one_client_is_instrumented(
    panel: SimulatedPanel,
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    make: Callable[[], httpx.AsyncClient],
    *,
    first: bool,
) -> None:
    client = make()
    if first:
        HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
    async with client, session_on(panel, client) as session:
        await session.list_vpses()
        if not first:
            spans.clear()
            HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
            await session.list_vpses()
        await session.status(1)
        await session.restart(1)
        assert told(spans.get_finished_spans()) == THREE
        HTTPXClientInstrumentor.uninstrument_client(client)
        await session.list_vpses()
    assert len(spans.get_finished_spans()) == len(THREE)


@pytest.mark.parametrize("proxies", [{}, {"http_proxy": "http://127.0.0.1:1", "no_proxy": "x"}], ids=["none", "some"])
async def test_a_call_through_a_mount_is_one_span(
    panel: SimulatedPanel,
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    monkeypatch: pytest.MonkeyPatch,
    proxies: dict[str, str],
) -> None:
    for name, value in proxies.items():
        monkeypatch.setenv(name, value)
    client = lane_client(mounts={"http://": None, "all://127.0.0.1": None})
    HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
    async with client, session_on(panel, client) as session:
        await called(session)
    assert told(spans.get_finished_spans()) == THREE


@pytest.mark.parametrize("make", CLIENTS, ids=["lane_client", "fast_client", "httpx"])
async def test_no_token_is_in_a_span_not_even_where_all_headers_are_captured(
    panel: SimulatedPanel,
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], httpx.AsyncClient],
) -> None:
    monkeypatch.setenv(CAPTURE, ".*")
    client = make()
    HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
    async with client, session_on(panel, client) as session:
        await called(session)
    texts = [span.to_json() for span in spans.get_finished_spans()]
    assert all('"http.request.header.api_private_token"' in text and "[token]" in text for text in texts)
    assert not any(panel.private_token in text or panel.public_token in text for text in texts)


async def test_what_fails_is_a_span_that_holds_no_token_either(
    spans: InMemorySpanExporter, provider: TracerProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CAPTURE, ".*")
    with instrumented(provider):
        session = CvmSession("http://127.0.0.1:1", public_token="public-words", private_token="private-words")
        async with session:
            with pytest.raises(NotSentError):
                await session.restart(1)
    texts = [span.to_json() for span in spans.get_finished_spans()]
    assert texts
    assert not any("public-words" in text or "private-words" in text for text in texts)
