import pytest
from attrs import evolve
from hypothesis import example, given, strategies as st
from values import vps

from cvm_async._safe_text import safe_text
from cvm_async.exporter.labels import LONGEST, hostname_label, node_label, panel_labels


@pytest.mark.parametrize(
    ("hostname", "label"),
    [
        ("web1.example.net", "web1.example.net"),
        ('a"b\\c', 'a"b\\c'),
        ("a\nb\x00c\x1b[31m", "a b�c�[31m"),
        ("\ud800", "�"),
        ("\u202eweb", "�web"),
        ("жук.рф", "жук.рф"),
        ("", ""),
    ],
)
def test_a_hostname_is_one_safe_line(hostname: str, label: str) -> None:
    assert hostname_label(evolve(vps(1), hostname=hostname)) == label


def test_a_hostname_is_as_long_as_one_can_be() -> None:
    assert len(hostname_label(evolve(vps(1), hostname="w" * 10_000))) == LONGEST


def test_a_node_that_the_panel_does_not_tell_is_no_label() -> None:
    assert (node_label(None), node_label(0), node_label(3)) == ("", "0", "3")


@given(st.lists(st.text(max_size=4)))
@example(["a\u200cb", "a\u200db", "ab"])
def test_no_two_panels_are_one_label(names: list[str]) -> None:
    labels = panel_labels(names)
    assert len(set(labels.values())) == len(labels) == len(set(names))
    assert all(safe_text(label) == label for label in labels.values())


def test_panels_whose_names_become_alike_are_told_apart() -> None:
    assert panel_labels(["a", "\x00", "\x01", "\x02", "a"]) == {"a": "a", "\x00": "�", "\x01": "� (2)", "\x02": "� (3)"}
