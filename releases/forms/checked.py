"""Forms of bare buttons: what does not fit is a refusal, not a page with fields."""

from typing import Any, Self

from django import forms
from django.http import QueryDict

from releases.errors import Invalid

# Of fields that hold names and addresses: nothing is completed, corrected or remembered.
NARROW = {"autocomplete": "off", "spellcheck": "false", "class": "mono"}


class Checked(forms.Form):
    @classmethod
    def checked(cls: type[Self], data: QueryDict) -> dict[str, Any]:
        """The cleaned values. Raises Invalid, naming each field and its fault."""
        form = cls(data)
        if form.is_valid():
            return form.cleaned_data
        faults = [f"{name}: {fault}" for name, errors in form.errors.items() for fault in errors]
        raise Invalid(faults[0], reasons=faults)
