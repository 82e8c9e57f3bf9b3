"""What an app is, how its releases are rolled out, and the limits that this installation sets it."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from releases.models import App, Release
from releases.pages.app_settings import frame
from releases.policy import Actor

HOUR, DAY = 3600, 86400


@dataclass(frozen=True)
class Limit:
    """`setting`: what an administrator changes, on the server."""

    words: str
    value: str
    setting: str


def context(app: App, *, by: Actor) -> dict[str, Any]:
    release = app.active_release or app.releases.order_by("-created_at", "-id").defer("env", "images").first()
    return {
        **frame(app, "general", "Settings", by=by),
        "release": release,
        "rolled_out": rolled_out(release) if release else [],
        "services": services(release) if release else [],
        "limits": limits(),
    }


def rolled_out(release: Release) -> list[tuple[str, str]]:
    """Of all services together: what it is, and how it is said, in the manifest's own keys."""
    manifest = release.manifest
    deployment, command = manifest.get("deployment") or {}, manifest.get("release")
    rows = [
        ("deployment.strategy", deployment.get("strategy", "rolling")),
        ("deployment.deadline", seconds(deployment.get("deadline", 600))),
        ("release.command", line(command["command"]) if command else "none"),
    ]
    if command and command.get("timeout"):
        rows.append(("release.timeout", seconds(command["timeout"])))
    return [*rows, *((f"timers.{name}", timer["schedule"]) for name, timer in (manifest.get("timers") or {}).items())]


def services(release: Release) -> list[dict[str, Any]]:
    """One row per service, by name: what a rollout and the cluster go by."""
    return [_service(name, service) for name, service in sorted(release.manifest["services"].items())]


def _service(name: str, service: dict[str, Any]) -> dict[str, Any]:
    deployment, scale, health = (service.get(key) or {} for key in ("deployment", "scale", "health"))
    count = f"{scale.get('count', 1)}–{scale['max']}" if scale.get("max") else str(scale.get("count", 1))
    return {
        "name": name,
        "port": service.get("port"),
        "count": count,
        "size": f"{scale.get('cpu', 250)} m · {scale.get('memory', 512)} MiB",
        "during": f"{deployment.get('minimum', 100)}–{deployment.get('maximum', 125)} %",
        "verify": seconds(deployment["verify"]) if deployment.get("verify") else "–",
        "health": health.get("path", "") or ("–" if not service.get("port") else "its port"),
    }


def limits() -> list[Limit]:
    return [
        Limit("Builds that run and wait at once", str(settings.BUILDS_PER_APP), "BUILDS_PER_APP"),
        Limit("Time of a build", seconds(settings.BUILD_DEADLINE), "BUILD_DEADLINE"),
        Limit("Wait for GitHub's checks", seconds(settings.CHECKS_DEADLINE), "CHECKS_DEADLINE"),
        Limit("Releases to go back to, however old", str(settings.KEPT_RELEASES), "KEPT_RELEASES"),
        Limit("Builds whose images and logs are kept", str(settings.KEPT_BUILDS), "KEPT_BUILDS"),
        Limit("and all of the last", seconds(settings.KEPT_DAYS * DAY), "KEPT_DAYS"),
        Limit("Deliveries in the webhook inbox", str(settings.DELIVERIES_KEPT), "DELIVERIES_KEPT"),
    ]


def seconds(value: float) -> str:
    """In the largest unit that leaves nothing over: `90 s`, `10 min`, `6 h`, `30 days`."""
    for size, unit in ((DAY, "days"), (HOUR, "h"), (60, "min")):
        if value >= size and value % size == 0:
            count = int(value // size)
            return f"{count} {'day' if (unit, count) == ('days', 1) else unit}"
    return f"{value:g} s"


def line(command: Any) -> str:
    return " ".join(command) if isinstance(command, list) else str(command)
