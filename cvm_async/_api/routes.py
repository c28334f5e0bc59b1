"""What a session knows of where its panel has its calls: the layouts that it may have, fewer with each answer.

Only a failure that a panel gives where it lacks a path makes another path worth asking. Only an answer settles
anything: a panel that is broken for a moment is taken for nothing that it is not.
"""

from collections.abc import Iterable

from attrs import define, field

from cvm_async._api.answers import is_unrouted
from cvm_async._api.calls import Call
from cvm_async._api.verbs import LAYOUTS, Layout, Revision
from cvm_async._safe_text import excerpt
from cvm_async.errors import ConfigurationError, CvmError, VpsNotFoundError
from cvm_async.models import Vps, VpsList
from cvm_async.settings import APIS, AUTO

__all__ = ["Routes"]


@define(eq=False)
class Routes:
    """Where one panel has its calls, as far as is known.

    Attributes:
        candidates: What it may have, in the order in which it is asked.
        layout: The first of them.
        is_settled: Whether there is no other.
        is_heard: Whether the panel has answered where one of them has a call.
    """

    candidates: tuple[Layout, ...] = LAYOUTS
    layout: Layout = field(init=False)
    is_settled: bool = field(init=False)
    is_heard: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._keep(self.candidates)

    @classmethod
    def told(cls, api: str | None) -> "Routes":
        """Give those of a panel of which a person has said this; of one of which nobody knows, if None.

        Raises:
            ConfigurationError: It is none of `APIS`.
        """
        if api is None or api == AUTO:
            return cls()
        layouts = tuple(layout for layout in LAYOUTS if layout.revision == api)
        if not layouts:
            msg = f"api must be one of {', '.join(APIS)}, not {excerpt(repr(api))}"
            raise ConfigurationError(msg)
        return cls(layouts)

    @property
    def revision(self) -> Revision | None:
        """The revision of the API that the panel has; None while it may be either."""
        revisions = {layout.revision for layout in self.candidates}
        return self.layout.revision if len(revisions) == 1 else None

    def elsewhere(self, call: Call[object], error: CvmError) -> Layout | None:
        """Give where else a call may be, after it failed so; None where that says nothing of its path."""
        if call.layout is None or not is_unrouted(error, call.verb):
            return None
        return next((layout for layout in self.candidates if layout.path(call.verb) != call.where), None)

    def worked(self, call: Call[object], value: object) -> None:
        """Learn from an answer."""
        self.is_heard = True
        if call.verb.row.is_later:
            self._keep(layout for layout in self.candidates if layout.revision is Revision.LATER)
        elif call.layout is not None:
            self._keep(layout for layout in self.candidates if layout.path(call.verb) == call.where)
        # The later revision says of each VPS where it is. Some releases of the specification's do so, too.
        if isinstance(value, VpsList) and value and not any(map(_is_placed, value)):
            self._keep(layout for layout in self.candidates if layout.revision is Revision.SPECIFIED)

    def failed(self, call: Call[object], error: CvmError) -> None:
        """Learn from a failure: to know that there is no such VPS, the panel must have been asked for one."""
        if isinstance(error, VpsNotFoundError) and error.errors and not is_unrouted(error, call.verb):
            self.worked(call, None)

    def _keep(self, layouts: Iterable[Layout]) -> None:
        self.candidates = tuple(layouts) or self.candidates
        self.layout = self.candidates[0]
        self.is_settled = len(self.candidates) == 1


def _is_placed(vps: Vps) -> bool:
    return not (vps.location is None and vps.template is None)
