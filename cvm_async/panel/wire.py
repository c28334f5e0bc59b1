"""World values as the bytes that PHP would make of them, in the dialects in which panels have been heard.

The JSON says everything as text where PHP 5 does, mixes numbers and text where PHP 8 does, escapes slashes,
and may
stand behind diagnostics in HTML: a client has to live with all of it, so the panel must be able to say it.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import attrs

from cvm_async.panel.hosts.catalog import SimulatedNode, SimulatedTemplate, location_of
from cvm_async.panel.hosts.world import Combined, Power, SimulatedVps

EmptyResponse = Literal[
    "nothing", "list", "object", "response-list", "response-object", "response-null", "response-text"
]

# Every way in which a panel has been seen to say "done, and nothing to add".
EMPTY_RESPONSES: Mapping[EmptyResponse, bytes] = {
    "nothing": b"",
    "list": b"[]",
    "object": b"{}",
    "response-list": b'{"response":[]}',
    "response-object": b'{"response":{}}',
    "response-null": b'{"response":null}',
    "response-text": b'{"response":""}',
}

NO_VALID_PAIR = "No valid API token pair was specified."
NO_ACCESS = "The specified API token pair does not have access to this API."
NO_SUCH_VPS = "The specified VPS ID does not exist or is not accessible to this user."
NODE_UNREACHABLE = "The host node of this VPS is unreachable."
NO_SUCH_NODE = "You do not have a VPS on the specified node."
NO_SUCH_TEMPLATE = "The specified template is not available to you."
NOT_INSTALLABLE = "The specified template cannot be installed."

_DIAGNOSTIC = (
    b"<br />\n<b>Warning</b>:  Undefined array key &quot;x&quot; in "
    b"<b>/srv/panel/client.php</b> on line <b>17</b><br />\n"
)
_FATAL = (
    b"<br />\n<b>Fatal error</b>:  Uncaught Exception: Could not connect to the node in /srv/panel/node.php:88\n"
    b"Stack trace:\n#0 {main}\n  thrown in <b>/srv/panel/node.php</b> on line <b>88</b><br />\n"
)
_DEBUG_OUTPUT = b'string(14) "Not an object!"\n'
# What Python makes of a byte that is not UTF-8, so that a text can hold it.
_SURROGATE = re.compile("[\ud800-\udfff]")
MEBIBYTE = 1024 * 1024


@attrs.frozen(kw_only=True)
class Dialect:
    """How a panel speaks.

    Args:
        numbers: "strings" as PHP 5 has them all, or "mixed" as PHP 8.1 and later do.
        diagnostics: at least so many bytes of PHP's HTML diagnostics stand before each JSON body; 0 for none.
        debug_output: whether what a programmer's `var_dump` prints stands before each JSON body.
        early_headers: whether so much is printed that the headers are out before the script knows its status: every
            answer is a 200 then.
        later_keys: whether a listed VPS has `location` and `template`, as in later releases.
        terminated_as_unknown: whether a terminated VPS is reported as `unknown`, as some releases do.
        empty: how an answer without content looks, or "rotating" for one after the other.
    """

    numbers: Literal["strings", "mixed"] = "strings"
    diagnostics: int = 0
    debug_output: bool = False
    early_headers: bool = False
    later_keys: bool = False
    terminated_as_unknown: bool = False
    empty: EmptyResponse | Literal["rotating"] = "response-list"


def proxy_page(status: int, phrase: str) -> bytes:
    """Return the HTML that a proxy in front of the panel answers with."""
    title = f"{status} {phrase}"
    return (
        f"<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n</body>\n</html>\n"
    ).encode()


def render_list(vpses: Iterable[SimulatedVps], dialect: Dialect) -> bytes:
    """Return the body of a list answer; a hostname with a lone surrogate stands for one that is not UTF-8.

    PHP's `json_encode` gives up then, and nothing is printed.
    """
    entries = [_entry(vps, dialect) for vps in vpses]
    if any(_SURROGATE.search(str(entry["hostname"])) for entry in entries):
        return _printed_before(dialect)
    return _encode({"response": {"vpses": entries}}, dialect)


def render_status(vps: SimulatedVps, power: Power | None, dialect: Dialect, *, later: bool = False) -> bytes:
    """Return the body of a status answer; a power of None is one that the panel could not find out.

    The later revision counts in megabytes: memory as a text without a fraction, or the number 0 where nothing runs, and
    disk space as a number with one.
    """
    word = "unknown" if power is None else vps.shown_as or str(power)
    if power is Power.TERMINATED and dialect.terminated_as_unknown:
        word = "unknown"
    ram_used = vps.ram_used if power is Power.RUNNING else 0
    number = _number(dialect)
    fields: dict[str, object] = {
        # What a command on the node prints stays text, also in PHP 8.
        "ram_used": str(ram_used),
        "disk_used": number(vps.disk_used),
        "status": word,
    }
    if later:
        fields["ram_used"] = str(ram_used // MEBIBYTE) if power is Power.RUNNING else 0
        fields["disk_used"] = vps.disk_used / MEBIBYTE
    if isinstance(vps.traffic, Combined):
        fields["traffic_used"] = number(vps.traffic.used)
    elif vps.traffic is not None:
        fields["traffic_in_used"] = number(vps.traffic.in_used)
        fields["traffic_out_used"] = number(vps.traffic.out_used)
    return _encode({"response": fields}, dialect)


def render_unheard(vps: SimulatedVps, dialect: Dialect, *, later: bool = False) -> bytes:
    """Return the body of a status whose commands on the node came to nothing: as of a VPS that is stopped."""
    return render_status(attrs.evolve(vps, disk_used=0, shown_as=None), Power.STOPPED, dialect, later=later)


def render_nodes(nodes: Iterable[SimulatedNode], dialect: Dialect) -> bytes:
    """Return the body that lists host nodes."""
    return _encode({"response": {"nodes": [_node(node, dialect) for node in nodes]}}, dialect)


def render_node(node: SimulatedNode, dialect: Dialect) -> bytes:
    """Return the body about one host node."""
    return _encode({"response": _node(node, dialect)}, dialect)


def render_templates(templates: Iterable[SimulatedTemplate], dialect: Dialect) -> bytes:
    """Return the body that lists templates."""
    return _encode({"response": {"templates": [_template(template, dialect) for template in templates]}}, dialect)


def render_template(template: SimulatedTemplate, dialect: Dialect) -> bytes:
    """Return the body about one template."""
    return _encode({"response": _template(template, dialect)}, dialect)


def render_errors(message: str, dialect: Dialect) -> bytes:
    """Return the body of an answer that says no."""
    return _encode({"errors": [message]}, dialect)


def render_uncaught(dialect: Dialect) -> tuple[int, bytes]:
    """Return the status and the body of an exception that nobody catches: PHP tells of it where it tells all."""
    return (200, _printed_before(dialect) + _FATAL) if dialect.diagnostics else (500, b"")


def render_empty(turn: int, dialect: Dialect) -> bytes:
    """Return the body of an answer that has nothing to say; `turn` counts them, for the rotating kind."""
    if dialect.empty == "rotating":
        bodies = tuple(EMPTY_RESPONSES.values())
        body = bodies[turn % len(bodies)]
    else:
        body = EMPTY_RESPONSES[dialect.empty]
    # Diagnostics stand before JSON; before nothing at all they would be the body.
    return _printed_before(dialect) + body if body else body


def _entry(vps: SimulatedVps, dialect: Dialect) -> dict[str, object]:
    number = _number(dialect)
    entry: dict[str, object] = {
        "id": number(vps.id),
        "node": number(vps.node),
        "virtualization_type": number(vps.virtualization_type),
        "hostname": vps.hostname,
        "guaranteed_ram": number(vps.guaranteed_ram),
        "disk_space": number(vps.disk_space),
        "cpu_count": number(vps.cpu_count),
    }
    if vps.burstable_ram is not None:
        entry["burstable_ram"] = number(vps.burstable_ram)
    if isinstance(vps.traffic, Combined):
        entry["traffic_limit"] = number(vps.traffic.limit)
        entry["traffic_used"] = number(vps.traffic.used)
    elif vps.traffic is not None:
        entry["traffic_in_limit"] = number(vps.traffic.in_limit)
        entry["traffic_out_limit"] = number(vps.traffic.out_limit)
        entry["traffic_in_used"] = number(vps.traffic.in_used)
        entry["traffic_out_used"] = number(vps.traffic.out_used)
    if dialect.later_keys:
        entry["location"] = location_of(vps.node)
        entry["template"] = number(vps.template)
    return entry | dict(vps.extra)


def _node(node: SimulatedNode, dialect: Dialect) -> dict[str, object]:
    return {
        "id": _number(dialect)(node.id),
        "name": node.name,
        "hostname": node.hostname,
        "location": node.location,
    }


def _template(template: SimulatedTemplate, dialect: Dialect) -> dict[str, object]:
    return {
        "id": _number(dialect)(template.id),
        "name": template.name,
        "description": template.description,
        "supported": template.supported,
        "available": template.available,
        "outdated": template.outdated,
    }


def _number(dialect: Dialect) -> Callable[[float | None], object]:
    return _as_text if dialect.numbers == "strings" else _as_it_is


def _as_text(number: float | None) -> str:
    if number is None:
        return ""
    # PHP writes no ".0" behind a whole number.
    return str(int(number) if number == int(number) else number)


def _as_it_is(number: float | None) -> float | None:
    return number


_to_json = json.JSONEncoder(separators=(",", ":")).encode


def _encode(answer: Mapping[str, object], dialect: Dialect) -> bytes:
    # PHP's `json_encode` escapes slashes, and outside of strings JSON has none.
    return _printed_before(dialect) + _to_json(answer).replace("/", "\\/").encode("ascii")


def _printed_before(dialect: Dialect) -> bytes:
    diagnostics = _DIAGNOSTIC * -(-dialect.diagnostics // len(_DIAGNOSTIC))
    return diagnostics + _DEBUG_OUTPUT if dialect.debug_output else diagnostics
