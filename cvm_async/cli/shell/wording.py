"""The library names its settings as Python has them; a person at a terminal has flags, and reads their names here."""

import re
from collections.abc import Mapping
from typing import Final

FLAGS: Final[Mapping[str, str]] = {
    "max_concurrency": "--max-concurrency",
    "per_node": "--per-node",
    "max_failures": "--max-failures",
    "batch": "--batch",
    "pause": "--pause",
    "deadline": "--deadline",
    "timeout": "--timeout",
    "interval": "--interval",
    "every": "--interval",
    "on_unknown": "--on-unknown",
    "connect": "--connect-timeout",
    "read": "--read-timeout",
    "action": "--action-timeout",
    "attempts": "--retries",
    "allow_insecure": "--insecure",
    "ca_file": "--ca-file",
}
"""Settings, and the flags for them."""

_PHRASES: Final[Mapping[str, str]] = {
    ", make the client with trust_env=False, or allow_insecure=True": ", or give --insecure",
    "allow_insecure=True": "--insecure",
    "ca_file in a profile, --ca-file, or lane_client(verify=…)": "--ca-file, or ca_file in a profile",
    ": Limits(max_body=…) sets how long a list may be, and display_errors of PHP makes one long": (
        ": display_errors of PHP makes a list long, and whoever runs the panel can switch it off"
    ),
    "max_failures is ": "--max-failures is ",
    '; or be restarted: plan("restart")': "; or be restarted",
}
"""Words for which flags are no mere names."""

_REFUSED: Final = re.compile(rf"^({'|'.join(FLAGS)})(?= must be )")


def in_flags(message: str) -> str:
    """Give a message of the library in the words of the command line; any other as it is."""
    for phrase, said in _PHRASES.items():
        message = message.replace(phrase, said)
    return _REFUSED.sub(lambda setting: FLAGS[setting[1]], message)
