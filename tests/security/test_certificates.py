"""A panel whose certificate is not its own gets no request, and so no token: over every client."""

import datetime as dt
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest
import trustme

from cvm_async import CvmSession, NotSentError, Retry, fast_client, lane_client
from cvm_async.panel import SimulatedPanel

pytestmark = pytest.mark.usefixtures("no_proxies_from_outside")

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

CERTIFICATES: Mapping[str, Callable[[trustme.CA], trustme.LeafCert]] = {
    "of an authority that is not known": lambda _: trustme.CA().issue_cert("127.0.0.1"),
    "expired": lambda authority: authority.issue_cert(
        "127.0.0.1", not_before=LONG_AGO, not_after=LONG_AGO + dt.timedelta(days=1)
    ),
    "of another host": lambda authority: authority.issue_cert("panel.invalid"),
    "of another address": lambda authority: authority.issue_cert("127.0.0.2"),
}

CLIENTS: Mapping[str, Callable[[ssl.SSLContext], httpx.AsyncClient]] = {
    "lanes": lambda context: lane_client(verify=context),
    "fast": lambda context: fast_client(verify=context),
    "httpx": lambda context: httpx.AsyncClient(verify=context),
}


def served_with(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] -- typed with pyOpenSSL's contexts too
    return context


async def refused(tls: ssl.SSLContext, client: httpx.AsyncClient) -> None:
    """See that a panel with this certificate is asked nothing."""
    async with (
        SimulatedPanel(vpses=1, tls=tls) as panel,
        client,
        CvmSession(panel.url, public_token="a", private_token="b", client=client, retry=Retry(attempts=1)) as session,
    ):
        with pytest.raises(NotSentError) as error:
            await session.list_vpses()
        assert not error.value.may_pass
        with pytest.raises(NotSentError):
            await session.stop(1)
        assert not panel.requests


@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize("certificate", CERTIFICATES.values(), ids=CERTIFICATES)
async def test_nothing_is_sent_to_whoever_has_no_certificate_of_the_panels(
    authority: trustme.CA,
    client_tls: ssl.SSLContext,
    certificate: Callable[[trustme.CA], trustme.LeafCert],
    make: Callable[[ssl.SSLContext], httpx.AsyncClient],
) -> None:
    await refused(served_with(certificate(authority)), make(client_tls))


@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS)
async def test_nothing_is_sent_to_whoever_signed_for_themselves(
    client_tls: ssl.SSLContext, tmp_path: Path, make: Callable[[ssl.SSLContext], httpx.AsyncClient]
) -> None:
    own = trustme.CA()
    file = tmp_path / "own.pem"
    file.write_bytes(own.private_key_pem.bytes() + own.cert_pem.bytes())
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    await refused(context, make(client_tls))


async def test_a_session_of_its_own_trusts_no_private_authority(server_tls: ssl.SSLContext) -> None:
    async with (
        SimulatedPanel(vpses=1, tls=server_tls) as panel,
        CvmSession(panel.url, public_token="a", private_token="b", retry=Retry(attempts=1)) as session,
    ):
        with pytest.raises(NotSentError, match="certificate"):
            await session.list_vpses()
        assert not panel.requests
