"""Which parser reads the answers: httptools where it is installed, h11 where not, unless one is asked for.

uvicorn chooses in the same way, and calls it `http`, too. Each is loaded where it is first needed.
"""

from cvm_async._lanes.options import Http
from cvm_async._lanes.replies.reply import Reply
from cvm_async.errors import MissingExtraError


def reader_of(http: Http, *, wanted_by: str = "http='httptools' needs") -> type[Reply]:
    """Give what reads answers with a parser.

    Args:
        http: Which.
        wanted_by: How the message begins that says what needs httptools.

    Raises:
        MissingExtraError: httptools was asked for, and is not installed.
    """
    try:
        return _h11() if http == "h11" else _httptools()
    except ImportError as missing:
        if http == "auto":
            return _h11()
        if missing.name != "httptools":
            raise
        message = f"{wanted_by} httptools: pip install 'cvm_async[fast]'"
        raise MissingExtraError(message, name="httptools") from None


def _httptools() -> type[Reply]:
    from cvm_async._lanes.replies.httptools_reply import HttptoolsReply  # noqa: PLC0415 - where it is needed

    return HttptoolsReply


def _h11() -> type[Reply]:
    from cvm_async._lanes.replies.h11_reply import H11Reply  # noqa: PLC0415 - likewise

    return H11Reply
