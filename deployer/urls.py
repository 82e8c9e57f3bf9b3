"""All addresses: the pages and API of `releases`, and the admin."""

from django.contrib import admin
from django.urls import include, path

admin.autodiscover()

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("releases.urls")),
]

handler400 = "releases.views.faults.bad_request"
