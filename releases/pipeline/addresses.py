"""Where an app can be reached."""

from django.conf import settings

from releases.models import App, Release
from releases.models.cluster import EMBEDDED


def addresses(app: App, release: Release | None) -> list[str]:
    """The app's URLs while `release` is active: that on the local cluster's door, if it lives there; then the domains
    of the manifest, and the app's own."""
    own = []
    if settings.DEPLOYER_APP_URL and app.cluster.kind == EMBEDDED:
        own = [settings.DEPLOYER_APP_URL.format(app=app.name)]
    services = release.manifest["services"].values() if release else []
    domains = [domain for service in services for domain in service.get("domain") or []]
    domains += app.domains.values_list("host", flat=True)
    return list(dict.fromkeys(own + [url for domain in domains if (url := url_of(domain))]))


def url_of(domain: str) -> str | None:
    """None of a wildcard: it is no address."""
    return None if "*" in domain else f"https://{domain}"
