"""One call of a tool: what the client sent with it, and what can be told and asked while it is under way."""

from typing import Any

from attrs import frozen
from mcp.server.context import ServerRequestContext
from mcp_types import CallToolRequestParams, ElicitResult
from mcp_types.version import is_version_at_least

__all__ = ["Call"]

_ROUNDS = "2026-07-28"
"""From this version of the protocol on, a question is the answer to a call, and its answer comes with a second call."""


@frozen
class Call:
    """A call, for as long as it is under way.

    Attributes:
        context: What the SDK knows of it.
        params: What the client sent.
    """

    context: ServerRequestContext[Any, Any]
    params: CallToolRequestParams

    @property
    def in_rounds(self) -> bool:
        """Whether a question to the user is a round of calls; earlier it was a request of the server's own."""
        return is_version_at_least(self.context.protocol_version, _ROUNDS)

    @property
    def can_ask(self) -> bool:
        """Whether the client says that it can show its user a form."""
        capabilities = self.context.session.client_capabilities
        elicitation = None if capabilities is None else capabilities.elicitation
        # With nothing said of how, forms are meant: there was nothing else at first.
        return elicitation is not None and (elicitation.form is not None or elicitation.url is None)

    @property
    def is_second_round(self) -> bool:
        """Whether it answers a question that an earlier call was answered with."""
        return self.in_rounds and (self.params.request_state is not None or self.params.input_responses is not None)

    def response(self, key: str) -> ElicitResult | None:
        """Give what the user said to the question of that key; None where the client gave nothing of the kind."""
        given = (self.params.input_responses or {}).get(key)
        return given if isinstance(given, ElicitResult) else None

    async def tell(self, done: float, total: float, message: str) -> None:
        """Tell the client how far it is, if it asked for that."""
        await self.context.session.report_progress(done, total, message)
