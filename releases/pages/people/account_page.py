"""One's own account: who one is, what one may, tokens, ways to sign in."""

from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings

from releases.models import Person, Token
from releases.pages.people import roles

TOKENS_SHOWN = 100


def context(person: Person) -> dict[str, Any]:
    tokens = list(tokens_of(person)[: TOKENS_SHOWN + 1])
    return {
        "here": "account",
        "person": person,
        "may": roles.WORDS[person.role],
        "memberships": list(person.memberships.select_related("app").order_by("app__name")),
        "tokens": tokens[:TOKENS_SHOWN],
        "more_tokens": len(tokens) > TOKENS_SHOWN,
        "connections": _connections(person),
    }


def tokens_of(person: Person) -> Any:
    """Those that still open something, the newest first, with their apps."""
    good = Token.good().filter(person=person).defer("digest")
    return good.select_related("made_with").prefetch_related("apps").order_by("-pk")


def _connections(person: Person) -> list[dict[str, Any]]:
    """Every provider that there is; `name` is theirs over there, None where they are not connected."""
    rows = SocialAccount.objects.filter(user=person, provider__in=settings.SIGN_IN_PROVIDERS)
    names = {row.provider: row.extra_data.get("name") or row.uid for row in rows}
    return [{"id": key, "where": where, "name": names.get(key)} for key, where in settings.SIGN_IN_PROVIDERS.items()]
