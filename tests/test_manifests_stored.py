"""Releases that were stored before the manifest had the keys that it has now."""

import copy

import pytest
from django.db import connection

from releases.models import Build, Release
from releases.models.manifest_field import LATER, LATER_IN_A_SERVICE, LATER_IN_SCALE, complete
from releases.pages import compare
from releases.pipeline import deployer_yml, manifests
from tests import factories

pytestmark = pytest.mark.django_db
MANIFEST = "services: {web: {port: 80, domain: [a.example.com]}, worker: {}}\nrelease: {command: a}\n"


def as_it_was(manifest):
    """What the first version stored of the same text."""
    old = copy.deepcopy(manifest)
    for key in LATER:
        del old[key]
    for service in old["services"].values():
        for key in LATER_IN_A_SERVICE:
            del service[key]
        for key in LATER_IN_SCALE:
            del service["scale"][key]
    return old


@pytest.fixture
def stored():
    """A release, and its build, whose rows are as the first version wrote them; read anew."""
    release = factories.release(factories.app("hello"), manifest=MANIFEST)
    Build.objects.filter(pk=release.build_id).update(manifest=as_it_was(release.manifest))
    Release.objects.filter(pk=release.pk).update(manifest=as_it_was(release.manifest))
    return Release.objects.select_related("build", "app__cluster").get(pk=release.pk)


def test_the_rows_are_really_old(stored):
    with connection.cursor() as cursor:
        cursor.execute("SELECT manifest FROM releases_release")
        assert "timers" not in str(cursor.fetchone()[0])


def test_they_are_read_as_if_they_were_new(stored):
    assert stored.manifest == stored.build.manifest == deployer_yml.parse(MANIFEST)
    assert Release.objects.values_list("manifest", flat=True).get(pk=stored.pk) == stored.manifest


def test_they_make_the_same_objects_as_the_same_text_today(stored):
    today = factories.release(stored.app, manifest=MANIFEST, build=stored.build)
    before, after = (manifests.render(release, installation="here") for release in (stored, today))
    assert str(before).replace(stored.pk, today.pk).replace(stored.pk.lower(), today.pk.lower()) == str(after)


def test_a_comparison_shows_no_change_where_nobody_made_one(stored):
    today = factories.release(stored.app, manifest=MANIFEST, build=stored.build)
    assert compare.changes(today, stored) == []


def test_its_page_is_shown(stored, client):
    client.force_login(factories.person("viewer"))
    answer = client.get(stored.get_absolute_url())
    assert answer.status_code == 200 and stored.pk in answer.content.decode()


def test_what_is_stored_stays_as_it_is():
    written = deployer_yml.parse("services: {web: {ports: [1], scale: {count: 1-2, targets: {cpu: 5}}}}")
    assert complete(copy.deepcopy(written)) == written


@pytest.mark.parametrize("odd", [None, {}, [], "text", {"services": []}, {"services": {}}])
def test_what_is_no_manifest_is_left_alone(odd):
    assert complete(odd) in (odd, {"services": {}, "timers": {}})
