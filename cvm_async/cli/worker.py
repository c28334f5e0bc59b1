"""`worker`: takes the panels of cluster runs, until it is interrupted; then it lets what is under way end."""

from typing import Annotated

from cyclopts import Parameter

from cvm_async._checks import check_seconds, refuse
from cvm_async._profiles.profile import is_region
from cvm_async.cli.acting.flags import GRACE
from cvm_async.cli.acting.interrupts import Interrupts
from cvm_async.cli.exits import Exit
from cvm_async.cli.flags import Seconds
from cvm_async.cli.progress import ProgressBar
from cvm_async.cli.terminal import Terminal
from cvm_async.cluster.address import database_address
from cvm_async.cluster.engines.choice import engine_of
from cvm_async.fleet.control import RunControl


async def worker(
    *,
    database: Annotated[str, Parameter(env_var="CVM_DATABASE")],
    region: str | None = None,
    engine: str = "dbos",
    lease: Annotated[float, Seconds] = 30.0,
    grace: float = GRACE,
) -> Exit:
    """Do what cluster runs ask for on the panels of a region, until interrupted.

    The panels' tokens are looked up here, by the profiles' names; none is in the database. Ctrl-C or a SIGTERM begins
    nothing new and lets what is under way end; other workers go on at once. A second one cuts off.

    Args:
        database: The cluster's database, postgresql://user@host/name; a password is better in CVM_DATABASE, or in
            ~/.pgpass.
        region: Take only panels whose profile says this region. Without it: panels of all regions.
        engine: What carries panels to workers.
        lease: Seconds without a sign of life after which other workers take this one for dead.
        grace: Seconds that what is under way has to end after a SIGTERM, before it is cut off.
    """
    check_seconds("--grace", grace, zero=True)
    known = engine_of(engine)
    url = database_address(database)
    if region is not None and not is_region(region):
        refuse("region", "letters, digits, '-', '_' and '.'", region)
    # Loaded here, as it needs the extra.
    from cvm_async.cluster.worker import Worker, new_id  # noqa: PLC0415

    name = new_id()
    terminal = Terminal.here()
    told = "all regions" if region is None else f"region {region}"
    at_work = Worker(
        url=url,
        engine=known.engine(url, name),
        region=region,
        lease=lease,
        id=name,
        on_ready=lambda: terminal.say(f"worker {name} is ready, for panels of {told}; Ctrl-C ends it"),
    )
    control = RunControl()
    bar = ProgressBar(terminal, "Working", 0, control)
    with control.over(at_work), Interrupts(terminal, control, bar, grace) as interrupts:
        await at_work.run()
    if interrupts.ended is not None:
        raise interrupts.ended
    return Exit.DONE
