"""What a panel's texts may be as values of labels: one line, safe to print, bounded, and never two panels' the same."""

from collections.abc import Iterable
from typing import Final

from cvm_async._safe_text import excerpt
from cvm_async.models import Vps

LONGEST: Final = 253
"""Characters of the longest hostname that DNS has."""


def hostname_label(vps: Vps) -> str:
    """Give a VPS's hostname."""
    return excerpt(vps.hostname, LONGEST)


def node_label(node: int | None) -> str:
    """Give a host node; empty, which to Prometheus is no label, where the panel does not say."""
    return "" if node is None else str(node)


def panel_labels(names: Iterable[str]) -> dict[str, str]:
    """Give each panel's name as a label, each another one: what is made safe may become alike."""
    labels: dict[str, str] = {}
    for name in dict.fromkeys(names):
        label, number = excerpt(name, LONGEST), 1
        while label in labels.values():
            number += 1
            label = f"{excerpt(name, LONGEST)} ({number})"
        labels[name] = label
    return labels
