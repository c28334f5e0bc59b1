"""A call says what to send, and reads any answer at all as a value or a `CvmError`."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis.strategies import (
    binary,
    booleans,
    dictionaries,
    fixed_dictionaries,
    floats,
    integers,
    just,
    lists,
    none,
    one_of,
    recursive,
    sampled_from,
    text,
)

from cvm_async._api.calls import (
    Call,
    list_nodes,
    list_templates,
    list_vpses,
    node,
    power,
    reinstall,
    status,
    template,
)
from cvm_async._api.verbs import DOCUMENTED, RUNNING, SPECIFIED, Verb
from cvm_async._safe_text import safe_text
from cvm_async.errors import (
    ActionFailedError,
    ConfigurationError,
    CvmError,
    DecodeError,
    NoAnswerError,
    NodeUnreachableError,
    PanelError,
)
from cvm_async.models import PowerState, VpsList, VpsStatus

SAMPLES = sorted((Path(__file__).parent / "samples").iterdir())
POWER_VERBS = [Verb.START, Verb.STOP, Verb.RESTART]
CALLS: list[Call[object]] = [list_vpses(), status(7), *(power(verb, 7) for verb in POWER_VERBS)]
PROXY = b"<html><body><h1>Sorry</h1></body></html>"


def says(text: str) -> bytes:
    return json.dumps({"errors": [text]}).encode()


def error_of(call: Call[object], status_code: int, body: bytes, *, retry_after: float | None = None) -> CvmError:
    with pytest.raises(CvmError) as caught:
        call.read(status_code, body, retry_after=retry_after)
    return caught.value


class TestRequests:
    @pytest.mark.parametrize(
        ("call", "line", "repeatable"),
        [
            (list_vpses(), "GET /api/client/vps/list", True),
            (status(7), "GET /api/client/vps/7/status", True),
            (power(Verb.START, 7), "POST /api/client/vps/7/start", False),
            (power(Verb.STOP, 7), "POST /api/client/vps/7/stop", False),
            (power(Verb.RESTART, 2**63), f"POST /api/client/vps/{2**63}/restart", False),
            (list_vpses(RUNNING), "GET /api/client/list", True),
            (list_vpses(DOCUMENTED), "GET /api/client/vps/list", True),
            (status(7, RUNNING), "GET /api/client/vps/7", True),
            (reinstall(7, 3), "POST /api/client/vps/7/reinstall", False),
            (list_nodes(), "GET /api/client/node/list", True),
            (node(7), "GET /api/client/node/7", True),
            (list_templates(), "GET /api/client/template/list", True),
            (template(7), "GET /api/client/template/7", True),
        ],
        ids=lambda value: value.verb if isinstance(value, Call) else "",
    )
    def test_each_endpoint_is_as_documented(self, call: Call[object], line: str, *, repeatable: bool) -> None:
        assert f"{call.method} {call.path}" == line
        assert call.repeatable is repeatable

    @pytest.mark.parametrize(
        "vps_id", [0, -1, True, False, "7", 7.0, None, 2**64, "7/../list", pytest.param(10**5000, id="huge")]
    )
    @pytest.mark.parametrize("make", [status, partial(power, Verb.STOP)], ids=["status", "power"])
    def test_what_is_no_id_never_reaches_a_url(self, make: Callable[[int], object], vps_id: int) -> None:
        with pytest.raises(ConfigurationError, match="a VPS id is a whole number of 1 or more"):
            make(vps_id)

    def test_a_reinstall_says_of_what(self) -> None:
        assert reinstall(7, 3).form == (("template", "3"),)
        for what in (0, "3", None):
            with pytest.raises(ConfigurationError, match="a template's id is a whole number of 1 or more"):
                reinstall(7, what)  # type: ignore[arg-type]

    def test_a_call_is_the_same_elsewhere(self) -> None:
        assert status(7).at(RUNNING) == status(7, RUNNING)
        assert list_vpses().at(RUNNING) == list_vpses(RUNNING)
        assert status(7, RUNNING).at(SPECIFIED) == status(7)
        assert (status(7).where, node(7).where) == ("/api/client/vps/{id}/status", None)

    @pytest.mark.parametrize("verb", [Verb.LIST, Verb.STATUS, Verb.REINSTALL, Verb.NODE])
    def test_looking_is_no_action(self, verb: Verb) -> None:
        with pytest.raises(ConfigurationError, match="not a start, stop or restart"):
            power(verb, 7)

    def test_calls_compare_by_value_and_show_what_they_send(self) -> None:
        assert status(7) == status(7)
        assert hash(status(7)) == hash(status(7))
        assert "/api/client/vps/7/status" in repr(status(7))


class TestAnswers:
    def test_an_error_with_200_is_a_failure_of_what_was_asked(self) -> None:
        body = says("VPS is running.")
        assert {type(error_of(call, 200, body)) for call in CALLS[:2]} == {PanelError}
        assert {type(error_of(call, 200, body)) for call in CALLS[2:]} == {ActionFailedError}

    def test_errors_with_200_that_say_nothing_are_no_success_and_no_failure_of_an_action(self) -> None:
        assert {type(error_of(call, 200, b'{"errors":[]}')) for call in CALLS[:2]} == {PanelError}
        assert {type(error_of(call, 200, b'{"errors":[]}')) for call in CALLS[2:]} == {NoAnswerError}

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"response":[]}'])
    @pytest.mark.parametrize("status_code", [201, 202, 204, 206, 226, 299])
    def test_only_a_200_is_an_action_done(self, status_code: int, body: bytes) -> None:
        assert power(Verb.START, 7).read(200, body).value is None
        error = error_of(power(Verb.START, 7), status_code, body)
        assert isinstance(error, NoAnswerError)
        assert "whether the VPS was started is unknown" in error.message

    @pytest.mark.parametrize("status_code", [200, 203, 206])
    def test_a_look_is_answered_by_any_success_with_the_panels_answer(self, status_code: int) -> None:
        assert status(7).read(status_code, b'{"response":{"status":"stopped"}}').value.state is PowerState.STOPPED

    def test_a_refusal_names_the_call_and_holds_what_the_panel_says(self) -> None:
        error = error_of(power(Verb.STOP, 7), 503, says("node down"), retry_after=2.5)
        assert isinstance(error, NodeUnreachableError)
        assert (error.method, error.path, error.vps_id) == ("POST", "/api/client/vps/7/stop", 7)
        assert (error.status_code, error.errors, error.retry_after) == (503, ("node down",), 2.5)

    def test_a_page_after_an_action_leaves_its_outcome_unknown(self) -> None:
        error = error_of(power(Verb.START, 7), 200, PROXY)
        assert isinstance(error, DecodeError)
        assert str(error) == (
            'the panel answered with an HTML page: "Sorry", as another address than the panel\'s would; whether the VPS'
            " was started is unknown: look at its status before you repeat this (VPS 7, POST /api/client/vps/7/start)"
        )

    def test_a_decode_error_names_the_call(self) -> None:
        error = error_of(status(7), 200, b"{}")
        assert isinstance(error, DecodeError)
        assert (error.method, error.path, error.vps_id) == ("GET", "/api/client/vps/7/status", 7)
        assert (len(error.problems), error.excerpt) == (1, "{}")


class TestSteps:
    def test_reading_in_steps_gives_what_reading_at_once_gives(self) -> None:
        entry = {"hostname": "a", "virtualization_type": 1, "guaranteed_ram": 1, "disk_space": 1, "cpu_count": 1}
        body = json.dumps({"response": {"vpses": [{"id": number, **entry} for number in range(1, 1001)]}}).encode()
        call = list_vpses()
        steps = call.read_steps(200, body)
        turns = 0
        while True:
            try:
                next(steps)
            except StopIteration as end:
                assert end.value == call.read(200, body)  # noqa: PT017 - the answer comes by this way
                break
            turns += 1
        assert turns > 3


any_json = recursive(
    none() | booleans() | integers() | floats() | text(),
    lambda inner: lists(inner, max_size=4) | dictionaries(text(), inner, max_size=4),
    max_leaves=10,
)
field_values = one_of(any_json, integers(0, 2**64).map(str), sampled_from(["", "running", "1", 1, 5.5, "NaN"]))
objects = dictionaries(
    sampled_from(
        [
            *["id", "hostname", "node", "virtualization_type", "guaranteed_ram", "burstable_ram", "disk_space"],
            *["cpu_count", "traffic_used", "traffic_limit", "traffic_in_used", "traffic_out_limit"],
            *["status", "disk_used", "x"],
        ]
    ),
    field_values,
)
answers = one_of(
    any_json,
    fixed_dictionaries({"response": one_of(any_json, objects)}),
    fixed_dictionaries({"errors": any_json}),
    fixed_dictionaries({"response": fixed_dictionaries({"vpses": one_of(any_json, lists(objects, max_size=4))})}),
)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.verb)
class TestTotality:
    @staticmethod
    def read(call: Call[object], status_code: int, body: bytes) -> None:
        try:
            value = call.read(status_code, body).value
        except CvmError as error:
            str(error).encode()
            assert safe_text(str(error)) == str(error)  # noqa: PT017 - the other outcome is as good
        else:
            assert value is None or isinstance(value, VpsList | VpsStatus)

    @given(value=answers, status_code=just(200) | integers(100, 999))
    def test_any_json_gives_a_model_or_a_cvm_error(self, call: Call[object], value: object, status_code: int) -> None:
        self.read(call, status_code, json.dumps(value).encode())

    @given(body=binary(), status_code=just(200) | integers(100, 999))
    def test_any_bytes_give_a_model_or_a_cvm_error(self, call: Call[object], body: bytes, status_code: int) -> None:
        self.read(call, status_code, body)

    @settings(max_examples=100)
    @given(
        sample=sampled_from(SAMPLES),
        at=integers(0, 1000),
        cut=integers(0, 20),
        put=binary(max_size=6) | sampled_from([b"NaN", b"null", b'""', b"-1", b"[", b'"', b"1e400", b"\\ud800"]),
    )
    def test_any_mutated_sample_gives_a_model_or_a_cvm_error(
        self, call: Call[object], sample: Path, at: int, cut: int, put: bytes
    ) -> None:
        body = sample.read_bytes()
        self.read(call, 200, body[:at] + put + body[at + cut :])

    @pytest.mark.parametrize("body", [b"[" * 100_000, b'{"response":' * 100_000, b'{"a":[' * 100_000, b"\x00" * 9])
    def test_nesting_without_end_gives_a_cvm_error(self, call: Call[object], body: bytes) -> None:
        error_of(call, 200, body)
