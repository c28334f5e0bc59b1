"""Readers of what chats are sent, written from their documentation and not from ours: what is shown, and what found.

Each is stricter than the real one where that is not known: what it would merely suspect counts as found.
"""

import re
from collections.abc import Callable
from html.parser import HTMLParser

from attrs import field, frozen
from hypothesis import strategies as st

from cvm_async.render import DISCORD, PLAIN, SLACK, TELEGRAM, Place


@frozen
class Seen:
    """What a chat makes of a message.

    Attributes:
        text: What a person reads.
        length: How long the chat says that it is.
        found: Markup, pings, links and whatever else there should be none of.
    """

    text: str
    length: int
    found: list[str] = field(factory=list[str])


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def found(text: str, *patterns: str) -> list[str]:
    return [match[0] for pattern in patterns for match in re.finditer(pattern, text, re.MULTILINE)]


ADDRESSES = (r"[a-z]+://\S", r"mailto:\S", r"tel:\S")
HOSTS = (r"\w[.\u3002\uff0e\uff61][^\W\d]{2,}", r"\d+\.\d+\.\d+\.\d+", r"\S@\S")


def plain(message: str) -> Seen:
    return Seen(message, len(message))


def discord(message: str) -> Seen:
    """Read Discord's markdown: pings and links are looked for in the raw message, before any backslash counts."""
    pings = found(message, r"@(everyone|here)", r"<@[!&]?\d+>")
    links = found(message, *ADDRESSES, r"discord\.(gg|com)/\w")
    shown: list[str] = []
    marks: list[str] = []
    for line in message.split("\n"):
        marks += found(line, r"^\s*([-+*]|\d+[.)])(?=\s|$)", r"^\s*-?#", r"^\s*>")
        place, text = 0, ""
        while place < len(line):
            character = line[place]
            if character == "\\" and re.match(r"[^0-9A-Za-z\s]", line[place + 1 : place + 2]):
                place += 1
                text += line[place]
            else:
                marks += found(line[place:], r"\A[*_~|`<\[]", r"\A:[^\s:]+:")
                text += character
            place += 1
        shown.append(text)
    return Seen("\n".join(shown).replace("@\u200b", "@"), utf16(message), [*pings, *links, *marks])


class _Html(HTMLParser):
    """Telegram's HTML: code is all that there may be, and nothing may stand in it but text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.outside, self.open = "", "", ""
        self.entities = 0
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"code", "pre"} or attrs or self.open:
            self.found.append(f"<{tag}>")
        self.open = tag
        self.entities += 1

    def handle_endtag(self, tag: str) -> None:
        if tag != self.open:
            self.found.append(f"</{tag}>")
        self.open = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        self.outside += "\0" if self.open else data

    def handle_comment(self, data: str) -> None:
        self.found.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"<!{decl}")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"<?{data}")


def telegram(message: str) -> Seen:
    """Read Telegram's HTML; names, tags, commands, hosts and numbers are looked for outside of code."""
    reader = _Html()
    reader.feed(message)
    reader.close()
    looked_for = (r"@\w", r"#\w", r"\$[A-Z]", r"/\w", r"\+\d", r"(?:\d[ -]?){13,}", *ADDRESSES, *HOSTS)
    too_many = [] if reader.entities <= 100 else [f"{reader.entities} entities"]
    raw = found(message, r"&(?!(?:amp|lt|gt|quot);)")
    unclosed = [reader.open] if reader.open else []
    links = found(reader.outside, *looked_for)
    return Seen(reader.text, utf16(reader.text), [*reader.found, *raw, *too_many, *unclosed, *links])


def slack(message: str) -> Seen:
    """Read Slack's mrkdwn; a backtick that is part of the text is seen as the letter that looks like it."""
    controls = found(message, r"[<>]", r"&(?!(?:amp|lt|gt);)")
    outside = re.sub(r"`[^`\n]+`", "\0", message)
    marks = found(outside, r"[*_~`]", r"^\s*&gt;", r":[^\s:]+:", r"@\w", r"#\w", *ADDRESSES, *HOSTS)
    text = message.replace("`", "").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return Seen(text.replace("\u02cb", "`"), utf16(message), [*controls, *marks])


READERS: dict[Place, Callable[[str], Seen]] = {PLAIN: plain, DISCORD: discord, TELEGRAM: telegram, SLACK: slack}

_WORDS = r"""
@everyone @here <@123456789012345678> <@&123456789012345678> <#123456789012345678> <:a:1> </a:1> <t:1:R> @name
user@host.example #tag $USD /start # ## -# > >>> - + * ** _ __ ~~ | || ` ``` \ [a]( ) <!channel> <!here|x> <U123>
](http://evil.example) https://evil.example/x http:// mailto:a@b.example tel:123 www.evil.example t.me/x
discord.gg/x 1.2.3.4 +49-170-1234567 4111-1111-1111-1111 4111 1. 2) :tada: :100: : <http://evil.example|bank> <b>
</code> </pre> <a &lt; &amp; & &#60; < . , ; a web1 7 0
"""
PIECES = (
    *_WORDS.split(),
    *("\n", "\r\n", "\t", " ", "  ", "\u2028", "\u202e", "\u200b", "\u200d", "\ud800", "\x1b[31m", "\0"),
    *("\U0001f600", "\u3002", "e\u0301", "\u2026", "\xaf\\_(\u30c4)_/\xaf"),
)
"""What chats do something about, and what is between."""
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
