"""People who sign in, and what each may do in general; `policy` says what that means for an action."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.tokens import default_token_generator
from django.db import models
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode


class PersonManager(BaseUserManager["Person"]):
    def create_person(self, username: str, *, role: str, password: str | None = None, email: str = "") -> "Person":
        """A person who can sign in; without a password only by link or token."""
        person = self.model(username=username, role=role, email=self.normalize_email(email))
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, username: str, email: str = "", password: str | None = None, **_: Any) -> "Person":
        """For Django's own command of that name."""
        return self.create_person(username, role=Person.ADMINISTRATOR, password=password, email=email)


class Person(AbstractUser):
    VIEWER, DEPLOYER, ADMINISTRATOR = "viewer", "deployer", "administrator"
    ROLES = [(VIEWER, "Viewer"), (DEPLOYER, "Deployer"), (ADMINISTRATOR, "Administrator")]

    role = models.CharField(max_length=20, choices=ROLES, default=VIEWER)
    sessions_ended = models.PositiveIntegerField(default=0, help_text="how often they signed out everywhere")

    # Both follow from the role alone; two sources for one right would come apart.
    is_staff = property(lambda self: self.role in (Person.DEPLOYER, Person.ADMINISTRATOR))
    is_superuser = property(lambda self: self.role == Person.ADMINISTRATOR)
    is_administrator = is_superuser

    objects = PersonManager()  # type: ignore[assignment, misc]
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name_plural = "people"

    def get_session_auth_hash(self) -> str:
        """What a session shows to be good still: Django makes it of the password alone."""
        return self._numbered(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """The same by keys of before."""
        return map(self._numbered, super().get_session_auth_fallback_hash())

    def _numbered(self, made: str) -> str:
        return f"{made}.{self.sessions_ended}" if self.sessions_ended else made

    def sign_in_link(self) -> str:
        """An address that signs this person in. The first sign-in makes it void, and so does a new password."""
        uid = urlsafe_base64_encode(force_bytes(self.pk))
        return f"{settings.DEPLOYER_URL}/sign-in/{uid}/{default_token_generator.make_token(self)}/"
