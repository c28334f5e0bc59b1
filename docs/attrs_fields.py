"""Let the reference show attrs classes as people write them: with a signature, and with each field's default.

A field's value in the source is how it is checked, too; that is nobody's business.
"""

import ast
from collections.abc import Iterator
from typing import Any

import griffe

_FIELDS = ("field", "attrs.field")
_CLASSES = {"frozen", "define", "mutable", "attrs.frozen", "attrs.define"}


class AttrsFields(griffe.Extension):
    """Puts a field's default in the place of its `field(…)`, and gives its class a signature."""

    # As griffe calls it.
    def on_package(self, *, pkg: griffe.Module, **_: Any) -> None:  # noqa: ANN401
        """Go through all classes, once everything is loaded."""
        for found in classes(pkg):
            if decorator_of(found) is not None and "__init__" not in found.members:
                found.set_member("__init__", made(found))
        for found in classes(pkg):
            for attribute in fields(found):
                attribute.value = default_of(attribute)


def classes(where: griffe.Module | griffe.Class) -> Iterator[griffe.Class]:
    """Give all classes below a module."""
    for each in where.members.values():
        if isinstance(each, griffe.Class):
            yield each
        if isinstance(each, griffe.Module | griffe.Class):
            yield from classes(each)


def decorator_of(found: griffe.Class) -> ast.expr | None:
    """Give what makes a class an attrs class, None where it is none."""
    for decorator in found.decorators:
        value = ast.parse(str(decorator.value), mode="eval").body
        if ast.unparse(value.func if isinstance(value, ast.Call) else value) in _CLASSES:
            return value
    return None


def fields(found: griffe.Class) -> Iterator[griffe.Attribute]:
    """Give the fields that a class itself has."""
    if decorator_of(found) is not None:
        for each in found.attributes.values():
            if each.annotation is not None and "ClassVar" not in str(each.annotation):
                yield each


def made(found: griffe.Class) -> griffe.Function:
    """Give the `__init__` that attrs makes: the fields of the classes that it is, then its own."""
    by_keyword = "kw_only=True" in ast.unparse(decorator_of(found) or ast.Constant(None))
    kind = griffe.ParameterKind.keyword_only if by_keyword else griffe.ParameterKind.positional_or_keyword
    of_all = {each.name: each for part in (*reversed(found.mro()), found) for each in fields(part)}
    parameters = [
        griffe.Parameter(each.name.lstrip("_"), annotation=each.annotation, kind=kind, default=default_of(each))
        for each in of_all.values()
        if "init" not in words(each)
    ]
    me = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
    return griffe.Function("__init__", parameters=griffe.Parameters(me, *parameters), parent=found, runtime=False)


def words(attribute: griffe.Attribute) -> dict[str, ast.expr]:
    """Give what a field is declared with."""
    value = ast.parse(str(attribute.value), mode="eval").body
    if not (isinstance(value, ast.Call) and ast.unparse(value.func) in _FIELDS):
        return {}
    return {str(word.arg): word.value for word in value.keywords}


def default_of(attribute: griffe.Attribute) -> str | None:
    """Give a default as it is written, None where the field must be given."""
    declared = words(attribute)
    if attribute.value is None or not (declared or str(attribute.value).startswith(_FIELDS)):
        return None if attribute.value is None else str(attribute.value)
    if "factory" in declared:
        return f"{ast.unparse(declared['factory'])}()"
    return ast.unparse(declared["default"]) if "default" in declared else None
