"""An app: a new one, its processes, its variables, a build of it."""

import re
from typing import Any

from django import forms

from releases.forms.checked import Checked
from releases.models import Cluster
from releases.models.app import NAME_MAX


class AppForm(forms.Form):
    name = forms.CharField(
        max_length=NAME_MAX,
        help_text="Small letters, digits and hyphens, beginning with a letter. It is part of the app's address.",
        widget=forms.TextInput(
            attrs={"autofocus": True, "autocomplete": "off", "spellcheck": "false", "class": "mono"}
        ),
    )
    cluster = forms.ChoiceField(required=False, help_text="Where it lives. It stays there.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = list(Cluster.objects.defer("kubeconfig"))
        if len(rows) < 2:
            del self.fields["cluster"]
            return
        default = next((row.name for row in rows if row.is_default), None)
        chosen = self.fields["cluster"]
        assert isinstance(chosen, forms.ChoiceField)
        chosen.choices = [(row.name, _shown(row)) for row in rows]
        chosen.required, chosen.initial = True, default


def _shown(row: Cluster) -> str:
    return f"{row.name} (can't be used now)" if row.problem else row.name


class ScaleForm(Checked):
    count = forms.IntegerField()


class RestartForm(Checked):
    """`service`: blank for all."""

    service = forms.CharField(required=False, max_length=63)


class BuildForm(Checked):
    """`commit`: a branch, tag or commit; blank for what the app's branch leads to."""

    WHOLE = re.compile(r"[0-9a-fA-F]{40}")

    commit = forms.CharField(required=False, max_length=255)
    promote = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        """As actions.create_build_from_git takes it."""
        data = super().clean() or self.cleaned_data
        wanted = data.pop("commit", "")
        return {**data, "commit" if self.WHOLE.fullmatch(wanted) else "ref": wanted}
