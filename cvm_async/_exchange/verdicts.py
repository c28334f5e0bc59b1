"""What a call's end says of the host node and of the panel, in the gates' words; only the panel's own word counts."""

from cvm_async._api.answers import row_of
from cvm_async._api.calls import Call
from cvm_async._gates.breaker import Verdict
from cvm_async.errors import CvmError, NoAnswerError, NodeUnreachableError
from cvm_async.models import PowerState, VpsStatus


def verdict_of_value(_: Call[object], value: object) -> Verdict:
    """Give what an answer says that was as it should be."""
    # "Unknown" is how some releases say that they cannot reach the node: it must not close an open breaker.
    unknown = isinstance(value, VpsStatus) and value.state is PowerState.UNKNOWN
    return Verdict.NEUTRAL if unknown else Verdict.ANSWERED


def verdict_of_error(_: Call[object], error: CvmError, status_code: int | None) -> Verdict:
    """Give what a failure says; `status_code` is that of the answer, None where there was none."""
    if isinstance(error, NodeUnreachableError) or (isinstance(error, NoAnswerError) and error.timed_out):
        return Verdict.NODE_FAILED
    overloaded = status_code is not None and row_of(status_code).overloaded
    return Verdict.OVERLOADED if overloaded else Verdict.NEUTRAL
