"""A registry: where images of builds go, and where clusters pull them from."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from releases.models.encrypted import SealedTextField
from releases.models.lifecycle import Authored

NAME_MAX = 63
NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z"
# https://github.com/distribution/reference: host[:port], and a path in small letters.
ADDRESS_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*\Z"


class Registry(Authored):
    """`address` has no scheme: `registry.example.com:5000/team`; the images of an app are below it."""

    name = models.CharField(max_length=NAME_MAX, unique=True, validators=[RegexValidator(NAME_PATTERN)])
    address = models.CharField(max_length=300, validators=[RegexValidator(ADDRESS_PATTERN)])
    username = models.CharField(max_length=200, blank=True)
    password = SealedTextField(blank=True, help_text="never shown again")
    is_default = models.BooleanField(default=False, help_text="of every app that names none")
    created_at = models.DateTimeField(auto_now_add=True)

    # As last seen.
    problem = models.TextField(blank=True, help_text="why it can't be used, in a sentence; blank: it answers")
    hint = models.TextField(blank=True, help_text="what to do about the problem")
    problem_since = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    deletion_refused = models.TextField(blank=True, help_text="why it lets us delete no images; blank: nothing known")
    deletion_refused_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "registries"
        constraints = [
            models.UniqueConstraint(fields=["is_default"], condition=Q(is_default=True), name="one_default_registry")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/registries/{self.name}"

    @property
    def state(self) -> str:
        """unchecked, reachable or unreachable."""
        if self.checked_at is None:
            return "unchecked"
        return "unreachable" if self.problem else "reachable"
