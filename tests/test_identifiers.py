"""IDs of builds and releases: a letter and ten capitals, never the same twice."""

import re

import pytest

from releases.errors import IllegalTransition
from releases.models import Release
from releases.models.identifiers import new_build_id, new_release_id
from tests import factories


def test_ids_are_a_letter_and_ten_capitals_and_differ():
    builds, releases = {new_build_id() for _ in range(2000)}, {new_release_id() for _ in range(2000)}
    assert len(builds) == len(releases) == 2000
    assert all(re.fullmatch(r"B[A-Z]{10}", made) for made in builds)
    assert all(re.fullmatch(r"R[A-Z]{10}", made) for made in releases)


def test_every_letter_occurs_in_every_place():
    made = [new_release_id() for _ in range(3000)]
    assert all(len({text[place] for text in made}) == 26 for place in range(1, 11))


def test_rows_get_theirs_by_themselves(app):
    release = factories.release(app)
    assert re.fullmatch(r"R[A-Z]{10}", release.pk) and re.fullmatch(r"B[A-Z]{10}", release.build_id)


def test_a_release_is_immutable(app):
    release = factories.release(app, env={"COLOUR": "blue"})
    release.env["COLOUR"] = "red"
    with pytest.raises(IllegalTransition, match="a change is a new release"):
        release.save()
    with pytest.raises(IllegalTransition):
        Release.objects.get(pk=release.pk).save(update_fields=["description"])
    assert Release.objects.get(pk=release.pk).env == {"COLOUR": "blue"}


def test_what_the_manifest_requires_and_nobody_set_is_named_in_order(app):
    manifest = """
environment: [SENTRY_DSN=, TOKEN]
services:
  web: {command: a, environment: [SECRET_KEY, LOG_LEVEL=info, COLOUR]}
  worker: {command: b, environment: [ZEBRA]}
"""
    assert factories.release(app, manifest=manifest, env={"COLOUR": ""}).missing_variables() == [
        "SECRET_KEY",
        "TOKEN",
        "ZEBRA",
    ]
