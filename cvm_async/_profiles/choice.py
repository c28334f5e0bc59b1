"""Which panel, and as whom: what is said where, and which of it counts.

==  ==============================================================================================
1.  a profile that is named: by a caller, by ``--profile`` or ``--all-profiles``
2.  the one that ``CVM_PROFILE`` names
3.  ``CVM_URL``, ``CVM_PUBLIC_TOKEN`` and ``CVM_PRIVATE_TOKEN``
4.  the default of the file of profiles, which ``cvm-async profile use`` sets
==  ==============================================================================================

A token that a profile does not say comes from the environment. What the environment says otherwise than a profile that
is chosen is refused: somebody would act on another panel, or as somebody else, than they think.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from cvm_async._profiles.environment import VARIABLES, Environment
from cvm_async._profiles.file import ProfileFile, read_profiles
from cvm_async._profiles.place import is_there, profiles_path
from cvm_async._profiles.profile import Profile, Ways, profile_of
from cvm_async._profiles.sources import Source, token
from cvm_async._safe_text import excerpt
from cvm_async._secret import Secret
from cvm_async.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}


@frozen(kw_only=True)
class Access:
    """All that a session is made of.

    Attributes:
        url: The panel's address.
        public_token: The public half of the token pair.
        private_token: The private half.
        ways: How the session goes about it.
    """

    url: str
    public_token: Secret
    private_token: Secret
    ways: Ways = field(factory=Ways)


def access_of(name: str | None, environment: Environment) -> Access:
    """Give access by one profile: of this name; None: the one that `CVM_PROFILE` names, or the default.

    Raises:
        ConfigurationError: There is none, it can't be used, or the environment says otherwise.
    """
    file = read_profiles(profiles_path(environment.config_home))
    chosen = (environment.profile or file.default) if name is None else name
    if chosen is None:
        msg = f"no profile is named, and {file.where} has no default: cvm-async profile use sets one"
        raise ConfigurationError(msg)
    return _accesses(file, [chosen], environment)[0]


def accesses(names: Sequence[str], environment: Environment, *, every: bool = False) -> list[Access]:
    """Give access to the panels that are meant, at least one.

    Args:
        names: The profiles that are named; each may be several with commas between them.
        environment: What counts where none is named.
        every: All profiles.

    Raises:
        ConfigurationError: None is named anywhere, one can't be used, or the environment says otherwise.
    """
    # A variable that is set to nothing is not set; but an empty `--profile "$WHICH"` must not end at another panel.
    named = names or ([environment.profile] if environment.profile else [])
    if named or every:
        file = read_profiles(profiles_path(environment.config_home))
        return _accesses(file, file.every() if every else file.listed(named), environment)
    # Whoever names a panel does not mean the default, also where the tokens are missing.
    usual = None if environment.url else _file_if_any(environment)
    if usual is not None and usual.default is not None:
        return _accesses(usual, [usual.default], environment)
    return [_of_environment(environment)]


def resolved(profile: Profile, environment: Environment) -> Access:
    """Give access by a profile: its tokens are fetched, which may run a command or ask the keyring.

    Raises:
        ConfigurationError: A token can't be had, or the environment says otherwise.
    """
    _refuse_other_panel(profile, environment)
    return Access(
        url=profile.url,
        public_token=_token("public_token", profile.public_token, environment.public_token, profile.called),
        private_token=_token("private_token", profile.private_token, environment.private_token, profile.called),
        ways=evolve(profile.ways, api=profile.ways.api or environment.api),
    )


def _accesses(file: ProfileFile, names: Sequence[str], environment: Environment) -> list[Access]:
    profiles = [profile_of(file, name) for name in names]
    for profile in profiles:
        _refuse_other_panel(profile, environment)
    if len(profiles) > 1:
        _refuse_one_token_for_all(profiles)
    return _with_names_of_their_own(names, [resolved(profile, environment) for profile in profiles])


def _of_environment(environment: Environment) -> Access:
    if len(environment.missing) == len(VARIABLES):
        msg = (
            "no panel is named: set CVM_URL, CVM_PUBLIC_TOKEN and CVM_PRIVATE_TOKEN, or name a profile with --profile "
            "or CVM_PROFILE, or make one the default: cvm-async profile add NAME, cvm-async profile use NAME"
        )
        raise ConfigurationError(msg)
    public, private = environment.pair()
    return Access(url=environment.url, public_token=public, private_token=private, ways=Ways(api=environment.api))


def _file_if_any(environment: Environment) -> ProfileFile | None:
    """Give the file of profiles; None where there is none, or no home directory to look for it in."""
    try:
        path = profiles_path(environment.config_home)
    except ConfigurationError:
        return None
    return read_profiles(path) if is_there(path) else None


def _with_names_of_their_own(names: Sequence[str], found: list[Access]) -> list[Access]:
    """Give panels of one name their profiles' names instead: in one fleet, a name must tell whose a VPS is."""
    called = [access.ways.name for access in found]
    if len({*called}) == len(called):
        return found
    return [evolve(access, ways=evolve(access.ways, name=name)) for name, access in zip(names, found, strict=True)]


def _refuse_one_token_for_all(profiles: Sequence[Profile]) -> None:
    """Refuse to send one panel's token to another: the environment has one pair, and who knows whose."""
    for profile in profiles:
        for half, source in (("public_token", profile.public_token), ("private_token", profile.private_token)):
            if source is None:
                msg = f"{profile.called} lacks {half}; among several profiles none takes it from the environment"
                raise ConfigurationError(msg)


def _refuse_other_panel(profile: Profile, environment: Environment) -> None:
    if environment.url and _place(environment.url) != _place(profile.url):
        msg = (
            f"CVM_URL says {_shown(environment.url)}, and {profile.called} says {_shown(profile.url)}: unset CVM_URL, "
            "or take no profile"
        )
        raise ConfigurationError(msg)


def _token(half: str, source: Source | None, given: Secret | None, called: str) -> Secret:
    variable = VARIABLES[half]
    if source is not None:
        found = token(source, f"{half} of {called}")
    elif given is not None:
        found = given
    else:
        msg = f"{called} lacks {half}: add it, or {half}_command or {half}_keyring, or set {variable}"
        raise ConfigurationError(msg)
    if given not in {None, found}:
        msg = f"{variable} is not the {half} of {called}: unset {variable}, or take no profile"
        raise ConfigurationError(msg)
    return found


def _place(url: str) -> object:
    """Give what two spellings of one address have in common."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url
    return parts.scheme, parts.netloc.rpartition("@")[0], parts.hostname, port, parts.path.rstrip("/")


def _shown(url: str) -> str:
    return "another panel" if "@" in url else excerpt(url)
