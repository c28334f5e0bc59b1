"""Each call is a value: what to send, whether it may be sent twice, how to read the answer. No I/O here.

An ``errors`` key makes an error whatever the status code, and no other success than a 200 is an action's.
"""

from collections.abc import Callable, Generator, Mapping
from http import HTTPStatus
from typing import Final, Generic, TypeAlias, TypeVar, cast

from attrs import evolve, field, frozen

from cvm_async._api.answers import is_success
from cvm_async._api.decode import (
    Decoded,
    RefusedAnswerError,
    decode_later_status,
    decode_listing,
    decode_node,
    decode_nodes,
    decode_nothing,
    decode_status,
    decode_template,
    decode_templates,
    refuse,
)
from cvm_async._api.fields import LARGEST, describe
from cvm_async._api.php import Json
from cvm_async._api.refusals import Refused, refusal, unknown_outcome
from cvm_async._api.verbs import SPECIFIED, Layout, Revision, Verb
from cvm_async.errors import About, ConfigurationError, DecodeError
from cvm_async.models import HostNode, Template, VpsList, VpsStatus

__all__ = [
    "Call",
    "list_nodes",
    "list_templates",
    "list_vpses",
    "node",
    "power",
    "reinstall",
    "status",
    "template",
]

T_co = TypeVar("T_co", covariant=True)
Decode: TypeAlias = Callable[[bytes], Generator[None, None, Decoded[T_co]]]

_STATUS: Final[Mapping[Revision, Decode[VpsStatus]]] = {
    Revision.SPECIFIED: decode_status,
    Revision.LATER: decode_later_status,
}
"""Sizes are in bytes in one, and in megabytes in the other."""


@frozen
class Call(Generic[T_co]):
    """One request to a panel, and the reading of its answer.

    Attributes:
        verb: What it asks.
        vps_id: The VPS it is about, None for all of them.
        path: Below the panel's address, with a leading slash.
        form: The fields of a form that is sent along; none for no body.
        layout: Which panels' path that is; None where all that have it have the same.
    """

    verb: Verb
    vps_id: int | None
    path: str
    _decode: Decode[T_co] = field(alias="decode", repr=False)
    form: tuple[tuple[str, str], ...] = ()
    layout: Layout | None = None

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.verb.row.method

    @property
    def repeatable(self) -> bool:
        """Whether asking twice is the same as asking once."""
        return self.verb.row.repeatable

    @property
    def where(self) -> str | None:
        """Its place in its layout, whatever VPS it is about; None where it has the same in all."""
        return None if self.layout is None else self.layout.path(self.verb)

    def at(self, layout: Layout) -> "Call[T_co]":
        """Give the same call as panels of another layout have it."""
        path = _path(layout.path(self.verb), self.vps_id)
        decode = cast("Decode[T_co]", _STATUS[layout.revision]) if self.verb is Verb.STATUS else self._decode
        return evolve(self, path=path, layout=layout, decode=decode)

    def read(
        self, status_code: int, body: bytes, *, retry_after: float | None = None, location: str | None = None
    ) -> Decoded[T_co]:
        """Give what an answer says.

        Args:
            status_code: Its HTTP status.
            body: All of its body, decompressed.
            retry_after: Seconds that its header asks to wait, for a `PanelError` to tell.
            location: Where a redirect leads, safe to print.

        Raises:
            PanelError: The panel, or something in front of it, answered no.
            NoAnswerError: What answered a start, stop or restart may not have been the panel, or it broke: whether
                that was carried out is unknown.
            DecodeError: It is not what the API documents. After a start, stop or restart that is no success,
                since whatever answered may not have been the panel, and no failure either.
        """
        steps = self.read_steps(status_code, body, retry_after=retry_after, location=location)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                answer: Decoded[T_co] = end.value
                return answer

    def read_steps(
        self, status_code: int, body: bytes, *, retry_after: float | None = None, location: str | None = None
    ) -> Generator[None, None, Decoded[T_co]]:
        """Do what `read` does, as a generator that yields after every few milliseconds of work.

        The answer is what the generator returns, and it raises what `read` raises.
        """
        try:
            if status_code != HTTPStatus.OK and not self._may_be_good(status_code, body):
                yield from refuse(body)
            return (yield from self._decode(body))
        except RefusedAnswerError as found:
            answer = Refused(status_code, found.errors, retry_after, location, found.fatal, found.quoted)
            raise refusal(self.verb, self.about(), answer) from None
        except DecodeError as error:
            message = error.message if self.repeatable else f"{error.message}; {unknown_outcome(self.verb)}"
            raise DecodeError(message, problems=error.problems, excerpt=error.excerpt, **self.about()) from None

    def _may_be_good(self, status_code: int, body: bytes) -> bool:
        # A 200 is what is documented. Another success that says nothing, or that comes after an action, is another
        # program's: that of a queue in front of the panel, which will pass the action on, or of a page that says hello.
        return self.repeatable and is_success(status_code) and bool(body)

    def about(self) -> About:
        """Give what every error says of the call it is about."""
        return {"method": self.method, "path": self.path, "vps_id": self.vps_id}


def list_vpses(layout: Layout = SPECIFIED) -> Call[VpsList]:
    """Ask for all VPSes of the account.

    Source: ``GET /api/client/vps/list``; in the later revision ``GET /api/client/list``.
    """
    return Call(Verb.LIST, None, layout.path(Verb.LIST), decode=decode_listing, layout=layout)


def status(vps_id: int, layout: Layout = SPECIFIED) -> Call[VpsStatus]:
    """Ask what a VPS is doing.

    Source: ``GET /api/client/vps/id/status``; in the later revision ``GET /api/client/vps/id``.
    """
    path = _path(layout.path(Verb.STATUS), vps_id)
    return Call(Verb.STATUS, vps_id, path, decode=_STATUS[layout.revision], layout=layout)


def power(verb: Verb, vps_id: int) -> Call[None]:
    """Start, stop or restart a VPS. It must not be asked twice for one wish.

    Source: ``POST /api/client/vps/id/start``, ``…/stop`` and ``…/restart``.
    """
    if verb.row.leads_to is None:
        raise ConfigurationError(f"the verb {verb} is not a start, stop or restart")
    return Call(verb, vps_id, _path(verb.row.path, vps_id), decode=decode_nothing)


def reinstall(vps_id: int, template_id: int) -> Call[None]:
    """Make a VPS anew from a template, which destroys all that is on it. It must not be asked twice for one wish.

    Source: ``POST /api/client/vps/id/reinstall`` of the later revision.
    """
    path = _path(Verb.REINSTALL.row.path, vps_id)
    form = (("template", str(_checked(template_id, "a template's id"))),)
    return Call(Verb.REINSTALL, vps_id, path, decode=decode_nothing, form=form)


def list_nodes() -> Call[list[HostNode]]:
    """Ask for the host nodes that the account has VPSes on.

    Source: ``GET /api/client/node/list`` of the later revision.
    """
    return Call(Verb.LIST_NODES, None, Verb.LIST_NODES.row.path, decode=decode_nodes)


def node(node_id: int) -> Call[HostNode]:
    """Ask for one of them.

    Source: ``GET /api/client/node/id`` of the later revision.
    """
    path = Verb.NODE.row.path.format(number=_checked(node_id, "a node's id"))
    return Call(Verb.NODE, None, path, decode=decode_node)


def list_templates() -> Call[list[Template]]:
    """Ask for the templates that a VPS can be made from.

    Source: ``GET /api/client/template/list`` of the later revision.
    """
    return Call(Verb.LIST_TEMPLATES, None, Verb.LIST_TEMPLATES.row.path, decode=decode_templates)


def template(template_id: int) -> Call[Template]:
    """Ask for one of them.

    Source: ``GET /api/client/template/id`` of the later revision.
    """
    path = Verb.TEMPLATE.row.path.format(number=_checked(template_id, "a template's id"))
    return Call(Verb.TEMPLATE, None, path, decode=decode_template)


def _path(path: str, vps_id: int | None) -> str:
    return path if vps_id is None and "{" not in path else path.format(id=_checked(vps_id, "a VPS id"))


def _checked(number: object, called: str) -> int:
    # Types are hints at run time, and what is interpolated here becomes part of a URL.
    if type(number) is not int or not 0 < number <= LARGEST:
        raise ConfigurationError(f"{called} is a whole number of 1 or more, not {describe(cast('Json', number))}")
    return number
