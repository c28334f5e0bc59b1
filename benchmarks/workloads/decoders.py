"""The same two answers read by hand on `json`, by msgspec and by pydantic; numbers in strings become numbers."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import msgspec
import pydantic

from cvm_async._api import calls


def _number(value: Any) -> int | None:  # noqa: ANN401 - JSON
    return None if value in (None, "") else int(float(value)) if isinstance(value, str) and "." in value else int(value)


class HandStatus(NamedTuple):
    """What somebody would take from a status."""

    status: str
    ram_used: int | None
    disk_used: int | None
    traffic_in_used: int | None
    traffic_out_used: int | None


class HandVps(NamedTuple):
    """What somebody would take from a listed VPS."""

    id: int | None
    node: int | None
    virtualization_type: int | None
    hostname: str
    guaranteed_ram: int | None
    burstable_ram: int | None
    disk_space: int | None
    cpu_count: int | None
    traffic_in_limit: int | None
    traffic_out_limit: int | None
    traffic_in_used: int | None
    traffic_out_used: int | None


def hand_status(body: bytes) -> object:
    """Give a status by hand."""
    said = json.loads(body)["response"]
    return HandStatus(
        said["status"],
        _number(said.get("ram_used")),
        _number(said.get("disk_used")),
        _number(said.get("traffic_in_used")),
        _number(said.get("traffic_out_used")),
    )


def hand_listing(body: bytes) -> object:
    """Give a list by hand."""
    return [
        HandVps(
            _number(said["id"]),
            _number(said.get("node")),
            _number(said["virtualization_type"]),
            said["hostname"],
            _number(said["guaranteed_ram"]),
            _number(said.get("burstable_ram")),
            _number(said["disk_space"]),
            _number(said["cpu_count"]),
            _number(said.get("traffic_in_limit")),
            _number(said.get("traffic_out_limit")),
            _number(said.get("traffic_in_used")),
            _number(said.get("traffic_out_used")),
        )
        for said in json.loads(body)["response"]["vpses"]
    ]


class SpecStatus(msgspec.Struct):
    """A status for msgspec."""

    status: str
    ram_used: int | None = None
    disk_used: float | None = None
    traffic_in_used: int | None = None
    traffic_out_used: int | None = None


class SpecVps(msgspec.Struct):
    """A listed VPS for msgspec."""

    id: int
    virtualization_type: int
    hostname: str
    guaranteed_ram: int
    disk_space: int
    cpu_count: int
    node: int | None = None
    burstable_ram: int | None = None
    traffic_in_limit: int | None = None
    traffic_out_limit: int | None = None
    traffic_in_used: int | None = None
    traffic_out_used: int | None = None


class SpecListing(msgspec.Struct):
    """What is in a list's answer."""

    vpses: list[SpecVps]


class SpecStatusAnswer(msgspec.Struct):
    """A status call's answer."""

    response: SpecStatus


class SpecListAnswer(msgspec.Struct):
    """A list call's answer."""

    response: SpecListing


class ModelStatus(pydantic.BaseModel):
    """A status for pydantic."""

    status: str
    ram_used: int | None = None
    disk_used: float | None = None
    traffic_in_used: int | None = None
    traffic_out_used: int | None = None


class ModelVps(pydantic.BaseModel):
    """A listed VPS for pydantic."""

    id: int
    virtualization_type: int
    hostname: str
    guaranteed_ram: int
    disk_space: int
    cpu_count: int
    node: int | None = None
    burstable_ram: int | None = None
    traffic_in_limit: int | None = None
    traffic_out_limit: int | None = None
    traffic_in_used: int | None = None
    traffic_out_used: int | None = None


class ModelListing(pydantic.BaseModel):
    """What is in a list's answer."""

    vpses: list[ModelVps]


class ModelStatusAnswer(pydantic.BaseModel):
    """A status call's answer."""

    response: ModelStatus


class ModelListAnswer(pydantic.BaseModel):
    """A list call's answer."""

    response: ModelListing


_spec_status = msgspec.json.Decoder(SpecStatusAnswer, strict=False)
_spec_listing = msgspec.json.Decoder(SpecListAnswer, strict=False)
_our_status = calls.status(1)
_our_listing = calls.list_vpses()

Read: TypeAlias = Callable[[bytes], object]

STATUS: Mapping[str, Read] = {
    "cvm_async": partial(_our_status.read, 200),
    "json and hand-written code": hand_status,
    "msgspec": _spec_status.decode,
    "pydantic": ModelStatusAnswer.model_validate_json,
    "json alone, nothing made of it": json.loads,
}
LISTING: Mapping[str, Read] = {
    "cvm_async": partial(_our_listing.read, 200),
    "json and hand-written code": hand_listing,
    "msgspec": _spec_listing.decode,
    "pydantic": ModelListAnswer.model_validate_json,
    "json alone, nothing made of it": json.loads,
}
