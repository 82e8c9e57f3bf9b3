"""An app's settings: its lock, its domains, its end."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from releases.forms.checked import NARROW
from releases.models import App
from releases.models.app import NAME_MAX
from releases.models.domain import HOST_MAX

REASON_MAX = App._meta.get_field("lock_reason").max_length


class LockForm(forms.Form):
    """`ends`: hours from now, `at` for what `until` says, blank for no end of its own."""

    AT = "at"
    ENDS = [
        ("", "when somebody unlocks it"),
        ("1", "in an hour"),
        ("4", "in 4 hours"),
        ("24", "in a day"),
        ("168", "in a week"),
        (AT, "at the time below"),
    ]

    reason = forms.CharField(
        max_length=REASON_MAX,
        label="Why",
        help_text="Everybody reads it who is kept from promoting.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "incident 482"}),
    )
    ends = forms.ChoiceField(choices=ENDS, required=False, label="It ends")
    until = forms.DateTimeField(
        required=False,
        label="Time",
        help_text="In UTC, within a year.",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "autocomplete": "off"}, format="%Y-%m-%dT%H:%M"),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "until" in data and "ends" in data:
            if data["ends"] == self.AT and data["until"] is None:
                self.add_error("until", "Say when it ends.")
            elif data["until"] is not None and data["ends"] != self.AT:
                self.add_error("ends", "A time is given below: choose “at the time below”, or clear the time.")
        return data

    def end(self) -> datetime | None:
        """The moment when the lock ends by itself."""
        ends = self.cleaned_data["ends"]
        if ends == self.AT:
            return self.cleaned_data["until"]
        return timezone.now() + timedelta(hours=int(ends)) if ends else None


class DomainForm(forms.Form):
    """`services`: those that one can lead to; empty before the first release, when any may be named."""

    host = forms.CharField(
        max_length=HOST_MAX,
        label="Domain",
        help_text="*.example.com stands for all names right below example.com.",
        widget=forms.TextInput(attrs={**NARROW, "inputmode": "url", "placeholder": "www.example.com"}),
    )
    service = forms.CharField(
        required=False,
        max_length=40,
        label="Leads to",
        help_text="A service; blank: web.",
        widget=forms.TextInput(attrs=NARROW),
    )

    def __init__(self, data: Any = None, *, services: Sequence[str]) -> None:
        super().__init__(data)
        if services:
            plain = "web" if "web" in services else services[0] if len(services) == 1 else ""
            choices = [(name, name) for name in services]
            self.fields["service"] = forms.ChoiceField(
                choices=choices if plain else [("", "choose a service"), *choices], label="Leads to", initial=plain
            )


class DeleteForm(forms.Form):
    """The app's name, typed by who means it. `abandon`: also when its cluster does not answer."""

    name = forms.CharField(max_length=NAME_MAX, widget=forms.TextInput(attrs=NARROW))
    abandon = forms.BooleanField(
        required=False,
        label="Its cluster is gone: go on though it does not answer",
        help_text="What is there is left behind, and a rollout that waits for it ends.",
    )

    def __init__(self, data: Any = None, *, app: App) -> None:
        super().__init__(data)
        self.app = app
        self.fields["name"].label = f"Type {app.name} to delete it"

    def clean_name(self) -> str:
        if self.cleaned_data["name"] != self.app.name:
            raise forms.ValidationError(f"That is not {self.app.name}. Nothing was deleted.")
        return self.cleaned_data["name"]
