"""Whose word an answer is: the panel's own ``errors`` have one shape, and whatever has another may be anybody's.

The panel answers with ``errors`` and ``response`` and nothing beside them, and its errors are sentences in a PHP array.
Gateways and frameworks have ``errors`` as well: objects (JSON:API, GraphQL, Cloudflare), texts by the name of a field
(Laravel, Rails), or some of either beside a ``message`` or a ``status`` of theirs (Spring).
"""

from typing import Final

from cvm_async._api.php import Json, array_items

__all__ = ["own_words"]

_KEYS: Final = {"errors", "response"}
# The panel's sentences that an error keeps, and characters of each.
_KEPT: Final = 20
_KEPT_LENGTH: Final = 1_000


def own_words(answer: Json) -> tuple[str, ...]:
    """Give the sentences of the panel's own ``errors``, raw; none where they may be anybody's, or say nothing."""
    if not isinstance(answer, dict) or not answer.keys() <= _KEYS:
        return ()
    sentences: list[str] = []
    for _, sentence in array_items(answer.get("errors")) or ():
        if not isinstance(sentence, str):
            return ()
        if sentence.strip():
            sentences.append(sentence)
    return tuple(sentence[:_KEPT_LENGTH] for sentence in sentences[:_KEPT])
