"""The text of label selectors, `app=web,tier in (a,b),!canary`: read, and complained about, as by the API server
(apimachinery, `labels.Parse`)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from localcluster.errors import BadRequest
from localcluster.store.faults import Faults

_TOKEN = re.compile(r"\s*(==|!=|=|!|\(|\)|,|<|>|[^\s=!(),<>]+|$)")
_SPECIAL = {"==", "!=", "=", "!", "(", ")", ",", "<", ">", ""}
_OPERATORS = {"in": "In", "notin": "NotIn", "=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}
_MOST = 1000
"""Requirements in one selector."""


@dataclass(frozen=True)
class Parsed:
    """One requirement; operator is one of In, NotIn, Exists, DoesNotExist, Gt, Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


def parse(text: str) -> Iterator[Parsed]:
    """The requirements of a selector. Raises BadRequest."""
    reader = _Reader(text)
    count = 0
    while True:
        word = reader.peek()
        if word == "":
            return
        if word != "!" and word in _SPECIAL:
            raise BadRequest(f"found '{word}', expected: !, identifier, or 'end of string'")
        count += 1
        if count > _MOST:
            raise BadRequest("too many requirements")
        try:
            yield reader.requirement()
        except ValueError as error:
            raise BadRequest(f"unable to parse requirement: {error}") from None
        word = reader.next()
        if word == "":
            return
        if word != ",":
            raise BadRequest(f"found '{word}', expected: ',' or 'end of string'")
        if reader.peek() in _SPECIAL - {"!"}:
            raise BadRequest(f"found '{reader.peek()}', expected: identifier after ','")


class _Reader:
    """Takes a selector apart. Its methods raise ValueError where it cannot go on."""

    def __init__(self, text: str) -> None:
        self._tokens = [match[1] for match in _TOKEN.finditer(text)] + [""]
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at]

    def next(self) -> str:
        word = self.peek()
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return word

    def requirement(self) -> Parsed:
        word = self.next()
        absent = word == "!"
        key = self.next() if absent else word
        if key in _SPECIAL:
            raise ValueError(f"found '{key}', expected: identifier")
        _check_key(key)
        if absent:
            return Parsed(key, "DoesNotExist")
        if self.peek() in ("", ","):
            return Parsed(key, "Exists")
        sign = self.next()
        if sign not in _OPERATORS:
            raise ValueError(f"found '{sign}', expected: in, notin, =, ==, !=, gt, lt")
        values = self._set() if sign in ("in", "notin") else (self._exact(),)
        for value in values:
            _check_value(key, value)
        if sign in "<>" and not re.fullmatch(r"-?\d{1,18}", values[0]):
            raise ValueError(f'values[0][{key}]: Invalid value: "{values[0]}": for \'Gt\', \'Lt\' operators, the value '
                             "must be an integer")  # fmt: skip
        return Parsed(key, _OPERATORS[sign], values)

    def _exact(self) -> str:
        return "" if self.peek() in ("", ",") else self._identifier()

    def _identifier(self) -> str:
        word = self.next()
        if word in _SPECIAL:
            raise ValueError(f"found '{word}', expected: identifier")
        return word

    def _set(self) -> tuple[str, ...]:
        word = self.next()
        if word != "(":
            raise ValueError(f"found '{word}' expected: '('")
        values: list[str] = []
        while True:
            values.append("" if self.peek() in (",", ")") else self._identifier())
            word = self.next()
            if word == ")":
                return tuple(values)
            if word != ",":
                raise ValueError(f"found '{word}', expected: ',' or ')'")


def _check_key(key: str) -> None:
    faults = Faults()
    faults.qualified_name("key", key)
    if faults.causes:
        raise ValueError(f"{faults.causes[0].field}: {faults.causes[0].message}")


def _check_value(key: str, value: str) -> None:
    faults = Faults()
    faults.labels("values", {"a": value})
    if faults.causes:
        raise ValueError(f"values[0][{key}]: {faults.causes[0].message}")
