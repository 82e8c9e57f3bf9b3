"""Requests that name themselves: the first of a name is carried out, those that follow get its answer."""

import secrets
from datetime import timedelta
from typing import Self

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from releases.errors import KeyInUse, KeyMismatch

KEPT = timedelta(hours=24)
# Longer than any request takes: what was carried out by then without an answer was so by a process that is dead.
CARRIED = timedelta(minutes=10)


class IdempotencyKey(models.Model):
    """`fingerprint`: what was asked, as SHA-256. `status` is null, and `body` blank, until there is an answer."""

    asker = models.CharField(max_length=40, help_text="a token or a person: nobody gets the answers to others")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    claim = models.CharField(max_length=32, help_text="which of the requests of this name is carried out")
    claimed_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["asker", "key"], name="once_per_asker")]

    def __str__(self) -> str:
        return f"{self.asker}: {self.key}"

    @classmethod
    def old(cls) -> models.QuerySet["IdempotencyKey"]:
        """Those that nobody is answered from any more."""
        return cls.objects.filter(created_at__lt=timezone.now() - KEPT)

    @classmethod
    def take(cls, asker: str, key: str, fingerprint: str) -> Self:
        """This name, to be carried out by who gets it; or, with a `status`, the answer that there is already.

        Of two in the same instant one gets it. Raises KeyInUse while it is carried out, KeyMismatch where the same name
        was given to something else.
        """
        now = timezone.now()
        cls.old().filter(asker=asker, key=key).delete()
        claim = secrets.token_hex(16)
        mine = cls(asker=asker, key=key, fingerprint=fingerprint, claim=claim, claimed_at=now, created_at=now)
        try:
            with transaction.atomic():
                mine.save(force_insert=True)
                return mine
        except IntegrityError:
            known = cls.objects.filter(asker=asker, key=key).first()
        if known is None:  # given back meanwhile: whoever tries again gets it
            raise KeyInUse(key)
        if known.fingerprint != fingerprint:
            raise KeyMismatch(key)
        if known.status is None:
            known._take_over(claim)
        return known

    def answered(self, status: int, body: str) -> None:
        """Keep this answer, unless another request has taken over."""
        self._mine().update(status=status, body=body)

    def give_back(self) -> None:
        """Nothing came of it: who tries again is carried out anew."""
        self._mine().delete()

    def _take_over(self, claim: str) -> None:
        now = timezone.now()
        dead = self._mine().filter(claimed_at__lt=now - CARRIED)
        if not dead.update(claim=claim, claimed_at=now):
            raise KeyInUse(self.key)
        self.claim = claim

    def _mine(self) -> models.QuerySet["IdempotencyKey"]:
        return IdempotencyKey.objects.filter(pk=self.pk, claim=self.claim, status=None)
