import json
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from cvm_async.panel.hosts.world import Combined, Power, SimulatedVps, Split
from cvm_async.panel.wire import (
    EMPTY_RESPONSES,
    Dialect,
    EmptyResponse,
    proxy_page,
    render_empty,
    render_errors,
    render_list,
    render_status,
)

STRINGS, MIXED = Dialect(numbers="strings"), Dialect(numbers="mixed")
VPS = SimulatedVps(
    id=7,
    node=2,
    hostname="web-001.example.net",
    burstable_ram=1024,
    ram_used=4096,
    disk_used=1233.75,
    traffic=Split(in_used=1, out_used=2, in_limit=3, out_limit=None),
)


def listed(vps: SimulatedVps, dialect: Dialect) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(render_list([vps], dialect))["response"]["vpses"][0])


def status(vps: SimulatedVps, power: Power | None = Power.RUNNING, dialect: Dialect = STRINGS) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(render_status(vps, power, dialect))["response"])


def test_old_php_lists_every_number_as_text_and_a_null_as_empty_text() -> None:
    assert listed(VPS, STRINGS) == {
        "id": "7",
        "node": "2",
        "virtualization_type": "1",
        "hostname": "web-001.example.net",
        "guaranteed_ram": "512",
        "burstable_ram": "1024",
        "disk_space": "20000",
        "cpu_count": "1",
        "traffic_in_limit": "3",
        "traffic_out_limit": "",
        "traffic_in_used": "1",
        "traffic_out_used": "2",
    }


def test_new_php_lists_numbers_as_numbers_and_a_null_as_null() -> None:
    entry = listed(VPS, MIXED)
    assert (entry["id"], entry["guaranteed_ram"], entry["traffic_out_limit"]) == (7, 512, None)


def test_combined_accounting_has_a_limit_and_a_sum() -> None:
    entry = listed(SimulatedVps(id=1, traffic=Combined(used=2**63 - 1, limit=0)), STRINGS)
    assert (entry["traffic_limit"], entry["traffic_used"]) == ("0", "9223372036854775807")
    assert "traffic_in_used" not in entry


def test_without_accounting_no_traffic_is_mentioned() -> None:
    vps = SimulatedVps(id=1, traffic=None)
    assert not [key for key in {**listed(vps, STRINGS), **status(vps)} if key.startswith("traffic")]


def test_burstable_memory_is_absent_under_vswap() -> None:
    assert "burstable_ram" not in listed(SimulatedVps(id=1, burstable_ram=None), STRINGS)


def test_later_releases_add_a_location_and_a_template() -> None:
    entry = listed(VPS, Dialect(later_keys=True))
    assert {"location", "template"} <= entry.keys()
    assert not {"location", "template"} & listed(VPS, STRINGS).keys()


def test_extra_keys_are_added_and_replace_known_ones() -> None:
    entry = listed(SimulatedVps(id=1, extra={"cpu_count": None, "note": [1]}), STRINGS)
    assert (entry["cpu_count"], entry["note"]) == (None, [1])


def test_old_php_says_a_status_in_text() -> None:
    assert status(VPS) == {
        "ram_used": "4096",
        "disk_used": "1233.75",
        "status": "running",
        "traffic_in_used": "1",
        "traffic_out_used": "2",
    }


def test_new_php_mixes_text_and_numbers_in_a_status() -> None:
    said = status(VPS, dialect=MIXED)
    assert (said["ram_used"], said["disk_used"], said["traffic_in_used"]) == ("4096", 1233.75, 1)


def test_a_combined_status_has_one_traffic_key() -> None:
    said = status(SimulatedVps(id=1, traffic=Combined(used=5, limit=9)))
    assert said["traffic_used"] == "5"
    assert "traffic_limit" not in said


def test_a_whole_disk_figure_as_text_has_no_fraction() -> None:
    assert status(SimulatedVps(id=1, disk_used=8.0))["disk_used"] == "8"


@pytest.mark.parametrize("power", [power for power in Power if power is not Power.RUNNING])
def test_no_memory_is_used_by_what_does_not_run(power: Power) -> None:
    assert status(VPS, power)["ram_used"] == "0"


def test_a_state_that_could_not_be_found_out_is_unknown() -> None:
    assert status(VPS, None)["status"] == "unknown"


def test_a_terminated_vps_is_unknown_to_some_releases() -> None:
    assert status(VPS, Power.TERMINATED)["status"] == "terminated"
    assert status(VPS, Power.TERMINATED, Dialect(terminated_as_unknown=True))["status"] == "unknown"


def test_a_vps_can_be_shown_as_a_word_that_is_not_documented() -> None:
    assert status(SimulatedVps(id=1, shown_as="migrating"))["status"] == "migrating"


def test_slashes_and_letters_beyond_ascii_are_escaped_as_php_does() -> None:
    body = render_errors("caf\u00e9 <b>&/", STRINGS)
    assert body == b'{"errors":["caf\\u00e9 <b>&\\/"]}'


def test_a_hostname_that_is_not_utf8_leaves_nothing_of_the_whole_list() -> None:
    fleet = [SimulatedVps(id=1), SimulatedVps(id=2, hostname=b"caf\xe9".decode(errors="surrogateescape"))]
    assert render_list(fleet, STRINGS) == b""


def test_a_dump_of_a_programmers_stands_before_the_json_behind_the_diagnostics() -> None:
    body = render_errors("no", Dialect(debug_output=True, diagnostics=1))
    assert body.startswith(b"<br />")
    assert body.endswith(b'<br />\nstring(14) "Not an object!"\n{"errors":["no"]}')


@given(hostname=st.text())
def test_any_hostname_survives(hostname: str) -> None:
    assert listed(SimulatedVps(id=1, hostname=hostname), STRINGS)["hostname"] == hostname


@pytest.mark.parametrize("size", [1, 300, 20_000])
def test_diagnostics_stand_before_the_json_which_is_the_last_line(size: int) -> None:
    body = render_errors("no", Dialect(diagnostics=size))
    html, _, last = body.rpartition(b"\n")
    assert html.startswith(b"<br />\n<b>Warning</b>:")
    assert len(html) >= size
    assert json.loads(last) == {"errors": ["no"]}


@pytest.mark.parametrize("empty", EMPTY_RESPONSES)
def test_each_kind_of_empty_response_can_be_chosen(empty: EmptyResponse) -> None:
    assert render_empty(0, Dialect(empty=empty)) == EMPTY_RESPONSES[empty]


def test_empty_responses_can_rotate_through_all_seven_kinds() -> None:
    rotating = Dialect(empty="rotating")
    assert len({render_empty(turn, rotating) for turn in range(7)}) == 7
    assert render_empty(7, rotating) == render_empty(0, rotating)


def test_diagnostics_stand_before_an_empty_response_but_not_before_nothing() -> None:
    assert render_empty(0, Dialect(empty="list", diagnostics=1)).endswith(b"<br />\n[]")
    assert render_empty(0, Dialect(empty="nothing", diagnostics=1)) == b""


def test_a_proxy_s_page_is_html_that_names_the_failure() -> None:
    assert b"<h1>502 Bad Gateway</h1>" in proxy_page(502, "Bad Gateway")
