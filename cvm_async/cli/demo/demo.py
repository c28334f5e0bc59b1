"""`demo`: the main job on a simulated panel, told so that it makes sense to somebody who never heard of CVM.

Every figure it prints is measured while it runs, or is one of those below.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

from attrs import define, field

from cvm_async.cli.demo.by_hand import Tally
from cvm_async.cli.demo.narration import Comparison, Narration
from cvm_async.cli.demo.scenario import Scenario, tally
from cvm_async.cli.exits import Exit
from cvm_async.cli.flags import Switch
from cvm_async.cli.terminal import Terminal
from cvm_async.fleet.outcome import Progress
from cvm_async.models import PowerState
from cvm_async.panel import Verb

SCENARIO = Scenario()


async def demo(*, json: Switch = False) -> Exit:
    """Show on a simulated panel what this is for: poll 200 VPSes, stop and start 20. Needs no configuration.

    Args:
        json: Print the figures as JSON, and nothing else on standard output.
    """
    terminal, setting = Terminal.here(json=json), SCENARIO
    story = Narration(terminal, setting)
    with terminal.logging(verbose=False):
        async with setting.panel(sick=True) as panel:
            story.introduce(panel.url)
            async with setting.poller(panel) as session:
                fleet = await session.fleet()
                healthy = LastGood()
                polled = await fleet.status(progress=healthy)
            ours_sick = tally(panel, polled)
            story.tell_poll(polled, healthy.after, ours_sick.stuck)

            moved = [outcome.vps.id for outcome in polled.by_state().get(PowerState.RUNNING, ())][: setting.moved]
            async with setting.session(panel) as session:
                some = (await session.fleet()).select(ids=moved)
                stopped = await some.stop(wait=True, interval=setting.settle)
                started = await some.start(wait=True, interval=setting.settle)
            agrees = ledger_agrees(panel.actions, moved)
            story.tell_move(stopped, started, agrees=agrees)
        rows = await compare(terminal, setting, ours_sick)
    story.compare(rows)
    terminal.emit(
        {
            "poll": polled.to_dict(),
            "stop": stopped.to_dict(),
            "start": started.to_dict(),
            "ledger_agrees": agrees,
            "comparison": [row.to_dict() for row in rows],
        }
    )
    return Exit.DONE if agrees and not stopped.failed and not started.failed else Exit.FAILED


@define
class LastGood:
    """Notes when the last status was read; what came later was waiting in vain.

    Attributes:
        after: Seconds from when this was made.
    """

    after: float = 0.0
    _began: float = field(init=False, factory=lambda: asyncio.get_running_loop().time())

    def __call__(self, progress: Progress) -> None:
        """Take note of one more outcome."""
        if progress.latest.ok:
            self.after = asyncio.get_running_loop().time() - self._began


async def compare(terminal: Terminal, setting: Scenario, ours_sick: Tally) -> list[Comparison]:
    """Measure the same poll in all other ways."""
    terminal.say("Measuring the same poll as one writes it by hand. This takes about a quarter of a minute …")
    ours_well = await setting.poll(sick=False)
    bare_well = await setting.poll_by_hand(sick=False, keep_cookies=False)
    # These three mostly wait; at the same time, each on its own panel, they do not disturb each other.
    hand_sick, hand_well, bare_sick = await asyncio.gather(
        setting.poll_by_hand(sick=True, keep_cookies=True),
        setting.poll_by_hand(sick=False, keep_cookies=True),
        setting.poll_by_hand(sick=True, keep_cookies=False),
    )
    return [
        Comparison("cvm_async", ours_sick, ours_well),
        Comparison("by hand", hand_sick, hand_well),
        Comparison("by hand, cookie dropped", bare_sick, bare_well),
    ]


def ledger_agrees(actions: Sequence[tuple[int, Verb]], moved: Sequence[int]) -> bool:
    """Tell whether the panel carried out a stop and a start for each of these VPSes, and nothing else."""
    wanted = Counter((vps_id, verb) for vps_id in moved for verb in (Verb.STOP, Verb.START))
    return Counter(actions) == wanted
