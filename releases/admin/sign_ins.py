"""Who tried to sign in, as django-axes writes it down, and by which provider, as allauth does: without what was typed,
or told by the provider."""

from allauth.socialaccount.models import SocialAccount
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.db.models import Model

from releases.admin.bounds import NewestValues
from releases.admin.read_only import ReadOnly


class SignIns(ReadOnly):
    list_display = ["attempt_time", "username", "ip_address", "path_info", "user_agent"]
    search_fields = ["username", "=ip_address"]
    search_help_text = "The beginning of a name, or a whole address."
    exclude = ["get_data", "post_data", "session_hash"]
    ordering = ["-pk"]
    looking = "manage_people"


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
for model, shown in SHOWN:
    if admin.site.is_registered(model):
        admin.site.unregister(model)
    admin.site.register(model, shown)
