"""One row a verb: what is sent for it, and what may be concluded afterwards. Whatever depends on a verb asks its row.

A verb without a row cannot be written, so that one added here works everywhere or fails at import.
"""

from enum import StrEnum
from typing import Self

from attrs import frozen

from cvm_async.errors import ConfigurationError
from cvm_async.models import PowerState

__all__ = ["Verb", "VerbRow", "acts", "past_of"]


@frozen
class VerbRow:
    """What is to be known of a verb.

    Attributes:
        method: The HTTP method.
        path: Below the panel's address, with a leading slash; ``{id}`` stands for a VPS's id.
        doing: What is being done to a VPS meanwhile: "stopping".
        past: What a VPS is when it is done: "stopped".
        leads_to: The state that it leads to; None where it only looks.
        settled_by_status: Whether a status in that state shows that it was carried out. A restart leads from running to
            running, and this API tells no uptime.
        patience: Read timeouts that an answer may take from beginning to end: a list may rightly be long.
    """

    method: str
    path: str
    doing: str
    past: str
    leads_to: PowerState | None = None
    settled_by_status: bool = False
    patience: int = 1

    @property
    def repeatable(self) -> bool:
        """Whether asking twice is the same as asking once."""
        return self.method == "GET"

    @property
    def about_one_vps(self) -> bool:
        """Whether it is about one VPS, and so about its host node."""
        return "{id}" in self.path


class Verb(StrEnum):
    """What can be asked of a panel."""

    _value_: str
    row: VerbRow

    def __new__(cls, word: str, row: VerbRow) -> Self:
        """Make a verb of its word and its row."""
        verb = str.__new__(cls, word)
        verb._value_ = word
        verb.row = row
        return verb

    LIST = "list", VerbRow("GET", "/api/client/vps/list", "listing", "listed", patience=10)
    STATUS = "status", VerbRow("GET", "/api/client/vps/{id}/status", "reading", "read")
    START = (
        "start",
        VerbRow(
            "POST", "/api/client/vps/{id}/start", "starting", "started", PowerState.RUNNING, settled_by_status=True
        ),
    )
    STOP = (
        "stop",
        VerbRow("POST", "/api/client/vps/{id}/stop", "stopping", "stopped", PowerState.STOPPED, settled_by_status=True),
    )
    RESTART = "restart", VerbRow("POST", "/api/client/vps/{id}/restart", "restarting", "restarted", PowerState.RUNNING)

    @property
    def goal(self) -> PowerState:
        """The state that it leads to, to be waited for.

        Raises:
            ConfigurationError: It leads to none.
        """
        if self.row.leads_to is None:
            msg = f"the verb {self} leads to no state that could be waited for"
            raise ConfigurationError(msg)
        return self.row.leads_to

    @classmethod
    def bringing_to(cls, state: PowerState) -> "Verb":
        """Give the verb that brings a VPS of another state to this one, running or stopped."""
        return next(verb for verb in cls if verb.row.settled_by_status and verb.row.leads_to is state)


def past_of(word: str) -> str:
    """Give what a VPS is when a verb, given as its word, is done; "done" for a word that is no verb of the API."""
    return next((verb.row.past for verb in Verb if str(verb) == word), "done")


def acts(word: str) -> bool:
    """Tell whether a verb, given as its word, changes something."""
    return any(verb.row.leads_to is not None for verb in Verb if str(verb) == word)
