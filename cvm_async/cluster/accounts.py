"""A panel's accounts, as one fleet, within one panel's limits: their tokens are looked up here, by profile."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache
from pathlib import Path
from threading import Lock

from attrs import evolve, frozen

from cvm_async._profiles.choice import Access, resolved
from cvm_async._profiles.environment import Environment
from cvm_async._profiles.file import ProfileFile, read_profiles
from cvm_async._profiles.place import profiles_path
from cvm_async._profiles.profile import profile_of
from cvm_async.cluster.address import address_of
from cvm_async.errors import ConfigurationError, CvmError
from cvm_async.fleet.fleet import Fleet
from cvm_async.fleet.joint import joint_fleet, unreadable
from cvm_async.fleet.members import Members
from cvm_async.models import Problem
from cvm_async.session import CvmSession


@frozen
class Accounts:
    """Sessions with one panel, and what became of those that could not be had.

    Attributes:
        sessions: Open.
        problems: Why others are missing, each with its profile's name.
    """

    sessions: tuple[CvmSession, ...]
    problems: tuple[tuple[str, Problem], ...]
    longest: float
    """Seconds that an action may take on the panel."""

    async def fleet(self) -> Fleet:
        """Give the VPSes of all accounts; one whose list cannot be had is among the fleet's problems."""
        return Fleet(Members((), self.problems)) | (await joint_fleet(self.sessions)).fleet


def profiles_in(environment: Environment) -> ProfileFile:
    """Give the file of profiles as it is now; it is read again only where it has changed.

    Raises:
        ConfigurationError: It cannot be read.
    """
    path = profiles_path(environment.config_home)
    try:
        found = path.stat()
    except (OSError, ValueError):
        # Reading it says what is wrong.
        return read_profiles(path)
    # A panel's tokens are looked up in a thread of its own: the first one reads for the others.
    with _READING:
        return _read(path, (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size))


_READING = Lock()


# Ten thousand profiles take a quarter of a second, and each of them asks for the file.
@lru_cache(maxsize=1)
def _read(path: Path, _version: tuple[int, ...]) -> ProfileFile:
    return read_profiles(path)


@asynccontextmanager
async def accounts(
    names: Iterable[str], address: str, region: str | None, environment: Environment
) -> AsyncGenerator[Accounts]:
    """Open a session for each profile, all with one panel's limits.

    Args:
        names: The profiles.
        address: The panel that they must be of.
        region: What they must say; None: whatever they say.
        environment: Where profiles are looked for.
    """
    found = await asyncio.to_thread(_accesses, tuple(names), address, region, environment)
    sessions: list[CvmSession] = []
    async with AsyncExitStack() as stack:
        for access in found:
            if isinstance(access, Access):
                beside = sessions[0] if sessions else None
                session = CvmSession.with_access(access, beside=beside)
                sessions.append(await stack.enter_async_context(session))
        problems = tuple(each for each in found if not isinstance(each, Access))
        longest = max((each.ways.timeouts.action for each in found if isinstance(each, Access)), default=0.0)
        yield Accounts(tuple(sessions), problems, longest)


def _accesses(
    names: tuple[str, ...], address: str, region: str | None, environment: Environment
) -> list[Access | tuple[str, Problem]]:
    """Look the tokens up: that may run a command for each."""
    return [_access(name, address, region, environment) for name in names]


def _access(name: str, address: str, region: str | None, environment: Environment) -> Access | tuple[str, Problem]:
    try:
        profile = profile_of(profiles_in(environment), name)
        if region is not None and profile.region != region:
            raise ConfigurationError(
                f"{profile.called} says region {profile.region!r}, and this worker's is {region!r}"
            )
        if address_of(profile.url) != address:
            raise ConfigurationError(f"{profile.called} is of another panel here")
        # Of its own: the environment's tokens are one panel's, and who knows whose.
        access = resolved(profile, Environment(config_home=environment.config_home))
    except CvmError as error:
        return name, unreadable(name, error)
    return evolve(access, ways=evolve(access.ways, name=name))
