"""The tokens that reach an app."""

from typing import Any

from django.db.models import Q

from releases import policy
from releases.models import App, Token
from releases.pages.app_settings import frame
from releases.policy import Actor

SHOWN = 100


def context(app: App, *, by: Actor) -> dict[str, Any]:
    """Your own; an administrator's page has everybody's. `others`: how many there are of other people."""
    reaching = Token.good().filter(person__is_active=True).filter(Q(all_apps=True) | Q(apps=app))
    sees_all = not policy.refusals("manage_people", by=by)
    mine = reaching.filter(person=by.person)
    shown = (reaching if sees_all else mine).select_related("person").order_by("-pk")
    rows = list(shown.only(*COLUMNS)[: SHOWN + 1])
    return {
        **frame(app, "tokens", "Tokens", by=by),
        "tokens": rows[:SHOWN],
        "more": len(rows) > SHOWN,
        "sees_all": sees_all,
        "others": 0 if sees_all else reaching.exclude(person=by.person).count(),
        "token_refusals": policy.refusals("manage_tokens", by=by),
    }


COLUMNS = (
    "name",
    "prefix",
    "scopes",
    "all_apps",
    "created_at",
    "last_used_at",
    "expires_at",
    "revoked_at",
    "person__username",
    "person__role",
    "person__is_active",
)
