"""What one look at a panel tells, whatever is wrong with it; nothing is raised."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from attrs import evolve
from schema import held

from cvm_async import Timeouts
from cvm_async._profiles.choice import Access
from cvm_async._profiles.profile import Ways
from cvm_async._secret import Secret
from cvm_async.cli.check.looking import look_at
from cvm_async.panel import Hang, SimulatedPanel, SimulatedVps
from cvm_async.panel.routes import Api

CA = trustme.CA()


def access_to(panel: SimulatedPanel, *, ways: Ways | None = None) -> Access:
    return Access(
        url=panel.url,
        public_token=Secret(panel.public_token),
        private_token=Secret(panel.private_token),
        ways=ways or Ways(),
    )


@pytest.fixture
def encrypted() -> Iterator[SimulatedPanel]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = CA.issue_cert("127.0.0.1", not_after=datetime.now(UTC) + timedelta(days=10, hours=1))
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] -- typed with pyOpenSSL's contexts too
    with SimulatedPanel(vpses=1, tls=context) as panel:
        yield panel


@pytest.mark.parametrize(
    ("api", "documented", "revision"),
    [("2012", False, "2012"), ("2013", False, "2013"), ("2013", True, "2013"), ("both", False, "2012")],
)
async def test_a_panel_that_is_well(api: Api, revision: str, *, documented: bool) -> None:
    async with SimulatedPanel(vpses=3, api=api, documented_list=documented, clock_skew=-90.0) as panel:
        found = await look_at(access_to(panel, ways=Ways(name="acme")))
    assert (found.panel, found.error, found.revision, found.tokens) == ("acme", None, revision, "accepted")
    assert (found.vpses, found.diagnostics, found.certificate) == (3, None, None)
    assert found.clock_skew == pytest.approx(-90.0, abs=30.0)
    assert found.latency is not None
    held("panel_check", found.to_dict())


async def test_without_a_vps_either_revision_may_be_it() -> None:
    async with SimulatedPanel(vpses=0) as panel:
        assert (await look_at(access_to(panel))).revision is None


async def test_what_a_person_says_of_the_revision_is_not_found_out() -> None:
    async with SimulatedPanel(vpses=1) as panel:
        assert (await look_at(access_to(panel, ways=Ways(api="2012")))).revision == "2012"
        assert len(panel.requests) == 1


async def test_diagnostics_are_told_without_tokens() -> None:
    async with SimulatedPanel(vpses=[SimulatedVps(id=1)], diagnostics=1, private_token="array") as panel:
        told = (await look_at(access_to(panel))).diagnostics
    assert told is not None
    assert told.startswith("Warning: Undefined … key")


@pytest.mark.parametrize(("api", "revision"), [("2012", None), ("2013", "2013")])
async def test_wrong_tokens(api: Api, revision: str | None) -> None:
    async with SimulatedPanel(vpses=1, api=api) as panel:
        found = await look_at(evolve(access_to(panel), private_token=Secret("other")))
        assert (found.tokens, found.revision, found.vpses) == ("not accepted", revision, None)
        held("panel_check", found.to_dict())
        panel.client_api = False
        assert (await look_at(access_to(panel))).tokens == "no access"


async def test_a_host_that_is_not_there() -> None:
    async with SimulatedPanel(vpses=1) as panel:
        access = access_to(panel)
    found = await look_at(access)
    assert (found.error and found.error.kind, found.tokens, found.latency, found.clock_skew) == (
        "not_sent",
        None,
        None,
        None,
    )
    held("panel_check", found.to_dict())


async def test_a_panel_that_says_nothing_and_one_that_tells_no_time() -> None:
    async with SimulatedPanel(vpses=1, clock_skew=None) as panel:
        assert (await look_at(access_to(panel))).clock_skew is None
        panel.inject(Hang())
        found = await look_at(access_to(panel, ways=Ways(timeouts=Timeouts(read=0.01))))
        assert found.error
        assert found.error.kind == "no_answer"
        panel.clear_faults()


@pytest.mark.parametrize("url", ["http://panel.example.net", "https://user:secret@panel.example.net", "nonsense", ""])
async def test_an_address_that_cannot_be_one(url: str) -> None:
    found = await look_at(Access(url=url, public_token=Secret("p"), private_token=Secret("s")))
    assert found.error
    assert found.error.kind == "configuration"
    assert "secret" not in str(found)
    held("panel_check", found.to_dict())


async def test_a_certificate_that_is_trusted(encrypted: SimulatedPanel, tmp_path: Path) -> None:
    CA.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    found = await look_at(access_to(encrypted, ways=Ways(ca_file=str(tmp_path / "ca.pem"))))
    assert found.certificate
    assert (found.certificate.days, found.certificate.is_trusted) == (10, True)
    held("panel_check", found.to_dict())


async def test_a_certificate_that_is_not(encrypted: SimulatedPanel) -> None:
    found = await look_at(access_to(encrypted))
    assert found.certificate
    assert (found.certificate.days, found.certificate.is_trusted, found.tokens) == (10, False, None)


async def test_an_authority_that_is_not_there(encrypted: SimulatedPanel, tmp_path: Path) -> None:
    found = await look_at(access_to(encrypted, ways=Ways(ca_file=str(tmp_path / "none.pem"))))
    assert found.error
    assert found.error.kind == "configuration"


async def test_https_where_none_is_spoken_has_no_certificate() -> None:
    async with SimulatedPanel(vpses=1) as panel:
        access = access_to(panel)
        found = await look_at(evolve(access, url=access.url.replace("http:", "https:")))
    assert (found.certificate, found.error and found.error.kind) == (None, "not_sent")
