"""A model's shape is a table of the panel's keys and their readers, which cattrs compiles into a function.

That one is quick, and refuses an object for a single bad value. What it refused is then read key by key: what can be
read is read, and all that can't is told.
"""

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeAlias, TypeVar

from attrs import NOTHING, field, fields, frozen
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn, override

from cvm_async._api.fields import (
    COMBINED_KEYS,
    SPLIT_KEYS,
    RefusedError,
    describe,
    extra_beside,
    flag,
    optional_bytes,
    optional_floor,
    optional_text,
    optional_whole,
    positive,
    power_state,
    state_text,
    text,
    traffic,
    unread_traffic,
    virtualization_type,
    whole,
)
from cvm_async._api.php import Json, Unusable
from cvm_async.models import Extra, HostNode, Problem, Template, Vps, VpsStatus

__all__ = ["LATER_STATUS", "NODE", "STATUS", "TEMPLATE", "VPS", "Schema"]

M = TypeVar("M", bound=Vps | VpsStatus | HostNode | Template)
Reader: TypeAlias = Callable[[Json, object], object]

# Under this key a reader finds the object as a whole. An object that has such a key itself is hidden by it
# only from readers of one key, and none of those reads this one.
_ALL: Final = "*"
# What a reader is given, when each is asked by itself, for a key that must be there and is not.
_ABSENT: Final = Unusable("absent")
# Traffic is made of several keys, in every model that has it.
_COUNTERS: Final = (*SPLIT_KEYS, *COMBINED_KEYS)

_CONVERTER: Final = Converter(detailed_validation=False)


@frozen
class Field:
    """How an attribute of a model is read.

    Attributes:
        key: The panel's key.
        reader: Gives the value, or refuses.
        unread: The value where the reader refuses.
        vital: Whether there is no model then.
    """

    key: str
    reader: Reader
    unread: object = None
    vital: bool = False


@frozen
class Schema(Generic[M]):
    """How an object of the panel becomes a model."""

    _model: type[M] = field(alias="model")
    _fields: Mapping[str, Field] = field(alias="fields")
    _absent: Mapping[str, Unusable] = field(alias="absent")
    _extra: Callable[[Mapping[str, Json], object], Extra] = field(alias="extra")
    _counts: bool = field(alias="counts")
    _quick: Callable[[Mapping[str, Json], type[M]], M] = field(alias="quick")

    @classmethod
    def of(cls, model: type[M], by_name: Mapping[str, Field]) -> "Schema[M]":
        """Compile the shape of `model`: its attributes by name, but for those that every model has."""
        required = {attribute.name for attribute in fields(model) if attribute.default is NOTHING}
        counts = any(attribute.name == "traffic" for attribute in fields(model))
        extra = extra_beside({each.key for each in by_name.values()}.union(_COUNTERS if counts else ()))
        overrides = {
            **{name: override(rename=each.key, struct_hook=each.reader) for name, each in by_name.items()},
            **({"traffic": override(rename=_ALL, struct_hook=traffic)} if counts else {}),
            "extra": override(rename=_ALL, struct_hook=extra),
            # Else it would be read from a key of that name.
            "problems": override(omit=True),
        }
        return cls(
            model=model,
            fields=by_name,
            absent={each.key: _ABSENT for name, each in by_name.items() if name in required},
            extra=extra,
            counts=counts,
            # cattrs gives each field's override by keyword, beside options of its own that are by keyword too.
            quick=make_dict_structure_fn(model, _CONVERTER, **overrides),  # type: ignore[arg-type]
        )

    def read(self, value: Json) -> M:
        """Give the model of an object in which nothing is wrong.

        Raises:
            RefusedError: The object, or a value in it, can't be what it stands for; of several, any one.
            KeyError: A key is absent that must be there.
        """
        if not isinstance(value, dict):
            raise RefusedError(value, "an object")
        return self._quick({**value, _ALL: value}, self._model)

    def salvage(self, value: Json, path: str) -> tuple[M | None, tuple[Problem, ...]]:
        """Give what can be read of what `read` refuses, and all that is wrong with it.

        Args:
            value: The object, or what is in its place.
            path: Where it is, for the problems.

        Returns:
            The model; None where something cannot be read without which there is none. And the problems.
        """
        if not isinstance(value, dict):
            return None, (Problem(path, describe(value), "an object"),)
        refused: dict[str, RefusedError] = {}
        read: dict[str, object] = {}
        for name, each in self._fields.items():
            try:
                read[name] = each.reader(value.get(each.key, self._absent.get(each.key)), None)
            except RefusedError as refusal:
                refused[each.key] = refusal
                read[name] = each.unread
        refused |= _refused_counters(value) if self._counts else {}
        problems = tuple(Problem(f"{path}.{key}", why.found, why.expected) for key, why in refused.items())
        if any(each.vital and each.key in refused for each in self._fields.values()):
            return None, problems
        told = {key: member for key, member in value.items() if key not in refused}
        if self._counts:
            read["traffic"] = traffic(told) or unread_traffic(refused)
        return self._model(**read, extra=self._extra(told, None), problems=problems), problems  # type: ignore[arg-type]


def _refused_counters(value: Mapping[str, Json]) -> dict[str, RefusedError]:
    refused: dict[str, RefusedError] = {}
    for key in _COUNTERS:
        try:
            optional_whole(value.get(key))
        except RefusedError as refusal:
            refused[key] = refusal
    return refused


VPS: Final = Schema[Vps].of(
    Vps,
    {
        "id": Field("id", positive, vital=True),
        "hostname": Field("hostname", text, unread=""),
        "node": Field("node", optional_whole),
        "virtualization_type": Field("virtualization_type", virtualization_type),
        "guaranteed_ram": Field("guaranteed_ram", whole),
        "burstable_ram": Field("burstable_ram", optional_whole),
        "disk_space": Field("disk_space", whole),
        "cpu_count": Field("cpu_count", whole),
        "location": Field("location", optional_text),
        "template": Field("template", optional_whole),
    },
)
"""An object of ``GET /api/client/vps/list``."""

_STATE: Final = {
    "state": Field("status", power_state, vital=True),
    "state_text": Field("status", state_text, vital=True),
}

STATUS: Final = Schema[VpsStatus].of(
    VpsStatus,
    {**_STATE, "ram_used": Field("ram_used", optional_whole), "disk_used": Field("disk_used", optional_floor)},
)
"""The object of ``GET /api/client/vps/{id}/status``."""

LATER_STATUS: Final = Schema[VpsStatus].of(
    VpsStatus,
    {**_STATE, "ram_used": Field("ram_used", optional_bytes), "disk_used": Field("disk_used", optional_bytes)},
)
"""The object of the later revision's ``GET /api/client/vps/{id}``, whose sizes are in megabytes."""

NODE: Final = Schema[HostNode].of(
    HostNode,
    {
        "id": Field("id", positive, vital=True),
        "name": Field("name", text, unread=""),
        "hostname": Field("hostname", text, unread=""),
        "location": Field("location", optional_text),
    },
)
"""An object of the later revision's ``GET /api/client/node/list``, and that of ``GET /api/client/node/{id}``."""

TEMPLATE: Final = Schema[Template].of(
    Template,
    {
        "id": Field("id", positive, vital=True),
        "name": Field("name", text, unread=""),
        "description": Field("description", optional_text),
        "supported": Field("supported", flag),
        "available": Field("available", flag),
        "outdated": Field("outdated", flag),
    },
)
"""An object of the later revision's ``GET /api/client/template/list``, and of ``GET /api/client/template/{id}``."""
