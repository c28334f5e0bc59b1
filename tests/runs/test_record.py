import json
import pickle

from cvm_async._api.verbs import Verb
from cvm_async.runs.record import ENDED, UNSETTLED, TargetState
from runs.makes import record


def test_a_summary_counts_how_far_it_is() -> None:
    summary = record(TargetState.DONE, TargetState.DONE, TargetState.TODO).summary
    assert summary.counts == {TargetState.DONE: 2, TargetState.TODO: 1}
    assert summary.total == 3
    assert summary.panels == ("panel",)


def test_a_run_is_over_when_nothing_is_left_to_resume() -> None:
    assert record(*ENDED).summary.is_over
    assert record().summary.is_over
    for state in TargetState:
        assert record(TargetState.DONE, state).summary.is_over is (state in ENDED)


def test_a_restart_that_nobody_can_know_of_is_over_once_that_was_said() -> None:
    for verb, over in ((Verb.STOP, False), (Verb.RESTART, True)):
        assert record(TargetState.UNKNOWN, verb=verb).summary.is_over is over
        assert not record(TargetState.SENT, verb=verb).summary.is_over


def test_what_nobody_knows_is_not_over() -> None:
    assert not UNSETTLED & ENDED


def test_all_of_it_goes_into_json_and_pickles() -> None:
    whole = record(*TargetState)
    shown = json.loads(json.dumps(whole.to_dict()))
    assert shown["version"] == 1
    assert [target["state"] for target in shown["targets"]] == [state.value for state in TargetState]
    assert shown["turns"][0]["ended_at"] is None
    assert shown["counts"]["todo"] == 1
    assert pickle.loads(pickle.dumps(whole)) == whole


def test_a_vps_is_named_by_its_panels_address_and_its_id() -> None:
    assert record(TargetState.TODO).targets[0].key == ("https://panel.example.net/", 1)
