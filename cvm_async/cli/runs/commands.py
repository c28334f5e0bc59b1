"""`cvm-async runs`: list what was kept, show one, go on with one, forget some."""

from typing import Annotated

from cyclopts import App, Parameter

import cvm_async
from cvm_async._checks import check_seconds
from cvm_async._words import some_vpses
from cvm_async.cli.acting.aftermath import Aftermath
from cvm_async.cli.acting.flags import GRACE
from cvm_async.cli.acting.interrupts import Interrupts
from cvm_async.cli.acting.journals import Reach, how_to_go_on, kept_runs
from cvm_async.cli.acting.saved import addresses
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.flags import Common, Switch
from cvm_async.cli.grids import Grid, Tone, result_grid
from cvm_async.cli.output.look import Format
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.results import Report, Results, fleet_of
from cvm_async.cli.runs.tables import how_far, runs_grid, targets_grid, title, turn_line
from cvm_async.cli.terminal import Terminal
from cvm_async.models import JSON_VERSION

_COMMON = Common()
_Output = Annotated[Format | None, Parameter(alias="-o", show_default=False)]

_HELP = "List the runs that were kept, show one, go on with one that was cut off."

runs: App = App(name="runs", help=_HELP, sort_key=7.5)


@runs.default
@runs.command(name="list")
def list_runs(*, output: _Output = None, json: Switch = False) -> Exit:
    """List the runs that were kept, the newest first.

    Args:
        output: How they are printed; all but table and wide are for programs.
        json: The same as -o json.
    """
    terminal = Common(output=output, json=json).terminal()
    found = kept_runs().list()
    terminal.table(runs_grid(found))
    for problem in found.problems:
        terminal.say(problem, tone=Tone.WARNING)
    if not found:
        terminal.say("no run was kept")
    listed = [run.to_dict() for run in found]
    terminal.emit({"version": JSON_VERSION, "runs": listed, "problems": list(found.problems)})
    return Exit.DONE


@runs.command
def show(run_id: str, /, *, full: Switch = False, output: _Output = None, json: Switch = False) -> Exit:
    """Show what became of a run, VPS by VPS, what is unknown first; and who worked on it, from where and when.

    Args:
        run_id: Which, as the list names it.
        full: Show every VPS, however many; to a pipe that is always so.
        output: How it is printed; all but table and wide are for programs.
        json: The same as -o json.
    """
    terminal = Common(output=output, json=json).terminal()
    record = kept_runs().read(run_id)
    terminal.show(title(record), "")
    terminal.table(targets_grid(record), whole=full)
    terminal.show("", *map(turn_line, record.turns), how_far(record.summary))
    terminal.emit(record.to_dict())
    return Exit.DONE


@runs.command
async def resume(
    run_id: str,
    /,
    *,
    settle: float = 120.0,
    resend_unsettled: Switch = False,
    full: Switch = False,
    yes: Annotated[Switch, Parameter(alias="-y")] = False,
    common: Common = _COMMON,
) -> Exit:
    """Go on with a run that was cut off. What is done stays done, and nothing is sent again by itself.

    Args:
        run_id: Which, as the list names it.
        settle: Seconds for looking whether a start or stop that was sent was carried out, for each VPS.
        resend_unsettled: Send a start or stop again where the VPS is then seen in the other state. On a host node that
            hangs, the first one may still be waiting for its turn.
        full: Show every row of the report, however many.
        yes: Do not ask.
        common: As for every command.
    """
    check_seconds("--settle", settle)
    terminal, reach = common.terminal(), Reach.of(common)
    kept = kept_runs()
    record = kept.read(run_id)
    if record.summary.is_over:
        terminal.say(f"nothing is left to do: {how_far(record.summary)}")
        return Exit.DONE
    _ask(terminal, record, yes=yes)
    async with common.panels(terminal) as panels:
        fleet = await fleet_of(panels, terminal, whole=True)
        async with kept.open(run_id) as run:
            control = cvm_async.RunControl()
            bar = ProgressBar(terminal, record.verb.row.doing.capitalize(), len(record.targets), control)
            after = Aftermath(terminal, reach, addresses(fleet), None)
            results = Results(terminal, _grid, full=full, after=after)
            with Interrupts(terminal, control, bar, GRACE) as interrupts:
                report = await results.behind(
                    bar,
                    run.resume(
                        fleet,
                        settle=settle,
                        unsettled="resend" if resend_unsettled else "report",
                        progress=bar,
                        control=control,
                    ),
                    cut_off=how_to_go_on(run_id, reach),
                )
    ended = results.show(report)
    if not kept.read(run_id).summary.is_over:
        terminal.say(how_to_go_on(run_id, reach))
    if interrupts.ended is not None:
        raise interrupts.ended
    return ended


@runs.command
def forget(*run_ids: str) -> Exit:
    """Take runs away for good.

    Args:
        run_ids: Which, as the list names them.
    """
    if not run_ids:
        message = "name the runs to forget, as the list names them"
        raise CommandError(message, Exit.USAGE)
    kept = kept_runs()
    for run_id in run_ids:
        # One that cannot be read may be forgotten, too.
        kept.open(run_id)
    for run_id in run_ids:
        kept.forget(run_id)
    return Exit.DONE


def _ask(terminal: Terminal, record: "cvm_async.RunRecord", *, yes: bool) -> None:
    summary = record.summary
    if yes:
        return
    if not terminal.interactive:
        message = "to go on with a run where nobody can be asked needs --yes"
        raise CommandError(message, Exit.USAGE)
    terminal.say(f"{record.verb.capitalize()} of {some_vpses(summary.total)}: {how_far(summary)}", tone=Tone.PLAIN)
    if not terminal.confirm("Go on?"):
        message = "nothing was done"
        raise CommandError(message)


def _grid(report: Report) -> Grid:
    return result_grid(report, report.verb)
