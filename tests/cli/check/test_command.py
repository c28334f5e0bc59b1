"""`check` in a table and as JSON, of one panel and of several, and what its exit status says."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from schema import held

from cli.conftest import Cvm
from cvm_async import AuthenticationError, NotSentError
from cvm_async.cli.check.command import _concerns, _facts
from cvm_async.cli.check.looking import Certificate, PanelCheck
from cvm_async.cli.exits import Exit
from cvm_async.panel import SimulatedPanel

# pyright: reportPrivateUsage=false

WELL = PanelCheck(
    panel="acme", url="https://acme.example.net", revision="2013", tokens="accepted", vpses=3, latency=0.5
)
UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


def certificate(days: int, *, trusted: bool | None = True) -> Certificate:
    return Certificate(until=UNTIL, days=days, is_trusted=trusted)


def test_it_tells_what_the_environments_panel_is(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("check")
    assert ran.status == Exit.DONE
    lines = {line[:15].strip(): line[15:].strip() for line in ran.out.splitlines()}
    assert (lines["API"], lines["tokens"], lines["VPSes"]) == ("2012 (the specification's)", "accepted", "24")
    assert (lines["address"], lines["clock"], lines["PHP diagnostics"]) == (f"{panel.url}/", "as here", "none")
    assert lines["certificate"] == "none: not encrypted"
    assert ran.err == ""


@pytest.mark.usefixtures("panel")
def test_as_json_it_is_what_the_schema_says(cvm: Cvm) -> None:
    told = json.loads(cvm("check", "-o", "json").out)
    held("check", told)
    assert [each["ok"] for each in told["panels"]] == [True]


@pytest.mark.usefixtures("panel")
@pytest.mark.parametrize("output", ["csv", "jsonl", "yaml", "wide"])
def test_it_is_printed_in_every_way(cvm: Cvm, output: str) -> None:
    assert "accepted" in cvm("check", "-o", output).out


def test_wrong_tokens_end_with_4_and_a_dead_host_with_1(
    cvm: Cvm, panel: SimulatedPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CVM_PRIVATE_TOKEN", "other")
    ran = cvm("check")
    assert (ran.status, "not accepted" in ran.out) == (Exit.REFUSED, True)
    panel.refuse_connections()
    ran = cvm("check")
    assert (ran.status, "no: not sent" in ran.out) == (Exit.FAILED, True)
    assert "nothing listens there" in ran.err


def test_several_profiles_stand_side_by_side(
    cvm: Cvm, panel: SimulatedPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cvm_async" / "profiles.toml"
    file.parent.mkdir()
    file.touch(mode=0o600)
    tokens = f'public_token = "{panel.public_token}"\n'
    file.write_text(
        f'[work]\nurl = "{panel.url}"\n{tokens}private_token = "{panel.private_token}"\n'
        f'[home]\nurl = "{panel.url}"\n{tokens}private_token = "other"\n'
    )
    for name in ("CVM_URL", "CVM_PUBLIC_TOKEN", "CVM_PRIVATE_TOKEN"):
        monkeypatch.delenv(name)
    ran = cvm("check", "--profile", "work,home")
    assert ran.status == Exit.PARTLY
    assert ran.out.splitlines()[0].split() == ["PANEL", "work", "home"]
    assert "home: the panel does not accept" in ran.err


@pytest.mark.parametrize(
    ("found", "fact", "text"),
    [
        (WELL, "certificate", "not known"),
        (PanelCheck(panel="a", url="https://a", certificate=certificate(90)), "certificate", "90 days left"),
        (
            PanelCheck(panel="a", url="https://a", certificate=certificate(-3, trusted=False)),
            "certificate",
            "ended 3 days ago, not trusted",
        ),
        (
            PanelCheck(panel="a", url="https://a", certificate=certificate(9, trusted=None)),
            "certificate",
            "9 days left, unchecked",
        ),
        (PanelCheck(panel="a", url="https://a", clock_skew=7200.4), "clock", "7,200 s ahead"),
        (PanelCheck(panel="a", url="https://a", clock_skew=-7.0), "clock", "7 s behind"),
        (PanelCheck(panel="a", url="https://a", clock_skew=0.4), "clock", "as here"),
        (PanelCheck(panel="a", url="https://a", diagnostics="Warning"), "PHP diagnostics", "Warning"),
        (PanelCheck(panel="a", url="https://a", error=NotSentError("x")), "PHP diagnostics", "not known"),
        (WELL, "latency", "500 ms"),
    ],
)
def test_a_fact_is_told_in_few_words(found: PanelCheck, fact: str, text: str) -> None:
    assert dict(_facts(found))[fact] == text


@pytest.mark.parametrize(
    ("found", "sentences"),
    [
        (WELL, []),
        (PanelCheck(panel="a", url="b", clock_skew=-7.0), ["a: its clock is 7 s behind of this machine's"]),
        (PanelCheck(panel="a", url="b", certificate=certificate(3)), ["a: its certificate ends on 2030-01-01"]),
        (PanelCheck(panel="a", url="b", error=AuthenticationError("no", status_code=401)), ["a: no"]),
    ],
)
def test_what_somebody_should_see_to_is_a_sentence(found: PanelCheck, sentences: list[str]) -> None:
    assert list(_concerns(found)) == sentences
