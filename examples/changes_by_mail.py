"""For cron: tell what has changed in the fleet since the last run. Cron mails what is printed, and nothing else.

    */5 * * * *  CVM_PROFILE=work flock -n ~/.fleet.lock python changes_by_mail.py ~/.fleet.snapshot

The panel and its tokens come from a profile (`cvm-async profile add work`) or from CVM_URL and the like. What is known
is kept in the file between runs. The exit status is 1 where the panel cannot be asked; then the file stays as it was.
"""

import asyncio
import os
import pickle
import sys
from pathlib import Path

from cvm_async import Change, CvmError, CvmSession, Snapshot, StateChanged, changes
from cvm_async.render import message

DEADLINE = 240.0
"""Seconds for one run: the next one begins in five minutes."""


def read(path: Path) -> Snapshot | None:
    """Give what was known after the last run; None where there was none."""
    try:
        # Nobody but us can write there: see `write`.
        kept = pickle.loads(path.read_bytes())  # noqa: S301
    except (FileNotFoundError, pickle.UnpicklingError, AttributeError, EOFError):
        # It is the first run, or the first with another version of the library.
        return None
    return kept if isinstance(kept, Snapshot) else None


def write(path: Path, snapshot: Snapshot) -> None:
    """Keep what is known: whole or not at all, and for nobody else to read or write."""
    beside = path.with_suffix(".new")
    with open(beside, "wb", opener=lambda name, flags: os.open(name, flags, mode=0o600)) as file:
        pickle.dump(snapshot, file)
    beside.replace(path)


async def opened() -> CvmSession:
    """Give the session that the environment names, or a profile, whose token a program may be asked for."""
    if "CVM_URL" in os.environ:
        return CvmSession.from_env()
    return await asyncio.to_thread(CvmSession.from_profile)


async def look(session: CvmSession) -> Snapshot:
    """Give what is known of the fleet now."""
    fleet = await session.fleet()
    async with fleet.watch(every=DEADLINE) as snapshots:
        return await anext(snapshots)


def news(before: Snapshot, after: Snapshot) -> list[Change]:
    """Give what has changed; what could not be read, or is read again, is told of in a change of its own."""
    return [
        change
        for change in changes(before, after)
        if not (isinstance(change, StateChanged) and None in {change.before, change.after})
    ]


async def main(path: Path) -> int:
    """Look, tell and remember; give the exit status."""
    try:
        async with await opened() as session, asyncio.timeout(DEADLINE):
            snapshot = await look(session)
    except (CvmError, TimeoutError) as error:
        print(f"the fleet cannot be looked at: {str(error) or 'it takes too long'}", file=sys.stderr)
        return 1
    before = read(path)
    if before is None:
        print(message(snapshot))
    elif different := news(before, snapshot):
        print(message(different))
    write(path, snapshot)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]).expanduser())))
