"""What came as a delivery: whether it is GitHub's, and what it is kept as."""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from releases.errors import DeployerError, Invalid, NotAllowed
from releases.models import Delivery
from releases.models.storable import fitted
from releases.pipeline.pushes import facts, signature

GUID = re.compile(r"[A-Za-z0-9-]{1,64}\Z")
EVENT = re.compile(r"[a-z_]{1,50}\Z")
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


def judged(letter: Letter, app_id: int, secret: str) -> Delivery | DeployerError:
    """A row that is not stored yet; or NotAllowed for whoever does not know the secret ("": there is none), Invalid."""
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
