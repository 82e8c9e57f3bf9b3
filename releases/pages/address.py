"""Where an app can be reached."""

from django.conf import settings

from releases.models import App


def addresses(app: App) -> list[str]:
    """The app's URLs: its own on the local cluster's door, then its manifest's domains."""
    own = [settings.DEPLOYER_APP_URL.format(app=app.name)] if settings.DEPLOYER_APP_URL else []
    services = app.active_release.manifest["services"].values() if app.active_release else []
    domains = [domain for service in services for domain in service.get("domain") or []]
    return own + [f"https://{domain}" for domain in domains if "*" not in domain]
