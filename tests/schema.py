"""What is given as JSON, held to `cvm_async/schema.json`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from jsonschema import Draft202012Validator

import cvm_async

SCHEMA: dict[str, Any] = json.loads((Path(cvm_async.__file__).parent / "schema.json").read_text("utf-8"))


def is_valid(name: str, value: object) -> bool:
    """Tell whether a value is what the schema calls so."""
    validator = Draft202012Validator({**SCHEMA, "anyOf": [{"$ref": f"#/$defs/{name}"}]})
    # Its stubs leave the type of what is checked open.
    return not [*cast("Any", validator).iter_errors(value)]


def held(name: str, value: object) -> None:
    """Hold a value to what the schema calls so, and the schema to the value's keys: none is left undocumented."""
    as_read = json.loads(json.dumps(value))
    assert is_valid(name, as_read)
    known = keys_of(SCHEMA["$defs"][name])
    assert not {*as_read} - known or name == "change"


def keys_of(schema: Mapping[str, Any]) -> set[str]:
    parts = [
        SCHEMA["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part for part in schema.get("allOf", ())
    ]
    return {*schema.get("properties", ())}.union(*(keys_of(part) for part in parts))
