"""Write what the pages say of the program from the program itself: `python docs/generate.py`.

A page has such a part between two comments; `llms.txt` is made from the pages. What is written is held to be current by
a test.
"""

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import yaml

import cvm_async
from cvm_async._profiles.file import DEFAULT
from cvm_async._profiles.profile import KEYS
from cvm_async.cli.app import app

DOCS = Path(__file__).parent
NAVIGATION = DOCS.parent / "mkdocs.yml"
_PART = re.compile(r"(<!-- from the program: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_STAR = re.compile(r"(?<=\w)\*(?=['\"])")
"""A pattern's star, as in 'web*'; a page would take two of them for emphasis."""


def commands() -> str:
    """Give every command with all its options."""
    _, _, each = app.generate_docs(output_format="markdown").partition("\n## cvm-async list")
    return _STAR.sub(r"\\*", f"## cvm-async list{each}").replace("```console\n", "```text\n")


def profile_keys() -> str:
    """Give a table of what a profile may say."""
    first = (DEFAULT, "before all tables: the profile to take where nothing else is said", "a text")
    rows = [first, *((name, key.says, key.rule) for name, key in KEYS.items())]
    return table(("key", "what it says", "what it must be"), [(f"`{name}`", *rest) for name, *rest in rows])


def errors() -> str:
    """Give the tree of errors as a table, each below those that it is."""
    rows = [
        (f"{'&emsp;' * depth}[`{each.__name__}`][cvm_async.{each.__name__}]", f"`{each.kind}`", first_sentence(each))
        for depth, each in tree(cvm_async.CvmError)
    ]
    return table(("error", "`kind`", "what happened"), rows)


def tree(kind: type[cvm_async.CvmError], depth: int = 0) -> Iterator[tuple[int, type[cvm_async.CvmError]]]:
    """Go through an error and those that are one, with how deep each stands."""
    public = {each for name in cvm_async.__all__ if isinstance(each := getattr(cvm_async, name), type)}
    yield depth, kind
    for each in sorted(public & {*kind.__subclasses__()}, key=as_written):
        yield from tree(each, depth + 1)


def as_written(kind: type) -> tuple[str, int]:
    """Give where a class stands in the source."""
    return kind.__module__, inspect.getsourcelines(kind)[1]


def first_sentence(documented: object) -> str:
    """Give how a docstring begins."""
    return re.split(r"(?<=\.)\s", str(documented.__doc__))[0]


def schema() -> str:
    """Give a table for each thing that is printed as JSON."""
    loaded: dict[str, dict[str, Any]] = json.loads(files("cvm_async").joinpath("schema.json").read_text("utf-8"))
    return "\n\n".join(section(name, each) for name, each in loaded["$defs"].items())


def section(name: str, described: Mapping[str, Any]) -> str:
    """Give what one thing is, and its keys."""
    parents = [each["$ref"] for each in described.get("allOf", ()) if "$ref" in each]
    own = [each for each in (described, *described.get("allOf", ())) if "properties" in each]
    rows = [
        (f"`{key}`", kind_of(value), value.get("description", ""))
        for each in own
        for key, value in cast("Mapping[str, dict[str, Any]]", each["properties"]).items()
    ]
    lines = [f"## {name}", str(described["description"])]
    lines += [f"One of {kind_of(described)}."] * ("oneOf" in described)
    lines += [f"As [{parent.rpartition('/')[2]}](#{parent.rpartition('/')[2]}), and:" for parent in parents]
    return "\n\n".join([*lines, *[table(("key", "type", "what"), rows)] * bool(rows)])


def kind_of(value: Mapping[str, Any]) -> str:
    """Give what a value in JSON is, in words."""
    if "$ref" in value:
        name = str(value["$ref"]).rpartition("/")[2]
        return f"[{name}](#{name})"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "enum" in value:
        return ", ".join(f"`{json.dumps(each)}`" for each in value["enum"])
    for several in ("oneOf", "anyOf"):
        if several in value:
            return " or ".join(kind_of(each) for each in value[several])
    kinds = value.get("type", "any")
    named = " or ".join([kinds] if isinstance(kinds, str) else kinds)
    return f"{named} of {kind_of(value['items'])}" if "items" in value else named


def table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Give a table in Markdown."""
    lines = (heads, ("---",) * len(heads), *rows)
    return "\n".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |" for line in lines)


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "profile keys": profile_keys,
    "errors": errors,
    "schema": schema,
}


def filled(page: str) -> str:
    """Give a page with its parts as the program has them now."""
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]().strip()}\n\n{part[3]}", page)


def sections() -> Iterator[tuple[str, list[str]]]:
    """Give the navigation: what each part of it is called, and its pages."""
    entries: list[dict[str, str | list[dict[str, str]]]] = yaml.safe_load(NAVIGATION.read_text("utf-8"))["nav"]
    for title, within in (item for entry in entries for item in entry.items()):
        yield title, [within] if isinstance(within, str) else [path for each in within for path in each.values()]


def index(pages: Mapping[Path, str]) -> str:
    """Give `llms.txt`: which pages there are, and what each is about."""
    lines = [
        "# cvm_async\n",
        f"> {opening(pages[DOCS / 'index.md'])}\n",
        "All of it in one file: [llms-full.txt](llms-full.txt).",
    ]
    for title, paths in sections():
        lines.append(f"\n## {title}\n")
        for path in paths:
            page = pages[DOCS / path]
            heading = page.partition("\n")[0].removeprefix("# ")
            lines.append(f"- [{heading}]({path.removesuffix('.md')}.html): {opening(page)}")
    return "\n".join(lines) + "\n"


def opening(page: str) -> str:
    """Give a page's first sentence, without its links."""
    prose = (each for each in page.split("\n\n")[1:] if not each.startswith(("#", "```", "<!--")))
    sentence = re.split(r"(?<=\.)\s", " ".join(next(prose).split()))[0]
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", sentence)


def written() -> dict[Path, str]:
    """Give every page as it should be, and the index for assistants."""
    pages = {page: filled(page.read_text("utf-8")) for page in sorted(DOCS.rglob("*.md"))}
    return {**pages, DOCS / "llms.txt": index(pages)}


if __name__ == "__main__":
    for _path, _text in written().items():
        _path.write_text(_text, encoding="utf-8")
