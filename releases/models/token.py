"""Bearer tokens of the API: shown once, stored as prefix and SHA-256."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from releases.models.app import App
from releases.models.locks import locked
from releases.models.person import Person

USED_RESOLUTION = timedelta(minutes=1)


def every_scope() -> list[str]:
    """Of tokens made before there were scopes: they keep what they had."""
    return [Token.READ, Token.ADMIN]


class Token(models.Model):
    READ, BUILD, PROMOTE, ADMIN = "read", "build", "promote", "admin"
    SCOPES = [READ, BUILD, PROMOTE, ADMIN]

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    scopes = models.JSONField(default=every_scope, help_text="what it is good for, in the order of SCOPES")
    # Apart from the list: a token for one app is for none, and not for all, when that app is deleted.
    all_apps = models.BooleanField(default=True)
    apps = models.ManyToManyField(App, related_name="tokens", help_text="the only ones it reaches, unless all")
    made_with = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, related_name="made", help_text="it is revoked with that one"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(
        cls,
        person: Person,
        *,
        name: str,
        lifetime: timedelta | None = None,
        scopes: Iterable[str] = (ADMIN,),
        apps: Iterable[App] | None = None,
        made_with: "Token | None" = None,
    ) -> tuple["Token", str]:
        """A new token, and its secret, which nobody can read again. `apps`: None for all, also those to come."""
        prefix, rest = secrets.token_hex(5), secrets.token_urlsafe(32)
        secret = f"deployer_{prefix}_{rest}"
        wanted = {cls.READ, *scopes}
        with transaction.atomic():
            token = cls.objects.create(
                person=person,
                name=name[:100],
                prefix=prefix,
                digest=_digest(secret),
                scopes=[scope for scope in cls.SCOPES if scope in wanted],
                all_apps=apps is None,
                made_with=made_with,
                expires_at=timezone.now() + lifetime if lifetime else None,
            )
            if apps:
                token.apps.set(apps)
        return token, secret

    @classmethod
    def good(cls) -> QuerySet["Token"]:
        """Those that still open something, if their person may."""
        return cls.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)

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

    def revoke(self) -> list["Token"]:
        """It, and all that was made with it, open nothing any more. Gives those that did until now.

        Whoever makes one has locked the one that they ask with: they have made it before, or find theirs revoked.
        """
        now, revoked, level = timezone.now(), [], Token.objects.filter(pk=self.pk)
        while rows := list(locked(level.order_by("pk"))):
            revoked += [row for row in rows if row.revoked_at is None]
            Token.objects.filter(pk__in=[row.pk for row in rows], revoked_at=None).update(revoked_at=now)
            level = Token.objects.filter(made_with__in=rows)
        return revoked

    def used(self) -> None:
        """Note that it was used; written at most once a minute, so that polling scripts don't write all the time."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > USED_RESOLUTION:
            Token.objects.filter(pk=self.pk).update(last_used_at=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
