"""A rolling restart of a fleet: a canary, a tenth, the rest; two VPSes a node at once; over when more than three fail.

Against a panel of your own, set CVM_URL, CVM_PUBLIC_TOKEN and CVM_PRIVATE_TOKEN. Without them it runs on a
simulated one.
"""

import asyncio
import os
from contextlib import AsyncExitStack

from cvm_async import CvmSession, FleetReport, PowerState, Progress, Rollout, VpsStatus
from cvm_async.panel import SimulatedPanel

ROLLOUT = Rollout(
    max_concurrency=8,
    per_node=2,
    max_failures=3,
    batch=(1, 0.1, 1.0),
    pause=0.2,
    on_unknown="verify",
)


async def open_session(stack: AsyncExitStack) -> CvmSession:
    """Give the session that the environment names, or one with a simulated panel of 60 VPSes."""
    if "CVM_URL" in os.environ:
        return await stack.enter_async_context(CvmSession.from_env())
    panel = await stack.enter_async_context(SimulatedPanel(vpses=60, nodes=6))
    session = CvmSession(panel.url, public_token=panel.public_token, private_token=panel.private_token)
    return await stack.enter_async_context(session)


def tell(progress: Progress) -> None:
    """Give one line for each VPS that is done."""
    outcome = progress.latest
    result = "restarted" if outcome.ok else str(outcome.error)
    print(f"[{progress.done}/{progress.total}] {outcome.vps.hostname!a} on node {outcome.vps.node}: {result}")


async def rolling_restart(session: CvmSession) -> FleetReport[VpsStatus | None]:
    """Restart what runs, and only that."""
    fleet = await session.fleet()
    found = await fleet.status()
    running = fleet.at(
        index
        for index, outcome in enumerate(found)
        if outcome.value is not None and outcome.value.state is PowerState.RUNNING
    )
    print(f"{found.summary()}; restarting the {len(running)} that run")
    return await running.restart(rollout=ROLLOUT, wait=True, timeout=180.0, interval=0.5, progress=tell)


async def main() -> None:
    """Restart, report, and fail if any VPS did."""
    async with AsyncExitStack() as stack:
        report = await rolling_restart(await open_session(stack))
        print(report.summary())
        report.raise_for_failures()


if __name__ == "__main__":
    asyncio.run(main())
