"""Connect an app to its repository, and say what a push to it does."""

from typing import Any

from django.conf import settings
from django.db import transaction

from releases import audit, logs, policy
from releases.actions import stopping
from releases.errors import Invalid, SourceFailed, WrongState
from releases.models import App, Source
from releases.models.encrypted import Sealed
from releases.models.locks import locked
from releases.models.source import ON_PUSH, PROMOTE
from releases.pipeline import repositories
from releases.policy import Actor

# Who tells GitHub of builds begins anew.
UNTOLD: dict[str, Any] = {"report_after": None, "report_failures": 0, "report_problem": "", "reports_since": None}
FLAGS = ("wait_for_checks", "build_tags", "build_pull_requests")
# Whom one repository trusts is no business of another: these go with the address that they were given for.
OF_THE_ADDRESS = ("token", "token_username", "deploy_key", "known_hosts")
UNSEEN: dict[str, Any] = {
    "repository_id": None,
    "repository_name": "",
    "installation_id": None,
    "head": "",
    "looked_at": None,
    "look_after": None,
    "failures": 0,
    "problem": "",
    "hint": "",
    "problem_since": None,
}


def set_source(
    app: App,
    *,
    by: Actor,
    url: str,
    branch: str = "main",
    on_push: str = "build",
    token: str | None = None,
    token_username: str = "",
    deploy_key: str | None = None,
    known_hosts: str = "",
    **flags: bool,
) -> tuple[Source, str]:
    """The source, and its webhook's secret where that is new, else "": it is not shown again.

    `token` and `deploy_key`: None keeps what is stored, as long as the address stays; "" removes it. `flags`:
    wait_for_checks, build_tags, build_pull_requests. Whether the repository answers is no condition. Raises Invalid,
    SourceFailed, NotAllowed.
    """
    policy.require("manage_source", by=by, app=app)
    branch = branch.strip().removeprefix("refs/heads/")
    repositories.checked_ref(branch)
    if on_push not in dict(ON_PUSH):
        raise Invalid(f"A push does {', '.join(dict(ON_PUSH))}: not “{on_push[:60]}”.")
    wanted: dict[str, Any] = {"url": _checked_url(url), "branch": branch, "on_push": on_push}
    wanted |= {flag: flags.get(flag, False) for flag in FLAGS}
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        policy.require("manage_source", by=by, app=app)
        stopping.settle(app)  # by what was wished until now
        app.refresh_from_db(fields=["stopped_at", "stopped_by", "stopped_why"])
        source = Source.objects.filter(app=app).first()
        secret = "" if source else Source.new_secret()
        if source is None:
            source = Source(app=app, webhook_secret=secret, **by.columns())
        changed = [name for name, value in wanted.items() if getattr(source, name) != value]
        if "url" in changed:
            wanted |= dict.fromkeys(OF_THE_ADDRESS, "") | UNSEEN
        if "branch" in changed:
            wanted |= {"head": "", "look_after": None}
        wanted |= _credentials(source, token, token_username, deploy_key, known_hosts)
        if "url" in changed or "token" in wanted:
            wanted |= UNTOLD
        for name, value in wanted.items():
            setattr(source, name, value)
        _refuse_unfit(source)
        source.save()
        named = [*changed, *(name for name in ("token", "deploy_key") if name in wanted)]
        audit.record("set_source", by=by, app=app, subject=source.url, changed=named, on_push=on_push)
        logs.pages_changed(app.pk)
    return source, secret


def new_webhook_secret(app: App, *, by: Actor) -> str:
    """From now on deliveries that are signed with the old one are refused. Raises NotAllowed, Invalid."""
    with transaction.atomic():
        source = _own(app, by)
        secret = Source.new_secret()
        source.webhook_secret = Sealed.of(secret)
        source.save(update_fields=["webhook_secret"])
        audit.record("new_webhook_secret", by=by, app=app, subject=source.url)
    return secret


def remove_source(app: App, *, by: Actor) -> None:
    """Deployer forgets the repository and who it was there; builds and deliveries stay."""
    with transaction.atomic():
        source = _own(app, by)
        stopping.settle(app)
        audit.record("remove_source", by=by, app=app, subject=source.url)
        source.delete()
        logs.pages_changed(app.pk)


def webhook_url(app: App) -> str:
    """What GitHub is to be told."""
    return f"{settings.DEPLOYER_URL}/hooks/github/{app.name}"


def _own(app: App, by: Actor) -> Source:
    app = locked(App.objects.all()).get(pk=app.pk)
    policy.require("manage_source", by=by, app=app)
    source = Source.objects.filter(app=app).first()
    if source is None:
        raise WrongState(f"{app.name} has no repository.")
    return source


def _checked_url(url: str) -> str:
    repositories.opened(url.strip())
    return url.strip()


def _credentials(
    source: Source, token: str | None, token_username: str, deploy_key: str | None, known_hosts: str
) -> dict[str, Any]:
    """The columns that change."""
    if token and deploy_key:
        raise Invalid("Give a token or a deploy key: one of them is enough, and both would leave open who we are.")
    changes: dict[str, Any] = {}
    if token is not None:
        changes |= {"token": token, "token_username": token_username}
    elif token_username:
        changes["token_username"] = token_username
    if deploy_key is not None:
        changes |= {"deploy_key": deploy_key, "known_hosts": known_hosts}
    elif known_hosts:
        changes["known_hosts"] = known_hosts
    if token:
        changes |= {"deploy_key": "", "known_hosts": ""}
    if deploy_key:
        changes |= {"token": "", "token_username": ""}
    return {name: Sealed.of(value) if name in ("token", "deploy_key") else value for name, value in changes.items()}


def _refuse_unfit(source: Source) -> None:
    """What can't be, of all of it together."""
    if source.deploy_key and source.url.startswith(("https://", "http://")):
        raise Invalid("A deploy key is for SSH: give the repository's ssh:// URL, or a token.")
    if source.token and not source.url.startswith(("https://", "http://")):
        raise Invalid("A token is for HTTPS: give the repository's https:// URL, or a deploy key.")
    try:
        if source.token or source.deploy_key:
            repositories.credentials_of(source)
    except SourceFailed as error:
        raise Invalid(error.message) from error
    if source.wait_for_checks and not repositories.github_name(source.url):
        raise Invalid("Checks are known for repositories on GitHub only: promote without waiting for them.")
    if source.wait_for_checks and not source.token and not repositories.has_github_app():
        raise Invalid("GitHub tells about checks only with a token of the repository, or to a GitHub App.")
    if source.wait_for_checks and source.on_push != PROMOTE:
        raise Invalid("Waiting for checks is for promoting: choose that, or don't wait.")
