"""A model's shape is a table of the panel's keys and their readers, which cattrs compiles into a function.

It is compiled twice: once to be quick, and once to tell all that is wrong with what the quick one refused.
"""

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeAlias, TypeVar

from attrs import NOTHING, field, fields, frozen
from cattrs import ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from cvm_async._api.fields import (
    COMBINED_KEYS,
    SPLIT_KEYS,
    RefusedError,
    describe,
    extra_beside,
    optional_floor,
    optional_whole,
    positive,
    power_state,
    text,
    traffic,
    virtualization_type,
    whole,
)
from cvm_async._api.php import Json, Unusable
from cvm_async.models import Problem, Vps, VpsStatus

__all__ = ["STATUS", "VPS", "Schema"]

M = TypeVar("M", bound=Vps | VpsStatus)
Reader: TypeAlias = Callable[[Json, object], object] | Callable[[Mapping[str, Json], object], object]

# Under this key a reader finds the object as a whole. An object that has such a key itself is hidden by it
# only from readers of one key, and none of those reads this one.
_ALL: Final = "*"
# What a reader is given, when all problems are told, for a key that is not there.
_ABSENT: Final = Unusable("absent")

_QUICK: Final = Converter(detailed_validation=False)
_THOROUGH: Final = Converter(detailed_validation=True)


@frozen
class Schema(Generic[M]):
    """How an object of the panel becomes a model."""

    _model: type[M] = field(alias="model")
    _keys: Mapping[str, str] = field(alias="keys")
    _absent: Mapping[str, Unusable] = field(alias="absent")
    _quick: Callable[[Mapping[str, Json], type[M]], M] = field(alias="quick")
    _thorough: Callable[[Mapping[str, Json], type[M]], M] = field(alias="thorough")

    @classmethod
    def of(cls, model: type[M], readers: Mapping[str, tuple[str, Reader]]) -> "Schema[M]":
        """Compile the shape of `model`: for each attribute the panel's key, and its reader."""
        overrides = {name: override(rename=key, struct_hook=reader) for name, (key, reader) in readers.items()}
        required = {attribute.name for attribute in fields(model) if attribute.default is NOTHING}
        return cls(
            model=model,
            keys={name: key for name, (key, _) in readers.items()},
            absent={key: _ABSENT for name, (key, _) in readers.items() if name in required},
            # cattrs gives each field's override by keyword, beside options of its own that are by keyword
            # too.
            quick=make_dict_structure_fn(model, _QUICK, **overrides),  # type: ignore[arg-type]
            thorough=make_dict_structure_fn(model, _THOROUGH, **overrides),  # type: ignore[arg-type]
        )

    def read(self, value: Json) -> M:
        """Give the model of an object.

        Raises:
            RefusedError: The object, or a value in it, can't be what it stands for; of several, any one.
            KeyError: A key is absent that must be there.
        """
        if not isinstance(value, dict):
            raise RefusedError(value, "an object")
        return self._quick({**value, _ALL: value}, self._model)

    def problems(self, value: Json, path: str) -> tuple[Problem, ...]:
        """Give all that is wrong with what `read` refuses; `path` says where it is."""
        if not isinstance(value, dict):
            return (Problem(path, describe(value), "an object"),)
        try:
            self._thorough({**self._absent, **value, _ALL: value}, self._model)
        except ClassValidationError as error:
            refusals, _ = error.group_exceptions()
            problems = (self._problem(refusal, note.name, path) for refusal, note in refusals)
            # Two attributes may be read from one key.
            return tuple(dict.fromkeys(problems))
        return ()

    def _problem(self, refusal: Exception, attribute: str, path: str) -> Problem:
        # The readers raise nothing else.
        assert isinstance(refusal, RefusedError)  # noqa: S101
        return Problem(f"{path}.{refusal.key or self._keys[attribute]}", refusal.found, refusal.expected)


def _known(*keys: str) -> Reader:
    return extra_beside(frozenset((*keys, *SPLIT_KEYS, *COMBINED_KEYS)))


_VPS_READERS: Final[Mapping[str, Reader]] = {
    "id": positive,
    "hostname": text,
    "node": optional_whole,
    "virtualization_type": virtualization_type,
    "guaranteed_ram": whole,
    "burstable_ram": optional_whole,
    "disk_space": whole,
    "cpu_count": whole,
}

VPS: Final = Schema[Vps].of(
    Vps,
    {
        **{key: (key, reader) for key, reader in _VPS_READERS.items()},
        "traffic": (_ALL, traffic),
        "extra": (_ALL, _known(*_VPS_READERS)),
    },
)
"""An object of ``GET /api/client/vps/list``."""

STATUS: Final = Schema[VpsStatus].of(
    VpsStatus,
    {
        "state": ("status", power_state),
        "state_text": ("status", text),
        "ram_used": ("ram_used", optional_whole),
        "disk_used": ("disk_used", optional_floor),
        "traffic": (_ALL, traffic),
        "extra": (_ALL, _known("status", "ram_used", "disk_used")),
    },
)
"""The object of ``GET /api/client/vps/{id}/status``."""
