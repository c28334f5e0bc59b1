"""What a call's end says of the host node and of the panel, in the gates' words; only the panel's own word counts.

A proxy's answer says nothing of a node: what is no word of the panel's is overload, or nothing.
"""

from http import HTTPStatus

from cvm_async._api.answers import row_of
from cvm_async._api.calls import Call
from cvm_async._exchange.retry import is_too_many
from cvm_async._gates.verdict import Verdict
from cvm_async.errors import CvmError, DecodeError, NoAnswerError, NodeUnreachableError, NotSentError, PanelError
from cvm_async.models import PowerState, VpsStatus


def verdict_of_value(call: Call[object], value: object) -> Verdict:
    """Give what an answer says that was as it should be."""
    # "Unknown" is how some releases say that they cannot reach the node: it must not close an open breaker.
    unknown = isinstance(value, VpsStatus) and value.state is PowerState.UNKNOWN
    return Verdict.PANEL_ANSWERED if unknown or call.vps_id is None else Verdict.ANSWERED


def verdict_of_error(call: Call[object], error: CvmError, status_code: int | None) -> Verdict:
    """Give what a failure says; `status_code` is that of the answer, None where there was none."""
    if status_code is None:
        return _verdict_of_silence(error)
    if is_too_many(error):
        return Verdict.RATE_LIMITED
    if isinstance(error, NodeUnreachableError):
        return Verdict.NODE_FAILED
    if isinstance(error, PanelError) and error.errors:
        return Verdict.PANEL_ANSWERED
    if row_of(status_code).overloaded:
        return Verdict.OVERLOADED
    broke = isinstance(error, DecodeError) or status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    # After a power action it says nothing of the node: what broke may have been a command that took too long.
    return Verdict.BROKE if broke and call.repeatable and call.vps_id is not None else Verdict.NEUTRAL


def _verdict_of_silence(error: CvmError) -> Verdict:
    if isinstance(error, NotSentError):
        return Verdict.NOT_CONNECTED
    if isinstance(error, NoAnswerError):
        return Verdict.TIMED_OUT if error.timed_out else Verdict.ABANDONED
    return Verdict.NEUTRAL
