"""Tells whether httpx's own functions are still its own: a test may have mocked them, an instrumentation wrapped them.

What a test has mocked must never reach the network, and our connections would not pass the mock. Who counts or traces
what httpx's clients send must see what ours do.
"""

import os
from pathlib import Path
from types import FunctionType

import httpcore
import httpx

# What was found to be httpx's own last, so that a call need not look at its code again.
_genuine: dict[str, object] = {}
_SOURCE_FOLDERS = tuple(f"{Path(str(package.__file__)).parent}{os.sep}" for package in (httpcore, httpx))


def is_mocked() -> bool:
    """Tell whether a mock is in place below the client: respx replaces the one function, pytest-httpx the other."""
    return not (
        _is_genuine("pool", httpcore.AsyncConnectionPool.handle_async_request)
        and _is_genuine("transport", httpx.AsyncHTTPTransport.handle_async_request)
    )


def is_watched() -> bool:
    """Tell whether a function of somebody else's stands where httpx's clients send."""
    return not _is_genuine("client", httpx.AsyncClient.send)


def _is_genuine(place: str, function: object) -> bool:
    if _genuine.get(place) is function:
        return True
    # Judged by its code, not by what stood there when this was imported: that may have been a mock already. And by the
    # type itself, as a proxy says that it is a function, too.
    if type(function) is not FunctionType or not function.__code__.co_filename.startswith(_SOURCE_FOLDERS):
        return False
    _genuine[place] = function
    return True
