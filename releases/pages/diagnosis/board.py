"""An app's diagnosis as it is now: findings first, then services, processes and events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from releases.models import App
from releases.pages import status
from releases.pages.diagnosis.looking import looked
from releases.pages.diagnosis.parts import parts_of
from releases.pages.diagnosis.shown import narrowed, shown
from releases.policy import Actor

SECTIONS = (
    "diagnosis-head",
    "diagnosis-filter",
    "diagnosis-findings",
    "diagnosis-services",
    "diagnosis-processes",
    "diagnosis-events",
)
PARTS = {"diagnosis-processes": "process_parts"}
LOOK_SECONDS = 3.0
SERVICE_MAX = 100


@dataclass(frozen=True)
class Wish:
    """`service`: "" for all; `everything`: healthy processes, too."""

    service: str = ""
    everything: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wish":
        service = "".join(character for character in query.get("service", "") if character.isprintable())
        return cls(service.strip()[:SERVICE_MAX], query.get("all") == "1")

    @property
    def query(self) -> str:
        """As an address has it: `?service=web`; "" when nothing is asked for."""
        given = {"service": self.service, "all": "1" if self.everything else ""}
        asked = urlencode({name: value for name, value in given.items() if value})
        return f"?{asked}" if asked else ""

    def of_report(self, report: dict[str, Any]) -> dict[str, Any]:
        return narrowed(report, self.service) if self.service else report


def context(app: App, query: Mapping[str, str], *, by: Actor) -> dict[str, Any]:
    wish = Wish.of(query)
    seen = looked(app, by=by, everything=wish.everything)
    home = app.get_absolute_url()
    said = shown(wish.of_report(seen.report), home=home) if seen.report is not None else None
    whole = said.status if said else status.APP["Pending"]
    return {
        "wish": wish,
        "seen": seen,
        "said": said,
        "live": True,
        "services_known": _services(seen.report, wish.service),
        "status": whole,
        "tab": f"{whole.icon} Diagnosis · {app.name}",
        "announcement": said.words if said else "being looked at",
        "address": f"diagnosis.{app.name}{wish.query}",
        "query": wish.query,
        "process_parts": parts_of(app, said),
    }


def _services(report: Mapping[str, Any] | None, asked: str) -> list[str]:
    """To choose from; what was asked for is among them, whether it exists or not."""
    names = {str(row.get("service") or "") for row in (report or {}).get("services") or ()}
    return sorted(filter(None, {*names, asked}))
