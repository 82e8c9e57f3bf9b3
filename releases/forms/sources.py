"""Where an app is built from."""

from typing import Any

from django import forms

from releases.forms.checked import NARROW
from releases.models import Source
from releases.models.source import BRANCH_MAX, ON_PUSH

SECRET_MAX = 16_384
PLACE = ("url", "branch")
SECRETS = ("token", "deploy_key")
CREDENTIALS = (*SECRETS, "token_username", "known_hosts", "forget")


class SourceForm(forms.Form):
    """Of secrets a blank one means that what is stored stays."""

    url = forms.CharField(
        max_length=1000,
        label="Repository",
        help_text="https://github.com/owner/name.git, or git@github.com:owner/name.git with a deploy key.",
        widget=forms.TextInput(attrs={**NARROW, "inputmode": "url"}),
    )
    branch = forms.CharField(max_length=BRANCH_MAX, initial="main", widget=forms.TextInput(attrs=NARROW))
    on_push = forms.ChoiceField(choices=ON_PUSH, initial="build", label="A push to the branch does")
    wait_for_checks = forms.BooleanField(required=False, label="Promote only once GitHub's checks are green")
    build_tags = forms.BooleanField(required=False, label="Build tags, too", help_text="Their releases wait for you.")
    build_pull_requests = forms.BooleanField(
        required=False,
        label="Build pull requests, too",
        help_text="Never promoted; those from forks wait for a person's Replay.",
    )
    token = forms.CharField(
        required=False,
        max_length=SECRET_MAX,
        help_text="For https:// addresses of private repositories; GitHub is also told with it how builds went. "
        "It is encrypted and never shown again.",
        widget=forms.PasswordInput(attrs={**NARROW, "autocomplete": "new-password"}),
    )
    token_username = forms.CharField(
        required=False,
        max_length=200,
        label="User name that goes with the token",
        help_text="Blank for GitHub.",
        widget=forms.TextInput(attrs=NARROW),
    )
    deploy_key = forms.CharField(
        required=False,
        max_length=SECRET_MAX,
        strip=False,
        label="Deploy key",
        help_text="For SSH addresses: the private half, without a passphrase. It is encrypted and never shown again.",
        widget=forms.Textarea(attrs={**NARROW, "class": "mono wide", "rows": 4}),
    )
    known_hosts = forms.CharField(
        required=False,
        max_length=SECRET_MAX,
        label="Host keys",
        help_text="The server's line of known_hosts. Blank: GitHub's are known, another's is trusted at first.",
        widget=forms.Textarea(attrs={**NARROW, "class": "mono wide", "rows": 2}),
    )
    forget = forms.BooleanField(required=False, label="Forget the stored token or deploy key")

    def __init__(self, data: Any = None, *, source: Source | None = None) -> None:
        names = [name for name in self.base_fields if name not in (*SECRETS, "forget")]
        initial = {name: getattr(source, name) for name in names} if source else {}
        super().__init__(data, initial=initial)
        if not (source and (source.token or source.deploy_key)):
            del self.fields["forget"]
        for name in SECRETS:
            if source and getattr(source, name):
                self.fields[name].label = f"{self.fields[name].label or name.capitalize()} (set)"
                self.fields[name].help_text = "Blank keeps the one that is stored. Another repository forgets it."

    def place_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in PLACE]

    def push_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name not in (*PLACE, *CREDENTIALS)]

    def credential_fields(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in CREDENTIALS]

    def given(self) -> dict[str, Any]:
        """The arguments of actions.set_source."""
        given = dict(self.cleaned_data)
        forget = given.pop("forget", False)
        for name in SECRETS:
            # Browsers send every line break of a text area as CR LF.
            value = given[name].replace("\r\n", "\n")
            given[name] = value if value.strip() else "" if forget else None
        return given
