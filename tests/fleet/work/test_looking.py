"""A fleet is watched on a virtual clock, on simulated panels: what one look reads, and what the next one knows."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Literal

import pytest
from panels import NO_RETRY, account_of, calls, fleet_of, session_on
from values import vps
from virtual_time import virtual, virtual_loop
from watches import BEGIN

from cvm_async import (
    AuthenticationError,
    ConfigurationError,
    Fleet,
    NodeUnreachable,
    PanelUnreachable,
    PowerState,
    Progress,
    Rollout,
    Snapshot,
    StateChanged,
    Timeouts,
    VpsAppeared,
    VpsGone,
    WaitTimeoutError,
    Watch,
)
from cvm_async.fleet.work.looking import FleetLook, What, list_all
from cvm_async.panel import Answer, PanelApp, Reset, SimulatedVps, bad_gateway

NO_PAIR = b'{"errors":["No valid API token pair was specified."]}'


def new_vps(number: int, node: int = 1) -> SimulatedVps:
    return SimulatedVps(id=number, node=node, hostname=f"vps{number}.example.net", power="running")


async def looks(watch: Watch, count: int) -> list[Snapshot]:
    async with watch as ticks:
        return [await anext(ticks) for _ in range(count)]


def now() -> datetime:
    """Give the time of the virtual clock."""
    return BEGIN + timedelta(seconds=virtual_loop().time())


def on_the_virtual_clock(fleet: Fleet, rollout: Rollout | None = None) -> Watch:
    """Watch a fleet every 40 seconds."""
    look = FleetLook(fleet.members, rollout or Rollout(), what="status", every=40.0, relist=300.0, now=now)
    return Watch(look, every=40.0, now=now)


def names(snapshot: Snapshot) -> list[int]:
    return [reading.vps.id for reading in snapshot]


@virtual
async def test_each_look_reads_every_status_and_tells_what_changed() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2), latency=1.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        async with fleet.watch(every=30.0) as ticks:
            first = await anext(ticks)
            app.set_power(2, "stopped")
            second = await anext(ticks)
    assert first.totals == {"running": 3}
    assert second.totals == {"running": 2, "stopped": 1}
    assert [type(change) for change in second.changes] == [StateChanged]
    assert len(calls(app, "status")) == 6
    assert len(calls(app, "list")) == 1


@virtual
async def test_each_reading_tells_when_it_was_read() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, 1), latency=1.0)
    async with session_on(app) as session:
        (snapshot,) = await looks((await session.fleet()).watch(rollout=Rollout(max_concurrency=1)), 1)
    read = [reading.read_at for reading in snapshot]
    assert None not in read
    assert read == sorted(at for at in read if at is not None)
    assert snapshot.elapsed == pytest.approx(4.0)


@virtual
async def test_a_lost_node_is_one_change_and_its_vpses_keep_their_state() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2, 2, 2))
    async with session_on(app) as session, (await session.fleet()).watch() as ticks:
        await anext(ticks)
        app.unreachable_node(2, after=0.0, answer="503")
        second = await anext(ticks)
    assert [type(change) for change in second.changes] == [NodeUnreachable]
    assert second.totals == {"running": 5}
    assert [reading.is_stale for reading in second] == [False, False, True, True, True]
    assert second[session.name, 3].age is not None


@virtual
async def test_the_panels_are_listed_again_after_a_while() -> None:
    app = PanelApp(vpses=fleet_of(1, 1))
    async with session_on(app) as session, (await session.fleet()).watch(every=60.0, relist=100.0) as ticks:
        await anext(ticks)
        app.add_vps(new_vps(3))
        app.remove_vps(1)
        second, third = await anext(ticks), await anext(ticks)
    assert names(second) == [1, 2]
    assert names(third) == [2, 3]
    assert {type(change) for change in third.changes} == {VpsAppeared, VpsGone}


@virtual
async def test_where_listing_again_fails_the_fleet_stays_as_it_was() -> None:
    app = PanelApp(vpses=fleet_of(1, 1))
    async with session_on(app) as session, (await session.fleet()).watch(every=60.0, relist=30.0) as ticks:
        await anext(ticks)
        app.inject(bad_gateway(), verb="list", times=None)
        app.remove_vps(1)
        second = await anext(ticks)
    assert names(second) == [1, 2]
    assert list(second.failures) == [(session.name, 1)]


@virtual
async def test_traffic_takes_one_call_a_look_however_many_vpses_there_are() -> None:
    app = PanelApp(vpses=200, nodes=4)
    async with session_on(app) as session:
        snapshots = await looks((await session.fleet()).watch(what="traffic", every=10.0), 3)
    assert len(calls(app, "list")) == 1 + 3
    assert not calls(app, "status")
    last = snapshots[-1]
    assert (last.statuses, last.failures) == ({}, {})
    assert all(reading.traffic and reading.read_at for reading in last)


@virtual
async def test_a_panel_that_cannot_be_listed_is_one_change_and_does_not_blank_the_others() -> None:
    well, sick = PanelApp(vpses=fleet_of(1, 1)), PanelApp(vpses=fleet_of(1))
    async with (
        session_on(well, name="well") as one,
        session_on(sick, url="https://sick.example.net", name="sick") as two,
    ):
        fleet = await one.fleet() | await two.fleet()
        async with fleet.watch(what="traffic", every=60.0) as ticks:
            await anext(ticks)
            sick.inject(Reset(), verb="list", times=None)
            second = await anext(ticks)
    assert [type(change) for change in second.changes] == [PanelUnreachable]
    assert [reading.is_fresh for reading in second] == [True, True, False]


@pytest.mark.parametrize("what", ["status", "traffic"])
@virtual
async def test_wrong_tokens_end_it_and_a_closed_session_does(what: str) -> None:
    app = PanelApp(vpses=fleet_of(1, 1))
    async with session_on(app) as session:
        watch = (await session.fleet()).watch(what=what, every=5.0)  # type: ignore[arg-type]
        app.inject(Answer(status=401, body=NO_PAIR), times=None)
        with pytest.raises(AuthenticationError):
            await looks(watch, 1)


@virtual
async def test_several_watches_and_verbs_go_side_by_side() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2))
    async with session_on(app) as session:
        fleet = await session.fleet()
        one, two, report = await asyncio.gather(
            looks(fleet.watch(every=10.0), 3), looks(fleet.select(node=2).watch(every=7.0), 4), fleet.status()
        )
    assert {len(snapshot) for snapshot in one} == {3}
    assert {len(snapshot) for snapshot in two} == {1}
    assert len(report.ok) == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"every": 0}, "every must be"),
        ({"every": "30"}, "every must be"),
        ({"jitter": -1}, "jitter must be"),
        ({"every": 5.0, "jitter": 5.0}, "jitter must be less than every"),
        ({"relist": 0}, "relist must be"),
        ({"what": "power"}, "what must be 'status' or 'traffic'"),
        ({"rollout": {}}, "rollout must be a Rollout"),
    ],
)
@virtual
async def test_what_is_not_as_it_should_be_is_refused(arguments: dict[str, object], says: str) -> None:
    async with session_on(PanelApp(vpses=1)) as session:
        fleet = await session.fleet()
        with pytest.raises(ConfigurationError, match=says):
            fleet.watch(**arguments)  # type: ignore[arg-type]


@virtual
async def test_lists_are_asked_for_side_by_side() -> None:
    apps = [PanelApp(vpses=1, cost=2.0) for _ in range(3)]
    async with session_on(apps[0]) as one, session_on(apps[1]) as two, session_on(apps[2]) as three:
        lists = await list_all({account_of(session): 0.0 for session in (one, two, three)})
        assert virtual_loop().time() == pytest.approx(2.0)
    assert len(lists) == 3


@virtual
async def test_a_watch_of_no_vps_at_all_goes_on() -> None:
    async with session_on(PanelApp(vpses=0)) as session:
        first, second = await looks((await session.fleet()).watch(every=5.0), 2)
    assert (len(first), second.changes) == (0, ())


@virtual
async def test_a_state_that_is_waited_for_can_be_read_off_the_snapshots() -> None:
    app = PanelApp(vpses=fleet_of(1), boot_time=20.0)
    app.set_power(1, "stopped")
    async with session_on(app) as session:
        fleet = await session.fleet()
        starting = asyncio.create_task(session.start(1))
        async with fleet.watch(every=10.0) as ticks:
            async for snapshot in ticks:
                if snapshot.statuses[session.name, 1].state is PowerState.RUNNING:
                    break
        await starting
        assert virtual_loop().time() <= 40


@pytest.mark.parametrize(
    ("later", "every", "calls_made"),
    [
        pytest.param(0.0, 30.0, 9, id="at once"),
        pytest.param(0.5, 30.0, 9, id="while the first one reads"),
        pytest.param(7.0, 30.0, 9, id="soon after"),
        pytest.param(8.0, 30.0, 18, id="later than a quarter of the interval"),
        pytest.param(0.0, 15.0, 15, id="half as often"),
    ],
)
@virtual
async def test_two_watches_of_one_fleet_share_their_calls(later: float, every: float, calls_made: int) -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2), latency=1.0)
    async with session_on(app) as session:
        fleet = await session.fleet()

        async def second() -> list[Snapshot]:
            await asyncio.sleep(later)
            return await looks(fleet.watch(every=every), round(60 / every) + 1)

        one, two = await asyncio.gather(looks(fleet.watch(every=30.0), 3), second())
    assert len(calls(app, "status")) == calls_made
    assert all(not snapshot.failures for snapshot in (*one, *two))


@virtual
async def test_a_reading_that_was_taken_over_tells_its_age() -> None:
    app = PanelApp(vpses=fleet_of(1, 1), latency=1.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        async with on_the_virtual_clock(fleet) as ticks:
            mine = await anext(ticks)
            await asyncio.sleep(7)
            (others,) = await looks(on_the_virtual_clock(fleet), 1)
    assert len(calls(app, "status")) == 2
    assert [[reading.age for reading in snapshot] for snapshot in (mine, others)] == [[0.0, 0.0], [7.0, 7.0]]
    assert [reading.read_at for reading in mine] == [reading.read_at for reading in others]
    assert all(reading.is_fresh and not reading.is_stale for reading in others)


@virtual
async def test_watches_of_fleets_that_overlap_share_what_is_in_both() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2))
    async with session_on(app) as session:
        fleet = await session.fleet()
        await asyncio.gather(
            looks(fleet.select(ids=[1, 2]).watch(every=10.0), 2), looks(fleet.select(ids=[2, 3]).watch(every=10.0), 2)
        )
    assert Counter(record.vps for record in calls(app, "status")) == {1: 2, 2: 2, 3: 2}


@virtual
async def test_a_watch_and_waits_share_their_calls() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2))
    async with session_on(app) as session:
        fleet = await session.fleet()
        _, report, _ = await asyncio.gather(
            looks(fleet.watch(every=10.0), 4),
            fleet.wait_until(PowerState.STOPPED, timeout=35.0, interval=10.0),
            asyncio.wait_for(fleet.select(ids=[1]).wait_until(PowerState.RUNNING), 100),
        )
    # One a VPS every ten seconds, and the wait's last look at its deadline.
    assert len(calls(app, "status")) == 3 * 4 + 3
    assert len(report.failed) == 3


@virtual
async def test_what_a_watch_reads_is_news_to_a_wait_only_if_it_began_after_it() -> None:
    app = PanelApp(vpses=fleet_of(1), latency=4.0)
    async with session_on(app) as session, (await session.fleet()).watch(every=100.0) as ticks:
        await asyncio.sleep(1)
        app.set_power(1, "stopped")
        status = await session.wait_until(1, PowerState.STOPPED)
        assert status.state is PowerState.STOPPED
        await anext(ticks)
    assert len(calls(app, "status")) == 2


@virtual
async def test_after_a_power_action_nobody_takes_what_was_read_before_it() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session:
        fleet = await session.fleet()
        async with fleet.watch(every=100.0) as ticks:
            await anext(ticks)
            await session.stop(1)
            (after,) = await looks(fleet.watch(every=100.0), 1)
    assert after.totals == {"stopped": 1}


@virtual
async def test_watches_of_traffic_share_their_lists() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 2), cost=1.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        await asyncio.gather(*(looks(fleet.watch(what="traffic", every=20.0), 3) for _ in range(3)))
    assert len(calls(app, "list")) == 1 + 3


@virtual
async def test_a_watch_alone_reads_anew_at_each_look_however_long_one_takes() -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, 1), latency=7.0)
    async with session_on(app) as session:
        alone = on_the_virtual_clock(await session.fleet(), Rollout(max_concurrency=1))
        seen = await looks(alone, 3)
    assert len(calls(app, "status")) == 12
    assert [[reading.age for reading in snapshot] for snapshot in seen] == 3 * [[21.0, 14.0, 7.0, 0.0]]


@virtual
async def test_a_look_that_is_out_of_time_leaves_the_reading_to_the_other_watch() -> None:
    app = PanelApp(vpses=fleet_of(1), latency=5.0)
    async with session_on(app) as session:
        fleet = await session.fleet()
        (patient,), (hasty,) = await asyncio.gather(
            looks(fleet.watch(), 1), looks(fleet.watch(rollout=Rollout(deadline=2.0)), 1)
        )
    assert (len(patient.failures), [str(error) for error in hasty.failures.values()]) == (
        0,
        ["not read within the 2 s that this look at it had (VPS 1)"],
    )
    assert len(calls(app, "status")) == 1


@virtual
async def test_so_does_a_wait_whose_reading_is_out_of_time() -> None:
    app = PanelApp(vpses=fleet_of(1), latency=100.0)
    async with session_on(app, timeouts=Timeouts(total=3.0)) as session:
        waiting = asyncio.create_task(session.wait_until(1, PowerState.RUNNING, timeout=4.0))
        await asyncio.sleep(1)
        fleet = Fleet.of(account_of(session), [vps(1)])
        (watched,) = await looks(fleet.watch(), 1)
        assert virtual_loop().time() == pytest.approx(4.0)
        with pytest.raises(WaitTimeoutError, match="the last reading failed: not read within the 3 s"):
            await waiting
    assert len(watched.failures) == 1
    assert len(calls(app, "status")) == 2


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 1.5, 2.0, 10.0, 10.5, 11.0, 12.5])
@virtual
async def test_whoever_of_several_leaves_and_whenever_the_others_go_on_and_nothing_stays_behind(seconds: float) -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, 2), latency=1.0)
    for leaver in range(3):
        async with session_on(app) as session:
            fleet = await session.fleet()
            watches = [
                asyncio.create_task(looks(fleet.watch(every=10.0), 3)),
                asyncio.create_task(looks(fleet.select(node=1).watch(every=10.0), 3)),
                asyncio.create_task(looks(fleet.watch(every=10.0, what="traffic"), 3)),
            ]
            wait = asyncio.create_task(fleet.wait_until(PowerState.STOPPED, timeout=15.0))
            await asyncio.sleep(seconds)
            watches.pop(leaver).cancel()
            stayed = await asyncio.gather(*watches)
            assert all(not snapshot.failures for snapshots in stayed for snapshot in snapshots)
            assert {type(outcome.error) for outcome in await wait} == {WaitTimeoutError}


@virtual
async def test_panels_of_one_name_are_told_apart_by_their_addresses() -> None:
    one, two = PanelApp(vpses=fleet_of(1, 1)), PanelApp(vpses=fleet_of(1, power="stopped"))
    async with (
        session_on(one, url="http://127.0.0.1:8001") as first,
        session_on(two, url="http://127.0.0.1:8002") as second,
    ):
        both = await first.fleet() | await second.fleet()
        async with both.watch(every=10.0, relist=15.0) as ticks:
            seen = await anext(ticks)
            two.inject(Reset(), times=None)
            two.remove_vps(1)
            lost = await anext(ticks)
            two.clear_faults()
            gone = [await anext(ticks) for _ in range(25)][-1]
    assert (len(seen.statuses), seen.totals) == (3, {"running": 2, "stopped": 1})
    assert seen[second.url, 1].status != seen[first.url, 1].status
    assert [change.panel for change in lost.changes] == [second.url]
    # The other one keeps its name, also when it is the only one.
    assert {reading.panel for reading in gone} == {first.url}


@pytest.mark.parametrize("what", ["status", "traffic"])
@virtual
async def test_the_first_vps_of_an_account_is_seen_where_none_was(what: What) -> None:
    app = PanelApp(vpses=0)
    async with session_on(app) as session:
        web = (await session.fleet()).select(hostname="vps*")
        async with web.watch(every=60.0, relist=100.0, what=what) as ticks:
            first = await anext(ticks)
            app.add_vps(new_vps(7))
            later = [await anext(ticks) for _ in range(2)]
    assert (len(first), names(later[-1])) == (0, [7])
    assert [type(change) for snapshot in later for change in snapshot.changes] == [VpsAppeared]


@virtual
async def test_a_hostname_that_was_changed_is_read_again() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session, (await session.fleet()).watch(every=60.0, relist=50.0) as ticks:
        await anext(ticks)
        app.remove_vps(1)
        app.add_vps(SimulatedVps(id=1, node=1, hostname="mail.example.net", power="running"))
        second = await anext(ticks)
    assert [reading.vps.hostname for reading in second] == ["mail.example.net"]
    assert second.changes == ()


@pytest.mark.parametrize("what", ["status", "traffic"])
@virtual
async def test_wrong_tokens_end_it_also_where_a_node_is_left_alone_or_no_vps_is_there(what: What) -> None:
    app = PanelApp(vpses=fleet_of(1, 2, 2, 2, 2))
    app.unreachable_node(2, after=0.0, answer="503")
    async with session_on(app) as session:
        fleet = await session.fleet()
        for some in (fleet, fleet.select(ids=[])):
            with pytest.raises(AuthenticationError):  # noqa: PT012 - it ends while it is read
                async with some.watch(every=5.0, relist=7.0, what=what) as ticks:
                    await anext(ticks)
                    app.inject(Answer(status=401, body=NO_PAIR), times=None)
                    async for _ in ticks:
                        pass
            app.clear_faults()


@virtual
async def test_wrong_tokens_for_one_of_several_panels_end_nothing() -> None:
    well, sick = PanelApp(vpses=fleet_of(1)), PanelApp(vpses=fleet_of(1))
    async with session_on(well, name="well") as one, session_on(sick, url="https://sick.example.net") as two:
        fleet = await one.fleet() | await two.fleet()
        async with fleet.watch(every=5.0) as ticks:
            await anext(ticks)
            sick.inject(Answer(status=401, body=NO_PAIR), times=None)
            seen = [await anext(ticks) for _ in range(3)][-1]
    assert [reading.is_fresh for reading in seen] == [True, False]


@virtual
async def test_a_panel_that_is_gone_is_one_change_and_its_return_another() -> None:
    app = PanelApp(vpses=fleet_of(*range(1, 9), *range(1, 9)))
    told: list[str] = []
    async with session_on(app) as session, (await session.fleet()).watch(every=30.0) as ticks:
        for tick in range(20):
            told += [type(change).kind for change in (await anext(ticks)).changes]
            if tick == 2:
                app.inject(Reset(), times=None)
            if tick == 6:
                app.clear_faults()
    assert told == ["panel_unreachable", "panel_back"]


@pytest.mark.parametrize("answer", ["uncaught", "503"])
@virtual
async def test_a_node_that_is_gone_is_one_change_and_its_return_another(answer: Literal["uncaught", "503"]) -> None:
    app = PanelApp(vpses=fleet_of(1, 1, 1, 1, 1, 2, 2, 3))
    told: list[str] = []
    async with session_on(app) as session, (await session.fleet()).watch(every=30.0) as ticks:
        for tick in range(20):
            told += [type(change).kind for change in (await anext(ticks)).changes]
            if tick == 2:
                app.unreachable_node(1, after=0.0, answer=answer)
            if tick == 6:
                app.heal_node(1)
    assert told == ["node_unreachable", "node_back"]


@virtual
async def test_a_machine_that_was_suspended_goes_on_at_the_next_tick() -> None:
    app = PanelApp(vpses=fleet_of(1))
    async with session_on(app) as session, (await session.fleet()).watch(every=30.0) as ticks:
        await anext(ticks)
        await asyncio.sleep(10)
        virtual_loop().hold(8 * 3600)
        await anext(ticks)
        woken = virtual_loop().time()
        await anext(ticks)
    assert (woken, virtual_loop().time()) == (8 * 3600 + 10, 8 * 3600 + 30)
    assert len(calls(app, "status")) == 3


@virtual
async def test_each_status_can_be_had_before_the_look_is_over() -> None:
    panel = PanelApp(vpses=fleet_of(1, 2), cost=0.0)
    panel.unreachable_node(2, after=10.0)
    told: list[tuple[int, int, bool, float]] = []

    def note(progress: Progress) -> None:
        latest = progress.latest
        told.append((progress.done, latest.vps.id, latest.ok, virtual_loop().time()))

    async with session_on(panel, retry=NO_RETRY) as session:
        fleet = await session.fleet()
        async with fleet.watch(every=60.0, progress=note) as ticks:
            await anext(ticks)
    assert told == [(1, 1, True, 0.0), (2, 2, False, 10.0)]


@virtual
async def test_whoever_is_told_of_each_status_is_a_plain_function() -> None:
    async def later(_: Progress) -> None:
        """Nobody awaits it."""

    async with session_on(PanelApp(vpses=fleet_of(1))) as session:
        with pytest.raises(ConfigurationError, match="a plain function"):
            (await session.fleet()).watch(progress=later)
