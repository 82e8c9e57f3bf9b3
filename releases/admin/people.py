"""People."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from releases import actions
from releases.models import Person


class PersonForm(UserChangeForm):
    def clean(self) -> dict[str, Any]:
        """Said here as a message; the action refuses it whatever the door."""
        cleaned = super().clean() or self.cleaned_data
        after = Person(pk=self.instance.pk, role=cleaned.get("role", ""), is_active=cleaned.get("is_active", False))
        if actions.would_leave_no_administrator(after):
            raise ValidationError("This is the last administrator: make somebody else one first.")
        return cleaned


@admin.register(Person)
class PersonAdmin(UserAdmin):
    """People have no page of their own yet. Rights follow from the role alone."""

    form = PersonForm

    list_display = ["username", "role", "email", "is_active", "last_login"]
    list_filter = ["role", "is_active"]
    search_fields = ["username", "email", "first_name", "last_name"]
    ordering = ["username"]
    filter_horizontal = []
    readonly_fields = ["last_login", "date_joined"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Rights", {"fields": ["role", "is_active"]}),
        ("About", {"fields": ["first_name", "last_name", "email", "last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["username", "role", "usable_password", "password1", "password2"]})]

    def save_model(self, request: HttpRequest, obj: Person, form: Any, change: bool) -> None:
        actions.save_person(obj, by=request.actor, changed=form.changed_data)  # type: ignore[attr-defined]

    def has_view_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Person | None = None) -> bool:
        return False
