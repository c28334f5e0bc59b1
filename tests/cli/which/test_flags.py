"""What the flags say goes together, or is refused before the panel is asked."""

import io

import pytest

from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.which.flags import Selection
from cvm_async.cli.which.found import Which
from cvm_async.models import PowerState


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(all=True), ("1",)),
        (Selection(node=("1",)), ("web1",)),
        (Selection(all=True, match=("web*",)), ()),
        (Selection(all=True, stdin=True), ()),
        (Selection(match=("web*",), stdin=True), ()),
    ],
    ids=["all and ids", "node and names", "all and match", "all and stdin", "match and stdin"],
)
def test_one_way_of_saying_which_is_enough(selection: Selection, names: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="not several of them") as caught:
        selection.read(names, none_is_all=True)
    assert caught.value.status is Exit.USAGE


def test_saying_nothing_means_all_where_nothing_is_changed() -> None:
    assert Selection().read((), none_is_all=True) == Which()
    with pytest.raises(CommandError, match="say which VPSes"):
        Selection().read((), none_is_all=False)


def test_not_to_exclude_says_which() -> None:
    spared = Selection(exclude=("web1",))
    assert spared.read((), none_is_all=True) == Which(spared=("web1",))
    with pytest.raises(CommandError, match="say which VPSes"):
        spared.read((), none_is_all=False)


@pytest.mark.parametrize(
    ("selection", "names", "which"),
    [
        (Selection(), ("web1", "1-2"), Which(names=("web1", range(1, 3)))),
        (Selection(all=True, state=("Stopped",)), (), Which(states=frozenset({PowerState.STOPPED}))),
        (
            Selection(state=("stopped,suspended", "running")),
            (),
            Which(states=frozenset({PowerState.STOPPED, PowerState.SUSPENDED, PowerState.RUNNING})),
        ),
        (
            Selection(node=("1,2",), match=("web*", "db*,mail*")),
            (),
            Which(nodes=(range(1, 2), range(2, 3)), match=("web*", "db*", "mail*")),
        ),
        (
            Selection(exclude=("web1,7", "DB*")),
            ("1-9",),
            Which(names=(range(1, 10),), spared=("web1", "7"), unlike=("db*",)),
        ),
    ],
    ids=["names", "all in a state", "states", "nodes and patterns", "excluded"],
)
def test_flags_and_names_are_understood(selection: Selection, names: tuple[str, ...], which: Which) -> None:
    assert selection.read(names, none_is_all=False) == which


def test_names_from_standard_input_add_to_those_that_were_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("web2\n7,8\n"))
    assert Selection(stdin=True).read(("web1",), none_is_all=False) == Which(names=("web1", "web2", "7", "8"))


@pytest.mark.parametrize("word", ["stoped", "start", "--"])
def test_a_state_that_the_api_does_not_have_is_refused(word: str) -> None:
    with pytest.raises(CommandError, match=f"--state: '{word}' is none of running, stopped,") as caught:
        Selection(state=(word,)).read((), none_is_all=True)
    assert caught.value.status is Exit.USAGE


@pytest.mark.parametrize("selection", [Selection(match=("",)), Selection(exclude=("",)), Selection(state=("",))])
def test_a_flag_with_nothing_in_it_is_refused(selection: Selection) -> None:
    with pytest.raises(CommandError, match="has an empty name in it"):
        selection.read((), none_is_all=True)
