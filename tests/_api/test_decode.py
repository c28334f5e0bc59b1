"""Bytes give models or a `DecodeError`, and one bad entry hides neither itself nor the others."""

import json
import pickle
from pathlib import Path

import pytest
from turns import run

from cvm_async._api.decode import (
    Decoded,
    RefusedAnswerError,
    decode_later_status,
    decode_listing,
    decode_node,
    decode_nodes,
    decode_nothing,
    decode_status,
    decode_template,
    decode_templates,
    refuse,
)
from cvm_async.errors import DecodeError
from cvm_async.models import (
    CombinedTraffic,
    HostNode,
    PowerState,
    Problem,
    SplitTraffic,
    Template,
    VirtualizationType,
    Vps,
    VpsList,
    VpsStatus,
)

SAMPLES = Path(__file__).parent / "samples"
DIAGNOSTIC = b'<br />\n<b>Warning</b>:  Undefined key "x" in <b>/srv/panel/client.php</b> on line <b>17</b><br />\n'


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def read_status(body: bytes) -> Decoded[VpsStatus]:
    return run(decode_status(body))[0]


def read_nothing(body: bytes) -> Decoded[None]:
    return run(decode_nothing(body))[0]


def listing(body: bytes) -> VpsList:
    return run(decode_listing(body))[0].value


def listed(vps_id: object, **fields: object) -> dict[str, object]:
    return {
        "id": vps_id,
        "hostname": f"web{vps_id}",
        "virtualization_type": 1,
        "guaranteed_ram": 128,
        "disk_space": 5000,
        "cpu_count": 1,
        **fields,
    }


def listing_of(*vpses: object) -> bytes:
    return json.dumps({"response": {"vpses": vpses}}).encode()


def refused(body: bytes) -> RefusedAnswerError:
    with pytest.raises(RefusedAnswerError) as caught:
        run(refuse(body))
    return caught.value


def refusal(body: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        listing(body)
    return caught.value


class TestSamples:
    def test_a_list_of_strings(self) -> None:
        assert listing(sample("list-strings.json")) == [
            Vps(
                id=1,
                hostname="test-vz.example.net",
                node=1,
                virtualization_type=VirtualizationType.OPENVZ,
                guaranteed_ram=128,
                burstable_ram=256,
                disk_space=5000,
                cpu_count=1,
                traffic=SplitTraffic(912727849, 16923948, 500000000000, 500000000000),
            ),
            Vps(
                id=2,
                hostname="test2.example.net",
                node=1,
                virtualization_type=VirtualizationType.OPENVZ,
                guaranteed_ram=512,
                burstable_ram=768,
                disk_space=40000,
                cpu_count=240,
                traffic=CombinedTraffic(0, 900000000000),
            ),
        ]

    def test_a_list_of_numbers_with_the_keys_of_later_releases(self) -> None:
        first, second = listing(sample("list-numbers-later-keys.json"))
        assert (first.location, first.template, first.extra) == ("Roubaix, France", 1, {})
        assert (second.hostname, second.burstable_ram) == ("caf\u00e9 <b>&", None)
        assert second.traffic == CombinedTraffic(0, 900000000000)

    def test_an_empty_list(self) -> None:
        assert listing(sample("list-empty.json")) == []

    def test_a_status_of_mixed_types(self) -> None:
        assert read_status(sample("status-mixed-types.json")) == Decoded(
            VpsStatus(
                state=PowerState.RUNNING,
                state_text="running",
                ram_used=37,
                disk_used=1233,
                traffic=SplitTraffic(912727849, 16923948),
            )
        )

    def test_a_status_of_strings_with_combined_traffic(self) -> None:
        status = read_status(sample("status-combined-strings.json")).value
        assert (status.state, status.ram_used, status.traffic) == (PowerState.SUSPENDED, 0, CombinedTraffic(0))

    def test_a_status_behind_diagnostics(self) -> None:
        answer = read_status(sample("status-behind-php-diagnostics.txt"))
        assert answer.value.disk_used == 1233
        assert answer.diagnostics is not None
        assert answer.diagnostics.startswith("Deprecated: Creation of dynamic property User::$sName is deprecated")

    def test_the_page_of_a_proxy(self) -> None:
        with pytest.raises(DecodeError, match='an HTML page: "502 Bad Gateway') as caught:
            read_status(sample("proxy-502.html"))
        assert caught.value.excerpt.startswith("<html> <head><title>502 Bad Gateway")

    @pytest.mark.parametrize("name", ["error-401.json", "error-403.json", "error-with-200.json"])
    def test_an_error(self, name: str) -> None:
        texts = tuple(json.loads(sample(name))["errors"])
        for decode in (read_status, read_nothing, listing):
            with pytest.raises(RefusedAnswerError) as caught:
                decode(sample(name))
            assert caught.value.errors == texts
        assert refused(sample(name)).errors == texts


class TestStatus:
    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"{}", "response is absent, not there"),
            (b"[]", "the answer is an empty array, not an object"),
            (b'{"response":[]}', "response is an empty array, not an object"),
            (b'{"response":""}', 'response is "", not an object'),
            (b'{"response":null}', "response is null, not an object"),
            (b'{"response":{}}', "response.status is absent, not text"),
            (b'{"response":{"status":false}}', "response.status is false, not text"),
            (b'{"response":{"status":["running"]}}', "response.status is an array, not text"),
            (b'{"response":{"status":"runn\xffing"}}', "response.status is text that is no UTF-8, not text"),
        ],
        ids=lambda value: value[:40] if isinstance(value, bytes) else None,
    )
    def test_what_the_api_does_not_document_is_told_by_its_key(self, body: bytes, problem: str) -> None:
        with pytest.raises(DecodeError) as caught:
            read_status(body)
        assert [str(told) for told in caught.value.problems] == [problem]
        assert str(caught.value) == f"the panel's answer is not what the API documents: {problem}"

    @pytest.mark.parametrize(
        ("figure", "found"),
        [
            ("false", "false"),
            ("-1", "-1"),
            ('"N/A"', '"N/A"'),
            ('"1.5"', '"1.5"'),
            ("NaN", "NaN"),
            ("1e400", "inf"),
            ("9" * 5000, "a number of 5,000 digits"),
            ('"\udcff"', "text that is no UTF-8"),
            ("{}", "an empty object"),
            ("[[1]]", "an array"),
        ],
        ids=lambda value: value[:20],
    )
    def test_a_bad_figure_is_none_and_told_and_the_state_is_known(self, figure: str, found: str) -> None:
        body = f'{{"response":{{"ram_used":{figure},"status":"running","disk_used":5}}}}'
        status = read_status(body.encode("utf-8", "surrogateescape")).value
        assert (status.state, status.ram_used, status.disk_used) == (PowerState.RUNNING, None, 5)
        assert status.problems == (Problem("response.ram_used", found, "a whole number"),)

    @pytest.mark.parametrize("word", ["null", '""'])
    def test_no_word_for_a_state_is_an_unknown_one(self, word: str) -> None:
        status = read_status(f'{{"response":{{"status":{word},"ram_used":5}}}}'.encode()).value
        assert (status.state, status.state_text, status.ram_used) == (PowerState.UNKNOWN, "", 5)
        assert status.problems == ()

    @pytest.mark.parametrize("body", [b"", b" \n"])
    def test_an_empty_answer_is_told_as_such(self, body: bytes) -> None:
        with pytest.raises(DecodeError, match="the panel's answer is empty"):
            read_status(body)

    def test_an_excerpt_is_short_and_safe(self) -> None:
        with pytest.raises(DecodeError) as caught:
            read_status(b"<b>\x1b[31m" + b"x" * 10_000)
        assert len(caught.value.excerpt) == 200
        assert len(str(caught.value)) < 200
        assert caught.value.excerpt.isprintable()

    def test_an_unknown_word_breaks_nothing(self) -> None:
        status = read_status(b'{"response":{"status":"migrating \\ud800"}}').value
        assert (status.state, status.state_text) == (PowerState.UNKNOWN, "migrating \ufffd")

    def test_a_key_deep_enough_to_crash_a_pickle_is_cut(self) -> None:
        depth = 500
        body = '{"response":{"status":"running","deep":' + "[" * depth + "]" * depth + "}}"
        status = read_status(body.encode()).value
        assert pickle.loads(pickle.dumps(status)) == status


class TestNothing:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b'{"response":[]}',
            b'{"response":{}}',
            b'{"response":null}',
            b'{"response":""}',
            b" \n",
            b'{"response":{"task":5}}',
            b'{"response":true,"errors":[]}',
        ],
    )
    def test_every_kind_of_empty_response_is_success_also_behind_diagnostics(self, body: bytes) -> None:
        assert read_nothing(body) == Decoded(None)
        assert read_nothing(DIAGNOSTIC + body) == Decoded(
            None, 'Warning: Undefined key "x" in /srv/panel/client.php on line 17'
        )

    @pytest.mark.parametrize(
        "body",
        [b"null", b"5", b"[1]", b'{"status":"ok"}', b"<html></html>", b"OK", b'{"response":'],
    )
    def test_anything_else_is_no_success(self, body: bytes) -> None:
        with pytest.raises(DecodeError):
            read_nothing(body)

    @pytest.mark.parametrize("rest", [b"", b"[]", b'{"response":[]}'])
    @pytest.mark.parametrize("before", [b"", DIAGNOSTIC, DIAGNOSTIC * 1000], ids=["", "one", "1,000"])
    def test_after_a_fatal_error_nothing_is_a_success(self, before: bytes, rest: bytes) -> None:
        fatal = b"<br />\n<b>Fatal error</b>:  Uncaught Exception: no in <b>/srv/a.php</b> on line <b>1</b><br />\n"
        with pytest.raises(DecodeError, match='PHP broke off on the panel: "Fatal error: Uncaught Exception: no in'):
            read_nothing(before + fatal + rest)

    def test_a_word_of_one_in_the_response_itself_is_none(self) -> None:
        assert read_nothing(b'{"response":{"log":"Fatal error: no"}}') == Decoded(None)


class TestErrorsKey:
    @pytest.mark.parametrize(
        "errors",
        [["no"], {"1": "no"}, "no", [{"code": 1}], {"field": ["no"]}, ["no", 5], [], {}, None, "", False, 0],
        ids=repr,
    )
    def test_whatever_it_holds_an_errors_key_is_no_success(self, errors: object) -> None:
        body = json.dumps({"errors": errors}).encode()
        for decode in (read_status, read_nothing, listing):
            with pytest.raises(RefusedAnswerError) as caught:
                decode(DIAGNOSTIC + body)
            assert caught.value.errors == refused(body).errors == (("no",) if errors in (["no"], {"1": "no"}) else ())
            assert caught.value.quoted == body.decode()

    def test_errors_win_over_a_response(self) -> None:
        with pytest.raises(RefusedAnswerError):
            listing(b'{"response":{"vpses":[]},"errors":["no"]}')

    @pytest.mark.parametrize("errors", ["[]", "{}", "null", '""'])
    def test_empty_errors_beside_a_response_mean_none(self, errors: str) -> None:
        assert read_status(f'{{"errors":{errors},"response":{{"status":"stopped"}}}}'.encode()).value.state == "stopped"

    @pytest.mark.parametrize("body", [b"", b"<html>", b'{"errors":', b"\xff"])
    def test_what_is_no_json_says_nothing(self, body: bytes) -> None:
        assert (refused(body).errors, refused(body).quoted, refused(body).fatal) == ((), None, None)

    @pytest.mark.parametrize("body", [b"[]", b'{"response":[]}', b'{"message":"no"}'])
    def test_json_without_the_key_is_quoted(self, body: bytes) -> None:
        assert (refused(body).errors, refused(body).quoted) == ((), body.decode())


class TestListing:
    @pytest.mark.parametrize("body", [b"", b" \n", DIAGNOSTIC], ids=["empty", "blank", "diagnostics alone"])
    def test_an_empty_list_says_that_php_could_not_encode_it(self, body: bytes) -> None:
        with pytest.raises(DecodeError, match="PHP cannot encode one with a hostname that is not UTF-8") as caught:
            listing(body)
        assert ('it printed "' in caught.value.message) is (body == DIAGNOSTIC)

    def test_a_page_without_a_word_is_not_told_as_empty(self) -> None:
        message = "the panel answered with an HTML page, as another address than the panel's would"
        assert str(refusal(b"<html><form></form></html>")) == message

    def test_a_whole_page_may_be_that_of_another_address(self) -> None:
        with pytest.raises(DecodeError, match='an HTML page: "Sorry", as another address than the panel\'s would'):
            listing(b"<html><body><h1>Sorry</h1></body></html>")

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b'{"response":{"vpses":{}}}', "response.vpses is an empty object, not an array"),
            (b'{"response":{"vpses":""}}', 'response.vpses is "", not an array'),
            (b'{"response":{"vpses":null}}', "response.vpses is null, not an array"),
            (b'{"response":{"vpses":{"id":1}}}', "response.vpses is an object, not an array"),
            (b'{"response":{"vpses":{"0":{"id":1},"total":1}}}', "response.vpses is an object, not an array"),
            (b'{"response":{"vpses":{"web1":{"id":1}}}}', "response.vpses is an object, not an array"),
            (b'{"response":{"vpses":false}}', "response.vpses is false, not an array"),
            (b'{"response":{}}', "response.vpses is absent, not there"),
            (b'{"response":[]}', "response is an empty array, not an object"),
            (b'{"vpses":[]}', "response is absent, not there"),
        ],
        ids=lambda value: value[:40] if isinstance(value, bytes) else None,
    )
    def test_nothing_else_is_an_empty_fleet(self, body: bytes, problem: str) -> None:
        assert [str(told) for told in refusal(body).problems] == [problem]

    @pytest.mark.parametrize("keys", [(0, 2, 5), (1, 2, 3), (17, 4, 9), (-1, 0, 1)], ids=str)
    @pytest.mark.parametrize("before", [b"", DIAGNOSTIC], ids=["alone", "behind a diagnostic"])
    def test_an_array_that_php_wrote_as_an_object_is_a_list(self, keys: tuple[int, ...], before: bytes) -> None:
        body = json.dumps({"response": {"vpses": {str(key): listed(10 + key) for key in keys}}}).encode()
        vpses = listing(before + body)
        assert [vps.id for vps in vpses] == [10 + key for key in keys]
        assert vpses.problems == ()

    def test_a_problem_in_an_array_that_php_wrote_as_an_object_has_its_key(self) -> None:
        vpses = listing(json.dumps({"response": {"vpses": {"0": listed(1), "7": listed(1, node=[])}}}).encode())
        assert [problem.path for problem in vpses.problems] == ["response.vpses[7].node", "response.vpses[7].id"]

    def test_a_bad_entry_hides_none_of_the_others(self) -> None:
        vpses = listing(listing_of(listed(1), listed("two"), listed(3)))
        assert [vps.id for vps in vpses] == [1, 3]
        assert vpses.problems == (Problem("response.vpses[1].id", '"two"', "a whole number"),)

    def test_a_bad_figure_hides_no_vps_and_is_told_by_it_and_by_the_list(self) -> None:
        vpses = listing(listing_of(listed(1), listed(2, guaranteed_ram="much", hostname=None), listed(3)))
        assert [vps.id for vps in vpses] == [1, 2, 3]
        assert (vpses[1].guaranteed_ram, vpses[1].hostname, vpses[1].disk_space) == (None, "", 5000)
        assert (
            vpses.problems
            == vpses[1].problems
            == (
                Problem("response.vpses[1].hostname", "null", "text"),
                Problem("response.vpses[1].guaranteed_ram", '"much"', "a whole number"),
            )
        )

    def test_a_list_with_no_vps_in_it_is_refused(self) -> None:
        error = refusal(listing_of(listed(None), 5))
        assert str(error) == (
            "the panel's answer is not what the API documents:"
            " response.vpses[0].id is null, not a whole number, and 1 more such"
        )
        assert [problem.path for problem in error.problems] == ["response.vpses[0].id", "response.vpses[1]"]

    def test_two_vpses_with_one_id_both_stay_and_are_told_of(self) -> None:
        vpses = listing(listing_of(listed(7, hostname="a"), listed(8), listed("7", hostname="b")))
        assert [(vps.id, vps.hostname) for vps in vpses] == [(7, "a"), (8, "web8"), (7, "b")]
        assert [str(problem) for problem in vpses.problems] == [
            "response.vpses[2].id is 7, as response.vpses[0].id is, not an id of its own"
        ]

    @pytest.mark.parametrize(
        "entry",
        [
            '{"id":NaN}',
            '{"id":-1}',
            f'{{"id":{"7" * 5000}}}',
            '{"id":1e400}',
            '{"id":true}',
            "null",
            "[]",
            '"web"',
            '{"hostname":"caf\udce9"}',
        ],
        ids=["NaN", "negative", "5,000 digits", "1e400", "true", "null", "array", "text", "no UTF-8"],
    )
    def test_no_kind_of_bad_entry_takes_the_list_with_it(self, entry: str) -> None:
        good = json.dumps(listed(1))
        body = f'{{"response":{{"vpses":[{entry},{good}]}}}}'.encode("utf-8", "surrogateescape")
        vpses = listing(body)
        assert [vps.id for vps in vpses] == [1]
        assert vpses.problems[0].path in {"response.vpses[0].id", "response.vpses[0]"}

    def test_an_entry_nested_without_end_is_refused(self) -> None:
        body = b'{"response":{"vpses":[' + b"[" * 100_000
        assert "nested too deep" in str(refusal(body))

    @pytest.mark.parametrize("cut", [30, 100, 250, -1])
    def test_a_cut_list_is_refused_whole(self, cut: int) -> None:
        assert "no JSON" in str(refusal(listing_of(*map(listed, range(1, 4)))[:cut]))

    @pytest.mark.parametrize(
        "body",
        [
            listing_of(*map(listed, range(1, 9))),
            json.dumps({"response": {"vpses": [*map(listed, range(1, 9))]}}, separators=(",", ":")).encode(),
            json.dumps({"response": {"vpses": [*map(listed, range(1, 9))]}}, indent="\t").encode(),
            json.dumps({"response": {"total": 8, "vpses": [*map(listed, range(1, 9))]}}).encode(),
            json.dumps({"errors": [], "response": {"vpses": [*map(listed, range(1, 9))]}}).encode(),
            b'{"response":{"vpses":[' + DIAGNOSTIC + listing_of(*map(listed, range(1, 9))) + b"\n\n",
        ],
        ids=["usual", "compact", "indented", "with another key", "with empty errors", "behind a torn answer"],
    )
    def test_a_list_is_read_however_it_is_written(self, body: bytes) -> None:
        vpses = listing(body)
        assert [vps.id for vps in vpses] == [*range(1, 9)]
        assert vpses.problems == ()

    def test_a_list_behind_diagnostics_tells_of_them(self) -> None:
        answer, _ = run(decode_listing(DIAGNOSTIC + listing_of(listed(1))))
        assert answer.diagnostics == 'Warning: Undefined key "x" in /srv/panel/client.php on line 17'

    @pytest.mark.parametrize("before", ["", '"total":2000,'], ids=["usual", "unusual"])
    def test_a_long_list_is_read_in_slices(self, before: str) -> None:
        entries = json.dumps([*map(listed, range(1, 2001))])
        answer, turns = run(decode_listing(f'{{"response":{{{before}"vpses":{entries}}}}}'.encode()))
        assert len(answer.value) == 2000
        assert turns >= 8

    def test_a_long_list_of_vpses_that_are_not_as_they_should_be_is_read_in_more_slices(self) -> None:
        answer, turns = run(decode_listing(listing_of(*(listed(n, cpu_count=None) for n in range(1, 2001)))))
        assert len(answer.value) == 2000
        assert turns > 40

    def test_emoji_survive_and_lone_surrogates_do_not(self) -> None:
        vpses = listing(listing_of(listed(1, hostname="\U0001f600"), listed(2, hostname="a\udc00")))
        assert [vps.hostname for vps in vpses] == ["\U0001f600", "a\ufffd"]

    def test_problems_without_end_are_counted_and_not_kept(self) -> None:
        vpses = listing(listing_of(listed(1), *[5] * 1500, listed(1)))
        assert len(vpses) == 2
        assert len(vpses.problems) == 1001
        assert str(vpses.problems[-1]) == "response.vpses is holding 501 more problems, not VPSes alone"

    def test_a_refused_list_of_thousands_stays_small(self) -> None:
        assert len(refusal(listing_of(*[listed(0)] * 3000)).problems) == 1001


NODE = {"id": "3", "name": "node3", "hostname": "node3.example.net", "location": "Roubaix, France"}
NODES: list[object] = [NODE, {**NODE, "id": "x"}]
TEMPLATE = {"id": 7, "name": "Debian", "description": "", "supported": True, "available": "1", "outdated": 0}


def response(value: object) -> bytes:
    return json.dumps({"response": value}).encode()


class TestLaterRevision:
    def test_a_status_in_megabytes(self) -> None:
        body = response({"status": "running", "ram_used": "31", "disk_used": 1233.7373046875, "uptime": 5})
        status = run(decode_later_status(body))[0].value
        assert (status.ram_used, status.disk_used) == (31 * 2**20, 1_293_667_328)
        assert status.extra == {"uptime": 5}

    def test_a_status_with_a_size_that_is_none(self) -> None:
        status = run(decode_later_status(response({"status": "stopped", "ram_used": 0, "disk_used": "?"})))[0].value
        assert (status.ram_used, status.disk_used) == (0, None)
        assert status.problems == (Problem("response.disk_used", '"?"', "a whole number"),)

    def test_a_node_and_a_template(self) -> None:
        assert run(decode_node(response(NODE)))[0].value == HostNode(
            id=3, name="node3", hostname="node3.example.net", location="Roubaix, France"
        )
        assert run(decode_template(response({**TEMPLATE, "size": 5})))[0].value == Template(
            id=7, name="Debian", description=None, supported=True, available=True, outdated=False, extra={"size": 5}
        )

    def test_traffic_is_nothing_that_a_node_has(self) -> None:
        node = run(decode_node(response({**NODE, "traffic_used": "5"})))[0].value
        assert node.extra == {"traffic_used": "5"}

    def test_what_cannot_be_read_of_a_node_is_told(self) -> None:
        node = run(decode_node(response({"id": 3, "name": None, "hostname": "x"})))[0].value
        assert (node.name, node.hostname, node.location) == ("", "x", None)
        assert [problem.path for problem in node.problems] == ["response.name"]

    def test_a_node_without_an_id_is_none(self) -> None:
        with pytest.raises(DecodeError, match=r"response\.id"):
            run(decode_node(response({"name": "x"})))

    @pytest.mark.parametrize("listed", [{"nodes": NODES}, NODES], ids=["named", "bare"])
    def test_a_list_may_be_the_response_or_in_it(self, listed: object) -> None:
        nodes = run(decode_nodes(response(listed)))[0].value
        assert [node.id for node in nodes] == [3]

    def test_a_list_of_none(self) -> None:
        assert run(decode_templates(response({"templates": []})))[0].value == []

    @pytest.mark.parametrize("listed", [5, "x", {"templates": 5}, {"templates": [5]}, {"templates": [{"id": 0}]}])
    def test_a_list_that_is_none(self, listed: object) -> None:
        with pytest.raises(DecodeError, match=r"response\.templates"):
            run(decode_templates(response(listed)))
