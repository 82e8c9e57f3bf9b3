"""Which columns no list reads, and which nobody is shown."""

from collections.abc import Iterable

from django.db import models

from releases.models.encrypted import EncryptedJSONField, SealedTextField

SECRET_KINDS = (EncryptedJSONField, SealedTextField, models.BinaryField)
LARGE_KINDS = (*SECRET_KINDS, models.JSONField)


def secret(model: type[models.Model]) -> list[str]:
    """What is encrypted at rest, and what others sent."""
    return [field.name for field in model._meta.fields if isinstance(field, SECRET_KINDS)]


def large(model: type[models.Model], joined: Iterable[str] = ()) -> list[str]:
    """Those of `model`, and of what is `joined` to it, by path: none is needed to say what a row is."""
    found = _large(model)
    for path in joined:
        other = model
        for name in path.split("__"):
            other = other._meta.get_field(name).related_model  # type: ignore[assignment]
        found += [f"{path}__{name}" for name in _large(other)]
    return found


def _large(model: type[models.Model]) -> list[str]:
    return [field.name for field in model._meta.fields if isinstance(field, LARGE_KINDS)]
