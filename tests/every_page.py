"""Every address of the dashboard that is a page, and a world where each has something to show."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.urls import URLPattern
from django.utils import timezone

from releases import logs
from releases.logs import Line
from releases.models import App, Build, Delivery, Domain, Person, Registry, Release, Rollout, Source, Token
from releases.policy import Actor
from releases.urls import urlpatterns
from tests import factories, pages_world

# Address name → its paths, whose parts `make` names. Several show other things.
PAGES: dict[str, list[str]] = {
    "apps": ["/", "/?q=nothing-is-called-so"],
    "app-new": ["/apps/new"],
    "app": ["/apps/{app}", "/apps/{moving}", "/apps/{empty}"],
    "app-releases": ["/apps/{app}/releases", "/apps/{empty}/releases"],
    "app-builds": ["/apps/{app}/builds", "/apps/{empty}/builds"],
    "env": ["/apps/{app}/env", "/apps/{empty}/env"],
    "processes": ["/apps/{app}/processes", "/apps/{empty}/processes"],
    "app-logs": ["/apps/{app}/logs"],
    "app-activity": ["/apps/{app}/activity"],
    "app-settings": ["/apps/{app}/settings"],
    "app-images": ["/apps/{app}/settings/registry"],
    "app-domains": ["/apps/{app}/settings/domains"],
    "app-members": ["/apps/{app}/settings/members"],
    "app-tokens": ["/apps/{app}/settings/tokens"],
    "app-lock": ["/apps/{app}/settings/lock", "/apps/{moving}/settings/lock"],
    "app-danger": ["/apps/{app}/settings/danger"],
    "source": ["/apps/{app}/source", "/apps/{empty}/source"],
    "deliveries": ["/apps/{app}/deliveries", "/apps/{empty}/deliveries"],
    "build": ["/apps/{app}/builds/{build}", "/apps/{app}/builds/{failed_build}"],
    "release": ["/apps/{app}/releases/{release}", "/apps/{app}/releases/{old}"],
    "compare": ["/apps/{app}/releases/{release}/compare"],
    "run": ["/apps/{app}/releases/{release}/run"],
    "rollout": ["/apps/{app}/rollouts/{undone}", "/apps/{app}/rollouts/1", "/apps/{moving}/rollouts/{running}"],
    "activity": ["/activity"],
    "history": ["/releases"],
    "clusters": ["/clusters"],
    "cluster-new": ["/clusters/new"],
    "cluster": ["/clusters/local"],
    "registries": ["/registries"],
    "registry-new": ["/registries/new"],
    "registry": ["/registries/{registry}"],
    "find": ["/find?q=sh"],
    "words": ["/help/words"],
    "people": ["/people"],
    "person": ["/people/{person}"],
    "account": ["/account"],
}
WITHOUT_A_SIGN_IN = {
    "sign-in": ["/sign-in"],
    "sign-in-link": ["{link}", "/sign-in/MQ/no-such-token/"],
}
# What nobody looks at: it does something, streams, or answers programs; and what only a sign-in elsewhere leads to.
NO_PAGE = """
scale restart process-stop activity-csv app-activity-csv history-csv app-releases-csv env-change env-reveal
domain-remove app-token-revoke app-unlock discard-staged source-change source-secret source-test source-remove
app-registry resume build-new replay app-logs-raw build-log build-lines build-search cancel promote rollback
rollout-log rollout-lines rollout-search abort cluster-change cluster-test cluster-remove registry-change
registry-test registry-remove theme member-remove person-let-in person-shut-out person-link
person-unlock person-token-revoke account-password account-token-new account-token-revoke account-connect
account-disconnect account-sign-out-elsewhere sign-in-with github_callback openid_connect_callback sign-out healthz
readyz compare-reveal build-again release-reveal env-discard
""".split()  # noqa: SIM905


def make() -> dict[str, Any]:
    """Fills the database. Gives what the paths above have in braces."""
    world = pages_world.make_world("shop")
    by, app = world.actor(), world.app
    App.objects.filter(pk=app.pk).update(staged={"NEW_VARIABLE": "1", "COLOUR": None})
    undone, failed = _undone(world), _failed_build(app, by)
    for row in (failed, undone, world.newest.build):
        steps = [Line("build", f"\x1b[32mStep {number}\x1b[0m of <60>") for number in range(60)]
        logs.append(row, [*steps, Line("build", "ERROR: it broke")])
    _connect(app, by)
    Domain.objects.create(app=app, cluster=app.cluster, host="shop.example.com", service="web", **by.columns())
    registry = Registry.objects.create(
        name="images",
        address="registry.example.com/acme",
        username="robot",
        password="a password",
        is_default=True,
        problem="It does not answer.",
        problem_since=timezone.now(),
        **by.columns(),
    )
    Token.issue(world.people["deployer"], name="ci")
    running = _moving(by)
    factories.app("empty", by=by)
    invited = Person.objects.create_person("new-here", role="viewer")
    return {
        "app": "shop",
        "moving": "moving",
        "empty": "empty",
        "build": world.newest.build_id,
        "failed_build": failed.pk,
        "release": world.newest.pk,
        "old": world.old.pk,
        "undone": undone.number,
        "running": running.number,
        "registry": registry.name,
        "person": world.people["viewer"].pk,
        "link": "/sign-in/" + invited.sign_in_link().split("/sign-in/")[1],
    }


def _undone(world: pages_world.World) -> Rollout:
    bad = world.release(env={"COLOUR": "black"}, description="build 11aa22bb33 Parallel checkout")
    return world.rollout(
        bad,
        "rolled_back",
        reason="web-5d9c7-x2x8k exited with 1 after 2 s, twice",
        hint="QUEUE_URL is not among this release's variables.",
        evidence=["Traceback (most recent call last):", "KeyError: 'QUEUE_URL'"],
        note="Black Friday",
    )


def _failed_build(app: App, by: Actor) -> Build:
    return Build.objects.create(
        app=app,
        status="failed",
        commit="9f8e7d6c5b",
        subject="Break it",
        reason="The step RUN pip install failed.",
        hint="Look at the last lines of its log.",
        **by.columns(),
    )


def _connect(app: App, by: Actor) -> None:
    stopped = {"stopped_at": timezone.now(), "stopped_why": "Rollout 3 was rolled back."}
    url = "https://git.invalid/acme/shop.git"
    Source.objects.create(app=app, url=url, webhook_secret="s" * 40, **by.columns())
    App.objects.filter(pk=app.pk).update(**stopped)
    decisions = [("handled", "built"), ("handled", "skipped: another branch"), ("failed", "there is no such commit")]
    for number, (status, decision) in enumerate(decisions):
        Delivery.objects.create(
            app=app,
            guid=f"guid-{number}",
            event="push",
            body=b"{}",
            status=status,
            decision=decision,
            ref="refs/heads/main",
            commit="0a1b2c3d4e",
            sender="ada",
        )


def _moving(by: Actor) -> Rollout:
    """An app that is locked while a rollout of it is under way."""
    app = factories.app("moving", by=by)
    first, second = factories.release(app, by=by), factories.release(app, by=by)
    factories.rollout(first, by=by, status="succeeded", finished_at=timezone.now())
    App.objects.filter(pk=app.pk).update(
        active_release=first,
        locked_at=timezone.now(),
        locked_by_label="ada",
        lock_reason="incident 482",
        locked_until=timezone.now() + timedelta(hours=2),
    )
    squares = [
        _square("web-745f845dc-rzl2q", "ready", second),
        _square("web-745f845dc-aaaaa", "broken", second) | {"note": "exited with 1"},
        _square("web-5d9c7-x2x8k", "old", first),
    ]
    progress = {"applied": True, "services": {"web": {"desired": 2}}}
    return factories.rollout(second, by=by, status="rolling", previous=first, squares=squares, progress=progress)


def _square(name: str, state: str, release: Release) -> dict[str, str]:
    return {"service": "web", "name": name, "state": state, "release": release.pk}


def names() -> Iterator[str]:
    """Of all addresses of ours but the API's."""
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name


def paths(of: dict[str, list[str]]) -> list[str]:
    return [path for each in of.values() for path in each]
