from collections import Counter

from cvm_async.panel.hosts.population import populate
from cvm_async.panel.hosts.world import Combined, Power, Split


def test_the_same_seed_gives_the_same_fleet() -> None:
    assert list(populate(50, 4, seed=3)) == list(populate(50, 4, seed=3))


def test_another_seed_gives_other_figures_for_the_same_names_and_states() -> None:
    one, other = list(populate(50, 4, seed=0)), list(populate(50, 4, seed=1))
    assert one != other
    assert [(v.hostname, v.power, v.node) for v in one] == [(v.hostname, v.power, v.node) for v in other]


def test_vpses_are_spread_evenly_over_the_nodes() -> None:
    per_node = Counter(vps.node for vps in populate(200, 8, seed=0))
    assert per_node == dict.fromkeys(range(1, 9), 25)


def test_most_run_some_are_stopped_and_few_suspended() -> None:
    states = Counter(vps.power for vps in populate(200, 8, seed=0))
    assert states == {Power.RUNNING: 180, Power.STOPPED: 16, Power.SUSPENDED: 4}


def test_the_first_eleven_run() -> None:
    assert {vps.power for vps in populate(11, 1, seed=0)} == {Power.RUNNING}


def test_hostnames_differ_and_begin_with_web_001() -> None:
    hostnames = [vps.hostname for vps in populate(1000, 8, seed=0)]
    assert hostnames[0] == "web-001.example.net"
    assert len(set(hostnames)) == 1000


def test_both_kinds_of_traffic_accounting_and_of_memory_occur() -> None:
    fleet = list(populate(50, 1, seed=0))
    assert {type(vps.traffic) for vps in fleet} == {Combined, Split}
    assert {vps.burstable_ram is None for vps in fleet} == {True, False}


def test_ten_thousand_vpses_are_made() -> None:
    assert sum(1 for _ in populate(10_000, 20, seed=0)) == 10_000
