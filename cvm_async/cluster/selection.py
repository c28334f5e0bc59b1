"""Which panels a cluster is of: profiles by name, those of one panel together, as one worker has to do them."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from attrs import frozen

from cvm_async._profiles.file import ProfileFile
from cvm_async._profiles.profile import profile_of
from cvm_async._safe_text import excerpt, safe_text
from cvm_async.cluster.address import address_of
from cvm_async.errors import ConfigurationError


@frozen
class Panel:
    """One panel, with the profiles that are of it.

    Attributes:
        address: Its URL.
        region: Whose workers reach it; "": those that were given no region.
        profiles: Their names, in the file's order.
    """

    address: str
    region: str
    profiles: tuple[str, ...]


def panels_of(file: ProfileFile, patterns: Sequence[str]) -> list[Panel]:
    """Give the panels of the profiles that fit some pattern. No token is looked up: the workers do that.

    Raises:
        ConfigurationError: A pattern fits no profile, a profile cannot be used, or those of a panel name two regions.
    """
    found: dict[str, tuple[set[str], list[str]]] = {}
    for name in _fitting(file, patterns):
        profile = profile_of(file, name)
        regions, names = found.setdefault(address_of(profile.url), (set(), []))
        regions.add(profile.region)
        names.append(name)
    for address, (regions, names) in found.items():
        if len(regions) > 1:
            told = " and ".join(sorted(map(repr, regions)))
            by = ", ".join(map(safe_text, names))
            msg = f"{safe_text(address)} is of two regions, {told}, by the profiles {by}: a panel has one"
            raise ConfigurationError(msg)
    return [Panel(address, min(regions), tuple(names)) for address, (regions, names) in found.items()]


def _fitting(file: ProfileFile, patterns: Iterable[str]) -> list[str]:
    every = file.every()
    fitting: set[str] = set()
    for pattern in patterns:
        these = [name for name in every if fnmatchcase(name, pattern)]
        if not these:
            msg = f"no profile in {file.where} fits {excerpt(pattern)}"
            raise ConfigurationError(msg)
        fitting.update(these)
    return [name for name in every if name in fitting]
