"""What somebody did, in a sentence: rows of the audit, with links, and with what came of a promote.

A sentence says names, numbers and IDs. What somebody typed into a command is not among them, nor is any value.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from string import Formatter
from typing import Any

from releases.models import App, AuditEntry, Rollout
from releases.pages import status
from releases.pages.durations import seconds_taken
from releases.pages.history.whence import Whence, whence

# In braces: what has a link (release, origin of a rollback, build, rollout), the subject as it is, or something of the
# detail.
WORDS = {
    "create_app": "created the app",
    "delete_app": "deleted the app",
    "create_build": "started build {build}",
    "promote_next": "put {release} next in line",
    "drop_promote": "did not promote {release}",
    "cancel_build": "cancelled build {build}",
    "promote": "promoted {release}",
    "rollback": "rolled back to {origin}",
    "abort": "aborted rollout {rollout}",
    "continue_rollout": "continued rollout {rollout}",
    "set_env": "changed variables: {variables}",
    "reveal_env": "looked at the variables' values",
    "discard_staged": "discarded what was staged",
    "set_source": "connected the repository {subject}",
    "test_source": "tested the connection to {subject}",
    "remove_source": "disconnected the repository {subject}",
    "new_webhook_secret": "made a new webhook secret for {subject}",
    "stop_promoting": "stopped promotes by itself of {subject}",
    "resume": "resumed promotes by itself of {subject}",
    "replay_delivery": "replayed the delivery {subject}",
    "use_registry": "sends images to the registry {subject}",
    "create_release": "made the release {release}",
    "lock": "locked {subject}: {reason}",
    "unlock": "unlocked {subject}",
    "add_domain": "added the domain {subject}",
    "remove_domain": "removed the domain {subject}",
    "scale": "scaled {subject} to {count}",
    "restart": "restarted {services}",
    "stop_process": "stopped the process {subject}",
    "run": "ran a command with {release}",
    "retention": "cleaned up after {subject}",
    "images_left": "gave up deleting {subject}",
    "set_member": "made {subject} a {role} of it",
    "remove_member": "took {subject} out of its members",
    "create_person": "added {subject}, a {role}",
    "change_person": "changed {subject}: {changed}",
    "unlock_person": "let {subject} try to sign in again",
    "sign_in": "signed in",
    "sign_in_link": "made a link that signs {subject} in",
    "sign_out_elsewhere": "signed out everywhere else",
    "set_password": "chose a new password",
    "connect_sign_in": "connected a way to sign in: {where}",
    "disconnect_sign_in": "disconnected a way to sign in: {where}",
    "create_token": "made the token {name}",
    "revoke_token": "revoked the token {name}",
    "create_cluster": "added the cluster {subject}",
    "change_cluster": "changed the cluster {subject}",
    "test_cluster": "tested the cluster {subject}",
    "remove_cluster": "removed the cluster {subject}",
    "create_registry": "added the registry {subject}",
    "change_registry": "changed the registry {subject}",
    "test_registry": "tested the registry {subject}",
    "remove_registry": "removed the registry {subject}",
    "export_activity": "exported the activity",
}
PLACES = {"release": "releases", "origin": "releases", "build": "builds", "rollout": "rollouts"}
ABOUT_APPS = ("create_app", "delete_app")


@dataclass(frozen=True)
class Part:
    """Some words; `address`: of what they name, "" for none; `is_id`: they are written like one."""

    text: str
    address: str = ""
    is_id: bool = False


@dataclass(frozen=True)
class Event:
    """Something that somebody did. `app`: of this name, if it is there still. `rollout`: what came of a promote."""

    entry: AuditEntry
    app: App | None
    rollout: Rollout | None = None

    @cached_property
    def parts(self) -> list[Part]:
        return list(_parts(self.entry, self.app))

    @property
    def words(self) -> str:
        return sentence(self.entry)

    @property
    def ends_with_app(self) -> bool:
        """The sentence wants just its name, where others say in which app it was done."""
        return self.entry.action in ABOUT_APPS

    @property
    def whence(self) -> Whence:
        return whence(self.entry)

    @property
    def status(self) -> status.Status | None:
        return status.ROLLOUT[self.rollout.status] if self.rollout else None

    @property
    def seconds(self) -> float | None:
        return seconds_taken(self.rollout) if self.rollout else None

    @property
    def reason(self) -> str:
        """Why its rollout did not succeed; "" if it did, or there is none."""
        return self.rollout.reason if self.rollout and self.rollout.status != "succeeded" else ""


def of_app(app: App, *, limit: int) -> list[Event]:
    """What was done to `app` last, newest first."""
    return told(AuditEntry.objects.filter(app_name=app.name, at__gte=app.created_at)[:limit])


def told(found: Iterable[AuditEntry]) -> list[Event]:
    """Two queries more, however many there are."""
    entries = list(found)
    apps = {app.name: app for app in App.objects.filter(name__in={entry.app_name for entry in entries}).only(*NEEDED)}
    rollouts = _rollouts(entries)
    return [_event(entry, apps.get(entry.app_name), rollouts) for entry in entries]


NEEDED = ("name", "created_at")


def sentence(entry: AuditEntry) -> str:
    """What was done, without who and when."""
    return "".join(part.text for part in _parts(entry, None)).rstrip(": ")


def _event(entry: AuditEntry, app: App | None, rollouts: dict[tuple[str, Any], Rollout]) -> Event:
    if app is None or entry.at < app.created_at:
        return Event(entry, None)  # what an earlier app of that name had is not this one's
    rollout = rollouts.get((entry.subject, entry.detail.get("rollout")))
    if rollout is not None:
        rollout.app = app
    return Event(entry, app, rollout)


def _rollouts(entries: list[AuditEntry]) -> dict[tuple[str, Any], Rollout]:
    """By release and number: those that began with one of these entries."""
    began = [entry for entry in entries if isinstance(entry.detail.get("rollout"), int)]
    rows = Rollout.objects.filter(
        release__in={entry.subject for entry in began}, number__in={entry.detail["rollout"] for entry in began}
    ).only("app_id", "number", "status", "reason", "release_id", "created_at", "finished_at")
    return {(rollout.release_id, rollout.number): rollout for rollout in rows}


def _parts(entry: AuditEntry, app: App | None) -> Iterator[Part]:
    words = WORDS.get(entry.action) or f"{entry.action.replace('_', ' ')} {{subject}}"
    for text, named, _, _ in Formatter().parse(words):
        if text:
            yield Part(text)
        subject = entry.detail.get("of") or entry.subject if named == "origin" else entry.subject
        if named in PLACES and subject:
            address = f"{app.get_absolute_url()}/{PLACES[named]}/{subject}" if app else ""
            yield Part(subject, address, is_id=True)
        elif named:
            yield Part(_said(entry, named))


def _said(entry: AuditEntry, named: str) -> str:
    if named == "subject":
        return entry.subject
    if named == "variables":
        gone = (f"−{name}" for name in entry.detail.get("unset") or [])
        return " ".join([*(entry.detail.get("set") or entry.detail.get("names") or []), *gone])
    value = entry.detail.get(named, "")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
