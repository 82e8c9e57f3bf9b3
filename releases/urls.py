"""Addresses of pages and API."""

from django.urls import path

from releases.api import api
from releases.views import access, apps, builds, environment, releases, rollouts, state

urlpatterns = [
    path("", apps.index, name="apps"),
    path("apps/new", apps.new, name="app-new"),
    path("apps/<name>", apps.overview, name="app"),
    path("apps/<name>/scale/<service>", apps.scale, name="scale"),
    path("apps/<name>/env", environment.variables, name="env"),
    path("apps/<name>/env/change", environment.change, name="env-change"),
    path("apps/<name>/env/reveal", environment.reveal, name="env-reveal"),
    path("apps/<name>/builds/<build_id>", builds.detail, name="build"),
    path("apps/<name>/builds/<build_id>/log", builds.log, name="build-log"),
    path("apps/<name>/builds/<build_id>/lines", builds.lines, name="build-lines"),
    path("apps/<name>/builds/<build_id>/cancel", builds.cancel, name="cancel"),
    path("apps/<name>/releases/<release_id>", releases.detail, name="release"),
    path("apps/<name>/releases/<release_id>/promote", releases.promote, name="promote"),
    path("apps/<name>/releases/<release_id>/rollback", releases.rollback, name="rollback"),
    path("apps/<name>/rollouts/<int:number>", rollouts.detail, name="rollout"),
    path("apps/<name>/rollouts/<int:number>/log", rollouts.log, name="rollout-log"),
    path("apps/<name>/rollouts/<int:number>/lines", rollouts.lines, name="rollout-lines"),
    path("apps/<name>/rollouts/<int:number>/abort", rollouts.abort, name="abort"),
    path("sign-in", access.sign_in, name="sign-in"),
    path("sign-in/<uidb64>/<token>/", access.sign_in_link, name="sign-in-link"),
    path("sign-out", access.sign_out, name="sign-out"),
    path("api/", api.urls),
    path("healthz", state.healthz, name="healthz"),
    path("readyz", state.readyz, name="readyz"),
]
