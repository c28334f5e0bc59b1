"""All that is known of one VPS, as lines."""

from cvm_async.cli.output.description import described
from cvm_async.models import CombinedTraffic, PowerState, Problem, SplitTraffic, Traffic, Vps, VpsStatus, usage


def known(vps: Vps, status: VpsStatus | None, **more: object) -> dict[str, object]:
    seen = None if status is None else status.to_dict()
    return {
        "panel": "acme",
        **vps.to_dict(),
        "usage": usage(vps, status),
        "status": seen,
        "error": None,
        "node_state": None,
        **more,
    }


def a_vps(traffic: Traffic | None = None, **more: object) -> Vps:
    whole: dict[str, object] = {
        "hostname": "web\x1b1",
        "node": 3,
        "virtualization_type": 1,
        "guaranteed_ram": 512,
        "disk_space": 1024,
        "cpu_count": None,
        **more,
    }
    return Vps(id=7, traffic=traffic, **whole)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_all_that_is_known_is_told_safe_to_print() -> None:
    status = VpsStatus(
        state=PowerState.UNKNOWN,
        state_text="melting\x1b",
        ram_used=256 << 20,
        traffic=SplitTraffic(5_000_000, 1_000_000),
        extra={"uptime": 3},
        problems=(Problem("response.disk_used", '"x"', "a whole number"),),
    )
    vps = a_vps(SplitTraffic(0, 0, 10_000_000, 10_000_000), burstable_ram=1024)
    lines = described(known(vps, status, node_state={"state": "closed", "failures": 2}))
    text = "\n".join(" ".join(line.split()) for line in lines)
    assert "\x1b" not in text
    for said in (
        "(7)",
        "Panel: acme",
        "Node: 3, in use, 2 failures in a row",
        "State: unknown",
        "Panel's word: melting",
        "RAM: 256 MiB of 512 MiB, 50.0 %",
        "Disk: of 1.0 GiB",
        "Traffic: 6.0 MB of 20 MB, 30.0 %",
        "incoming: 5.0 MB of 10 MB, 50.0 %",
        "Burstable RAM: 1.0 GiB",
        "CPUs: not told",
        "uptime: 3",
        'Problem: response.disk_used is "x", not a whole number',
    ):
        assert said in text


def test_where_a_vps_is_and_what_it_was_made_from_stand_there_where_the_panel_tells() -> None:
    vps = a_vps(node=None, location="Roubaix, France", template=7)
    told = [" ".join(line.split()) for line in described(known(vps, None))]
    assert told[3:5] == ["Location: Roubaix, France", "Template: 7"]
    untold = "\n".join(described(known(a_vps(node=None), None)))
    assert "Location" not in untold
    assert "Template" not in untold


def test_what_could_not_be_read_says_why() -> None:
    text = "\n".join(described(known(a_vps(CombinedTraffic(7), node=None), None, error="silence")))
    assert "not read: silence" in text
    assert "not told" in text
    assert "7 B" in text
