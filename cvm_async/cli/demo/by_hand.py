"""The same poll as people write it by hand, to be measured beside ours: httpx as it comes, and a semaphore."""

import asyncio

import httpx
from attrs import define

_LIST_TIMEOUT = 30.0
"""Seconds; the list is not part of what is measured, and without it nothing can be."""


@define
class Tally:
    """What came of the calls.

    Attributes:
        read: Statuses that were read.
        elapsed: Seconds for all of them.
        stuck: Workers of the panel that were still at work on such calls when nobody waited for an answer any more.
    """

    read: int = 0
    elapsed: float = 0.0
    stuck: int = 0

    def to_dict(self) -> dict[str, object]:
        """Give the figures as JSON takes them."""
        return {"read": self.read, "elapsed": round(self.elapsed, 3), "workers_stuck": self.stuck}


async def poll_by_hand(
    url: str, public_token: str, private_token: str, *, width: int, timeout: float, keep_cookies: bool
) -> Tally:
    """List the VPSes and ask for the status of each, so many at a time.

    Args:
        url: The panel.
        public_token: One half of the tokens.
        private_token: The other.
        width: The semaphore's.
        timeout: Seconds for an answer.
        keep_cookies: Whether the client sends back the panel's cookie, as an `httpx.AsyncClient` does by itself.
    """
    tally = Tally()
    clock = asyncio.get_running_loop().time
    headers = {"API-Public-Token": public_token, "API-Private-Token": private_token}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout) as client:
        semaphore = asyncio.Semaphore(width)

        async def read(vps_id: str) -> None:
            async with semaphore:
                if not keep_cookies:
                    client.cookies.clear()
                try:
                    answer = await client.get(f"/api/client/vps/{vps_id}/status")
                except httpx.HTTPError:
                    return
                tally.read += answer.is_success

        listed = (await client.get("/api/client/vps/list", timeout=_LIST_TIMEOUT)).json()["response"]["vpses"]
        began = clock()
        await asyncio.gather(*(read(vps["id"]) for vps in listed))
        tally.elapsed = clock() - began
    return tally
