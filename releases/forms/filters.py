"""What somebody looks for in a history: given in the address, so that it can be sent to others."""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils import timezone

from releases.models.audit_entry import KINDS

DAYS = {"": "Any time", "1": "Today", "7": "Last 7 days", "30": "Last 30 days"}
RELEASES, ROLLOUTS = "releases", "rollouts"
RUNNING, ACTIVE, NEVER = "running", "active", "never"
ENDED = {
    "succeeded": "Succeeded",
    "rolled_back": "Rolled back",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "superseded": "Superseded",
    RUNNING: "Still running",
}
OUTCOMES = {ROLLOUTS: ENDED, RELEASES: {ACTIVE: "Active", **ENDED, NEVER: "Never promoted"}}
STRATEGIES = {"rolling": "Rolling", "immediate": "Immediate"}
KIND_WORDS = {"access": "People and access", "clusters": "Clusters and registries"}
EVERYBODY, PUSHES, DEPLOYER = "", "push", "system"


@dataclass(frozen=True)
class Wanted:
    """`since` and `until`: moments; what happens at `until` is no part of it. "" and None: all."""

    q: str = ""
    app: str = ""
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_all(self) -> bool:
        return all(getattr(self, field.name) == field.default for field in fields(self))


@dataclass(frozen=True)
class WantedReleases(Wanted):
    outcome: str = ""
    strategy: str = ""


@dataclass(frozen=True)
class WantedActivity(Wanted):
    kind: str = ""


class Filter(forms.Form):
    """`names`: of the apps to choose from, None on the page of one. `people`: who may be chosen."""

    use_required_attribute = False

    q = forms.CharField(required=False, max_length=100, label="Search")
    app = forms.CharField(required=False, max_length=40)
    person = forms.CharField(required=False, max_length=200)
    days = forms.ChoiceField(required=False, label="When", choices=list(DAYS.items()))
    since = forms.DateField(required=False, label="From", input_formats=["%Y-%m-%d"])
    until = forms.DateField(required=False, label="To", input_formats=["%Y-%m-%d"])

    def __init__(self, data: Any, *, names: list[str] | None, people: list[str]) -> None:
        super().__init__(data)
        self.fields["q"].widget = forms.TextInput(attrs={"type": "search", "autocomplete": "off", "data-search": ""})
        if names is None:
            del self.fields["app"]
        else:
            self._choose("app", [("", "All apps"), *((name, name) for name in names)])
        others = [(PUSHES, "a push"), (DEPLOYER, "Deployer itself")]
        self._choose("person", [(EVERYBODY, "Everybody"), *((name, name) for name in people), *others])
        for name in ("since", "until"):
            self.fields[name].widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        """One of these, or what is in the address already: an app that is gone has a history all the same."""
        asked = self.data.get(name, "").strip()
        if asked and asked not in dict(choices):
            choices.append((asked, asked))
        self.fields[name].widget = forms.Select(choices=choices)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        since, until = data.get("since"), data.get("until")
        if since and until and since > until:
            self.add_error("until", "It is before the first day.")
        return data

    @property
    def has_dates(self) -> bool:
        return bool(self.data.get("since") or self.data.get("until"))

    def _period(self) -> dict[str, Any]:
        """Days are those of UTC, as all times here. Dates stand above a number of days."""
        since, until, days = (self.cleaned_data[name] for name in ("since", "until", "days"))
        if not since and not until and days:
            since = timezone.now().date() - timedelta(days=int(days) - 1)
        last = until + timedelta(days=1) if until and until < date.max else None
        return {"since": _midnight(since), "until": _midnight(last)}

    @property
    def faults(self) -> list[str]:
        return [f"{name}: {fault}" for name, found in self.errors.items() for fault in found]

    @property
    def query(self) -> str:
        """What is asked for as part of an address, without what was left blank."""
        return urlencode({name: self.data[name] for name in self.fields if self.data.get(name)})


class ReleasesFilter(Filter):
    """`listed`: rollouts or releases."""

    def __init__(self, data: Any, *, listed: str, names: list[str] | None, people: list[str]) -> None:
        super().__init__(data, names=names, people=people)
        outcomes = [("", "All"), *OUTCOMES[listed].items()]
        self.fields["outcome"] = forms.ChoiceField(required=False, choices=outcomes)
        self.fields["person"].label = "Promoted by" if listed == ROLLOUTS else "Made by"
        if listed == ROLLOUTS:
            strategies = [("", "All"), *STRATEGIES.items()]
            self.fields["strategy"] = forms.ChoiceField(required=False, choices=strategies)
        self.order_fields(["q", "app", "outcome", "person", "strategy", "days", "since", "until"])

    def wanted(self) -> WantedReleases:
        """Of a valid one."""
        asked = {name: self.cleaned_data.get(name, "") for name in ("q", "app", "person", "outcome", "strategy")}
        return WantedReleases(**asked, **self._period())


class ActivityFilter(Filter):
    kind = forms.ChoiceField(
        required=False,
        choices=[("", "All"), *((kind, KIND_WORDS.get(kind, kind.capitalize())) for kind in KINDS)],
    )
    field_order = ["q", "app", "kind", "person", "days", "since", "until"]

    def wanted(self) -> WantedActivity:
        """Of a valid one."""
        asked = {name: self.cleaned_data.get(name, "") for name in ("q", "app", "person", "kind")}
        return WantedActivity(**asked, **self._period())


def _midnight(day: date | None) -> datetime | None:
    return datetime.combine(day, time.min, tzinfo=UTC) if day else None
