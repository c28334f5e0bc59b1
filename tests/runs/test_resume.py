import pytest
from attrs import evolve

from cvm_async import errors
from cvm_async._api.verbs import Verb
from cvm_async.errors import CvmError
from cvm_async.runs.record import ENDED, TargetState, is_over
from cvm_async.runs.resume import carried, missing
from runs.makes import record

KINDS = [
    kind for name in errors.__all__ if isinstance(kind := getattr(errors, name), type) and issubclass(kind, CvmError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_error_that_was_kept_comes_back_as_what_it_was(kind: type[CvmError]) -> None:
    target = evolve(record(TargetState.FAILED).targets[0], error="so it was", error_type=kind.__name__)
    outcome = carried(target, Verb.STOP, None)
    assert outcome is not None
    assert isinstance(outcome.error, CvmError)
    assert outcome.error.message == "so it was"
    assert outcome.error.vps_id == 1
    by_message_alone = {"NameNotFoundError", "AmbiguousNameError", "ConfigurationError", "MissingExtraError"}
    assert type(outcome.error) is (CvmError if kind.__name__ in by_message_alone else kind)


@pytest.mark.parametrize("name", [None, "ValueError", "frozen", "nothing of ours", "Vps"])
def test_an_error_of_no_class_of_ours_is_the_plain_one(name: str | None) -> None:
    outcome = carried(evolve(record(TargetState.FAILED).targets[0], error_type=name), Verb.STOP, None)
    assert outcome is not None
    assert type(outcome.error) is CvmError


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.RESTART])
@pytest.mark.parametrize("state", TargetState)
def test_only_what_is_over_is_carried(state: TargetState, verb: Verb) -> None:
    assert (carried(record(state).targets[0], verb, None) is not None) is is_over(state, verb)


@pytest.mark.parametrize("state", sorted(set(TargetState) - ENDED))
def test_of_what_is_missing_is_told_whether_anything_was_sent(state: TargetState) -> None:
    outcome = missing(record(state).targets[0], is_reached=True)
    assert outcome.skipped is (state is TargetState.TODO)
    assert isinstance(outcome.error, errors.NotSentError) is (state is TargetState.TODO)
