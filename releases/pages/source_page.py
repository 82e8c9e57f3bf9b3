"""Where an app is built from, and what is known of it."""

from typing import Any

from releases import actions, policy
from releases.models import App, Source
from releases.pages.app_settings import frame
from releases.pages.origin import web_address
from releases.pipeline import repositories
from releases.pipeline.reports import untold
from releases.policy import Actor

HEADS_SHOWN = 30


def context(app: App, *, by: Actor) -> dict[str, Any]:
    source = Source.objects.filter(app=app).first()
    known = {**frame(app, "source", "Repository", by=by), "source": source, "on_github": False}
    known["manage_refusals"] = policy.refusals("manage_source", by=by, app=app)
    known["resume_refusals"] = policy.refusals("resume", by=by, app=app)
    known["webhook_url"] = actions.webhook_url(app)
    if source is None:
        return known
    return known | {
        "web": web_address(source.url),
        "on_github": bool(repositories.github_name(source.url)),
        "has_github_app": repositories.has_github_app(),
        "is_told": untold.is_anybody_there(source),
        "known_as": _known_as(source),
        "last_delivery": app.deliveries.defer("body").first(),
    }


def tested(found: actions.Tested) -> dict[str, Any]:
    """What a connection test found, in an order for people."""
    heads = sorted(found.heads.items())
    return {"problem": found.problem, "hint": found.hint, "heads": heads[:HEADS_SHOWN], "count": len(heads)}


def _known_as(source: Source) -> str:
    """Who we are to the repository, in words."""
    if source.deploy_key:
        return "a deploy key (set)"
    if source.token:
        return "a token (set)"
    if repositories.has_github_app() and repositories.github_name(source.url):
        return "the GitHub App, where it is installed"
    return "nothing: it has to be public"
