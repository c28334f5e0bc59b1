import asyncio

import pytest

from cvm_async._api.calls import Call, list_vpses, power, status
from cvm_async._api.verbs import Verb
from cvm_async._deadline import Deadline
from cvm_async._exchange.sending import Departure, Sending
from cvm_async._gates.gates import Gates
from cvm_async._gates.permit import Permit
from cvm_async.errors import CvmError, NoAnswerError, NotSentError
from cvm_async.settings import Limits


def sending(call: Call[object], seconds: float | None = None) -> Sending[object]:
    return Sending(call, Permit(Gates(Limits(), lambda: 0.0), None), Deadline(seconds))


def test_only_a_look_at_one_vps_tells_of_the_panels_load() -> None:
    assert [sending(call).tells_load for call in (status(1), list_vpses(), power(Verb.STOP, 1))] == [True, False, False]


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (True, NoAnswerError, "no whole answer within the 1.5 s that the call had"),
        (False, NotSentError, "neither its turn nor a connection came within the 1.5 s that the call had"),
    ],
)
def test_a_call_whose_time_is_over_says_how_far_it_came(sent: bool, kind: type[CvmError], words: str) -> None:  # noqa: FBT001 - a row of a table
    call = sending(power(Verb.STOP, 7), 1.5)
    call.attempts, call.departure = 2, Departure(sent=sent)
    error = call.cut_off()
    assert type(error) is kind
    assert (error.message, error.attempts, error.vps_id, error.method) == (words, 2, 7, "POST")


def test_it_tells_why_the_last_attempt_failed() -> None:
    call = sending(status(7), 1.0)
    call.attempts = 3
    trouble = NotSentError("refused")
    call.failed(trouble)
    assert trouble.attempts == 3
    assert call.cut_off().message.endswith("; the last attempt failed: refused")


def test_it_goes_on_where_that_is_safe_and_of_use() -> None:
    assert sending(status(7)).may_go_on(NoAnswerError("cut"))
    assert not sending(power(Verb.STOP, 7)).may_go_on(NoAnswerError("cut"))
    assert not sending(status(7)).may_go_on(asyncio.CancelledError())
