"""Runs and records for tests that need some."""

from attrs import evolve

from cvm_async import CvmSession, Rollout
from cvm_async._api.verbs import Verb
from cvm_async.runs import file
from cvm_async.runs.journal import this_turn
from cvm_async.runs.record import RunRecord, TargetRecord, TargetState
from cvm_async.runs.store import RunStore


def record(
    *states: TargetState, run_id: str = "a", verb: Verb = Verb.STOP, rollout: Rollout | None = None
) -> RunRecord:
    """Give a run whose VPSes are in these states, with ids from 1."""
    return RunRecord(
        id=run_id,
        name="maintenance",
        verb=verb,
        rollout=rollout or Rollout(),
        wait=False,
        timeout=120.0,
        interval=2.0,
        targets=tuple(
            TargetRecord(
                place=place,
                address="https://panel.example.net/",
                panel="panel",
                vps_id=place + 1,
                hostname="a",
                state=state,
            )
            for place, state in enumerate(states)
        ),
        turns=(this_turn(),),
    )


def kept(
    runs: RunStore,
    session: CvmSession,
    *states: TargetState,
    verb: Verb = Verb.STOP,
    rollout: Rollout | None = None,
    wait: bool = False,
    confirm: int = 1,
    interval: float = 2.0,
) -> str:
    """Have a run on disk whose process has died, with VPSes of this session; give its id."""
    journal = runs.new("maintenance")
    made = record(*states, verb=verb, rollout=rollout)
    targets = tuple(evolve(target, address=session.url, panel=session.name) for target in made.targets)
    runs.path.mkdir(parents=True, exist_ok=True)
    file.made(journal.path, evolve(made, id=journal.id, targets=targets, wait=wait, confirm=confirm, interval=interval))
    return journal.id
