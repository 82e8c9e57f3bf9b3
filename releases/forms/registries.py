"""Registries."""

from typing import Any

from django import forms

from releases.forms.checked import NARROW
from releases.models import Registry
from releases.models.registry import NAME_MAX

PASSWORD_FORM_MAX = 64 * 1024


class RegistryForm(forms.Form):
    """What a known registry can be given. A blank password means that what is stored stays."""

    address = forms.CharField(
        max_length=300,
        help_text="registry.example.com:5000/team, without a scheme. Each app's images are below it.",
        widget=forms.TextInput(attrs=NARROW),
    )
    username = forms.CharField(
        required=False,
        max_length=200,
        label="User name",
        help_text="Blank: builds and clusters ask as nobody.",
        widget=forms.TextInput(attrs=NARROW),
    )
    password = forms.CharField(
        required=False,
        max_length=PASSWORD_FORM_MAX,
        strip=False,
        label="Password or token",
        help_text="It is encrypted and never shown again. Clusters get it to pull with.",
        widget=forms.PasswordInput(attrs={**NARROW, "autocomplete": "new-password"}),
    )
    is_default = forms.BooleanField(required=False, label="Images of apps that name no registry go here")

    def __init__(self, data: Any = None, *, row: Registry | None = None) -> None:
        initial = {name: getattr(row, name) for name in ("address", "username")} if row else {}
        super().__init__(data, initial=initial)
        if row and row.is_default:
            del self.fields["is_default"]  # another one takes its place, or none
        if row and row.password:
            self.fields["password"].label = "Password or token (set)"
            self.fields["password"].help_text = "Blank keeps the one that is stored."

    def changes(self) -> dict[str, Any]:
        """The arguments of actions.change_registry."""
        given = dict(self.cleaned_data)
        if not given["password"]:
            del given["password"]
        if not given.get("is_default"):
            given.pop("is_default", None)
        return given


class NewRegistryForm(RegistryForm):
    name = forms.CharField(
        max_length=NAME_MAX,
        help_text="Small letters, digits and hyphens.",
        widget=forms.TextInput(attrs={**NARROW, "autofocus": True}),
    )
    field_order = ["name", "address"]
