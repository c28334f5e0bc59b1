"""The simulated panel in a process of its own: `python -m benchmarks.panel_server OPTIONS`, the latter as JSON.

It says its URL, then answers questions that come a line each (see `servers.Panel`), and ends with its standard input.
"""

import asyncio
import json
import sys
from typing import Any

from cvm_async.panel import SimulatedPanel


async def _answer(panel: SimulatedPanel, question: str) -> object:
    if question == "forget":
        await panel.wait_for(lambda: all(record.ended is not None for record in panel.requests))
        panel.requests.clear()
        return None
    if question.startswith("busy"):
        return panel.peak_busy_workers(node=int(question.split()[1]))
    return [
        (record.started, record.ended, record.status or 502)
        for record in panel.requests
        if record.verb == "status" and record.ended is not None
    ]


async def serve(options: dict[str, Any]) -> None:
    """Serve until the standard input ends; `hung` and `unreachable` name a node, `after` is of the latter."""
    hung, unreachable, after = (options.pop(name, None) for name in ("hung", "unreachable", "after"))
    async with SimulatedPanel(**options) as panel:
        if hung is not None:
            panel.hang_node(hung)
        if unreachable is not None:
            panel.unreachable_node(unreachable, after=after)
        # By name: aiohttp keeps no cookies of hosts that are addresses, and no real panel is one.
        print(panel.url.replace("127.0.0.1", "localhost"), flush=True)
        loop = asyncio.get_running_loop()
        while question := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(await _answer(panel, question.strip())), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(json.loads(sys.argv[1])))
