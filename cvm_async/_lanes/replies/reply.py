"""`Reply` is one HTTP/1.1 answer, read from bytes as they arrive, by whichever parser; it knows no sockets."""

from abc import ABC, abstractmethod

import httpx

# Bytes that may come without completing a head or adding to a body: a head, a chunk's extensions, trailers. httpcore
# allows as much for a head.
MAX_OVERHEAD = 100 * 1024


class Reply(ABC):
    """One answer as it arrives.

    Args:
        to_head: Whether it answers a HEAD request, so that no body follows, whatever the head says.
    """

    def __init__(self, *, to_head: bool) -> None:
        self.to_head: bool = to_head
        # 0 until the whole head is here.
        self.status: int = 0
        self.reason: bytes = b""
        self.version: bytes = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_complete: bool = False
        # Whether the connection may serve another exchange afterwards.
        self.ends_cleanly: bool = False
        # Why the answer will never be complete.
        self.fault: httpx.TransportError | None = None
        # Bytes of the body that nobody has taken yet.
        self.pending: int = 0
        self._pieces: list[bytes] = []
        self._overhead = 0

    def feed(self, arrived: bytes) -> None:
        """Read what arrived; afterwards the attributes tell what is known."""
        self._overhead += len(arrived)
        self._parse(arrived)
        if not self.is_complete and self._overhead > MAX_OVERHEAD:
            self.refuse(f"more than {MAX_OVERHEAD} bytes came without a complete head or more of the body")

    def end(self, error: Exception | None) -> None:
        """Learn that the connection is gone, with an error or by an orderly close."""
        if self.fault is not None:
            # It was we who closed it.
            return
        if error is None:
            self._close()
            self.ends_cleanly = False
        else:
            self.fault = httpx.ReadError(str(error) or type(error).__name__)

    def take(self) -> bytes:
        """Return what arrived of the body since the last time."""
        pieces = self._pieces
        self._pieces, self.pending = [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def refuse(self, reason: str) -> None:
        """Note why the answer can't be understood; the first reason stays."""
        self.fault = self.fault or httpx.RemoteProtocolError(reason)

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.pending += len(piece)
        self._overhead = 0

    @abstractmethod
    def _parse(self, arrived: bytes) -> None:
        """Take in more bytes."""

    @abstractmethod
    def _close(self) -> None:
        """Take in that no more will come: an answer whose body ends so is complete, any other is refused."""
