"""What this library tells of, as text for terminals, mails and chats: pure, and without any of their frameworks.

`message` gives a status, a report, a snapshot, changes, a plan or an error for a place, escaped for it and cut to its
limit. The others are the words that it is made of: what they give is safe to print, and no markup is escaped in it.
"""

from cvm_async._figures import allowance, size, state_word, traffic_size, traffic_usage, usage
from cvm_async.render.messages import Shown, message
from cvm_async.render.places import DISCORD, PLAIN, SLACK, TELEGRAM, Place, escape
from cvm_async.render.words import (
    by_node,
    chat,
    grouped,
    names,
    natural,
    node_name,
    outcome_word,
    place,
    reasons,
    trouble_first,
    unread,
)

__all__ = [
    "DISCORD",
    "PLAIN",
    "SLACK",
    "TELEGRAM",
    "Place",
    "Shown",
    "allowance",
    "by_node",
    "chat",
    "escape",
    "grouped",
    "message",
    "names",
    "natural",
    "node_name",
    "outcome_word",
    "place",
    "reasons",
    "size",
    "state_word",
    "traffic_size",
    "traffic_usage",
    "trouble_first",
    "unread",
    "usage",
]
