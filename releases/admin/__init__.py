"""The admin: everything to look at, nothing to change. What can be done goes through actions."""

from django.contrib import admin

from releases.admin import apps, history, people, places, records, sign_ins, sources

__all__ = ["UNSEEN", "apps", "history", "people", "places", "records", "sign_ins", "sources"]

# Tables that the admin has not, and why.
UNSEEN = {
    "admin.LogEntry": "the audit says who did what, whichever door they came by",
    "auth.Group": "rights follow from a person's role",
    "auth.Permission": "rights follow from a person's role",
    "axes.AccessAttemptExpiration": "nothing is stored in it: a lock-out ends by the clock",
    "contenttypes.ContentType": "a list of the tables",
    "sessions.Session": "its key is who somebody is",
    "django_rq.Dashboard": "no table: queues hold IDs alone, and what is under way is told by builds and rollouts",
    "account.EmailAddress": "allauth's; addresses are the people's",
    "account.EmailConfirmation": "allauth's; its key is good for signing in",
    "socialaccount.SocialApp": "allauth's; providers are set in the environment, with their secrets",
    "socialaccount.SocialToken": "allauth's; it holds tokens",
}

admin.site.site_header = admin.site.site_title = "Deployer"
admin.site.index_title = "Everything that is stored"
for model in [model for model in admin.site._registry if model._meta.label in UNSEEN]:
    admin.site.unregister(model)
