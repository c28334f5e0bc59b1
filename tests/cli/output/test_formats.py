"""Results for programs: exact, and alone."""

import csv
import io
import json
import sys
from collections.abc import Sequence

import pytest
import yaml

from cvm_async.cli.exits import CommandError
from cvm_async.cli.output.formats import line, written
from cvm_async.cli.output.look import Format, Look, Sort
from cvm_async.cli.output.rows import Record
from cvm_async.fleet.naming import Names
from cvm_async.models import Vps

ODD = '\x1b[2J København,\n"=1" \u202e'
"""What a hostname can hold."""


def vps(number: int, hostname: str) -> Vps:
    return Vps(id=number, hostname=hostname, virtualization_type=1, guaranteed_ram=512, disk_space=1000, cpu_count=None)


def listing(*hostnames: str) -> dict[str, object]:
    return {"version": 1, "vpses": [vps(number, name).to_dict() for number, name in enumerate(hostnames, 1)]}


def printed(document: Record, look: Look, names: Names | None = None) -> str:
    return written(document, look, names, {"ram": "guaranteed_ram"})


@pytest.mark.parametrize("way", [Format.JSON, Format.YAML])
def test_a_document_comes_back_as_it_was_in_ascii(way: Format) -> None:
    text = printed(listing(ODD), Look(format=way))
    assert text.isascii()
    assert "\x1b" not in text
    assert (json.loads(text) if way is Format.JSON else yaml.safe_load(text)) == listing(ODD)


def test_lines_of_json_are_an_object_for_each() -> None:
    text = printed(listing(ODD, "b"), Look(format=Format.JSONL))
    assert [json.loads(each)["hostname"] for each in text.splitlines()] == [ODD, "b"]


def test_what_has_no_rows_is_one_row() -> None:
    assert printed({"url": "x"}, Look(format=Format.JSONL)) == '{"url": "x"}\n'


@pytest.mark.parametrize("way", [Format.JSON, Format.JSONL, Format.CSV, Format.NAME, Format.YAML])
def test_rows_are_sorted_in_every_format(way: Format) -> None:
    text = printed(listing("bbb", "aaa"), Look(format=way, sort=Sort.NAME), names_of("bbb", "aaa"))
    assert text.index("aaa") < text.index("bbb")


def test_csv_is_what_other_programs_read_exactly() -> None:
    text = printed(listing(ODD, "b"), Look(format=Format.CSV, columns=("hostname", "ram", "cpu_count")))
    assert text.endswith("\r\n")
    assert [*csv.reader(io.StringIO(text, newline=""))] == [
        ["hostname", "guaranteed_ram", "cpu_count"],
        [ODD, "512", ""],
        ["b", "512", ""],
    ]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_a_spreadsheet_takes_no_hostname_for_a_formula(first: str) -> None:
    text = printed(listing(f"{first}cmd|' /C calc'!A0"), Look(format=Format.CSV, columns=("hostname",), header=False))
    assert [*csv.reader(io.StringIO(text, newline=""))] == [[f"'{first}cmd|' /C calc'!A0"]]


def test_what_is_no_text_is_plain_in_csv() -> None:
    document = {"outcomes": [{"ok": True, "failed": False, "elapsed": -1.5, "problems": [{"path": "a"}]}]}
    text = printed(document, Look(format=Format.CSV, columns=("ok", "failed", "elapsed", "problems"), header=False))
    assert [*csv.reader(io.StringIO(text, newline=""))] == [["true", "false", "-1.5", '[{"path": "a"}]']]


def test_csv_without_rows_or_columns_is_nothing() -> None:
    assert printed({"profiles": []}, Look(format=Format.CSV)) == ""
    assert printed({"vpses": []}, Look(format=Format.CSV)).startswith("panel,id,hostname,")


def names_of(*hostnames: str) -> Names:
    return Names((("panel", vps(number, name)) for number, name in enumerate(hostnames, 1)), ())


@pytest.mark.parametrize(
    ("hostnames", "lines"),
    [
        (["web1.example.net", "web2"], ["web1.example.net", "web2"]),
        (["web1", "web1", "WEB1."], ["1", "2", "3"]),
        (
            ["", "a b", "a,b", "-rf", "12", "1-3", "a\x1b", "København"],
            ["1", "2", "3", "4", "5", "6", "7", "København"],
        ),
    ],
    ids=["names", "of several", "that would be read as something else"],
)
def test_a_name_means_that_one_vps_and_else_its_id_is_printed(hostnames: Sequence[str], lines: list[str]) -> None:
    text = printed(listing(*hostnames), Look(format=Format.NAME), names_of(*hostnames))
    assert text.splitlines() == lines


def test_where_names_are_not_known_ids_are_printed() -> None:
    assert printed(listing("web1"), Look(format=Format.NAME)) == "1\n"
    assert printed({"profiles": [{"name": "work"}]}, Look(format=Format.NAME)) == "work\n"


def test_a_name_is_printed_only_of_what_went_well_or_is_to_be_done() -> None:
    outcomes = [{"id": 1, "hostname": "", "ok": True}, {"id": 2, "hostname": "", "ok": False}]
    steps = [{"id": 1, "hostname": "", "step": "leave"}, {"id": 2, "hostname": "", "step": "stop"}]
    assert printed({"outcomes": outcomes}, Look(format=Format.NAME)) == "1\n"
    assert printed({"steps": steps}, Look(format=Format.NAME)) == "2\n"


def test_results_that_come_one_by_one_are_a_line_or_a_document_each() -> None:
    assert line({"a": "ø"}, Look(format=Format.JSON)) == '{"a": "\\u00f8"}\n'
    assert line({"a": 1}, Look(format=Format.YAML)) == "---\na: 1\n"


def test_without_the_library_for_yaml_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(CommandError, match="pip install 'cvm_async"):
        printed(listing(), Look(format=Format.YAML))
