"""What each place does with text, and how text stays text there: no ping, no link, no markup, whatever a panel says.

Hostnames and error messages are somebody else's words. Discord has an escape for its markup, Telegram's HTML has
entities, Slack has both too few; and all of them look for names, addresses and commands in plain text on their own.
Where an escape does not reach that, the word is shown as code: nothing is looked for in there, and it can be copied.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen

from cvm_async._safe_text import safe_text

__all__ = ["DISCORD", "PLAIN", "SLACK", "TELEGRAM", "Place", "escape"]


@frozen
class Place:
    """Where a message is shown: `PLAIN`, `DISCORD`, `TELEGRAM` (HTML) or `SLACK` (mrkdwn)."""

    name: str
    """What it is called."""
    limit: int | None
    """How long a message may be, as the place counts it; None where there is no limit."""
    write: "Callable[[Sequence[str]], str]"
    """Gives lines of safe text as a message that shows them."""
    length: "Callable[[str], int]"
    """Tells how much of the limit a line of safe text takes, its line break not counted."""

    def __repr__(self) -> str:
        return f"<Place: {self.name}>"


def escape(text: str, place: Place) -> str:
    """Give any text as one line that shows it in a place, to put into a message of one's own between spaces.

    It is not cut: see `message`.
    """
    return place.write([safe_text(text)])


def units(text: str) -> int:
    """Count as JavaScript and Telegram do, in UTF-16: an emoji is two."""
    return len(text) + sum(character > "\uffff" for character in text)


# Discord. A backslash before any of these shows it, and none of them begins anything then: emphasis, code, spoilers,
# links, addresses and invitations, emoji (`:tada:`), and whatever stands between angle brackets.
# Source: https://support.discord.com/hc/en-us/articles/210298617, and
# https://docs.discord.com/developers/reference#message-formatting
_DISCORD_MARKUP: Final = re.compile(r"[\\*_~|`<\[/]|:(?=\S)")
_DISCORD_LINE: Final = re.compile(r"\s*(?:[-+#>]|[0-9]+(?=[.)]))")
"""How a list, a quote, a heading or small print begins."""
_ZERO_WIDTH_SPACE: Final = "\u200b"


def _discord(lines: Sequence[str]) -> str:
    return "\n".join(map(_discord_line, lines))


def _discord_line(line: str) -> str:
    begun = _DISCORD_LINE.match(line)
    # A backslash before the sign, and behind the number.
    place = 0 if begun is None else begun.end() - (line[begun.end() - 1] in "-+#>")
    head, rest = line[:place], line[place:]
    # Pings are looked for on the server, which heeds no backslash: discord.py's `escape_mentions` does the same.
    shown = _DISCORD_MARKUP.sub(r"\\\g<0>", rest).replace("@", f"@{_ZERO_WIDTH_SPACE}")
    return shown if begun is None else f"{head}\\{shown}"


# Telegram looks for @names, #tags, $tags, /commands, addresses, hosts, e-mail addresses, telephone and bank card
# numbers in what is not marked up. Source: https://core.telegram.org/bots/api#messageentity
_LOOKED_FOR: Final = re.compile(r"[@#$/+\\]|[.\u3002\uff0e\uff61:][^\W\d]|[.][0-9]+[.]|[0-9]{4}|(?:tel|mailto):")
_HTML: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
_MOST_ENTITIES: Final = 100
"""More of them Telegram ignores. Source: https://core.telegram.org/constructor/config, and `MAX_MESSAGE_ENTITIES` of
python-telegram-bot, found by experiment."""


def _telegram(lines: Sequence[str]) -> str:
    marked = [_by_word(line, _LOOKED_FOR, _telegram_code, _html) for line in lines]
    if sum(line.count("<code>") for line in marked) <= _MOST_ENTITIES:
        return "\n".join(marked)
    return f"<pre>{_html(chr(10).join(lines))}</pre>"


def _html(text: str) -> str:
    return text.translate(_HTML)


def _telegram_code(word: str) -> str:
    return f"<code>{_html(word)}</code>"


# Slack has no escape for its emphasis, and links addresses and hosts; in code it does neither. A backtick would end
# the code, and nothing stands for it: a modifier letter that looks the same does.
# Source: https://docs.slack.dev/messaging/formatting-message-text
_SLACK_MARKUP: Final = re.compile(rf"[*_~`]|^>|:.*:|{_LOOKED_FOR.pattern}")
_SLACK_CONTROLS: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "\u02cb"})


def _slack(lines: Sequence[str]) -> str:
    return "\n".join(map(_slack_line, lines))


def _slack_line(line: str) -> str:
    return _by_word(line, _SLACK_MARKUP, _slack_code, _slack_text)


def _slack_text(text: str) -> str:
    return text.translate(_SLACK_CONTROLS)


def _slack_code(word: str) -> str:
    return f"`{_slack_text(word)}`"


def _by_word(line: str, risky: re.Pattern[str], code: Callable[[str], str], text: Callable[[str], str]) -> str:
    return " ".join(_written(word, risky, code, text) for word in line.split(" "))


def _written(word: str, risky: re.Pattern[str], code: Callable[[str], str], text: Callable[[str], str]) -> str:
    if not risky.search(word):
        return text(word)
    core = word[:-1] if len(word) > 1 and word[-1] in ",;:" else word
    return f"{code(core)}{text(word[len(core) :])}"


PLAIN: Final = Place("plain text", None, "\n".join, len)
"""A terminal, a mail, a log."""
DISCORD: Final = Place("Discord", 2000, _discord, lambda line: units(_discord_line(line)))
"""A message on Discord. It says 2,000 characters, and not how it counts them; UTF-16 is the strictest way.

Source: https://docs.discord.com/developers/resources/message#create-message
"""
TELEGRAM: Final = Place("Telegram HTML", 4096, _telegram, units)
"""A message on Telegram with `parse_mode="HTML"`: 4,096 in UTF-16, as its entities count, once these are read.

Source: https://core.telegram.org/bots/api#sendmessage
"""
SLACK: Final = Place("Slack mrkdwn", 3000, _slack, lambda line: units(_slack_line(line)))
"""A text object of Slack's with `mrkdwn`, in a section; a message's `text` may have 4,000: give `limit=4000`.

Source: https://docs.slack.dev/reference/block-kit/composition-objects/text-object, and
https://docs.slack.dev/reference/methods/chat.postMessage
"""
