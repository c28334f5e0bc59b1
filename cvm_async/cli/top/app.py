"""`Top`: the live table with its keys. What it shows comes from a watch, what it does goes through a plan."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from time import monotonic
from typing import Any, ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from cvm_async._api.verbs import Verb
from cvm_async._words import some_vpses
from cvm_async.cli.acting.flags import CONFIRM_ABOVE
from cvm_async.cli.exits import CommandError
from cvm_async.cli.top import deeds
from cvm_async.cli.top.known import Known
from cvm_async.cli.top.lines import asking, keys
from cvm_async.cli.top.lines.acting import Acting, looking
from cvm_async.cli.top.lines.look import Line, Tone
from cvm_async.cli.top.lines.search import HINT
from cvm_async.cli.top.pages import Agree, Page, Shown
from cvm_async.cli.top.painted import Painted
from cvm_async.cli.top.table import FleetTable
from cvm_async.errors import CvmError
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.outcome import Progress
from cvm_async.fleet.plan import Plan
from cvm_async.fleet.report import FleetReport
from cvm_async.runs.journal import RunJournal
from cvm_async.watch.events import Key
from cvm_async.watch.snapshot import Snapshot
from cvm_async.watch.watch import ENDS, utc_now

_LOG: Final = (5, 14, 0)
"""Lines of the event log, one size after the other."""
_FRAME: Final = 0.25
"""Seconds from one drawing of what changes by itself to the next."""
_REST: Final = 9.0
"""How much longer it rests than the last drawing took."""
_SECOND: Final = 1.0
_ACTS: Final = {"S": Verb.START, "X": Verb.STOP, "R": Verb.RESTART}
"""What a key does; capitals, so that no slip of a finger begins anything."""


class Top(App[None]):
    """A fleet, live.

    Args:
        load: Lists the fleet; asked again where that fails in a way that may pass.
        panels: What the panels are called.
        every: Seconds from one look to the next.
        search: What to filter by at the beginning.
        confirm_above: VPSes above which their number is to be typed, and not only `y`.
        journal_of: Gives what keeps what is done; None where it is not kept.
        now: Tells the time.

    Attributes:
        known: What it shows.
        failure: What ended it, if not a person.
    """

    TITLE: str | None = "cvm-async top"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit"),
        # Also where a line to type on would take it for "copy", and where a page is open.
        Binding("ctrl+c", "quit", priority=True),
        Binding("question_mark", "keys"),
        Binding("slash", "search"),
        Binding("escape", "clear"),
        Binding("s,greater_than_sign", "sort(1)"),
        Binding("less_than_sign", "sort(-1)"),
        Binding("l", "log"),
        Binding("p", "progress"),
        Binding("ctrl+z", "suspend_process"),
        *(Binding(key, f"act({key!r})") for key in _ACTS),
    ]
    CSS: ClassVar[str] = """
    #head { height: 3; }
    #rule, #keys { height: 1; }
    #log { height: 5; }
    #search { display: none; height: 1; border: none; padding: 0 1; background: ansi_default; }
    #search.open { display: block; }
    Input > .input--cursor { background: ansi_default; color: ansi_default; text-style: reverse; }
    Input > .input--placeholder { color: ansi_default; text-style: dim; }
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[Fleet]],
        *,
        panels: Sequence[str],
        every: float,
        search: str = "",
        confirm_above: int = CONFIRM_ABOVE,
        journal_of: Callable[[Plan], RunJournal | None] = lambda _: None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        # From the beginning: with `NO_COLOR`, textual would else make greys of the terminal's own two colours.
        super().__init__(ansi_color=True)
        self._time = now
        self._confirm_above = confirm_above
        self._journal_of = journal_of
        self.theme = "ansi-dark"
        self.known: Known = Known(tuple(panels), every)
        self.known.find(search)
        self.failure: CvmError | CommandError | None = None
        self.load = load
        self._fleet: Fleet | None = None
        self._workers_begun: list[Worker[None]] = []
        self._acted: list[Acting] = []
        self._has_news = False
        self._paints_at = 0.0
        self._head, self._rule, self._events, self._keys = (
            Painted(id=name) for name in ("head", "rule", "log", "keys")
        )
        self._table = FleetTable(id="table")
        self._line = Input(placeholder=HINT, id="search", compact=True)

    @property
    def reports(self) -> list[FleetReport[Any]]:
        """What came of all that was done."""
        return [acting.report for acting in self._acted if acting.report is not None]

    @property
    def journals(self) -> list[RunJournal]:
        """What kept that."""
        return [acting.journal for acting in self._acted if acting.journal is not None]

    def compose(self) -> ComposeResult:
        """Lay it out."""
        yield from (self._head, self._table, self._rule, self._line, self._events, self._keys)

    def on_mount(self) -> None:
        """Begin to look."""
        self._line.value = self.known.wanted.search.text
        self._table.focus()
        self._workers_begun.append(self.run_worker(self._follow()))
        # textual leaves open of what app a signal is.
        self.app_resume_signal.subscribe(self, self._redraw)  # pyright: ignore[reportUnknownMemberType]
        self.set_interval(_FRAME, self._paint_news)
        self.set_interval(_SECOND, self._paint_time)
        self.paint()

    # What is shown.

    async def _follow(self) -> None:
        with _logged(self._warn):
            try:
                self._fleet = await self._loaded()
                self.known.take_list(self._fleet)
                self.paint()
                async with self._fleet.watch(every=self.known.every, progress=self._arrive) as ticks:
                    async for snapshot in ticks:
                        self.known.take(snapshot)
                        # Drawn a moment later: keys that came meanwhile are answered first.
                        self._has_news = True
            except (CvmError, CommandError) as error:
                self.failure = error
                self.exit()

    def _arrive(self, progress: Progress) -> None:
        self.known.arrive(progress.latest)
        self._has_news = True

    async def _loaded(self) -> Fleet:
        """List the fleet; where that fails in a way that may pass, try again and again."""
        while True:
            self.known.waiting = "listing the VPSes …"
            self.paint()
            try:
                return await self.load()
            except ENDS:
                raise
            except CvmError as error:
                self._warn(f"{error} It is tried again in {self.known.every:g} s.")
                await asyncio.sleep(self.known.every)

    def take(self, snapshot: Snapshot) -> None:
        """Show what is known now."""
        self.known.take(snapshot)
        self.paint()

    def _warn(self, words: str) -> None:
        self.known.log.say(self._time(), words, Tone.WARNING)
        self._has_news = True

    def paint(self) -> None:
        """Draw everything that may have changed; what has not costs nothing."""
        self._has_news = False
        self._table.show(self.known.rows(), order=self.known.wanted.order, panels=len(self.known.panels) > 1)
        self._events.show(self.known.log.latest(width=self.size.width, height=max(_LOG)))
        self._keys.show([keys.footer(keys.TABLE, self.size.width)])
        self._paint_time()

    def _paint_time(self) -> None:
        width = self.size.width
        self._head.show(self.known.head(now=self._time(), width=width))
        rule = self.known.rule(shown=len(self._table.rows), marked=len(self._table.marked), width=width)
        self._rule.show([rule])
        for page in self.screen_stack:
            if isinstance(page, Page):
                page.paint()

    def _paint_news(self) -> None:
        if self._has_news and monotonic() >= self._paints_at:
            began = monotonic()
            self.paint()
            # However large the fleet, most of the time is left for keys and answers.
            self._paints_at = monotonic() + _REST * (monotonic() - began)

    def _redraw(self, _: App[Any]) -> None:
        """Draw all of it again: while it was suspended, others have drawn over it."""
        for screen in self.screen_stack:
            for widget in screen.walk_children(with_self=True):
                widget.refresh()

    def on_resize(self) -> None:
        """Draw it in its new size."""
        self.paint()

    def on_fleet_table_marked(self) -> None:
        """Tell how many are selected."""
        self._paint_time()

    # What a person looks for.

    def on_fleet_table_opened(self, event: FleetTable.Opened) -> None:
        """Show one VPS in full."""
        key = event.row.key

        def lines(width: int, height: int) -> list[Line]:
            return self.known.detail(key, now=self._time(), width=width, height=height)

        def act(gives: str | None) -> None:
            if gives:
                self._begin(_ACTS[gives], {key})

        self.push_screen(Shown(lines, keys.DETAIL, tuple(_ACTS)), act)

    def action_keys(self) -> None:
        """Show all keys."""
        self.push_screen(Shown(lambda _, __: keys.page(), keys.CLOSE))

    def action_sort(self, step: int) -> None:
        """Sort in the next way, or in the one before."""
        self.known.sort(step)
        self.paint()

    def action_log(self) -> None:
        """Give the event log its next size."""
        sizes = [lines for lines in _LOG if lines < self.size.height // 2]
        now = self._events.size.height
        self._events.styles.height = sizes[(sizes.index(now) + 1) % len(sizes)] if now in sizes else 0

    def action_search(self) -> None:
        """Open the line for words to filter by."""
        self._line.add_class("open")
        self._line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        self.known.find(event.value)
        self.paint()

    def on_input_submitted(self) -> None:
        """Go back to the table, which stays filtered."""
        self._line.remove_class("open")
        self._table.focus()

    def action_clear(self) -> None:
        """Leave the line; else drop the selection; else show all again."""
        if self._table.marked and not self._line.has_focus:
            self._table.marked = set()
        else:
            self._line.value = ""
        self._line.remove_class("open")
        self._table.focus()
        self.paint()

    # What a person does.

    def action_act(self, key: str) -> None:
        """Plan to do something to what is selected, ask, and do it."""
        self._begin(_ACTS[key], {row.key for row in self._table.chosen()})

    def action_progress(self) -> None:
        """Show how what was begun goes on, or went."""
        acting = self.known.acting
        if acting is not None:
            self.push_screen(_progress_of(acting))

    def _begin(self, verb: Verb, chosen: Collection[Key]) -> None:
        if any(worker.is_running for worker in self._workers_begun[1:]):
            self.action_progress()
        elif chosen and self._fleet is not None:
            self._workers_begun.append(self.run_worker(self._act(self._fleet, verb, chosen)))

    async def _act(self, fleet: Fleet, verb: Verb, chosen: Collection[Key]) -> None:
        """Look, ask, and do it; what fails of that as a whole is told in the log."""
        try:
            found = await deeds.chosen(fleet, chosen)
            with self._looking(f"To {verb.value} {some_vpses(len(found))}: looking at what they do") as progress:
                plan = await found.plan("restart" if verb is Verb.RESTART else verb.goal, progress=progress)
        except CvmError as error:
            self._warn(f"nothing was done: {error}")
            return
        if await self._agreed(plan):
            await self._apply(plan)

    @contextmanager
    def _looking(self, what: str) -> Generator[Callable[[Progress], None]]:
        """Show how far the look before a plan is; closed by a person, nothing is done."""
        latest = list[Progress]()

        def note(progress: Progress) -> None:
            latest[:] = [progress]
            self._has_news = True

        def closed(gives: str | None) -> None:
            if gives is not None:
                self._workers_begun[-1].cancel()

        page = Shown(lambda _, __: looking(what, latest[0] if latest else None), keys.LOOKING)
        self.push_screen(page, closed)
        try:
            yield note
        finally:
            if page.is_current:
                page.dismiss(None)

    async def _agreed(self, plan: Plan) -> bool:
        count = len(plan.to_do)
        typed = str(count) if count > self._confirm_above else ""
        page = Agree(lambda width, height: asking.asked(plan, width=width, height=height), typed, anything=bool(count))
        agreed: bool | None = await self.push_screen_wait(page)
        return bool(agreed and count)

    async def _apply(self, plan: Plan) -> None:
        try:
            acting = Acting(plan.verb, plan.to_do, self._journal_of(plan))
        except CvmError as error:
            self._warn_of_no_journal(error)
            return
        self.known.acting = acting
        self._acted.append(acting)
        # They are done with; left selected, the next key would mean them, too.
        self._table.marked = set()
        page = _progress_of(acting)
        self.push_screen(page)

        def note(progress: Progress) -> None:
            self.known.note(progress.latest)
            self._has_news = True

        try:
            await deeds.apply(plan, acting, note)
        except CvmError as error:
            self._acted.remove(acting)
            self.known.acting = None
            page.dismiss(None)
            self._warn_of_no_journal(error)
            return
        except BaseException:
            self._tell_the_end_of(acting)
            raise
        self._tell_the_end_of(acting)
        if acting.control.stopped:
            self.exit()

    def _tell_the_end_of(self, acting: Acting) -> None:
        self.known.log.say(self._time(), acting.summary)
        self._has_news = True

    def _warn_of_no_journal(self, error: CvmError) -> None:
        self._warn(f"nothing was done: {error} (--no-journal goes without)")

    async def action_quit(self) -> None:
        """Leave. What is under way ends first, and nothing new begins; asked for again, it is cut off."""
        acting = self.known.acting
        if acting is None or acting.report is not None or acting.control.stopped:
            self.exit()
            return
        acting.control.stop("it was told to begin nothing new")
        self._warn("Nothing new begins; what is under way ends, and this with it. q cuts it off.")

    async def over(self) -> None:
        """Return once nothing of it is at work any more; after it has ended."""
        for worker in self._workers_begun:
            worker.cancel()
            with suppress(WorkerFailed, WorkerCancelled):
                await worker.wait()


def _progress_of(acting: Acting) -> Shown:
    return Shown(lambda width, height: acting.lines(width=width, height=height), keys.PROGRESS)


@contextmanager
def _logged(warn: Callable[[str], None]) -> Generator[None]:
    """Tell what the library warns of in the event log: on the screen it would be drawn over."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warn(record.getMessage())

    logger, handler = logging.getLogger("cvm_async"), Handler(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
