"""`H11Reply` reads an answer with h11, which comes with httpx: what a lane needs where no parser in C is installed.

h11 sees to what ends a body, and to when a connection may serve again. httpx reads with it too, so that whatever httpx
understands is understood here in the same way.
"""

from typing import Final

import h11

from cvm_async._lanes.replies.reply import MAX_OVERHEAD, Reply

# The transport writes the request itself; these tell h11 whether a body may follow. Its events are frozen.
_REQUESTS: Final = {
    to_head: h11.Request(method="HEAD" if to_head else "GET", target="/", headers=[("Host", "h")])
    for to_head in (False, True)
}
_END_OF_REQUEST: Final = h11.EndOfMessage()


class H11Reply(Reply):
    """One answer as it arrives."""

    def __init__(self, *, to_head: bool) -> None:
        super().__init__(to_head=to_head)
        self._parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_OVERHEAD)
        self._parser.send(_REQUESTS[to_head])
        self._parser.send(_END_OF_REQUEST)

    def _parse(self, arrived: bytes) -> None:
        self._parser.receive_data(arrived)
        self._take_events()

    def _close(self) -> None:
        if self.status:
            # h11 is told of the end by an empty read.
            self._parse(b"")
        else:
            self.refuse("Server disconnected without sending a response.")

    def _take_events(self) -> None:
        try:
            while not self.is_complete:
                match self._parser.next_event():
                    case h11.Data(data=piece):
                        self._add(bytes(piece))
                    case h11.Response() as head:
                        self._begin(head)
                    case h11.EndOfMessage():
                        self._finish()
                    case h11.InformationalResponse():
                        pass
                    case _:
                        # More is needed, or none will come.
                        return
        except h11.RemoteProtocolError as error:
            self.refuse(str(error))

    def _begin(self, head: h11.Response) -> None:
        self.status, self.reason, self.version = head.status_code, head.reason, b"HTTP/" + head.http_version
        self.headers = head.headers.raw_items()

    def _finish(self) -> None:
        self.is_complete = True
        may_go_on = self._parser.our_state is h11.DONE and self._parser.their_state is h11.DONE
        # What came beyond the answer would be taken for the next one.
        self.ends_cleanly = may_go_on and not self._parser.trailing_data[0]
