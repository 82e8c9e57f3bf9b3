"""Where an app can be reached."""

from django.conf import settings

from releases.models import App, Release
from releases.models.cluster import EMBEDDED


def addresses(app: App, release: Release | None) -> list[str]:
    """The app's URLs while `release` is active: its own on the local cluster's door, if it lives there; then the
    domains of the manifest."""
    own = []
    if settings.DEPLOYER_APP_URL and app.cluster.kind == EMBEDDED:
        own = [settings.DEPLOYER_APP_URL.format(app=app.name)]
    services = release.manifest["services"].values() if release else []
    domains = [domain for service in services for domain in service.get("domain") or []]
    return list(dict.fromkeys(own + [f"https://{domain}" for domain in domains if "*" not in domain]))
