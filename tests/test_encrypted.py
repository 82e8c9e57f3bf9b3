"""Environments are encrypted at rest, with keys that can be rotated."""

import sqlite3

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from releases.models import App, Release
from releases.models.encrypted import decrypt, encrypt
from tests import factories

PLAIN = "plain-value-that-nobody-may-read"


def test_after_a_rotation_old_values_are_readable_and_new_ones_use_the_new_key(settings, app):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    first = factories.release(app, env={"KEY": "first"})
    settings.ENCRYPTION_KEYS = [new, old]
    second = factories.release(app, env={"KEY": "second"})
    assert [Release.objects.get(pk=release.pk).env["KEY"] for release in (first, second)] == ["first", "second"]
    settings.ENCRYPTION_KEYS = [new]
    assert Release.objects.get(pk=second.pk).env["KEY"] == "second"
    with pytest.raises(InvalidToken):
        Release.objects.get(pk=first.pk)


def test_the_same_value_never_looks_the_same_twice():
    assert encrypt({"A": "1"}) != encrypt({"A": "1"})
    assert decrypt(encrypt({"A": "ü\n\u2028"})) == {"A": "ü\n\u2028"}


def test_without_a_key_nothing_is_stored(settings):
    settings.ENCRYPTION_KEYS = []
    with pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        encrypt({"A": "1"})


def test_a_tampered_value_is_refused(settings):
    text = encrypt({"A": "1"})
    with pytest.raises(InvalidToken):
        decrypt(text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB"))


@pytest.mark.django_db(transaction=True)
def test_no_plain_value_is_in_the_database_file():
    app = factories.app(staged={"STAGED": PLAIN + "-staged"})
    release = factories.release(app, env={"SECRET_KEY": PLAIN})
    secret = {"kind": "Secret", "data": {"SECRET_KEY": PLAIN + "-rendered"}}
    factories.rollout(release, objects_applied=[secret])
    if connection.vendor != "sqlite":
        pytest.skip("reads SQLite's file")
    path = connection.settings_dict["NAME"]
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert raw.execute("SELECT count(*) FROM releases_release").fetchone() == (1,)
    raw.close()
    with open(path, "rb") as file:
        content = file.read()
    assert release.pk.encode() in content  # it is the file
    assert PLAIN.encode() not in content
    assert App.objects.get(pk=app.pk).staged == {"STAGED": PLAIN + "-staged"}
