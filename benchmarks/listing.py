"""The bodies that the benchmarks' own servers answer with: a status, and a list of as many VPSes as wanted."""

import json

STATUS: bytes = (
    b'{"response":{"ram_used":"37","disk_used":1233.7373046875,"status":"running",'
    b'"traffic_in_used":912727849,"traffic_out_used":16923948}}'
)
"""As a running panel says it: strings and numbers in one object."""
NODES = 20


def node_of(vps_id: int) -> int:
    """Give the node that a VPS is on: neighbours in a list are on different ones, as in the simulated panel."""
    return (vps_id - 1) % NODES + 1


def listing(count: int) -> bytes:
    """Give a list of VPSes, numbered from 1, as the panel writes it: strings for numbers."""
    vpses = [
        {
            "id": str(vps_id),
            "node": str(node_of(vps_id)),
            "virtualization_type": "1",
            "hostname": f"web-{vps_id}.example.net",
            "guaranteed_ram": "512",
            "burstable_ram": "768",
            "disk_space": "40000",
            "cpu_count": "2",
            "traffic_in_limit": "500000000000",
            "traffic_out_limit": "500000000000",
            "traffic_in_used": "912727849",
            "traffic_out_used": "16923948",
        }
        for vps_id in range(1, count + 1)
    ]
    return json.dumps({"response": {"vpses": vpses}}, separators=(",", ":")).encode()
