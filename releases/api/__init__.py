"""The HTTP API: translates JSON to actions and back. It decides nothing itself."""

from django.http import HttpRequest
from ninja import Router

import deployer
from releases.api import (
    app_log,
    apps,
    audit,
    builds,
    clusters,
    diagnosis,
    domains,
    environment,
    lock,
    me,
    members,
    people,
    processes,
    registries,
    release_content,
    releases,
    rollouts,
    runs,
    server,
    sources,
    tokens,
)
from releases.api.authentication import BearerToken, Session
from releases.api.description import DescribedAPI
from releases.api.errors import register
from releases.api.fields import StrictParser
from releases.api.limits import Throttle
from releases.api.lookups import missing

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


api = DescribedAPI(
    title="Deployer",
    version=deployer.__version__,
    description="Ship apps to Kubernetes. Ask with a bearer token, or with the session of the pages.",
    auth=[BearerToken(), Session()],
    throttle=Throttle(),
    parser=StrictParser(),
    urls_namespace="api",
)
register(api)
api.add_router("/server", server.router, tags=["server"])
api.add_router("/me", me.router, tags=["me"])
api.add_router("/people", people.router, tags=["people"])
api.add_router("/audit", audit.router, tags=["audit"])
api.add_router("/tokens", tokens.router, tags=["tokens"])
api.add_router("/clusters", clusters.router, tags=["clusters"])
api.add_router("/registries", registries.router, tags=["registries"])
api.add_router("/apps", apps.router, tags=["apps"])
api.add_router("/apps/{app_name}/builds", builds.router, tags=["builds"])
api.add_router("/apps/{app_name}/releases", releases.router, tags=["releases"])
api.add_router("/apps/{app_name}/releases", release_content.router, tags=["releases"])
api.add_router("/apps/{app_name}/rollouts", rollouts.router, tags=["rollouts"])
api.add_router("/apps/{app_name}/members", members.router, tags=["members"])
api.add_router("/apps/{app_name}/env", environment.router, tags=["environment"])
api.add_router("/apps/{app_name}/domains", domains.router, tags=["domains"])
api.add_router("/apps/{app_name}", lock.router, tags=["lock"])
api.add_router("/apps/{app_name}/releases", runs.router, tags=["processes"])
api.add_router("/apps/{app_name}", processes.router, tags=["processes"])
api.add_router("/apps/{app_name}", app_log.router, tags=["processes"])
api.add_router("/apps/{app_name}", diagnosis.router, tags=["diagnosis"])
api.add_router("/apps/{app_name}", sources.router, tags=["sources"])
api.add_router("/apps/{app_name}", registries.of_app, tags=["registries"])


# The last router, as the first that fits an address gets it.
elsewhere = Router()
api.add_router("", elsewhere)


@elsewhere.api_operation(METHODS, "/{path:rest}", auth=None, include_in_schema=False)
def nothing_here(request: HttpRequest, rest: str) -> None:
    """An unknown address answers as every other error does."""
    raise missing("There is nothing at this address.")
