"""People. Their own page is where they are let in, and given a role."""

from django.contrib import admin
from django.urls import reverse

from releases.admin.read_only import ReadOnly
from releases.models import Person


@admin.register(Person)
class PersonAdmin(ReadOnly):
    list_display = ["username", "role", "email", "is_active", "last_login", "date_joined"]
    list_filter = ["role", "is_active"]
    search_fields = ["username", "email"]
    search_help_text = "The beginning of a name, or of an address."
    ordering = ["username"]
    exclude = ["password", "groups", "user_permissions"]
    looking = "manage_people"

    def page_of(self, row: Person) -> str:
        return reverse("person", args=[row.pk])
