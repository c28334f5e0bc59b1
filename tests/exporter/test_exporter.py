import importlib
import sys

import pytest

import cvm_async.exporter
from cvm_async import MissingExtraError
from cvm_async.exporter import FleetCollector


def test_the_collector_is_there_for_everybody() -> None:
    assert FleetCollector.__module__ == "cvm_async.exporter.collector"


@pytest.mark.parametrize(("missing", "raised"), [("prometheus_client", MissingExtraError), ("attrs", ImportError)])
def test_without_the_extra_a_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str, raised: type[Exception]
) -> None:
    for name in [each for each in sys.modules if each.startswith(("prometheus_client", "cvm_async.exporter."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(raised) as found:
        importlib.reload(cvm_async.exporter)
    assert ("pip install 'cvm_async[metrics]'" in str(found.value)) is (raised is MissingExtraError)
