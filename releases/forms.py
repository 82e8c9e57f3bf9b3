"""What people type, checked for form; what it may mean is for the actions to say."""

from typing import Any, Self

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.http import QueryDict

from releases.errors import Invalid
from releases.models.app import NAME_MAX


class Checked(forms.Form):
    @classmethod
    def checked(cls: type[Self], data: QueryDict) -> dict[str, Any]:
        """The cleaned values. Raises Invalid, naming each field and its fault."""
        form = cls(data)
        if form.is_valid():
            return form.cleaned_data
        faults = [f"{name}: {fault}" for name, errors in form.errors.items() for fault in errors]
        raise Invalid(faults[0], reasons=faults)


class SignInForm(AuthenticationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Name"


class AppForm(forms.Form):
    name = forms.CharField(
        max_length=NAME_MAX,
        help_text="Small letters, digits and hyphens, beginning with a letter. It is part of the app's address.",
        widget=forms.TextInput(
            attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false", "class": "mono"}
        ),
    )


class ScaleForm(Checked):
    count = forms.IntegerField()


class VariableForm(Checked):
    """`change` says which button was pressed: set, stage, remove or remove-staged."""

    CHANGES = [(name, name) for name in ("set", "stage", "remove", "stage-removal")]

    name = forms.CharField(max_length=128)
    value = forms.CharField(required=False, strip=False)
    change = forms.ChoiceField(choices=CHANGES)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        change = data.get("change", "")
        # Browsers send every line break of a text area as CR LF.
        value = data.get("value", "").replace("\r\n", "\n")
        return {**data, "value": value, "remove": "remov" in change, "stage": change.startswith("stage")}
