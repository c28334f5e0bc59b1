"""`Reply` is one HTTP/1.1 answer, read from bytes as they arrive, by whichever parser; it knows no sockets."""

from abc import ABC, abstractmethod

import httpx

# Bytes beyond those of the body that an answer may have: a head, the chunks' sizes and extensions, trailers. httpcore
# allows as much for a head. A body brings as much again, which chunks of a few bytes exceed.
MAX_OVERHEAD = 100 * 1024

# Bytes that are read at a time, and pieces of a body after which the rest has to wait for the event loop's next turn. A
# piece takes h11 20 µs: 256 KiB of chunks of one byte, which is what asyncio may hand over at once, would take 0.9 s.
READ_AT_ONCE = 4 * 1024
PIECES_AT_ONCE = 128


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
        self._piece_count = 0
        self._size = 0
        self._overhead = 0

    def feed(self, arrived: bytes) -> bytes:
        """Read what arrived; afterwards the attributes tell what is known.

        Returns:
            What is left to be fed in the next turn of the event loop; mostly nothing.
        """
        if len(arrived) <= READ_AT_ONCE:
            self._read(arrived)
            return b""
        at, enough = 0, self._piece_count + PIECES_AT_ONCE
        while at < len(arrived) and self._piece_count < enough and not (self.is_complete or self.fault):
            self._read(arrived[at : at + READ_AT_ONCE])
            at += READ_AT_ONCE
        if self.is_complete and at < len(arrived):
            # It would be taken for the next answer.
            self.ends_cleanly = False
        return b"" if self.is_complete or self.fault else arrived[at:]

    def _read(self, arrived: bytes) -> None:
        self._overhead += len(arrived)
        self._parse(arrived)
        if not self.is_complete and self._overhead > MAX_OVERHEAD + self._size:
            self.refuse(f"more than {MAX_OVERHEAD} bytes came that are none of the body's")

    def end(self, error: Exception | None) -> None:
        """Learn that the connection is gone, with an error or by an orderly close."""
        if self.fault is not None:
            # We closed it ourselves.
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

    def has_header(self, name: bytes) -> bool:
        """Tell whether there is a header of this name, given in lower case."""
        return any(len(each) == len(name) and each.lower() == name for each, _ in self.headers)

    def refuse(self, reason: str) -> None:
        """Note why the answer can't be understood; the first reason stays."""
        self.fault = self.fault or httpx.RemoteProtocolError(reason)

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self.pending += len(piece)
        self._piece_count += 1
        self._size += len(piece)
        self._overhead -= len(piece)

    @abstractmethod
    def _parse(self, arrived: bytes) -> None:
        """Take in more bytes."""

    @abstractmethod
    def _close(self) -> None:
        """Take in that no more will come: an answer whose body ends so is complete, any other is refused."""
