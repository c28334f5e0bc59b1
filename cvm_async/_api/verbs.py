"""One row a verb: what is sent for it, and what may be concluded afterwards. Whatever depends on a verb asks its row.

A verb without a row cannot be written, so that one added here works everywhere or fails at import. Where the two
revisions of the API have a call in different places, or one of them has none, a table beside the rows says so.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Self

from attrs import frozen

from cvm_async.errors import ConfigurationError
from cvm_async.models import PowerState

__all__ = ["DOCUMENTED", "LAYOUTS", "RUNNING", "SPECIFIED", "Layout", "Revision", "Verb", "VerbRow", "acts", "past_of"]


class Revision(StrEnum):
    """The revisions of the API, by their years."""

    SPECIFIED = "2012"
    """The specification's: sizes are in bytes."""
    LATER = "2013"
    """The later documentation's, of July 2013: sizes are in megabytes, and there are nodes, templates and reinstall."""


@frozen
class VerbRow:
    """What is to be known of a verb.

    Attributes:
        method: The HTTP method.
        path: Below the panel's address, with a leading slash; ``{id}`` stands for a VPS's id, ``{number}`` for that of
            something else. Where a `Layout` says otherwise, that counts.
        doing: What is being done to a VPS meanwhile: "stopping".
        past: What a VPS is when it is done: "stopped".
        leads_to: The state that it leads to; None where it only looks.
        settled_by_status: Whether a status in that state shows that it was carried out. A restart leads from running to
            running, and this API tells no uptime.
        patience: Read timeouts that an answer may take from beginning to end: a list may rightly be long.
        is_later: Whether the API's later revision alone has it.
        about: What it is about.
    """

    method: str
    path: str
    doing: str
    past: str
    leads_to: PowerState | None = None
    settled_by_status: bool = False
    patience: int = 1
    is_later: bool = False
    about: str = "VPS"

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
    REINSTALL = (
        "reinstall",
        VerbRow("POST", "/api/client/vps/{id}/reinstall", "reinstalling", "reinstalled", is_later=True),
    )
    LIST_NODES = (
        "list_nodes",
        VerbRow("GET", "/api/client/node/list", "listing", "listed", patience=10, is_later=True, about="node"),
    )
    NODE = "node", VerbRow("GET", "/api/client/node/{number}", "reading", "read", is_later=True, about="node")
    LIST_TEMPLATES = (
        "list_templates",
        VerbRow("GET", "/api/client/template/list", "listing", "listed", patience=10, is_later=True, about="template"),
    )
    TEMPLATE = (
        "template",
        VerbRow("GET", "/api/client/template/{number}", "reading", "read", is_later=True, about="template"),
    )

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


@frozen(eq=False)
class Layout:
    """Where a panel has the calls that the revisions have in different places.

    Attributes:
        revision: Which of them it has.
        paths: As those of a row, by the verb.
    """

    revision: Revision
    paths: Mapping[Verb, str]

    def path(self, verb: Verb) -> str:
        """Give where a verb is, below the panel's address."""
        return self.paths.get(verb, verb.row.path)


SPECIFIED: Final = Layout(
    Revision.SPECIFIED, {Verb.LIST: "/api/client/vps/list", Verb.STATUS: "/api/client/vps/{id}/status"}
)
"""As the specification has it."""
RUNNING: Final = Layout(Revision.LATER, {Verb.LIST: "/api/client/list", Verb.STATUS: "/api/client/vps/{id}"})
"""As the panel's published code routes the later revision."""
DOCUMENTED: Final = Layout(Revision.LATER, {Verb.LIST: "/api/client/vps/list", Verb.STATUS: "/api/client/vps/{id}"})
"""As the later revision's text has it."""
LAYOUTS: Final = (SPECIFIED, RUNNING, DOCUMENTED)
"""What a panel may have, in the order in which it is asked."""


def past_of(word: str) -> str:
    """Give what a VPS is when a verb, given as its word, is done; "done" for a word that is no verb of the API."""
    return next((verb.row.past for verb in Verb if str(verb) == word), "done")


def acts(word: str) -> bool:
    """Tell whether a verb, given as its word, changes something."""
    return any(not verb.row.repeatable for verb in Verb if str(verb) == word)
