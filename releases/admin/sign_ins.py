"""Who tried to sign in, as django-axes writes it down, and by which provider, as allauth does: without what was typed,
or told by the provider."""

from typing import Any

from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from releases.admin.bounds import NewestValues
from releases.admin.read_only import ReadOnly


class SignIns(ReadOnly):
    list_display = ["attempt_time", "username", "ip_address", "path_info", "user_agent"]
    search_fields = ["username"]
    search_help_text = "The beginning of a name, or a whole address."
    exclude = ["get_data", "post_data", "session_hash"]
    ordering = ["-pk"]
    looking = "manage_people"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A column of addresses can't even be asked for what is none."""
        if _is_address(search_term.strip()):
            return queryset.filter(ip_address=search_term.strip()), False
        return super().get_search_results(request, queryset, search_term)


def _is_address(text: str) -> bool:
    try:
        validate_ipv46_address(text)
    except ValidationError:
        return False
    return True


class FailedSignIns(SignIns):
    list_display = [*SignIns.list_display, "locked_out"]
    list_filter = ["locked_out"]


class CountedSignIns(SignIns):
    list_display = [*SignIns.list_display, "failures_since_start"]


class Accounts(ReadOnly):
    list_display = ["user", "provider", "uid", "last_login", "date_joined"]
    list_filter = [("provider", NewestValues)]
    search_fields = ["user__username", "=uid"]
    search_help_text = "The beginning of a name, or the provider's whole ID."
    list_select_related = ["user"]
    exclude = ["extra_data"]
    ordering = ["-pk"]
    looking = "manage_people"


SHOWN: list[tuple[type[Model], type[ReadOnly]]] = [
    (AccessLog, SignIns),
    (AccessFailureLog, FailedSignIns),
    (AccessAttempt, CountedSignIns),
    (SocialAccount, Accounts),
]
admin.autodiscover()  # whoever showed them until now comes first
for model, shown in SHOWN:
    admin.site.unregister(model)
    admin.site.register(model, shown)
