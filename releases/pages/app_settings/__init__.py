"""The settings of an app: a module for each section."""

from typing import Any

from releases.models import App
from releases.policy import Actor


def frame(app: App, section: str, heading: str, *, by: Actor) -> dict[str, Any]:
    """What every section's page has in common. `section`: as in settings_nav.html."""
    return {
        "app": app,
        "actor": by,
        "here": "settings",
        "section": section,
        "heading": heading,
        "tab": f"{heading} · {app.name}",
    }
