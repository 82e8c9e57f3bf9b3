"""What the cluster and its programs say, made to fit the columns: PostgreSQL refuses what SQLite takes."""

from typing import Any

from django.db import models

STRANGE = str.maketrans({"\x00": "\ufffd"})


def storable(text: str) -> str:
    """`text` as every database stores it: no NUL, no half of a surrogate pair."""
    return text.translate(STRANGE).encode(errors="replace").decode()


def fitted(model: type[models.Model], values: dict[str, Any]) -> dict[str, Any]:
    """`values` by column, with text that is storable and no longer than its column, also inside of JSON."""
    return {name: _fitted(model._meta.get_field(name), value) for name, value in values.items()}


def _fitted(field: Any, value: Any) -> Any:
    if isinstance(value, str):
        text = storable(value)
        longest = getattr(field, "max_length", None)
        return text if longest is None or len(text) <= longest else text[: longest - 1] + "…"
    return cleaned(value) if isinstance(field, models.JSONField) else value


def cleaned(value: Any) -> Any:
    """`value` as JSON, with all text in it storable."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(key) if isinstance(key, str) else key: cleaned(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [cleaned(part) for part in value]
    return value
