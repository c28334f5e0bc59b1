"""What a Prometheus would take from a collector: its text, parsed, and each series by its name and labels."""

from collections.abc import Iterable, Iterator

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from cvm_async.exporter.metrics import Family


class Families(Collector):
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = tuple(families)

    def collect(self) -> Iterator[Family]:
        yield from self._families


# These two of prometheus_client have no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false


def openmetrics(collector: Collector) -> bytes:
    """Give what is scraped in OpenMetrics' format."""
    text: bytes = exposition.generate_latest(collector)  # type: ignore[no-untyped-call]
    return text


def parsed_openmetrics(text: bytes) -> list[Metric]:
    """Read that format, as strictly as its own parser does."""
    return list(parser.text_string_to_metric_families(text.decode()))  # type: ignore[no-untyped-call]


def series(text: bytes) -> dict[str, float]:
    """Give each series as `name{label="value",…}`, without the panel's and the node's labels; twice is an error."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            key = sample.name, *sorted(sample.labels.items())
            assert str(key) not in found
            found[str(key)] = sample.value
    return found


def values(families: Iterable[Family], name: str, label: str = "vps") -> dict[str, float]:
    """Give one metric's values by one of its labels, as they come out at the other side."""
    text = generate_latest(Families(families)).decode()
    (family,) = (each for each in text_string_to_metric_families(text) if each.name == name)
    samples = [sample for sample in family.samples if sample.name in (name, f"{name}_total")]
    found = {sample.labels[label]: sample.value for sample in samples}
    assert len(found) == len(samples)
    return found
