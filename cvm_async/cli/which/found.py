"""Which VPSes a command is about: understood before the panel is asked, and found on its list then.

Whoever is named is found, each of them, or nothing is done.
"""

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import TypeVar

from attrs import evolve, frozen

import cvm_async
from cvm_async import render
from cvm_async._api.unread import may_hide
from cvm_async._words import counted, some_vpses
from cvm_async.cli.exits import CommandError, Exit
from cvm_async.cli.grids import Tone
from cvm_async.cli.results import Report, Results
from cvm_async.cli.shell.wording import in_flags
from cvm_async.cli.terminal import Terminal
from cvm_async.cli.which.typed import Asked
from cvm_async.fleet.naming import Names, as_id, fits, quoted, some_of
from cvm_async.models import PowerState, Problem, Vps, VpsStatus

T = TypeVar("T")

_SHOWN = 8
"""Names of which a message says that they are nobody's, or those of several."""


@frozen
class Which:
    """Which VPSes a command is about.

    Attributes:
        names: Those with these names; all, if there are none.
        nodes: Of these, those on one of these host nodes; None: on any.
        match: Of these, those whose hostname fits one of these patterns; None: any.
        spared: Not those with these names.
        unlike: Nor those whose hostname fits one of these patterns.
        states: Of these, those in one of these states; None: in any.
        may_be_none: Whether it is fine that nothing fits, as where one only looks.
    """

    names: tuple[Asked, ...] = ()
    nodes: tuple[range, ...] | None = None
    match: tuple[str, ...] | None = None
    spared: tuple[Asked, ...] = ()
    unlike: tuple[str, ...] = ()
    states: frozenset[PowerState] | None = None
    may_be_none: bool = False

    @property
    def named(self) -> bool:
        """Whether they are named one by one."""
        return bool(self.names)

    @property
    def limits(self) -> bool:
        """Whether it means fewer than all."""
        return self != Which(may_be_none=self.may_be_none)

    @property
    def at_most_one(self) -> bool:
        """Whether it can be no more than one."""
        return len(self.names) == 1 and (isinstance(self.names[0], str) or _length(self.names[0]) == 1)

    def of(self, fleet: "cvm_async.Fleet", terminal: Terminal) -> "cvm_async.Fleet":
        """Give the part of a fleet that is meant, in its order; but for the states, which only looking tells.

        Raises:
            CommandError: A name is nobody's, or that of several; or nothing fits. Nothing should be done then.
        """
        named = fleet.at(sorted(_found(fleet, self.names))) if self.names else fleet
        # On another panel its id is another VPS; by its place it would not be found again in a newer list.
        spared = {(vps.id, vps.hostname) for vps in fleet.at(_found(fleet, self.spared))}

        def is_meant(vps: Vps) -> bool:
            there = self.nodes is None or any(vps.node in some for some in self.nodes)
            return there and (vps.id, vps.hostname) not in spared

        found = named.select(hostname=self.match, exclude=self.unlike, where=is_meant)
        if self.limits and not len(found):
            problems = may_hide(fleet.problems, *self._figures)
            unread = f", but not all of its list can be read: {some_of(problems)}" if problems else ""
            message = f"none of the account's {some_vpses(len(fleet))} fits{unread}"
            if not self.may_be_none:
                raise CommandError(message)
            terminal.say(message)
        for each in self.unlike:
            if not any(fits(vps.hostname, (each,), short=True) for vps in fleet):
                terminal.say(f"--exclude {quoted(each)} fits no hostname", tone=Tone.WARNING)
        return found

    @property
    def _figures(self) -> tuple[str, ...]:
        """What must be known of a VPS to tell whether it is meant."""
        return (*(["node"] if self.nodes else []), *(["hostname"] if self.match else []))

    def fits(self, status: VpsStatus | None) -> bool:
        """Tell whether a VPS's state is wanted, or may be, as it could not be read."""
        return self.states is None or status is None or status.state in self.states

    def of_report(self, report: Report) -> Report:
        """Give the part of what was found that is meant, with all that may be.

        Raises:
            CommandError: Nothing is.
        """
        found = [outcome for outcome in report if self.fits(outcome.value)]
        return evolve(report, outcomes=tuple(self._some(found, report)))

    def of_plan(self, plan: "cvm_async.Plan") -> "cvm_async.Plan":
        """Give the part of a plan that is meant, with all that may be.

        Raises:
            CommandError: Nothing is.
        """
        return evolve(plan, steps=tuple(self._some([step for step in plan.steps if self.fits(step.seen)], plan)))

    async def looked_at(self, fleet: "cvm_async.Fleet", results: Results) -> "tuple[cvm_async.Fleet, Exit]":
        """Give those in a wanted state, and how that ended. Where a state is asked for, all are looked at: a call each.

        Those that cannot be read are told of and left out, and the command ends with 3 at best.

        Raises:
            CommandError: None is.
        """
        if self.states is None:
            return fleet, Exit.DONE
        report = await results.watching(
            "Looking",
            lambda bar, control: fleet.status(progress=bar, control=control),
            total=len(fleet),
            cut_off="Nothing was done.",
        )
        if report.failed:
            told = f"{len(report.failed):,} of {some_vpses(len(fleet))} could not be looked at, and are left out:"
            results.terminal.say(told, *map(in_flags, render.reasons(report)), tone=Tone.WARNING)
        found = [place for place, each in enumerate(report) if each.value is not None and self.fits(each.value)]
        return fleet.at(self._some(found, fleet)), Exit.PARTLY if report.failed else Exit.DONE

    def _some(self, found: Sequence[T], of: Sized) -> Sequence[T]:
        if self.states is not None and not found and not self.may_be_none:
            message = f"none of {some_vpses(len(of))} is {' or '.join(sorted(self.states))}"
            raise CommandError(message)
        return found


def _found(fleet: "cvm_async.Fleet", asked: Iterable[Asked]) -> set[int]:
    """Give the places of those that are named.

    Raises:
        CommandError: A name is nobody's, or that of several; with all that are.
    """
    names = fleet.members.names
    places: set[int] = set()
    missing: list[str | range] = []
    several: dict[str | int, None] = {}
    for each in dict.fromkeys(asked):
        called: Sequence[str | int] = names.ids_within(each) if isinstance(each, range) else [each]
        found = [names.places(name) for name in called]
        places.update(*found)
        several |= {name: None for name, of in zip(called, found, strict=True) if len(of) > 1}
        if sum(map(bool, found)) < (_length(each) if isinstance(each, range) else 1):
            missing.append(each)
    if missing or several:
        said = _nobody(names, missing)
        said.extend(names.ambiguous(each).message for each in islice(several, _SHOWN))
        said.extend(
            [f"and {counted(len(several) - _SHOWN, 'more name', 'more names')} of several"]
            if len(several) > _SHOWN
            else []
        )
        raise CommandError("; ".join([*said, "nothing was done"]))
    return places


def _nobody(names: Names, missing: Sequence[Asked]) -> list[str]:
    """Say which names are nobody's, and which may be those of VPSes that cannot be read."""
    alike: dict[tuple[Problem, ...], list[Asked]] = {}
    for each in missing:
        problems = names.unread(each.start if isinstance(each, range) else each)
        alike.setdefault(problems, []).append(each)
    return [_nobody_as(problems, _some_missing(names, asked)) for problems, asked in alike.items()]


def _nobody_as(problems: Sequence[Problem], told: str) -> str:
    if problems:
        return f"VPS {told} cannot be found, as not all of the account's list can be read: {some_of(problems)}"
    return f"this account has no VPS {told}"


def _some_missing(names: Names, missing: Sequence[Asked]) -> str:
    unknown = _each_missing(names, missing)
    shown = list(islice(unknown, _SHOWN))
    return ", ".join(shown) + (" and more" if next(unknown, None) is not None else "")


def _each_missing(names: Names, missing: Sequence[Asked]) -> Iterator[str]:
    for each in missing:
        if isinstance(each, range):
            yield from (str(number) for number in each if not names.places(number))
        else:
            similar = names.similar(each)
            hint = f" (did you mean {' or '.join(similar)}?)" if similar else ""
            told = each if as_id(each) is not None else quoted(each)
            yield f"{told}{hint or _pattern_hint(each)}"


def _pattern_hint(name: str) -> str:
    return " (a pattern goes with --match)" if {*"*?["} & {*name} else ""


def _length(numbers: range) -> int:
    # `len` refuses what is longer than a machine counts.
    return numbers.stop - numbers.start
