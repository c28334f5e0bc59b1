from cluster.makes import begun
from cvm_async import Rollout
from cvm_async._api.verbs import Verb
from cvm_async.cluster.database.postgres import Database
from cvm_async.cluster.database.shards import Order, Ticket, shards_of

ORDER = Order(
    verb=Verb.RESTART,
    rollout=Rollout(batch=(1, 0.5), max_failures=0.1, pause=2.0),
    wait=True,
    timeout=None,
    interval=1.5,
    most_failures=3,
)


async def test_shards_are_read_as_they_were_kept(database: Database) -> None:
    kept = await begun(database, "https://a.example.net/", "https://b.example.net/", order=ORDER, region="eu")
    assert await shards_of(database, "a-run") == kept
    assert await shards_of(database, "a-run", 1) == kept[1:]


async def test_of_a_run_that_there_is_none_of_there_are_no_shards(database: Database) -> None:
    assert await shards_of(database, "a-run") == []


async def test_a_run_with_more_failures_than_it_may_have_is_stopped(database: Database) -> None:
    await begun(database, "https://a.example.net/", order=ORDER)
    await database.write(("UPDATE cvm_async.runs SET failures = 3", {}))
    assert (await shards_of(database, "a-run"))[0].stopped is None
    await database.write(("UPDATE cvm_async.runs SET failures = 4", {}))
    [shard] = await shards_of(database, "a-run")
    assert shard.stopped == "in the whole run 4 had failed, and max_failures_overall is 3"


def test_a_ticket_is_named_by_its_run_and_number() -> None:
    assert Ticket(run="a-run", number=7, address="https://a.example.net/", region="").id == "a-run:7"
