"""Registries: make one known, change its login, test it, choose it for an app, remove it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import TextField
from django.db.models.functions import Cast

from releases import audit, logs, policy
from releases.errors import Invalid, NotAllowed, Taken
from releases.models import App, Registry, Release
from releases.models.cluster import EMBEDDED
from releases.models.locks import locked
from releases.models.registry import NAME_MAX, NAME_PATTERN
from releases.pipeline import pull_secrets, registry_removal, registry_state
from releases.pipeline.cluster_state import Finding, Seen
from releases.pipeline.registries import checked
from releases.policy import Actor

RESERVED = {"new"}
USERNAME_MAX, PASSWORD_MAX = 200, 16 * 1024  # a key of a service account is a long password
NAMED = 10


@dataclass(frozen=True)
class Changed:
    """The registry as it is now, and what came of it in the clusters: one sentence for each app that pulls with it."""

    registry: Registry
    said: list[str] = field(default_factory=list)


def create_registry(
    name: str, *, by: Actor, address: str, username: str = "", password: str = "", is_default: bool = False
) -> Registry:
    """The first one is the default. Whether it answers is no condition. Raises Invalid, Taken, NotAllowed."""
    policy.require("manage_registries", by=by)
    if len(name) > NAME_MAX or not re.match(NAME_PATTERN, name):
        raise Invalid(
            f"“{name[:60]}” can't be a registry's name: small letters, digits and hyphens, neither first nor last a "
            f"hyphen, at most {NAME_MAX} characters."
        )
    if name in RESERVED:
        raise Invalid(f"“{name}” can't be a registry's name: Deployer's own pages use it.")
    columns = {"address": checked(address), **_login(username, password)}
    try:
        with transaction.atomic():
            first = not any(row.is_default for row in _all_locked())
            if is_default:
                Registry.objects.update(is_default=False)
            row = Registry.objects.create(name=name, is_default=is_default or first, **columns, **by.columns())
            audit.record("create_registry", by=by, subject=name, address=row.address, username=row.username)
    except IntegrityError as error:
        if Registry.objects.filter(name=name).exists():
            raise Taken(f"There is a registry {name} already.") from error
        raise Taken("Another registry became the default in this moment: try again.") from error
    return row


def change_registry(
    row: Registry,
    *,
    by: Actor,
    address: str | None = None,
    username: str | None = None,
    password: str | None = None,
    is_default: bool | None = None,
) -> Changed:
    """What is None stays. A new login is given to the clusters at once, as far as they answer.

    Raises Invalid; NotAllowed, also for another address while images are at the old one.
    """
    policy.require("manage_registries", by=by)
    changes: dict[str, Any] = {}
    with transaction.atomic():
        _all_locked()
        row = _locked(row)
        if address is not None and checked(address) != row.address:
            _refuse_while(_used(row), f"{row.name} can't move")
            changes["address"] = checked(address)
        if username is not None or password is not None:
            changes |= _new_login(row, username, password)
        if is_default is False and row.is_default:
            raise Invalid("Images have to go somewhere: make another registry the default instead.")
        if is_default and not row.is_default:
            Registry.objects.update(is_default=False)
            changes["is_default"] = True
        login_changed = bool(changes.keys() & {"address", "username", "password"})
        if login_changed:  # what was seen of the old one says nothing of the new one
            changes |= {"checked_at": None, "problem": "", "hint": "", "problem_since": None}
            changes |= {"deletion_refused": "", "deletion_refused_at": None}
        for column, value in changes.items():
            setattr(row, column, value)
        if changes:
            row.save(update_fields=list(changes))
        if login_changed:
            registry_removal.at(row).update(given_up_at=None)
        named = [column for column in ("address", "username", "password", "is_default") if column in changes]
        audit.record("change_registry", by=by, subject=row.name, changed=named)
    return Changed(row, pull_secrets.renew_all() if login_changed else [])


def test_registry(row: Registry, *, by: Actor) -> tuple[Seen, list[Finding]]:
    """Asks it now. A registry that does not answer is a finding, not an error."""
    policy.require("manage_registries", by=by)
    seen, findings = registry_state.test(row)
    registry_state.note(row, seen)
    audit.record("test_registry", by=by, subject=row.name, problem=bool(seen.problem))
    return seen, findings


def remove_registry(row: Registry, *, by: Actor) -> None:
    """Deployer forgets it; the images in it stay. Raises NotAllowed while apps or releases use it."""
    policy.require("manage_registries", by=by)
    with transaction.atomic():
        _all_locked()
        row = _locked(row)
        _refuse_while(_used(row), f"{row.name} can't be removed")
        audit.record("remove_registry", by=by, subject=row.name, address=row.address)
        row.delete()


def use_registry(app: App, name: str, *, by: Actor) -> App:
    """Where the images of the app's next builds go: the registry of that name; "" for the default one.

    What was built stays where it is. Raises Invalid, NotAllowed.
    """
    policy.require("manage_registries", by=by)
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        chosen = {row.name: row for row in _all_locked()}.get(name) if name else None
        if name and chosen is None:
            raise Invalid(f"There is no registry “{name[:60]}”.")
        App.objects.filter(pk=app.pk).update(registry=chosen)
        app.registry = chosen
        audit.record("use_registry", by=by, app=app, subject=name or "the default one")
        logs.pages_changed(app.pk)
    return app


# --- Who uses it ----------------------------------------------------------------------------------------------------


def _used(row: Registry) -> list[str]:
    """Why it is still needed, in words."""
    reasons = []
    if chosen := _names(row.apps.order_by("name").values_list("name", flat=True)[: NAMED + 1]):
        reasons.append(f"images of {chosen} go there")
    if row.is_default:
        others = App.objects.filter(registry=None).exclude(cluster__kind=EMBEDDED).order_by("name")
        if by_default := _names(others.values_list("name", flat=True)[: NAMED + 1]):
            reasons.append(f"it is the default one, for {by_default}")
    kept = Release.objects.filter(build__images_removed_at=None)
    kept = kept.annotate(text=Cast("images", TextField())).filter(text__contains=f'"{row.address}/')
    if apps := _names(kept.order_by("app__name").values_list("app__name", flat=True).distinct()[: NAMED + 1]):
        reasons.append(f"releases of {apps} have their images there")
    return reasons


def _names(names: Iterable[str]) -> str:
    known = list(names)
    return ", ".join(known[:NAMED]) + (" and more" if len(known) > NAMED else "")


def _refuse_while(reasons: list[str], words: str) -> None:
    if reasons:
        raise NotAllowed(f"{words}: {'; '.join(reasons)}.", reasons=[f"{words}: {reason}." for reason in reasons])


# --- Its login ------------------------------------------------------------------------------------------------------


def _login(username: str, password: str) -> dict[str, str]:
    if bool(username) != bool(password):
        raise Invalid("A login has a user name and a password, or neither.")
    if len(username) > USERNAME_MAX or not username.isprintable() or ":" in username:
        raise Invalid(f"A user name has at most {USERNAME_MAX} characters, and no colon (RFC 7617).")
    if len(password) > PASSWORD_MAX or "\x00" in password:
        raise Invalid(f"A password has at most {PASSWORD_MAX // 1024} KiB, and no NUL.")
    return {"username": username, "password": password}


def _new_login(row: Registry, username: str | None, password: str | None) -> dict[str, str]:
    """A blank user name takes the login away; a new one needs its password, too."""
    if username == "" and not password:
        return _login("", "")
    if password is None:
        if username == row.username:
            return {}
        raise Invalid("Another user name needs its password, too.")
    given = _login(row.username if username is None else username, password)
    return {column: value for column, value in given.items() if column == "password" or value != row.username}


def _all_locked() -> list[Registry]:
    return list(locked(Registry.objects.order_by("pk")))


def _locked(row: Registry) -> Registry:
    found = locked(Registry.objects.filter(pk=row.pk)).first()
    if found is None:
        raise Invalid(f"The registry {row.name} was removed meanwhile.")
    return found
