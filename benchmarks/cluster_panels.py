"""Many panels with several accounts each in one process: `python -m benchmarks.cluster_panels OPTIONS`, as JSON.

It says its URL, tells what it has seen for each line that comes, and ends with its standard input. Panels are told
apart by their paths, accounts by their tokens.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

import attrs

from cvm_async.panel import PanelApp, Power, SimulatedPanel, SimulatedVps
from cvm_async.panel.asgi import Receive, Send

NODES = 5
"""Of each panel."""


def tokens(panel: int, account: int) -> tuple[str, str]:
    """Give the two tokens of an account."""
    return f"public-{panel}-{account}", f"private-{panel}-{account}"


@attrs.frozen(kw_only=True)
class Which:
    """Which panels a process has.

    Attributes:
        panels: Their numbers, from the first to the one after the last.
        accounts: Of each, one VPS an account.
        takes: Seconds that a node takes to start or stop a VPS.
        failing: One VPS in so many is suspended, and refuses; 0: none is.
    """

    panels: tuple[int, int]
    accounts: int
    takes: float
    failing: int

    def app(self, panel: int, account: int) -> PanelApp:
        """Give what answers an account: a panel of its own, as nothing but the limits is shared."""
        public, private = tokens(panel, account)
        suspended = self.failing and account % self.failing == self.failing - 1
        vps = SimulatedVps(
            id=account + 1,
            node=account % NODES + 1,
            hostname=f"web-{account}.p{panel}.example.net",
            power=Power.SUSPENDED if suspended else Power.RUNNING,
        )
        return PanelApp(
            vpses=[vps],
            path_prefix=f"/p{panel}",
            public_token=public,
            private_token=private,
            boot_time=self.takes,
            shutdown_time=self.takes,
        )


@attrs.define(eq=False, kw_only=True, repr=False)
class Panels(SimulatedPanel):
    """Hands each request to the app of its panel and account, and counts them as a witness."""

    apps: dict[tuple[str, str], PanelApp]
    in_flight: Counter[str] = attrs.field(init=False, factory=Counter[str])
    most: int = attrs.field(init=False, default=0)
    posts: Counter[tuple[str, str]] = attrs.field(init=False, factory=Counter[tuple[str, str]])
    """Since they were last asked for, by path and account."""

    async def __call__(self, scope: Mapping[str, object], receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = cast("str", scope["path"])
        panel = path.split("/")[1]
        headers = dict(cast("list[tuple[bytes, bytes]]", scope["headers"]))
        public = headers[b"api-public-token"].decode()
        if scope["method"] == "POST":
            self.posts[path, public] += 1
        self.in_flight[panel] += 1
        self.most = max(self.most, self.in_flight[panel])
        try:
            await self.apps[panel, public](scope, receive, send)
        finally:
            self.in_flight[panel] -= 1

    def seen(self) -> dict[str, int]:
        """Give what was seen since the last time."""
        posts, self.posts = self.posts, Counter[tuple[str, str]]()
        most, self.most = self.most, 0
        return {"actions": posts.total(), "twice": posts.total() - len(posts), "most": most}


async def serve(which: Which) -> None:
    """Serve until the standard input ends."""
    apps = {
        (f"p{panel}", tokens(panel, account)[0]): which.app(panel, account)
        for panel in range(*which.panels)
        for account in range(which.accounts)
    }
    async with Panels(apps=apps) as panels:
        print(panels.url, flush=True)
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(panels.seen()), flush=True)


def main() -> None:
    """Serve the panels that the options name."""
    options: dict[str, Any] = json.loads(sys.argv[1])
    asyncio.run(serve(Which(**options)))


if __name__ == "__main__":
    main()
