"""Who may do what, and every named reason why not.

One gate for browser, API and command: an action calls `require`, a page shows what `refusals` gives beside the button.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

from django.conf import settings
from django.db.models import QuerySet

from releases.errors import NotAllowed
from releases.models import App, Build, Domain, Person, Release, Token
from releases.models.actor import Actor as Actor
from releases.models.lifecycle import Authored

VIEWER, DEPLOYER, ADMINISTRATOR = Person.VIEWER, Person.DEPLOYER, Person.ADMINISTRATOR
RANK = {VIEWER: 1, DEPLOYER: 2, ADMINISTRATOR: 3}

# What a token may at most; its person's role limits it as well.
READ, BUILD, PROMOTE, ADMIN = Token.READ, Token.BUILD, Token.PROMOTE, Token.ADMIN


class Right(NamedTuple):
    """What an action takes: the least role, the scope of a token, and for `everywhere` that it reaches all apps."""

    role: str
    scope: str
    everywhere: bool = False


ACTIONS = {
    "view": Right(VIEWER, READ),
    "view_audit": Right(ADMINISTRATOR, READ, everywhere=True),
    "create_app": Right(DEPLOYER, ADMIN, everywhere=True),
    "delete_app": Right(ADMINISTRATOR, ADMIN),
    "abandon_app": Right(ADMINISTRATOR, ADMIN),
    "create_build": Right(DEPLOYER, BUILD),
    "cancel_build": Right(DEPLOYER, BUILD),
    "promote": Right(DEPLOYER, PROMOTE),
    "rollback": Right(DEPLOYER, PROMOTE),
    "abort": Right(DEPLOYER, PROMOTE),
    "set_env": Right(DEPLOYER, PROMOTE),
    "reveal_env": Right(DEPLOYER, ADMIN),
    "scale": Right(DEPLOYER, PROMOTE),
    "restart": Right(DEPLOYER, PROMOTE),
    "stop_process": Right(DEPLOYER, PROMOTE),
    "run": Right(DEPLOYER, PROMOTE),
    "manage_source": Right(DEPLOYER, ADMIN),
    "resume": Right(DEPLOYER, PROMOTE),
    "replay_delivery": Right(DEPLOYER, ADMIN),
    "create_release": Right(DEPLOYER, PROMOTE),
    "continue_rollout": Right(DEPLOYER, PROMOTE),
    "manage_domains": Right(DEPLOYER, ADMIN),
    "lock": Right(DEPLOYER, ADMIN),
    "unlock": Right(DEPLOYER, ADMIN),
    "manage_tokens": Right(VIEWER, ADMIN),
    "manage_people": Right(ADMINISTRATOR, ADMIN, everywhere=True),
    "manage_clusters": Right(ADMINISTRATOR, ADMIN, everywhere=True),
    "manage_registries": Right(ADMINISTRATOR, ADMIN, everywhere=True),
}
# In words for people, of times in UTC.
MOMENT = "%Y-%m-%d %H:%M UTC"
# What one may do with an app while it is being taken away.
WHILE_DELETING = {"view", "delete_app", "abandon_app", "cancel_build", "abort"}


SYSTEM = Actor(label="system", role=ADMINISTRATOR)
NOBODY = Actor(label="nobody", role=None)


def actor_for(person: Person, *, via: str = "") -> Actor:
    """The person as an actor, with all their rights; `via` says how they came."""
    label = f"{person.username} ({via})" if via else person.username
    return Actor(label=label[:200], role=person.role if person.is_active else None, person=person)


def actor_with(token: Token) -> Actor:
    """The token's person, with no more rights than the token has."""
    return replace(
        actor_for(token.person, via=f"token {token.name}"),
        token=token,
        scopes=None if ADMIN in token.scopes else frozenset([READ, *token.scopes]),
        apps=None if token.all_apps else frozenset(token.apps.values_list("pk", flat=True)),
    )


def author_of(row: Authored) -> Actor:
    """Who made `row`, with the rights that they have today."""
    if getattr(row, "is_automatic", False):
        return automatic(row.by_label)
    return actor_of(row.by, row.by_label)


def actor_of(person: Person | None, label: str) -> Actor:
    """Who once said so, with the rights that they have today: none, when they are gone."""
    if person is None:
        return Actor(label=label, role=None)
    return Actor(label=label, role=person.role if person.is_active else None, person=person)


def automatic(label: str) -> Actor:
    """A push, say: who connected the repository wished that it may do what a person who deploys may."""
    return Actor(label=label[:200], role=DEPLOYER)


@dataclass(frozen=True)
class Reason:
    """Why not: a stable name for programs, words for people. `forbidden`: no change of circumstances would help."""

    name: str
    words: str
    forbidden: bool = False

    def __str__(self) -> str:
        return self.words


def refusals(
    action: str, *, by: Actor, app: App | None = None, release: Release | None = None, replace: bool = False
) -> list[Reason]:
    """All the reasons why `by` may not do `action` now, the gravest first; empty when they may.

    `replace`: a rollout that runs is no reason, unless it is on its way back.
    """
    reasons = _role(action, by) + _token(action, by, app)
    if app is not None and app.deleting_at and action not in WHILE_DELETING:
        reasons.append(Reason("being_deleted", f"{app.name} is being deleted."))
    if action == "create_build" and app is not None:
        reasons += _too_many_builds(app)
    if action in ("promote", "rollback", "run") and release is not None:
        reasons += _images_removed(release, anew=app is not None)
    if action in ("promote", "rollback") and app is not None:
        reasons += _locked(app) + _rollout_in_progress(app, replace=replace)
    if action == "promote" and release is not None:
        reasons += _variables_missing(release)
        reasons += _hosts_taken(app, release, by) if app is not None else []
    if action in ("delete_app", "restart") and app is not None:
        reasons += _rollout_in_progress(app)
    return reasons


def require(
    action: str, *, by: Actor, app: App | None = None, release: Release | None = None, replace: bool = False
) -> None:
    """Raises NotAllowed with all reasons."""
    reasons = refusals(action, by=by, app=app, release=release, replace=replace)
    if reasons:
        raise refusal(reasons)


def reached(apps: QuerySet[App], *, by: Actor) -> QuerySet[App]:
    """Those of `apps` that `by` may know of: of a token for some apps only those."""
    return apps if by.apps is None else apps.filter(pk__in=by.apps)


def reaches(app_id: int, *, by: Actor) -> bool:
    """Whether `by` may know of this app: a token for some apps learns of no other, not even its name."""
    return by.apps is None or app_id in by.apps


def refusal(reasons: list[Reason]) -> NotAllowed:
    return NotAllowed(
        reasons[0].words, reasons=[reason.words for reason in reasons], forbidden=any(r.forbidden for r in reasons)
    )


def rollout_in_progress(app_name: str, number: int, release_id: str) -> Reason:
    return Reason("rollout_in_progress", f"Rollout {number} of {app_name} ({release_id}) is still running.")


def _role(action: str, by: Actor) -> list[Reason]:
    needed = ACTIONS[action].role
    if RANK.get(by.role or "", 0) >= RANK[needed]:
        return []
    return [Reason("role", f"{_named(action)} needs the role {needed}.", forbidden=True)]


def _token(action: str, by: Actor, app: App | None) -> list[Reason]:
    right, reasons = ACTIONS[action], []
    if by.scopes is not None and right.scope not in by.scopes:
        words = f"{_named(action)} needs a token with the scope {right.scope}."
        reasons.append(Reason("scope", words, forbidden=True))
    if by.apps is not None and (right.everywhere or (app is not None and app.pk not in by.apps)):
        what = "concerns more than the apps of this token" if right.everywhere else "is not for this token"
        reasons.append(Reason("reach", f"{_named(action)} {what}.", forbidden=True))
    return reasons


def _named(action: str) -> str:
    return action.replace("_", " ").capitalize()


def _too_many_builds(app: App) -> list[Reason]:
    unfinished = Build.unfinished().filter(app=app).count()
    if unfinished < settings.BUILDS_PER_APP:
        return []
    words = f"{unfinished} builds of {app.name} run or wait, and more are not allowed: wait, or cancel one."
    return [Reason("too_many_builds", words)]


def _images_removed(release: Release, *, anew: bool) -> list[Reason]:
    """`anew`: retention may have come between the reading of the release and the lock on its app; a page that lists
    many has read their builds with them."""
    if anew:
        removed = Build.objects.filter(pk=release.build_id).values_list("images_removed_at", flat=True).first()
    else:
        removed = release.build.images_removed_at
    if removed is None:
        return []
    words = f"The images of {release.pk} were removed on {removed:%Y-%m-%d} by retention: build it anew."
    return [Reason("images_removed", words)]


def _locked(app: App) -> list[Reason]:
    """As the row of `app` says, which a promote has locked: nobody can lock the app between this and its rollout."""
    lock = app.lock
    if lock is None:
        return []
    until = f", until {lock.until:{MOMENT}}" if lock.until else ""
    words = f"{app.name} is locked by {lock.by_label} since {lock.since:{MOMENT}}{until}: {lock.reason}"
    how = f"Whoever deploys may unlock it: `deployer unlock -a {app.name}`."
    return [Reason("locked", f"{words if words.endswith(('.', '!', '?')) else words + '.'} {how}")]


def _hosts_taken(app: App, release: Release, by: Actor) -> list[Reason]:
    """Domains of the manifest that lead elsewhere in this cluster, since somebody has given them to an app."""
    wanted = {host: name for name, service in release.manifest["services"].items() for host in service["domain"] or []}
    if not wanted:
        return []
    taken = Domain.objects.filter(cluster=app.cluster_id, host__in=wanted).select_related("app")
    return [
        Reason("domain_taken", f"{row.host} is a domain of {_led_to(row, by)} already.")
        for row in taken
        if (row.app_id, row.service) != (app.pk, wanted[row.host])
    ]


def _led_to(row: Domain, by: Actor) -> str:
    return f"{row.app.name} and leads to its {row.service}" if reaches(row.app_id, by=by) else "another app"


def _rollout_in_progress(app: App, *, replace: bool = False) -> list[Reason]:
    running = app.unfinished_rollout
    if running is None:
        return []
    if replace and running.status == "rolling_back":
        words = f"Rollout {running.number} of {app.name} is being rolled back: wait for its end."
        return [Reason("rolling_back", words)]
    return [] if replace else [rollout_in_progress(app.name, running.number, running.release_id)]


def _variables_missing(release: Release) -> list[Reason]:
    return [
        Reason("variable_missing", f"{name} is required by the manifest and not set: set it with `env set {name}=…`.")
        for name in release.missing_variables()
    ]
