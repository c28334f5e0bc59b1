"""Panels for assistants: a server of the Model Context Protocol, with tools that look, and on request tools that act.

It needs the extra `mcp`. `cvm-async mcp` serves it; `assistant_server` is for a program of one's own.
"""

from cvm_async.errors import MissingExtraError

try:
    from cvm_async.mcp.server import assistant_server
except ModuleNotFoundError as _missing:
    if (_missing.name or "").partition(".")[0] not in {"mcp", "mcp_types", "pydantic", "starlette", "uvicorn"}:
        raise
    _message = "the server for assistants needs mcp: pip install 'cvm_async[mcp]'"
    raise MissingExtraError(_message, name=_missing.name or "mcp") from None

__all__ = ["assistant_server"]
