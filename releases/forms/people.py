"""People, and members of an app."""

from typing import Any

from django import forms

from releases.forms.checked import NARROW
from releases.models import Membership, Person

ADDRESS_HELP = "With it they may sign in by GitHub or OpenID Connect, where that is configured."


class NewPersonForm(forms.Form):
    username = forms.CharField(
        label="Name",
        max_length=150,
        widget=forms.TextInput(attrs=NARROW),
        help_text="Letters, digits and @ . + - _, as they sign in.",
    )
    email = forms.EmailField(label="E-mail address", required=False, max_length=254, help_text=ADDRESS_HELP)
    role = forms.ChoiceField(label="Role", choices=Person.ROLES, initial=Person.VIEWER)


class PersonForm(forms.Form):
    role = forms.ChoiceField(label="Role in general", choices=Person.ROLES)
    email = forms.EmailField(label="E-mail address", required=False, max_length=254, help_text=ADDRESS_HELP)

    def __init__(self, data: Any = None, *, person: Person) -> None:
        super().__init__(data, initial={"role": person.role, "email": person.email})


class MemberForm(forms.Form):
    username = forms.CharField(label="Name", max_length=150, widget=forms.TextInput(attrs=NARROW))
    role = forms.ChoiceField(label="Role in this app", choices=Membership.ROLES)
