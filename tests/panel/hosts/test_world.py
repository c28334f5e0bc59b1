import pytest
from hypothesis import given, strategies as st

from cvm_async.panel.hosts.world import TRANSITIONS, Machine, Power, Refusal, SimulatedVps, Verb, World

POWER_VERBS = (Verb.START, Verb.STOP, Verb.RESTART, Verb.REINSTALL)
LONG_AFTER = 1e9


def a_world(power: Power, *, settle: float = 0.0) -> tuple[World, Machine]:
    world = World([SimulatedVps(id=1, power=power)], boot_time=30.0, shutdown_time=10.0, settle=settle)
    machine = world.find(1)
    assert machine is not None
    return world, machine


def shown_at(world: World, machine: Machine, *instants: float) -> list[str]:
    return [str(world.shown(machine, instant)) for instant in instants]


def test_the_table_has_an_entry_for_every_state_and_power_verb() -> None:
    assert set(TRANSITIONS) == {(power, verb) for power in Power for verb in POWER_VERBS}


@pytest.mark.parametrize(
    ("power", "verb", "seconds", "then"),
    [
        pytest.param(Power.STOPPED, Verb.START, 30.0, Power.RUNNING, id="start what is stopped"),
        pytest.param(Power.RUNNING, Verb.STOP, 10.0, Power.STOPPED, id="stop what runs"),
        pytest.param(Power.RUNNING, Verb.RESTART, 40.0, Power.RUNNING, id="restart what runs"),
        pytest.param(Power.STOPPED, Verb.RESTART, 30.0, Power.RUNNING, id="restart what is stopped"),
    ],
)
def test_a_command_takes_its_phases_time_and_leads_to_its_state(
    power: Power, verb: Verb, seconds: float, then: Power
) -> None:
    world, machine = a_world(power)
    assert world.carry_out(machine, verb, now=0.0) == seconds
    assert world.shown(machine, seconds) is then


@pytest.mark.parametrize(
    ("power", "verb", "reason"),
    [
        pytest.param(Power.RUNNING, Verb.START, "already running", id="start what runs"),
        pytest.param(Power.STOPPED, Verb.STOP, "already stopped", id="stop what is stopped"),
        *(pytest.param(Power.SUSPENDED, verb, "suspended", id=f"{verb} suspended") for verb in POWER_VERBS),
        *(pytest.param(Power.TERMINATED, verb, "terminated", id=f"{verb} terminated") for verb in POWER_VERBS),
    ],
)
def test_a_refused_command_says_why_and_changes_nothing(power: Power, verb: Verb, reason: str) -> None:
    world, machine = a_world(power)
    refusal = world.carry_out(machine, verb, now=0.0)
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason
    assert world.shown(machine, LONG_AFTER) is power


def test_a_stop_shows_when_it_is_over_and_not_before() -> None:
    world, machine = a_world(Power.RUNNING)
    world.carry_out(machine, Verb.STOP, now=100.0)
    assert shown_at(world, machine, 100.0, 109.9, 110.0) == ["running", "running", "stopped"]


def test_a_restart_shows_the_vps_stopped_in_between() -> None:
    world, machine = a_world(Power.RUNNING)
    world.carry_out(machine, Verb.RESTART, now=0.0)
    assert shown_at(world, machine, 9.9, 10.0, 39.9, 40.0) == ["running", "stopped", "stopped", "running"]


def test_the_new_state_shows_only_after_it_has_settled() -> None:
    world, machine = a_world(Power.STOPPED, settle=5.0)
    world.carry_out(machine, Verb.START, now=0.0)
    assert shown_at(world, machine, 34.9, 35.0) == ["stopped", "running"]


def test_a_vps_is_locked_while_a_command_is_carried_out() -> None:
    world, machine = a_world(Power.RUNNING)
    world.carry_out(machine, Verb.STOP, now=0.0)
    refusal = world.carry_out(machine, Verb.START, now=9.9)
    assert isinstance(refusal, Refusal)
    assert "locked" in refusal.reason
    assert world.carry_out(machine, Verb.START, now=10.0) == 30.0


def test_a_command_given_while_another_settles_loses_nothing_of_what_is_to_show() -> None:
    world, machine = a_world(Power.RUNNING, settle=5.0)
    world.carry_out(machine, Verb.STOP, now=0.0)
    world.carry_out(machine, Verb.START, now=12.0)
    assert shown_at(world, machine, 12.0, 15.0, 46.9, 47.0) == ["running", "stopped", "stopped", "running"]


def test_a_vps_with_times_of_its_own_takes_those() -> None:
    world = World([SimulatedVps(id=1, boot_time=1.0, shutdown_time=2.0)], boot_time=30.0, shutdown_time=10.0)
    machine = world.find(1)
    assert machine is not None
    assert world.carry_out(machine, Verb.RESTART, now=0.0) == 3.0


def test_a_forced_state_shows_at_once_and_ends_what_was_under_way() -> None:
    world, machine = a_world(Power.RUNNING)
    world.carry_out(machine, Verb.STOP, now=0.0)
    world.force(machine, Power.SUSPENDED)
    assert shown_at(world, machine, 0.0, LONG_AFTER) == ["suspended", "suspended"]
    assert isinstance(world.carry_out(machine, Verb.START, now=1.0), Refusal)


def test_two_vpses_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="two VPSes with the id 7"):
        World([SimulatedVps(id=7), SimulatedVps(id=7)])


def test_vpses_come_and_go_and_the_revision_tells() -> None:
    world = World([SimulatedVps(id=1, node=1)])
    before = world.revision
    world.add(SimulatedVps(id=2, node=4))
    assert ([vps.id for vps in world], len(world), world.nodes) == ([1, 2], 2, frozenset({1, 4}))
    world.remove(1)
    assert world.find(1) is None
    assert world.revision == before + 2


def test_a_power_may_be_given_by_its_word() -> None:
    assert SimulatedVps(id=1, power="stopped").power is Power.STOPPED
    with pytest.raises(ValueError, match="frozen"):
        SimulatedVps(id=1, power="frozen")


@given(
    power=st.sampled_from(Power),
    settle=st.sampled_from([0.0, 5.0, 100.0]),
    commands=st.lists(st.tuples(st.sampled_from(POWER_VERBS), st.floats(0.0, 50.0)), max_size=20),
)
def test_whatever_is_commanded_the_last_command_carried_out_decides_what_shows_in_the_end(
    power: Power, settle: float, commands: list[tuple[Verb, float]]
) -> None:
    world, machine = a_world(power, settle=settle)
    now, final = 0.0, power
    for verb, pause in commands:
        now += pause
        before = world.shown(machine, now)
        if not isinstance(world.carry_out(machine, verb, now), Refusal) and verb is not Verb.REINSTALL:
            final = Power.STOPPED if verb is Verb.STOP else Power.RUNNING
        # No command shows before a node has worked on it.
        assert world.shown(machine, now) is before
    assert world.shown(machine, LONG_AFTER) is final
