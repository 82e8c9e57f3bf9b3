"""Bearer tokens of the API: shown once, stored as prefix and SHA-256."""

import hashlib
import hmac
import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone

from releases.models.person import Person

USED_RESOLUTION = timedelta(minutes=1)


class Token(models.Model):
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(cls, person: Person, *, name: str, lifetime: timedelta | None = None) -> tuple["Token", str]:
        """A new token, and its secret, which nobody can read again."""
        prefix, rest = secrets.token_hex(5), secrets.token_urlsafe(32)
        secret = f"deployer_{prefix}_{rest}"
        expires_at = timezone.now() + lifetime if lifetime else None
        token = cls.objects.create(
            person=person, name=name[:100], prefix=prefix, digest=_digest(secret), expires_at=expires_at
        )
        return token, secret

    @classmethod
    def find(cls, secret: str) -> "Token | None":
        """The valid token with this secret, or None. Comparison takes the same time whether it fits or not."""
        parts = secret.split("_", 2)
        prefix = parts[1] if len(parts) == 3 and parts[0] == "deployer" else ""
        token = cls.objects.select_related("person").filter(prefix=prefix).first()
        fits = hmac.compare_digest(token.digest if token else "0" * 64, _digest(secret))
        return token if token and fits and token.is_valid else None

    @property
    def is_valid(self) -> bool:
        expired = self.expires_at is not None and self.expires_at <= timezone.now()
        return self.revoked_at is None and not expired and self.person.is_active

    def used(self) -> None:
        """Note that it was used; written at most once a minute, so that polling scripts don't write all the time."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > USED_RESOLUTION:
            Token.objects.filter(pk=self.pk).update(last_used_at=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
