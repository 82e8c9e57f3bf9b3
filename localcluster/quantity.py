"""Quantities in their canonical form (Kubernetes API reference, `resource.Quantity`): `1000m` is `1`, `1024Mi` is
`1Gi`."""

import re
from decimal import ROUND_UP, Decimal

_BINARY = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4, "Pi": 1024**5, "Ei": 1024**6}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_FORM = re.compile(r"([+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40}))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d{1,2})?")

RULE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def parse(text: str) -> Decimal:
    """The number that a quantity means: `250m` is 0.25. Raises ValueError."""
    match = _FORM.fullmatch(text)
    if not match:
        raise ValueError(RULE)
    number, unit = Decimal(match[1]), match[2] or ""
    if unit in _BINARY:
        return number * _BINARY[unit]
    if unit in _DECIMAL:
        return number.scaleb(_DECIMAL[unit])
    return number.scaleb(int(unit[1:]))


def canonical(value: str | int | float) -> str:
    """The quantity as the API server writes it. Raises ValueError."""
    text = str(value)
    number = parse(text)
    if text[-2:] in _BINARY and number == int(number):
        return _binary(int(number))
    if len(text) > 1 and re.search(r"\d[eE][+-]?\d", text):
        return text
    return _decimal(number)


def _binary(number: int) -> str:
    for unit, size in reversed(_BINARY.items()):
        if number and number % size == 0:
            return f"{number // size}{unit}"
    return str(number)


def _decimal(number: Decimal) -> str:
    if number == 0:
        return "0"
    for unit, exponent in reversed(_DECIMAL.items()):
        scaled = number.scaleb(-exponent)
        if scaled == int(scaled):
            return f"{int(scaled)}{unit}"
    return f"{int(number.scaleb(9).to_integral_value(ROUND_UP))}n"
