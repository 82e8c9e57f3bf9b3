"""A one-off command."""

import shlex
from typing import Any

from django import forms

from releases.errors import Invalid
from releases.forms.checked import Checked


class RunForm(Checked):
    """`minutes`: blank for as long as by default."""

    command = forms.CharField(max_length=32_000)
    service = forms.CharField(required=False, max_length=100)
    minutes = forms.IntegerField(required=False, min_value=1)

    def clean(self) -> dict[str, Any]:
        """`timeout` in seconds, where one was given."""
        data = super().clean() or self.cleaned_data
        minutes = data.pop("minutes", None)
        return {**data, **({"timeout": minutes * 60} if minutes else {})}


def words(command: str) -> list[str]:
    """As a shell would split it; no shell runs it. Raises Invalid."""
    try:
        return shlex.split(command)
    except ValueError as error:
        raise Invalid(f"The command can't be split into words: {error}") from error
