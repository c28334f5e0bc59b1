"""Write all of the documentation into one text, for assistants: `python docs/llms_full.py FILE`.

In place of the lines that stand for docstrings it has those, as the source says them; nothing is imported.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import griffe

DOCS = Path(__file__).parent
_PAGE = re.compile(r"[\w/-]+\.md")
_DOCUMENTED = re.compile(r"^::: (\S+)$", re.MULTILINE)


def whole() -> str:
    """Give every page, in the navigation's order."""
    loader = griffe.GriffeLoader(
        search_paths=[DOCS.parent], extensions=griffe.load_extensions(str(DOCS / "attrs_fields.py"))
    )
    loader.load("cvm_async")
    loader.resolve_aliases(implicit=True)
    _, _, navigation = (DOCS.parent / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")
    pages = [(DOCS / path).read_text("utf-8") for path in _PAGE.findall(navigation)]
    return "\n\n".join(_DOCUMENTED.sub(lambda found: told(loader.modules_collection[found[1]]), page) for page in pages)


def told(found: griffe.Object | griffe.Alias) -> str:
    """Give what the source says of a name, and of the public names within."""
    return "\n\n".join(part for part in (f"### {found.name}", *lines(found)) if part)


def lines(found: griffe.Object | griffe.Alias) -> Iterator[str]:
    """Give a name as it is declared, its docstring, and the same for its members."""
    yield f"`{declared(found)}`"
    yield found.docstring.value if found.docstring else ""
    within = found.final_target if isinstance(found, griffe.Alias) else found
    for name, member in within.members.items():
        if found.is_class and (name == "__init__" or not name.startswith("_")):
            yield from lines(member)


def declared(found: griffe.Object | griffe.Alias) -> str:
    """Give a name with its parameters or its type."""
    target = found.final_target if isinstance(found, griffe.Alias) else found
    if isinstance(target, griffe.Function):
        return target.signature()
    if isinstance(target, griffe.Attribute):
        kind = f": {target.annotation}" if target.annotation else ""
        return f"{target.name}{kind} = {target.value}" if target.value else f"{target.name}{kind}"
    return f"class {target.name}"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(whole(), encoding="utf-8")
