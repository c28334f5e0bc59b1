import pytest

from cvm_async import CallEnd
from cvm_async.exporter.calls import Calls

from .scraped import values


def ended(seconds: float, *, verb: str = "status", result: str = "ok") -> CallEnd:
    return CallEnd(panel="a", verb=verb, vps_id=1, attempt=1, result=result, status_code=200, seconds=seconds)


def test_requests_are_counted_by_what_came_of_them() -> None:
    calls = Calls()
    for end in (ended(0.2), ended(0.3), ended(15.0, result="no_answer"), ended(1.0, verb="list")):
        calls.note("acme", end)
    (count, _) = calls.families()
    counted = {(each.labels["verb"], each.labels["result"]): each.value for each in count.samples}
    assert counted == {("list", "ok"): 1, ("status", "ok"): 2, ("status", "no_answer"): 1}


@pytest.mark.parametrize(
    ("seconds", "buckets"),
    [
        (0.05, {"0.05": 1, "120.0": 1, "+Inf": 1}),
        (0.06, {"0.05": 0, "0.1": 1, "+Inf": 1}),
        (121.0, {"120.0": 0, "+Inf": 1}),
    ],
)
def test_each_falls_into_the_buckets_that_hold_it(seconds: float, buckets: dict[str, float]) -> None:
    calls = Calls()
    calls.note("acme", ended(seconds))
    (_, times) = calls.families()
    found = {each.labels["le"]: each.value for each in times.samples if "le" in each.labels}
    assert {bucket: found[bucket] for bucket in buckets} == buckets
    assert {each.name: each.value for each in times.samples if "le" not in each.labels} == {
        "cvm_call_duration_seconds_count": 1,
        "cvm_call_duration_seconds_sum": seconds,
    }


def test_where_nothing_was_asked_yet_there_is_nothing() -> None:
    assert values(Calls().families(), "cvm_calls", "verb") == {}
