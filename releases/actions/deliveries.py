"""The inbox of GitHub's deliveries: kept first, handled later, once."""

import json
import logging
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from releases import audit, logs, policy, queues
from releases.actions import pushes
from releases.errors import DeployerError, Invalid, NotAllowed
from releases.models import App, Delivery, Source
from releases.models.app import NAME_PATTERN
from releases.models.delivery import FAILED, HANDLED, RECEIVED
from releases.models.locks import locked
from releases.models.storable import fitted
from releases.models.trouble import trouble_of
from releases.pipeline.pushes import facts, signature
from releases.policy import Actor

logger = logging.getLogger(__name__)
GUID = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
EVENT = re.compile(r"[a-z_]{1,50}\Z")
AT_ONCE, PAUSE_SECONDS = 10, 0.02
# One answer, whether the app is unknown or the signature wrong: who guesses learns nothing.
STRANGER = "No app here takes this delivery: there is none of this name, or the signature is wrong."


@dataclass(frozen=True)
class Letter:
    """What came, as it came. `body`: JSON, or (`is_form`) a form with it; `signature`: GitHub's header."""

    app_name: str
    event: str
    guid: str
    body: bytes
    signature: str
    is_form: bool = False


Answer = DeployerError | int
Key = tuple[int, str]


def receive_deliveries(letters: Sequence[Letter]) -> list[Answer]:
    """Keeps what GitHub sent, all of it in one short transaction; `open_inboxes` has it handled.

    Gives for each the number of its app, or why not: NotAllowed for whoever does not know the secret, Invalid. One that
    is known already is not kept twice; if it had failed it is tried again. Asks nobody but the database.
    """
    secrets = _secrets({letter.app_name for letter in letters})
    judged = [_judged(letter, *secrets.get(letter.app_name, (0, ""))) for letter in letters]
    rows = [row for row in judged if isinstance(row, Delivery)]
    try:
        if rows:
            with transaction.atomic():
                kept = _keep(rows)
            _count_lost_races(kept)
    except IntegrityError:
        if len(letters) > 1:  # an app was deleted in this moment: the others are not to suffer from it
            return [answer for letter in letters for answer in receive_deliveries([letter])]
        return [NotAllowed(STRANGER, forbidden=True)]
    return [row.app_id if isinstance(row, Delivery) else row for row in judged]


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
    """Have it handled again by today's rules, as if it came now and `by` had looked at it. Raises NotAllowed."""
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=delivery.app_id)
        policy.require("replay_delivery", by=by, app=app)
        delivery = locked(Delivery.objects.all()).get(pk=delivery.pk)
        if delivery.body is None:
            raise NotAllowed("It is too old: what GitHub sent is not kept any more.")
        if delivery.status == RECEIVED:
            raise NotAllowed("It is waiting to be handled already.")
        delivery.status, delivery.replayed_by, delivery.queued_at = RECEIVED, by.label, timezone.now()
        delivery.save(update_fields=["status", "replayed_by", "queued_at"])
        audit.record("replay_delivery", by=by, app=app, subject=delivery.guid, event=delivery.event)
        queues.enqueue_inbox(app.pk)
        logs.pages_changed(app.pk)
    return delivery


def sweep_deliveries() -> None:
    """Of each app the newest are kept; of those, the older half without what GitHub sent."""
    for source in Source.objects.only("app_id"):
        rows = Delivery.objects.filter(app_id=source.app_id).exclude(status=RECEIVED).order_by("-pk")
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


def _judged(letter: Letter, app_id: int, secret: str) -> Delivery | DeployerError:
    if not signature.fits(secret, letter.body, letter.signature):
        return NotAllowed(STRANGER, forbidden=True)
    if not GUID.match(letter.guid) or not EVENT.match(letter.event):
        return Invalid("X-GitHub-Delivery or X-GitHub-Event is missing, or no name of a delivery or an event.")
    try:
        body = _unwrapped(letter.body) if letter.is_form else letter.body
        told = _told(letter.event, _parsed(body))
    except Invalid as error:
        return error
    return Delivery(app_id=app_id, guid=letter.guid, event=letter.event, body=body, **told)


def _keep(rows: list[Delivery]) -> dict[Key, Delivery]:
    """Those that are not known yet, which it gives; of the others it is counted how often they came.

    In one order, whoever does it: of two web servers that get the same ones neither waits for the other in a circle.
    """
    rows = sorted(rows, key=lambda row: (row.app_id, row.guid))
    here = Delivery.objects.filter(guid__in={row.guid for row in rows})
    known: set[Key] = set(here.values_list("app_id", "guid"))
    fresh: dict[Key, Delivery] = {}
    for row in rows:
        key = (row.app_id, row.guid)
        if key in known:
            _came_again(*key)
        elif key in fresh:
            fresh[key].times += 1
        else:
            fresh[key] = row
    Delivery.objects.bulk_create(fresh.values(), ignore_conflicts=True)
    return fresh


def _count_lost_races(kept: dict[Key, Delivery]) -> None:
    """What another web server kept in the same instant came again with us."""
    stored = Delivery.objects.filter(guid__in={guid for _, guid in kept})
    for app_id, guid, queued_at in stored.values_list("app_id", "guid", "queued_at"):
        ours = kept.get((app_id, guid))
        if ours is not None and ours.queued_at != queued_at:
            _came_again(app_id, guid)


def _came_again(app_id: int, guid: str) -> None:
    """One that failed is tried again; one that was handled, or waits, is left alone."""
    here = Delivery.objects.filter(app_id=app_id, guid=guid)
    here.update(times=F("times") + 1)
    here.filter(status=FAILED).update(status=RECEIVED, queued_at=timezone.now())


def _unwrapped(body: bytes) -> bytes:
    try:
        payload = parse_qs(body, strict_parsing=True, max_num_fields=10).get(b"payload", [])
    except ValueError:
        payload = []
    if len(payload) != 1:
        raise Invalid("The form has no field `payload`, or several.")
    return payload[0]


def _parsed(body: bytes) -> Any:
    """Strict: what is kept is read again, and shown."""
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Invalid("The payload is not JSON.") from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _told(event: str, payload: Any) -> dict[str, Any]:
    """What a list of deliveries shows of it, and what tells older pushes from newer ones."""
    of = facts.repository(payload)
    return _of_fact(event, payload) | ({"repository_id": of.id} if of else {})


def _of_fact(event: str, payload: Any) -> dict[str, Any]:
    try:
        fact = facts.read(event, payload)
    except facts.Unreadable:
        return {}
    if isinstance(fact, facts.Push):
        columns = {"ref": fact.ref, "before": fact.before, "commit": fact.commit, "sender": fact.sender}
        return fitted(Delivery, columns) | {"pushed_at": fact.pushed_at}
    if isinstance(fact, facts.PullRequest):
        return fitted(Delivery, {"ref": fact.ref, "commit": fact.commit, "sender": fact.sender})
    return {"commit": fact.commit} if isinstance(fact, facts.Checked) else {}


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
