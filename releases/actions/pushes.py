"""What comes of pushes: builds, and promotes that no person asked for."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from releases import logs, policy
from releases.actions import next_release, stopping
from releases.actions.git_builds import build_for_push
from releases.errors import NotAllowed
from releases.models import App, Build, Delivery, Release, Source
from releases.models.build import GREEN, MISSED, RECONCILER, RED, WAITING
from releases.models.locks import locked
from releases.models.source import NOTHING, PROMOTE
from releases.models.storable import fitted
from releases.pipeline.pushes import facts, rules
from releases.pipeline.pushes.facts import HEADS
from releases.pipeline.pushes.rules import Wanted, Wishes
from releases.pipeline.repositories import github_name

# A commit that could not be fetched, say, is tried so often without anybody asking.
TRIES = 3
CAME_TO_NOTHING = ("failed", "cancelled", "superseded")


def answer(app: App, delivery: Delivery, payload: Any) -> tuple[str, Build | None]:
    """What is decided about a delivery, in words, and the build that comes of it. The app is locked."""
    if app.deleting_at:
        return "ignored: the app is being deleted", None
    source = Source.objects.filter(app=app).first()
    if source is None:
        return "ignored: the app has no repository any more", None
    try:
        fact = facts.read(delivery.event, payload)
    except facts.Unreadable as error:
        return f"ignored: {error}", None
    of = facts.repository(payload)
    about: dict[str, Any] = {
        "waiting": isinstance(fact, facts.Checked) and _awaiting(app, fact.commit).exists(),
        "by_person": bool(delivery.replayed_by),
    }
    decision = rules.decide(fact, of, _wishes(source), **about)
    if decision.build and isinstance(fact, facts.Push):  # most are not built: only now it matters which is newer
        decision = rules.decide(fact, of, _wishes(source), newer=_newer(app, delivery), **about)
    if of is not None and not rules.is_foreign(of, _wishes(source)):
        _remember(source, of)
    if decision.look_at:
        _awaiting(app, decision.look_at).update(checks_due=timezone.now())
    if decision.build is None:
        return decision.words, None
    if not delivery.replayed_by and (known := _built_already(app, delivery, decision.build)):
        return f"built already: {known.pk}", known
    try:
        with transaction.atomic():
            return decision.words, build_for_push(app, source, decision.build, label=_label(decision.build, delivery))
    except NotAllowed as refusal:
        return f"{rules.PUT_OFF}: {refusal.message}", None


def head_seen(source: Source, head: str, *, asked_at: datetime) -> Build | None:
    """What no delivery told of the branch is made good: `head` is where it was, asked at `asked_at` or a little later.

    Gives the build, if there is one.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=source.app_id)
        now = Source.objects.filter(pk=source.pk).first()
        if now is None or app.deleting_at or (now.url, now.branch) != (source.url, source.branch):
            return None
        ref = HEADS + now.branch
        if _told_since(app, ref, asked_at):
            return None  # of a push that may be newer than what was seen; the next look sees where that led to
        Source.objects.filter(pk=now.pk).update(head=head)
        # What was there when the repository was connected is for a person to build.
        if not now.head or now.on_push == NOTHING or not _is_missing(app, ref, head, was=now.head):
            return None
        wanted = Wanted(head, ref, RECONCILER, promote=now.on_push == PROMOTE)
        try:
            with transaction.atomic():
                return build_for_push(app, now, wanted, label="reconciler")
        except NotAllowed:
            Source.objects.filter(pk=now.pk).update(head=now.head)  # it is still to come
            return None


def promote_by_itself(release: Release, build: Build, app: App) -> bool:
    """Now: True; or when what runs has ended: False. Raises NotAllowed. The app is locked, and settled."""
    if reasons := stopping.refusals(app, build):
        raise policy.refusal(reasons)
    by = policy.automatic(build.by_label)
    return next_release.promote_when_free(release, by=by, note=build.note, automatic=True) is not None


def checks_told(build: Build, state: str, words: str, *, again_at: datetime | None = None) -> None:
    """GitHub says of a build's commit: green (its release is promoted), failed, or waiting (it is asked again).

    `build` as it was when GitHub was asked: what a delivery said since is asked about anew. `again_at`: when to ask
    again where GitHub could not answer.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=build.app_id)
        due_when_asked = build.checks_due
        build = locked(Build.objects.all()).get(pk=build.pk)
        if build.checks not in (WAITING, RED):
            return
        now = timezone.now()
        if state == WAITING and now - build.created_at > timedelta(seconds=settings.CHECKS_DEADLINE):
            state, words = MISSED, f"{words} Nobody waits any longer."
        due = None
        if state in (WAITING, RED):
            told_since = build.checks_due if build.checks_due != due_when_asked else None
            due = told_since or again_at or (_next_question(now) if state == WAITING else None)
        changes: dict[str, Any] = {"checks": state, "checks_words": words, "checks_due": due}
        if build.status == "succeeded":
            changes["refusals"] = _after_checks(app, build, state, words)
        Build.objects.filter(pk=build.pk).update(**fitted(Build, changes))
        if build.checks != state:
            logs.append(build, [logs.Line("system/deployer", words)])
        logs.pages_changed(app.pk)


def _next_question(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.CHECKS_SECONDS)


def _after_checks(app: App, build: Build, state: str, words: str) -> list[str]:
    if state == WAITING:
        return []
    if state != GREEN:
        return [words]
    release = build.releases.order_by("created_at", "id").first()
    if release is None:
        return []
    stopping.settle(app)
    try:
        with transaction.atomic():
            promote_by_itself(release, build, app)
    except NotAllowed as refusal:
        return refusal.reasons or [refusal.message]
    return []


def _built_already(app: App, delivery: Delivery, wanted: Wanted) -> Build | None:
    """The newest build of this branch, if it is of the commit that it leads to now: there is nothing new to build.

    The reconciler was quicker, the same push is told by a second webhook, or the branch was away and is back. Of one
    that came to nothing another is made, unless what led to it is only told once more.
    """
    newest = app.builds.filter(ref=wanted.ref, origin__in=Build.AUTOMATIC).order_by("-created_at").first()
    if newest is None or newest.commit != wanted.commit or newest.images_removed_at:
        return None
    if newest.origin == RECONCILER or newest.status not in CAME_TO_NOTHING:
        return newest
    return newest if _told_before(app, delivery) == (delivery.before, newest.pk) else None


def _told_before(app: App, delivery: Delivery) -> tuple[str, str | None] | None:
    """What the newest other delivery about this branch said that it led from, and which build came of it."""
    about = {"event": delivery.event, "ref": delivery.ref, "repository_id": delivery.repository_id}
    others = app.deliveries.filter(**about).exclude(pk=delivery.pk).order_by("-pk")
    return others.values_list("before", "build_id").first()


def _awaiting(app: App, commit: str) -> Any:
    """Also those whose checks failed: somebody may have had them run again."""
    return app.builds.filter(commit=commit, checks__in=(WAITING, RED))


def _is_missing(app: App, ref: str, head: str, *, was: str) -> bool:
    """Whether nobody has told of this commit, or it could not be built through no fault of its own."""
    automatic = app.builds.filter(ref=ref, origin__in=Build.AUTOMATIC)
    newest, built = automatic.order_by("-created_at").first(), automatic.filter(commit=head)
    told = app.deliveries.filter(event="push", ref=ref, commit=head)
    if newest is not None and built.exists():
        if newest.commit == head or head == was:
            return _may_be_tried_again(built)
        told = told.filter(received_at__gt=newest.created_at)  # the branch was led back: what was told before is old
    # One that was taken for an older push than it is was no good answer; one that was put off is still to come.
    wrong = Q(status="failed") | Q(decision__startswith=rules.SUPERSEDED) | Q(decision__startswith=rules.PUT_OFF)
    return not told.exclude(wrong).exists() and (head != was or told.exists())


def _told_since(app: App, ref: str, moment: datetime) -> bool:
    told = app.deliveries.filter(event="push", ref=ref, received_at__gte=moment)
    return told.exists() or app.builds.filter(ref=ref, origin__in=Build.AUTOMATIC, created_at__gte=moment).exists()


def _may_be_tried_again(builds: Any) -> bool:
    statuses = list(builds.order_by("-created_at").values_list("status", "faultless")[:TRIES])
    return len(statuses) < TRIES and all(status == "failed" and faultless for status, faultless in statuses)


def _wishes(source: Source) -> Wishes:
    return Wishes(
        branch=source.branch,
        on_push=source.on_push,
        build_tags=source.build_tags,
        build_pull_requests=source.build_pull_requests,
        repository_id=source.repository_id,
        repository=github_name(source.url),
    )


def _remember(source: Source, of: facts.Repository) -> None:
    columns = {"repository_id": of.id, "repository_name": of.name}
    if of.installation is not None:
        columns["installation_id"] = of.installation
    if any(getattr(source, column) != value for column, value in columns.items()):
        Source.objects.filter(pk=source.pk).update(**columns)


def _newer(app: App, delivery: Delivery) -> str:
    """What a newer push made of the same branch. GitHub tells seconds: in one, the chain of commits says."""
    same = {"event": "push", "ref": delivery.ref, "repository_id": delivery.repository_id}
    others = app.deliveries.filter(**same).exclude(pk=delivery.pk).exclude(commit=delivery.commit)
    newer = Q(pushed_at__gt=delivery.pushed_at) if delivery.pushed_at is not None else Q(pk__in=())
    follows = Q(pushed_at=delivery.pushed_at, before=delivery.commit) & ~Q(commit=delivery.before)
    found = others.filter(newer | follows).order_by("-pushed_at", "-pk").first()
    return found.commit if found else ""


def _label(wanted: Wanted, delivery: Delivery) -> str:
    kind = wanted.origin.replace("_", " ")
    label = f"{kind} by {wanted.sender}" if wanted.sender else kind
    return f"{label}, replayed by {delivery.replayed_by}" if delivery.replayed_by else label
