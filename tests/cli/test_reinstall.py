"""`reinstall` asks for the hostname, and `templates` lists what there is."""

import json
from collections.abc import Callable, Iterator

import pytest
from schema import held

from cvm_async.cli.exits import Exit
from cvm_async.panel import SimulatedPanel, uncaught

from .conftest import Cvm, Tty, use

WEB = "web-001.example.net"


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedPanel]:
    with SimulatedPanel(vpses=6, nodes=2, api="2013") as panel:
        use(monkeypatch, panel)
        yield panel


def test_a_person_who_types_the_hostname_gets_it(
    cvm: Cvm, later: SimulatedPanel, at_terminal: Callable[[str], Tty]
) -> None:
    seen = at_terminal(f"{WEB}\n")
    ran = cvm("reinstall", "web-001", "--template", "2")
    assert ran.status == Exit.DONE
    assert ran.out.startswith(f"{WEB} (1) reinstalled in ")
    assert f"All that is on {WEB} (id 1 on 127.0.0.1, node 1) will be" in seen.getvalue()
    assert later.reinstalls == [(1, 2)]


@pytest.mark.parametrize("typed", ["", "y\n", "yes\n", "1\n", "web-001\n", "db-001.example.net\n"])
def test_whatever_else_is_typed_nothing_is_done(
    cvm: Cvm, later: SimulatedPanel, at_terminal: Callable[[str], Tty], typed: str
) -> None:
    seen = at_terminal(typed)
    assert cvm("reinstall", "1", "--template", "2").status == Exit.FAILED
    assert "nothing was done" in seen.getvalue()
    assert not later.actions


def test_where_nobody_can_be_asked_the_command_has_to_say_the_hostname(cvm: Cvm, later: SimulatedPanel) -> None:
    ran = cvm("reinstall", "1", "--template", "2")
    assert (ran.status, "needs --confirm with its hostname" in ran.err) == (Exit.USAGE, True)
    assert not later.requests
    assert cvm("reinstall", "1", "--template", "2", "--confirm", "db-001.example.net").status == Exit.USAGE
    assert not later.actions
    ran = cvm("reinstall", "1", "--template", "2", "--confirm", WEB, "--json")
    assert ran.status == Exit.DONE
    held("reinstalled", json.loads(ran.out))
    assert later.reinstalls == [(1, 2)]


@pytest.mark.parametrize(
    "words",
    [["1", "2"], ["--all"], ["1-2"], ["--node", "1"], ["web-001", "--yes"], []],
    ids=["two", "all", "a range", "a node", "an agreement to whatever", "none"],
)
@pytest.mark.usefixtures("later")
def test_it_is_for_one_vps_alone(cvm: Cvm, words: list[str]) -> None:
    assert cvm("reinstall", *words, "--template", "2", "--confirm", WEB).status in {Exit.USAGE, Exit.FAILED}


def test_where_it_is_not_answered_that_is_said(cvm: Cvm, later: SimulatedPanel) -> None:
    later.inject(uncaught(after_action=True), verb="reinstall")
    ran = cvm("reinstall", "1", "--template", "2", "--confirm", WEB)
    assert (ran.status, "whether the VPS was reinstalled is unknown" in ran.err) == (Exit.FAILED, True)
    assert later.reinstalls == [(1, 2)]


def test_on_the_specifications_revision_there_is_none(cvm: Cvm, panel: SimulatedPanel) -> None:
    ran = cvm("reinstall", "1", "--template", "2", "--confirm", WEB)
    assert (ran.status, "it has the revision of 2012" in ran.err) == (Exit.FAILED, True)
    assert cvm("templates").status == Exit.FAILED
    assert not panel.actions


@pytest.mark.usefixtures("later")
def test_templates_are_listed_with_what_is_to_be_known(cvm: Cvm) -> None:
    ran = cvm("templates")
    assert ran.status == Exit.DONE
    assert [line.split()[0] for line in ran.out.splitlines()[2:]] == ["1", "2", "3", "4", "5"]
    assert "cannot be installed, no longer supported" in ran.out
    held("templates", json.loads(cvm("templates", "--json").out))
    assert cvm("templates", "-o", "csv").out.startswith("panel,id,name")
