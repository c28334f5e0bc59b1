"""Where the profiles are: in the folder that the platform has for settings, or in the one that they were in before."""

from pathlib import Path

from platformdirs import user_config_path

from cvm_async.errors import ConfigurationError

_FOLDER = "cvm_async"
_FILE = "profiles.toml"


def profiles_path(xdg_config_home: str = "") -> Path:
    """Give the file of profiles, whether it is there or not.

    Args:
        xdg_config_home: What the variable of that name says; by the XDG rules, only an absolute path counts.

    Raises:
        ConfigurationError: It is in the home directory, and there is none, as for some users of containers.
    """
    if Path(xdg_config_home).is_absolute():
        return Path(xdg_config_home) / _FOLDER / _FILE
    # On macOS and Windows the profiles were in ~/.config at first, too.
    usual, before = _platforms_own() / _FILE, home() / ".config" / _FOLDER / _FILE
    return before if is_there(before) and not is_there(usual) else usual


def home() -> Path:
    """Give the home directory.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        return Path.home()
    except RuntimeError:
        msg = "there is no home directory to look for profiles in: set HOME, or XDG_CONFIG_HOME"
    raise ConfigurationError(msg)


def _platforms_own() -> Path:
    own = home() / ".config" / _FOLDER
    found = user_config_path(_FOLDER, appauthor=False)
    # Some of its releases take an XDG_CONFIG_HOME that is a relative path.
    return found if found.is_absolute() else own


def is_there(path: Path) -> bool:
    """Tell whether there is such a file, or may be, as we may not look: whoever reads it says so."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        # A folder that may not be entered, a name that can be none.
        pass
    return True
