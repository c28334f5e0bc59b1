import copy
import pickle

import pytest

from cvm_async._api.verbs import DOCUMENTED, LAYOUTS, RUNNING, SPECIFIED, Verb, VerbRow, acts, past_of
from cvm_async.errors import ConfigurationError
from cvm_async.models import PowerState


@pytest.mark.parametrize("verb", Verb)
def test_looking_may_be_repeated_and_acting_may_not(verb: Verb) -> None:
    assert verb.row.repeatable is (verb not in (Verb.START, Verb.STOP, Verb.RESTART, Verb.REINSTALL))
    assert verb.row.repeatable is (verb.row.leads_to is None) or verb is Verb.REINSTALL
    assert acts(verb) is not verb.row.repeatable


@pytest.mark.parametrize("verb", Verb)
def test_what_names_a_vps_is_about_one(verb: Verb) -> None:
    about_one = (Verb.STATUS, Verb.START, Verb.STOP, Verb.RESTART, Verb.REINSTALL)
    assert verb.row.about_one_vps is (verb in about_one)


@pytest.mark.parametrize("verb", [Verb.STATUS, Verb.START, Verb.STOP, Verb.RESTART, Verb.REINSTALL])
def test_what_is_about_one_vps_ends_with_its_word(verb: Verb) -> None:
    assert verb.row.path.endswith(f"/{verb}")


def test_only_a_list_and_a_status_are_elsewhere_in_the_later_revision() -> None:
    moved = [verb for verb in Verb if RUNNING.path(verb) != SPECIFIED.path(verb)]
    assert moved == [Verb.LIST, Verb.STATUS]
    assert [verb for verb in Verb if DOCUMENTED.path(verb) != RUNNING.path(verb)] == [Verb.LIST]
    assert [layout.revision for layout in LAYOUTS] == ["2012", "2013", "2013"]


def test_an_action_that_leads_back_to_where_it_began_is_not_settled_by_a_status() -> None:
    assert [verb for verb in Verb if verb.row.settled_by_status] == [Verb.START, Verb.STOP]
    assert Verb.RESTART.goal is PowerState.RUNNING


def test_looking_leads_to_no_state_that_could_be_waited_for() -> None:
    with pytest.raises(ConfigurationError, match="the verb list leads to no state"):
        _ = Verb.LIST.goal


def test_one_verb_brings_a_vps_to_running_and_one_to_stopped() -> None:
    assert Verb.bringing_to(PowerState.RUNNING) is Verb.START
    assert Verb.bringing_to(PowerState.STOPPED) is Verb.STOP


@pytest.mark.parametrize(
    ("word", "past"),
    [("status", "read"), ("stop", "stopped"), ("restart", "restarted"), ("paint", "done"), ("", "done")],
)
def test_every_word_has_a_past(word: str, past: str) -> None:
    assert past_of(word) == past


def test_a_verb_is_its_word_and_stays_itself_when_copied_and_pickled() -> None:
    assert f"{Verb.START}" == Verb.START.value == "start"
    assert pickle.loads(pickle.dumps(Verb.START)) is Verb.START
    assert copy.deepcopy(Verb.START) is Verb.START


def test_rows_compare_by_value() -> None:
    assert VerbRow("GET", "/x/{id}", "reading", "read") == VerbRow("GET", "/x/{id}", "reading", "read")
