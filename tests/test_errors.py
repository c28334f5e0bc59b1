"""The errors are values too: they pickle whole, say where it happened, and stay readable by the thousand."""

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from values import vps as some_vps
from watches import status

from cvm_async.errors import (
    ActionFailedError,
    AmbiguousNameError,
    AuthenticationError,
    ConfigurationError,
    CvmError,
    DecodeError,
    MissingExtraError,
    NameNotFoundError,
    NoAnswerError,
    NodeUnreachableError,
    NotPossibleError,
    NotSentError,
    NotSupportedError,
    PanelError,
    PermissionDeniedError,
    Problem,
    RateLimitedError,
    SessionClosedError,
    VpsNotFoundError,
    WaitTimeoutError,
    own,
)
from cvm_async.fleet.report import FleetError
from cvm_async.models import PowerState, Vps, VpsStatus

LAST = VpsStatus(state=PowerState.STOPPED, state_text="stopped")

ERRORS: list[CvmError] = [
    CvmError("m", method="GET", path="/p", vps_id=7, attempts=3),
    ConfigurationError("m"),
    MissingExtraError("m", name="httptools"),
    SessionClosedError("m"),
    NotSentError("m", attempts=3, may_pass=False),
    NotSupportedError("m", revision="2012", method="GET"),
    NoAnswerError("m", timed_out=True, method="POST"),
    PanelError("m", status_code=422, errors=("e",), retry_after=1.5, vps_id=7),
    AuthenticationError("m", status_code=401),
    PermissionDeniedError("m", status_code=403),
    VpsNotFoundError("m", status_code=200, errors=("e",)),
    ActionFailedError("m", status_code=500),
    NodeUnreachableError("m", vps_id=7),
    RateLimitedError("m", status_code=429, retry_after=2.0),
    DecodeError("m", problems=(Problem("a", "b", "c"),), excerpt="x"),
    WaitTimeoutError("m", last=LAST, vps_id=7),
    FleetError("m", [NotSentError("n", vps_id=1)]),
]

AGAIN: list[Callable[[CvmError], CvmError]] = [
    copy.copy,
    lambda error: pickle.loads(pickle.dumps(error)),
]


@pytest.mark.parametrize("again", AGAIN, ids=["copied", "pickled"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_keeps_all_its_attributes(error: CvmError, again: Callable[[CvmError], CvmError]) -> None:
    twin = again(error)
    assert type(twin) is type(error)
    assert vars(twin) == vars(error)
    assert str(twin) == str(error)
    assert twin.message == "m"
    assert getattr(twin, "name", None) == getattr(error, "name", None)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_error_is_a_cvm_error(error: CvmError) -> None:
    assert isinstance(error, CvmError)


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({}, "it failed"),
        ({"vps_id": 7}, "it failed (VPS 7)"),
        ({"method": "GET", "path": "/api/client/vps/list"}, "it failed (GET /api/client/vps/list)"),
        ({"attempts": 1}, "it failed"),
        (
            {"method": "GET", "path": "/api/client/vps/7/status", "vps_id": 7, "attempts": 3},
            "it failed (VPS 7, GET /api/client/vps/7/status, 3 attempts)",
        ),
    ],
    ids=["nothing", "a VPS", "a call", "one attempt", "everything"],
)
def test_the_text_names_what_is_known_of_the_call(where: dict[str, object], text: str) -> None:
    assert str(CvmError("it failed", **where)) == text  # type: ignore[arg-type]


def test_attempts_can_be_told_afterwards() -> None:
    error = NotSentError("it failed")
    error.attempts = 4
    assert str(error) == "it failed (4 attempts)"


@pytest.mark.parametrize("kind", [CvmError, NotSentError, NoAnswerError, DecodeError, WaitTimeoutError])
def test_a_keyword_that_no_error_has_is_refused(kind: type[CvmError]) -> None:
    with pytest.raises(TypeError, match="vpsid"):
        kind("it failed", vpsid=7)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue] -- the fact is there


def test_a_configuration_error_is_a_value_error() -> None:
    assert issubclass(ConfigurationError, ValueError)


def test_running_out_of_time_is_a_timeout_error() -> None:
    assert issubclass(WaitTimeoutError, TimeoutError)


def test_an_unreachable_node_needs_no_answer_to_be_told_of() -> None:
    assert NodeUnreachableError("node 3 did not answer lately").status_code == 503


def fleet_error(count: int) -> FleetError:
    errors: list[CvmError] = [NodeUnreachableError("the node is away", vps_id=number) for number in range(count)]
    return FleetError(f"{count + 1:,} of 10,000 VPSes failed", [*errors, NotSentError("no way there", vps_id=9999)])


def test_a_fleet_error_over_a_few_names_them_all() -> None:
    assert str(fleet_error(2)) == (
        "3 of 10,000 VPSes failed: 2 x NodeUnreachableError: the node is away (VPS 0, 1);"
        " 1 x NotSentError: no way there (VPS 9999)"
    )


def test_a_fleet_error_over_thousands_names_a_few_of_each_kind() -> None:
    assert str(fleet_error(3000)) == (
        "3,001 of 10,000 VPSes failed: 3,000 x NodeUnreachableError: the node is away"
        " (VPS 0, 1, 2, 3, 4 and 2,995 more); 1 x NotSentError: no way there (VPS 9999)"
    )


def test_a_fleet_error_over_many_kinds_counts_the_rest() -> None:
    kinds = [PanelError(f"kind {number}", status_code=500) for number in range(30)]
    assert str(FleetError("all failed", kinds)).endswith("kind 4; 25 others")


def test_a_fleet_error_can_be_split_and_its_parts_keep_the_report() -> None:
    report = object()
    whole = FleetError("m", fleet_error(2).exceptions, report=report)  # type: ignore[arg-type]
    nodes, rest = whole.split(NodeUnreachableError)
    assert isinstance(nodes, FleetError)
    assert isinstance(rest, FleetError)
    assert [len(nodes.exceptions), len(rest.exceptions)] == [2, 1]
    assert nodes.report is rest.report is report


def test_a_part_of_a_fleet_error_pickles() -> None:
    part = fleet_error(2).subgroup(NotSentError)
    assert str(pickle.loads(pickle.dumps(part))) == str(part)


def test_except_star_takes_a_fleet_error_apart() -> None:
    caught: list[type[BaseException]] = []
    try:
        raise fleet_error(1)
    except* NotSentError as group:
        caught += [type(error) for error in group.exceptions]
    except* CvmError as group:
        caught += [type(error) for error in group.exceptions]
    assert caught == [NotSentError, NodeUnreachableError]


def test_a_fleet_error_may_hold_groups() -> None:
    group = ExceptionGroup("two things", [NotSentError("a"), NotSentError("b")])
    assert str(FleetError("all failed", [group])) == "all failed: 1 x ExceptionGroup: two things"  # type: ignore[list-item]


@pytest.mark.parametrize(
    "error",
    [
        NotSentError("no", vps_id=1, attempts=2),
        NodeUnreachableError("gone", retry_after=3.0),
        WaitTimeoutError("late", path="/x", last=None),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_ones_own_says_the_same_and_is_nobody_elses(error: CvmError) -> None:
    try:
        raise error from ZeroDivisionError("a hook")
    except CvmError as caught:
        mine = own(caught)
    assert type(mine) is type(error)
    assert (str(mine), vars(mine)) == (str(error), vars(error))
    assert (mine.__traceback__, mine.__context__, mine.__cause__) == (None, None, error.__cause__)
    mine.vps_id = 77
    assert error.vps_id != 77


def kinds() -> dict[type[CvmError], str]:
    """Give the kind of each class of errors that there is."""
    found: dict[type[CvmError], str] = {}
    waiting: list[type[CvmError]] = [CvmError]
    while waiting:
        one = waiting.pop()
        waiting.extend(each for each in one.__subclasses__() if each.__module__.startswith("cvm_async."))
        found[one] = one.kind
    return found


def test_each_class_of_errors_has_a_kind_of_its_own_but_for_a_name_that_is_not_found() -> None:
    found = kinds()
    assert NameNotFoundError.kind == VpsNotFoundError.kind == "vps_not_found"
    del found[NameNotFoundError]
    assert len(set(found.values())) == len(found)
    assert all(kind.replace("_", "").islower() for kind in found.values())


@pytest.mark.parametrize("status_code", [200, 404])
def test_a_kind_is_the_same_whatever_http_status_it_came_with(status_code: int) -> None:
    error = VpsNotFoundError("no such VPS", status_code=status_code)
    assert (error.kind, error.status_code) == ("vps_not_found", status_code)


def test_each_kind_stands_in_the_docs_beside_its_class() -> None:
    page = (Path(__file__).parent.parent / "docs" / "how-to" / "errors.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    wanted = [(f"`{kind}`", f"`{one.__name__}`") for one, kind in kinds().items() if one is not CvmError]
    assert [words for words in wanted if not any(all(word in row for word in words) for row in rows)] == []


def vps(number: int, *, hostname: str) -> Vps:
    return evolve(some_vps(number), hostname=hostname)


SECRETS = ("https://panel.example.net/cvm", "panel.example.net", "pr1vate-t0ken", "<b>")
HOSTILE = f"GET {' '.join(SECRETS)} \u202e @everyone"


def hostile(kind: type[CvmError]) -> CvmError:
    """Give an error of a kind that holds what no chat is told wherever text goes."""
    error = kind.__new__(kind, HOSTILE, [CvmError(HOSTILE)])
    known = vps(7, hostname=HOSTILE)
    last = VpsStatus(state=PowerState.UNKNOWN, state_text=HOSTILE)
    texts = {"errors": (HOSTILE,), "excerpt": HOSTILE, "path": HOSTILE, "name": HOSTILE}
    error.args = (HOSTILE, (CvmError(HOSTILE),))
    vars(error).update(
        {**texts, "similar": (f"{HOSTILE} (7) on {HOSTILE}", HOSTILE), "matches": (known,), "last": last},
        method="POST",
        vps_id=7,
        attempts=2,
        retry_after=3.0,
        report=None,
    )
    return error


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_what_a_chats_users_are_told_is_a_sentence_without_an_address_a_token_or_a_word_of_the_panels(
    kind: type[CvmError],
) -> None:
    told = hostile(kind).user_message
    assert not any(secret in told for secret in (*SECRETS, "://", "@", "\u202e"))
    assert re.fullmatch(r"[A-Z0-9].*[.?]", told)
    assert len(told) < 200


ID = "No VPS has the id 7."


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (NameNotFoundError("no", name=7, similar=("web1 (7)",)), ID),
        (NameNotFoundError("no", name=" 7 "), ID.replace("7", " 7 ")),
        (NameNotFoundError("no", name="wbe1"), "No VPS is called wbe1."),
        (NameNotFoundError("no", name="https://x"), "No VPS has that name."),
        (
            NameNotFoundError("no", name="wbe1", similar=("web1.a.net (7) on acme", "a/b (8)")),
            "No VPS is called wbe1; did you mean web1.a.net (7) or VPS 8?",
        ),
        (
            AmbiguousNameError("two", name="web1", matches=(vps(1, hostname="web1.a.net"), vps(2, hostname="a b"))),
            "That may be several VPSes; give the id: web1.a.net (1), VPS 2.",
        ),
        (
            AmbiguousNameError("many", name="w", matches=tuple(vps(n, hostname="w") for n in range(1, 8))),
            "That may be several VPSes; give the id: w (1), w (2), w (3), w (4), w (5) and 2 more.",
        ),
        (AmbiguousNameError("none", name="w", matches=()), "That may be several VPSes; give the id."),
        (NotPossibleError("no"), "That cannot be done to a VPS in its state; nothing was done."),
        (NotPossibleError("no", last=status("suspended")), "It is suspended, so that cannot be done."),
        (RateLimitedError("no", status_code=429, retry_after=30.0), "try again in 30 s."),
        (RateLimitedError("no", status_code=429), "try again later."),
        (NoAnswerError("no", method="GET"), "No answer came from the panel; try again later."),
        (NoAnswerError("no", method="POST"), "may or may not have been done, so look before you try again."),
        (DecodeError("no", method="GET"), "The panel's answer cannot be read; try again later."),
        (DecodeError("no"), "may or may not have been done"),
        (WaitTimeoutError("late"), "The VPS was not seen in the wanted state in time."),
        (WaitTimeoutError("late", last=status("stopped")), "in time: it was last seen stopped."),
        (FleetError("no", [NotSentError("a"), NotSentError("b")]), "2 VPSes failed."),
    ],
)
def test_what_a_chats_users_are_told(error: CvmError, told: str) -> None:
    assert told in error.user_message
