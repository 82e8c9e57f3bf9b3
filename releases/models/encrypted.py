"""JSON that is encrypted at rest: environments, and rendered objects, which hold them."""

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("ENCRYPTION_KEYS is not set: environments can't be stored without a key.")
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(value: Any) -> str:
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(json.dumps(value).encode()).decode()


def decrypt(text: str) -> Any:
    """The value behind `text`. Raises cryptography.fernet.InvalidToken when no key fits."""
    return json.loads(_fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(text.encode()))


class EncryptedJSONField(models.TextField):
    """JSON, encrypted with the first of ENCRYPTION_KEYS and readable with any: rotating is prepending a key."""

    # What django-stubs reads: the column is text, the value any JSON.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any
    _pyi_lookup_exact_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else decrypt(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(value)

    def value_to_string(self, obj: models.Model) -> str:
        return encrypt(self.value_from_object(obj))
