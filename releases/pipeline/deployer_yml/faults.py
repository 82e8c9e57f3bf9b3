"""What the validator found, in words: the line, the key, and the nearest name that would be right."""

import difflib
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import AliasChoices, BaseModel

from releases.pipeline.deployer_yml.text import Document, dotted

# Keys that stand for a whole section.
SHORT_FORMS = {"init": "initContainer"}
# Where the validator speaks of its own insides.
_PLAIN = {
    "too_short": "is empty",
    "model_type": "should be a mapping of keys",
    "dict_type": "should be a mapping of keys",
}


def fault(details: dict, document: Document, of: type[BaseModel]) -> str:
    """One error of pydantic: `deployer.yml line 4: services.web.prot is not a key here; did you mean port?`"""
    path = tuple(details["loc"])
    known, line = document.place(path)
    key, where = dotted(known) or "the file", f"{document.file} line {line}: "
    if details["type"] == "extra_forbidden" and path[-1] in SHORT_FORMS:
        return f"{where}{key}: is the short form of {SHORT_FORMS[path[-1]]}: one of them is enough."
    if details["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), keys_at(of, path[:-1]), n=1, cutoff=0.5)
        return f"{where}{key} is not a key here" + (f"; did you mean {near[0]}?" if near else ".")
    if details["type"] == "missing":
        return f"{where}{dotted(path)} is missing."
    message = _PLAIN.get(details["type"]) or str(details["msg"]).removeprefix("Value error, ")
    if path and path[-1] == "[key]":
        return f"{where}{key} can't be a name: {message}."
    return f"{where}{key}: {message[:1].lower()}{message[1:]}."


def keys_at(model: type[BaseModel], path: tuple[Any, ...]) -> list[str]:
    """The keys that the section at `path` may have; none where no section is."""
    if not path:
        return list(names(model))
    inner = names(model).get(str(path[0]))
    rest = path[1:]
    for section, steps in sections(inner):
        if len(rest) >= steps:
            return keys_at(section, rest[steps:])
    return []


def names(model: type[BaseModel]) -> dict[str, Any]:
    """Each key that a section may have → what its value may be."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        choices = alias.choices if isinstance(alias, AliasChoices) else [name]
        found |= {str(choice): field.annotation for choice in choices}
    return found


def sections(annotation: Any) -> Iterator[tuple[type[BaseModel], int]]:
    """The sections that a value may be or hold, and how many steps deep: 1 in a list or a mapping of names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, 0
        return
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    deeper = 1 if origin in (list, dict) else 0
    if origin is typing.Annotated:
        inner = inner[:1]
    if origin in (list, dict, typing.Annotated, typing.Union, types.UnionType):
        for part in inner:
            for section, steps in sections(part):
                yield section, steps + deeper
