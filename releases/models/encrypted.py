"""What is encrypted at rest: environments, rendered objects, which hold them, and the access to clusters."""

import json
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

# In front of what dumps hold of encrypted columns: they are taken over as they are, under the same keys.
DUMPED = "encrypted:"


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
        ciphertext = _dumped(value)
        return value if ciphertext is None else decrypt(ciphertext)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(value)

    def value_to_string(self, obj: models.Model) -> str:
        return DUMPED + encrypt(self.value_from_object(obj))


class Sealed:
    """A text that stays encrypted until somebody opens it: neither a page nor a log shows it by accident.

    A row whose key is lost can be read, listed and replaced; only opening fails.
    """

    def __init__(self, ciphertext: str = "") -> None:
        self.ciphertext = ciphertext

    @classmethod
    def of(cls, text: str) -> "Sealed":
        """`text`, encrypted; each time to something else. An empty one stays empty."""
        return cls(encrypt(text) if text else "")

    def open(self) -> str:
        """Raises cryptography.fernet.InvalidToken when no key fits."""
        return decrypt(self.ciphertext) if self.ciphertext else ""

    def __bool__(self) -> bool:
        return bool(self.ciphertext)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sealed) and self.ciphertext == other.ciphertext

    def __hash__(self) -> int:
        return hash(self.ciphertext)

    def __repr__(self) -> str:
        return "<sealed>" if self.ciphertext else "<empty>"


class SealedTextField(models.TextField):
    """Holds a `Sealed`; a plain text given to it is sealed when it is stored."""

    _pyi_private_set_type: Any
    _pyi_private_get_type: Any
    _pyi_lookup_exact_type: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"default": Sealed, "editable": False, **options})

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed:
        return Sealed(value or "")

    def to_python(self, value: Any) -> Any:
        ciphertext = _dumped(value)
        return value if ciphertext is None else Sealed(ciphertext)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        setattr(model_instance, self.attname, sealed := _sealed(getattr(model_instance, self.attname)))
        return sealed

    def get_prep_value(self, value: Any) -> str:
        return _sealed(value).ciphertext

    def value_to_string(self, obj: models.Model) -> str:
        return DUMPED + _sealed(self.value_from_object(obj)).ciphertext


def _dumped(value: Any) -> str | None:
    """What a dump (`manage.py dumpdata`) holds of a column of ours; None for any other value."""
    return value.removeprefix(DUMPED) if isinstance(value, str) and value.startswith(DUMPED) else None


def _sealed(value: Any) -> Sealed:
    return value if isinstance(value, Sealed) else Sealed.of(value or "")
