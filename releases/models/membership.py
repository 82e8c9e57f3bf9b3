"""What somebody may do in one app, beyond what they may in general."""

from django.db import models

from releases.models.app import App
from releases.models.lifecycle import Authored
from releases.models.person import Person


class Membership(Authored):
    """Counts where it is more than the person's own role. Everybody may look anyway, so there is none for that."""

    ROLES = [role for role in Person.ROLES if role[0] != Person.VIEWER]

    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="members")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=ROLES)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "person"], name="one_membership_per_app")]

    def __str__(self) -> str:
        return f"{self.person.username} in {self.app.name}"
