"""No page asks the database more often because there is more to show."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from releases import audit, policy
from releases.models import App, Build, Delivery, Domain, Membership, Person, Registry, Release, Token
from tests import every_page, every_page_world, factories

# What asks a cluster does so in a thread, which sees what is committed.
pytestmark = pytest.mark.django_db(transaction=True)
FEW, MANY = range(3), range(3, 33)


@pytest.fixture(autouse=True)
def no_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")


def test_the_number_of_queries_does_not_grow(client):
    world = every_page_world.make()
    client.force_login(Person.objects.create_person("ann", role="administrator"))
    paths = [path.format(**world) for path in every_page.paths(every_page.PAGES)]
    grow(FEW)
    for path in paths:
        client.get(path)  # what is asked once per process is not the page's
    few = {path: queries(client, path) for path in paths}
    grow(MANY)
    many = {path: queries(client, path) for path in paths}
    assert {path: often(many[path]) for path in paths if len(many[path]) > len(few[path])} == {}


def queries(client, path):
    with CaptureQueriesContext(connection) as asked:
        response = client.get(path)
    assert response.status_code == 200, path
    return [query["sql"] for query in asked]


def often(asked):
    """The most frequent one, and how often it was asked."""
    shapes = [sql[:150] for sql in asked]
    most = max(set(shapes), key=shapes.count)
    return most, shapes.count(most), len(asked)


def grow(numbers):
    """So many more of everything, for an app that stands still and for one that moves."""
    for name in ("shop", "moving"):
        _grow(App.objects.get(name=name), numbers)


def _grow(app, numbers):
    by = policy.actor_for(Person.objects.get(username="a-deployer"))
    build = app.builds.filter(status="succeeded").first()
    newest = app.releases.first()
    for number in numbers:
        name = f"{app.name}-{number}"
        person = Person.objects.create_person(name, role="viewer")
        Membership.objects.create(app=app, person=person, role="deployer", **by.columns())
        Token.issue(person, name="ci")
        Registry.objects.create(name=name, address=f"{name}.example.com", **by.columns())
        factories.cluster(name, kind="kubeconfig")
        factories.app(name, by=by)
        Domain.objects.create(app=app, cluster=app.cluster, host=f"{name}.example.com", service="web", **by.columns())
        Delivery.objects.create(app=app, guid=name, event="push", body=b"{}", status="handled", decision="built")
        Build.objects.create(app=app, status="failed", commit=f"{number:010}", subject=name, **by.columns())
        release = Release.objects.create(
            app=app, build=build, manifest=newest.manifest, images=newest.images, env={"A": name}, **by.columns()
        )
        factories.rollout(
            release, by=by, number=1000 + number, status="rolled_back", reason="no", finished_at=timezone.now()
        )
        audit.record("scale", by=by, app=app, subject="web", count=number)
        audit.record("promote", by=by, app=app, subject=release.pk, rollout=1000 + number)
