"""A password of one's own, and a token."""

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from releases.forms.checked import NARROW
from releases.models import Person, Token

LONGEST = 1024
LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "until it is revoked")]
SCOPES = {
    Token.READ: "look, and read logs; every token may",
    Token.BUILD: "make and cancel builds",
    Token.PROMOTE: "promote, roll back, abort, change variables, scale, run commands",
    Token.ADMIN: "all that you may",
}


def _password(label: str, complete: str, **given: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": complete})
    return forms.CharField(label=label, widget=widget, strip=False, max_length=LONGEST, **given)


class PasswordForm(forms.Form):
    """The present one is tried as at the sign-in: too many wrong ones lock this door, too."""

    current = _password("Your present password", "current-password")
    wanted = _password("New password", "new-password", help_text="At least 10 characters, and not a common one.")
    again = _password("The new one again", "new-password")

    def __init__(self, data: Any = None, *, request: HttpRequest, person: Person) -> None:
        super().__init__(data, auto_id="password_%s")
        self.request, self.person = request, person
        if not person.has_usable_password():
            del self.fields["current"]

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        if authenticate(self.request, username=self.person.username, password=current) is None:
            raise ValidationError("That is not your present password.")
        return current

    def clean_again(self) -> str:
        if self.cleaned_data["again"] != self.cleaned_data.get("wanted", self.cleaned_data["again"]):
            raise ValidationError("The two are not the same.")
        return ""


class TokenForm(forms.Form):
    name = forms.CharField(label="Name", max_length=100, help_text="What it is for: ci, laptop.")
    scopes = forms.MultipleChoiceField(
        label="It may", choices=list(SCOPES.items()), widget=forms.CheckboxSelectMultiple, initial=[Token.READ]
    )
    apps = forms.CharField(
        label="Only these apps",
        required=False,
        max_length=40_000,
        widget=forms.TextInput(attrs=NARROW),
        help_text="Their names, with commas between them. None: all that you reach, also those to come.",
    )
    days = forms.ChoiceField(label="It lasts", choices=LIFETIMES, required=False, initial="90")

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="token_%s")

    def wish(self) -> dict[str, Any]:
        """As `actions.create_token` takes it."""
        given = self.cleaned_data
        apps = [word for word in re.split(r"[\s,]+", given["apps"]) if word]
        lifetime = timedelta(days=int(given["days"])) if given["days"] else None
        return {"name": given["name"], "scopes": given["scopes"], "apps": apps or None, "lifetime": lifetime}
