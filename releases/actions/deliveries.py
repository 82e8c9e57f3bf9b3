"""The inbox of GitHub's deliveries: kept first, handled later, once."""

import json
import logging
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

from releases import audit, logs, policy, queues
from releases.actions import pushes
from releases.errors import DeployerError, NotAllowed, WrongState
from releases.models import App, Delivery, Source
from releases.models.app import NAME_PATTERN
from releases.models.delivery import FAILED, HANDLED, RECEIVED
from releases.models.locks import locked
from releases.models.storable import fitted
from releases.models.trouble import trouble_of
from releases.pipeline.pushes.letters import STRANGER, Letter, judged
from releases.policy import Actor

logger = logging.getLogger(__name__)
AT_ONCE, PAUSE_SECONDS = 10, 0.02
Answer = DeployerError | int
Key = tuple[int, str]


def receive_deliveries(letters: Sequence[Letter]) -> list[Answer]:
    """Keeps what GitHub sent, all that is new in one short transaction; `open_inboxes` has it handled.

    Gives for each the number of its app, or why not: NotAllowed for whoever does not know the secret, Invalid. One that
    is known already is not kept twice; if it had failed it is tried again. Asks nobody but the database.
    """
    secrets = _secrets({letter.app_name for letter in letters})
    answers = [judged(letter, *secrets.get(letter.app_name, (0, ""))) for letter in letters]
    rows = [row for row in answers if isinstance(row, Delivery)]
    try:
        if rows:
            _keep(rows)
    except IntegrityError:
        if len(letters) > 1:  # an app was deleted in this moment: the others are not to suffer from it
            return [answer for letter in letters for answer in receive_deliveries([letter])]
        return [NotAllowed(STRANGER, forbidden=True)]
    return [row.app_id if isinstance(row, Delivery) else row for row in answers]


def open_inboxes(app_ids: Iterable[int]) -> None:
    """Have what these apps got handled. Apart from keeping it, which is what GitHub waits for; the reaper makes good
    what a web server that dies in between has not done."""
    for app_id in app_ids:
        queues.enqueue_inbox(app_id)


def handle_deliveries(app_id: int) -> None:
    """All of this app that wait, in the order in which they came, some in a transaction: a worker that dies leaves all
    of it or nothing. Between two transactions others may write: what GitHub sends meanwhile, above all."""
    while _handle_some(app_id):
        time.sleep(PAUSE_SECONDS)


def replay_delivery(delivery: Delivery, *, by: Actor) -> Delivery:
    """Have it handled again by today's rules, as if it came now and `by` had looked at it. Raises NotAllowed,
    WrongState."""
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=delivery.app_id)
        policy.require("replay_delivery", by=by, app=app)
        delivery = locked(Delivery.objects.all()).get(pk=delivery.pk)
        if delivery.body is None:
            raise WrongState("It is too old: what GitHub sent is not kept any more.")
        if delivery.status == RECEIVED:
            raise WrongState("It is waiting to be handled already.")
        delivery.status, delivery.replayed_by, delivery.queued_at = RECEIVED, by.label, timezone.now()
        delivery.save(update_fields=["status", "replayed_by", "queued_at"])
        audit.record("replay_delivery", by=by, app=app, subject=delivery.guid, event=delivery.event)
        queues.enqueue_inbox(app.pk)
        logs.pages_changed(app.pk)
    return delivery


def sweep_deliveries() -> None:
    """Of each app the newest are kept; of those, the older half without what GitHub sent."""
    for app_id in Source.objects.values_list("app_id", flat=True):
        with transaction.atomic():
            if locked(App.objects.filter(pk=app_id)).exists():
                _sweep(app_id)


def _sweep(app_id: int) -> None:
    rows = Delivery.objects.filter(app_id=app_id).exclude(status=RECEIVED).order_by("-pk")
    keys = rows.values_list("pk", flat=True)
    if (bare := keys[settings.DELIVERIES_KEPT // 2 :].first()) is not None:
        rows.filter(pk__lte=bare).exclude(body=None).update(body=None)
    if (last := keys[settings.DELIVERIES_KEPT :].first()) is not None:
        rows.filter(pk__lte=last).delete()


def _secrets(names: set[str]) -> dict[str, tuple[int, str]]:
    """App → its number and the secret of its webhook."""
    known = [name for name in names if re.match(NAME_PATTERN, name)]
    found = {}
    for source in Source.objects.filter(app__name__in=known).select_related("app").only("app__name", "webhook_secret"):
        try:
            found[source.app.name] = (source.app_id, source.webhook_secret.open())
        except InvalidToken:
            logger.error("the webhook secret of %s can't be read: the key that encrypted it is gone", source.app.name)
    return found


def _keep(rows: list[Delivery]) -> None:
    """Those that are not known yet; of the others it is counted how often they came.

    The new ones in one order, whoever does it: of two web servers that get the same ones neither waits for the other in
    a circle.
    """
    here = Delivery.objects.filter(guid__in={row.guid for row in rows})
    known: set[Key] = set(here.values_list("app_id", "guid"))
    times = Counter((row.app_id, row.guid) for row in rows)
    fresh = {(row.app_id, row.guid): row for row in reversed(rows) if (row.app_id, row.guid) not in known}
    for key, row in fresh.items():
        row.times = times[key]
    with transaction.atomic():
        Delivery.objects.bulk_create((fresh[key] for key in sorted(fresh)), ignore_conflicts=True)
    for key in sorted(known & times.keys() | _lost_races(fresh)):
        _came_again(key, times[key])


def _lost_races(fresh: dict[Key, Delivery]) -> set[Key]:
    """What another web server kept in the same instant came again with us."""
    stored = Delivery.objects.filter(guid__in={guid for _, guid in fresh}).values_list("app_id", "guid", "queued_at")
    at = {(app_id, guid): queued_at for app_id, guid, queued_at in stored}
    return {key for key, row in fresh.items() if key in at and at[key] != row.queued_at}


def _came_again(key: Key, times: int) -> None:
    """One that failed is tried again; one that was handled, or waits, is left alone.

    Each by itself, in no transaction: who writes several must have locked their app, and GitHub waits for no app.
    """
    app_id, guid = key
    Delivery.objects.filter(app_id=app_id, guid=guid).update(
        times=F("times") + times,
        status=Case(When(status=FAILED, then=Value(RECEIVED)), default=F("status")),
        queued_at=Case(When(status=FAILED, then=Value(timezone.now())), default=F("queued_at")),
    )


def _handle_some(app_id: int) -> bool:
    """Whether there may be more."""
    with transaction.atomic():
        app = locked(App.objects.filter(pk=app_id)).first()
        if app is None:
            return False
        waiting = Delivery.objects.filter(app=app, status=RECEIVED).order_by("pk")
        found = list(locked(waiting)[:AT_ONCE])
        for delivery in found:
            _handle(app, delivery)
        if found:
            logs.pages_changed(app.pk)
    return len(found) == AT_ONCE


def _handle(app: App, delivery: Delivery) -> None:
    """Decide and do: all of it or nothing. Handled is handled once."""
    changes: dict[str, Any] = {"status": HANDLED, "handled_at": timezone.now()}
    try:
        with transaction.atomic():
            words, build = pushes.answer(app, delivery, json.loads(bytes(delivery.body or b"null")))
            if build is not None:
                changes["build"] = build
    except Exception as error:
        trouble = trouble_of(error) if isinstance(error, DatabaseError) else None
        if trouble and trouble.is_ours:
            raise  # it is still waiting, and the reaper sees to it
        logger.exception("delivery %s could not be handled", delivery.guid)
        changes["status"] = FAILED
        words = f"failed: Deployer itself failed ({type(error).__name__}); its log says more"
    Delivery.objects.filter(pk=delivery.pk).update(**changes, **fitted(Delivery, {"decision": words}))
