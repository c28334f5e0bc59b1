"""`cvm-async`: the library as commands. It needs the extra `cli`; without it, a plain sentence says so."""

import sys
from collections.abc import Sequence

from cvm_async._version import __version__

_LIBRARIES = {"cyclopts", "rich"}
"""What the extra brings."""

_USAGE = 2


def main(tokens: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status.

    Args:
        tokens: What stands behind the program's name; from `sys.argv` if None.
    """
    given = sys.argv[1:] if tokens is None else tokens
    if list(given) == ["--version"]:
        # Before anything else is loaded: scripts ask.
        print(__version__)
        return 0
    try:
        # Here, so that a missing extra is a sentence and no traceback; rich is loaded later, in parts.
        import rich  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport]

        from cvm_async.cli.app import run  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        if missing.name not in _LIBRARIES:
            raise
        message = f"cvm-async: the command line needs {missing.name}: pip install 'cvm_async[cli]'"
        print(message, file=sys.stderr)
        return _USAGE
    return run(given)
