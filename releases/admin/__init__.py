"""The admin: everything to look at, nothing to change but people. What can be done goes through actions."""

from django.contrib import admin
from django.contrib.auth.models import Group

from releases.admin import apps, people, places, records, sources

__all__ = ["apps", "people", "places", "records", "sources"]

admin.site.site_header = admin.site.site_title = "Deployer"
admin.site.index_title = "Everything that is stored"
admin.site.unregister(Group)
