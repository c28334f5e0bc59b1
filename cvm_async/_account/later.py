"""What only the API's later revision has is asked for once it is known which revision the panel has.

That is known from readings: where there was none yet, the list is read, which needs no host node.
"""

from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

from attrs import frozen

from cvm_async._api.answers import is_unrouted
from cvm_async._api.calls import Call
from cvm_async._api.routes import Routes
from cvm_async._api.verbs import Revision, Verb
from cvm_async.errors import (
    AuthenticationError,
    ConfigurationError,
    CvmError,
    NotSentError,
    NotSupportedError,
    PermissionDeniedError,
    SessionClosedError,
    VpsNotFoundError,
)

T = TypeVar("T")
_SPEAKING = (
    AuthenticationError,
    PermissionDeniedError,
    VpsNotFoundError,
    ConfigurationError,
    SessionClosedError,
    NotSentError,
)
"""Errors of a reading that say of an action, too, that it was not carried out, and why."""

Read = Callable[[], Awaitable[object]]


@frozen(eq=False)
class LaterRevision:
    """What is known of one panel, and how to find out more.

    Attributes:
        routes: What is known.
        panel: The panel's name in messages.
        read: Reads the list.
    """

    routes: Routes
    panel: str
    read: Read

    async def find_out(self) -> None:
        """Read the list, unless the panel was heard before.

        Raises:
            CvmError: It cannot be read.
        """
        if self.routes.revision is None and not self.routes.is_heard:
            await self.read()

    async def ask(self, call: Call[T], send: Callable[[], Awaitable[T]]) -> T:
        """Make a reading that only the later revision has.

        Raises:
            NotSupportedError: The panel does not have it.
            CvmError: It failed, or that which was to tell the revision.
        """
        await self.find_out()
        self._refuse_where_specified(call)
        try:
            return await send()
        except CvmError as error:
            if not is_unrouted(error, call.verb):
                raise
            why = f"{self._seen()}, but not this call of it ({error.message})"
            raise self._unsupported(call, why) from None

    async def before_acting(self, call: Call[object], look: Read | None = None) -> None:
        """Find out before a power action, which is sent to one place only and once.

        Args:
            call: Which.
            look: Reads the status of its VPS, where the list does not tell enough for it.

        Raises:
            NotSentError: It cannot be found out.
            NotSupportedError: It is the later revision's, and the panel has the other.
            CvmError: What would end the action, too: wrong tokens, no such VPS, a session that was closed.
        """
        try:
            await self.find_out()
            if look is not None and self.routes.revision is None:
                await look()
        except _SPEAKING:
            raise
        except CvmError as error:
            self._refuse_blindly(call, error.message)
        if call.verb.row.is_later:
            self._refuse_where_specified(call)
            if self.routes.revision is None:
                self._refuse_blindly(call, "its answers fit both")

    def _refuse_blindly(self, call: Call[object], why: str) -> NoReturn:
        message = f"not sent, as it is not known which revision of the API {self.panel} has: {why}"
        raise NotSentError(message, **call.about()) from None

    def _refuse_where_specified(self, call: Call[object]) -> None:
        if self.routes.revision is Revision.SPECIFIED:
            raise self._unsupported(call, self._seen())

    def _seen(self) -> str:
        revision = self.routes.revision
        return "which revision it has is not known" if revision is None else f"it has the revision of {revision}"

    def _unsupported(self, call: Call[object], why: str) -> NotSupportedError:
        what = "reinstalls" if call.verb is Verb.REINSTALL else f"tells of {call.verb.row.about}s"
        message = f"only the API's later revision ({Revision.LATER}) {what}, and {self.panel} does not: {why}"
        revision = self.routes.revision
        return NotSupportedError(message, revision=None if revision is None else str(revision), **call.about())
