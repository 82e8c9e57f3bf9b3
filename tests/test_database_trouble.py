"""What is wrong with the database is said as it is: busy, away, full, outdated; by pages, API and setup."""

import os
import secrets
import subprocess
import sys
import threading

import pytest
from cryptography.fernet import Fernet
from django.db import DatabaseError, OperationalError, ProgrammingError, connection, transaction
from django.db.utils import load_backend

from deployer.database import POSTGRESQL, SQLITE, prepared
from releases.management.commands import setup
from releases.models import App, Token
from releases.models.outage import when_it_answers
from releases.models.trouble import AWAY, BUSY, FULL, OUTDATED, UNFIT, trouble_of
from tests import factories
from tests.clusters import eventually
from tests.web_server import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture
def postgresql():
    if connection.vendor != "postgresql":
        pytest.skip("of PostgreSQL alone")


def trouble_with(statement, *parameters, error=DatabaseError):
    """What a statement that fails says."""
    with pytest.raises(error) as raised, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    trouble = trouble_of(raised.value)
    return trouble and trouble.code


@pytest.fixture
def outdated():
    """Tables of an earlier version."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE releases_app RENAME TO releases_app_of_old")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE releases_app_of_old RENAME TO releases_app")


def elsewhere(**changes):
    """A connection to another place."""
    settings = {**connection.settings_dict, **changes}
    return load_backend(settings["ENGINE"]).DatabaseWrapper(settings, alias="elsewhere")


def test_tables_that_do_not_fit(db):
    assert trouble_with("SELECT * FROM no_such_table") == OUTDATED
    assert trouble_with("SELECT no_such_column FROM releases_app") == OUTDATED


def test_our_own_mistakes_are_no_trouble_of_the_database(db):
    assert trouble_with("SELEC 1") is None or connection.vendor == "sqlite"
    factories.app("twin")
    with pytest.raises(DatabaseError) as raised, transaction.atomic():
        factories.app("twin")
    assert trouble_of(raised.value) is None


def test_a_server_that_is_not_there(tmp_path):
    nowhere = str(tmp_path / "nowhere" / "x")
    changes = {"NAME": nowhere} if connection.vendor == "sqlite" else {"OPTIONS": {"host": nowhere}, "HOST": ""}
    there = elsewhere(**changes)
    with pytest.raises(OperationalError) as raised:
        there.ensure_connection()
    assert trouble_of(raised.value).code == AWAY


def test_a_worker_waits_until_the_database_answers(tmp_path):
    place, tries = tmp_path / "place", []
    if connection.vendor == "sqlite":
        there = elsewhere(NAME=str(place / "x"))
    elif host := connection.settings_dict["OPTIONS"].get("host"):
        there = elsewhere(OPTIONS={"host": str(place)})
    else:
        pytest.skip("needs a server on a socket")

    def deed():
        tries.append(None)
        if len(tries) == 3:
            place.mkdir() if connection.vendor == "sqlite" else place.symlink_to(host)
        there.ensure_connection()
        return "done"

    assert when_it_answers(deed, seconds=60) == "done"
    assert len(tries) == 3
    there.close()


def test_but_not_for_ever_and_not_in_the_middle_of_something(tmp_path):
    nowhere = str(tmp_path / "nowhere" / "x")
    there = elsewhere(
        **({"NAME": nowhere} if connection.vendor == "sqlite" else {"OPTIONS": {"host": nowhere}, "HOST": ""})
    )
    with pytest.raises(OperationalError):
        when_it_answers(there.ensure_connection, seconds=0)
    with pytest.raises(OperationalError), transaction.atomic():
        when_it_answers(there.ensure_connection, seconds=1000)
    with pytest.raises(ProgrammingError):
        when_it_answers(lambda: _raise(ProgrammingError("our own fault")), seconds=1000)


def _raise(error):
    raise error


def test_a_row_that_somebody_holds_for_long():
    app = factories.app()
    held, over = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            App.objects.select_for_update().get(pk=app.pk)
            held.set()
            over.wait(20)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(30)
    try:
        with connection.cursor() as cursor:
            short = "SET lock_timeout = '50ms'" if connection.vendor == "postgresql" else "PRAGMA busy_timeout = 50"
            cursor.execute(short)
        with pytest.raises(OperationalError) as raised, transaction.atomic():
            App.objects.select_for_update().get(pk=app.pk)
        assert trouble_of(raised.value).code == BUSY
    finally:
        over.set()
        holder.join()
        connection.close()


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT 'x'::bytea, convert_from('\\x00', 'UTF8')", UNFIT),
        ('SELECT \'{"a": "\\u0000"}\'::jsonb', UNFIT),
        ("SELECT 'abc'::varchar::int", UNFIT),
        ("SELECT pg_terminate_backend(pg_backend_pid())", AWAY),
        ("SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)", BUSY),
        ("SET TRANSACTION READ ONLY; INSERT INTO django_session VALUES ('a', 'b', now())", AWAY),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$", FULL),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40P01'; END $$", BUSY),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53300'; END $$", BUSY),
        ("DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23505'; END $$", None),
        ("SELECT 1 +", None),
    ],
)
def test_what_postgresql_says(postgresql, statement, code):
    try:
        assert trouble_with(statement) == code
    finally:
        connection.close()


def test_the_pages_and_the_api_say_it(client, outdated):
    person = factories.person("administrator")
    client.force_login(person)
    page = client.get("/")
    assert page.status_code == 503 and int(page["Retry-After"]) > 0
    assert "do not fit this version" in page.content.decode()
    pressed = client.post("/apps/hello/env/change", {"name": "A", "value": "1"})
    assert pressed.status_code == 503 and "do not fit" in pressed.content.decode()
    _, secret = Token.issue(person, name="tests")
    answer = client.get("/api/apps", headers={"authorization": f"Bearer {secret}"})
    assert answer.status_code == 503 and int(answer["Retry-After"]) > 0
    assert answer.json()["error"]["code"] == OUTDATED
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503 and "releases_app" in ready.json()["parts"]["database"]


def test_a_value_that_can_not_be_stored_is_the_requests_fault(postgresql, rf):
    from releases.api import api
    from releases.middleware import DatabaseMiddleware

    with pytest.raises(DatabaseError) as raised, connection.cursor() as cursor:
        cursor.execute("SELECT %s", ["a\x00b"])
    request = rf.get("/api/apps")
    assert api.on_exception(request, raised.value).status_code == 422
    page = DatabaseMiddleware(lambda request: None).process_exception(request, raised.value)
    assert page.status_code == 422 and "can&#x27;t be stored" in page.content.decode()
    assert DatabaseMiddleware(lambda request: None).process_exception(request, ProgrammingError("our fault")) is None


def test_setup_says_in_a_line_that_it_can_not_reach_the_database(tmp_path):
    nowhere = tmp_path / "nowhere" / "x"
    url = f"postgresql:///x?host={nowhere}" if connection.vendor == "postgresql" else f"sqlite:///{nowhere}"
    keys = {"SECRET_KEY": secrets.token_urlsafe(60), "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
    ours = {"DATABASE_URL": url, "DEPLOYER_HOME": str(tmp_path), **keys}
    command = [sys.executable, "manage.py", "setup"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **ours}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("CommandError: The database can't be used: ") and done.stderr.count("\n") == 1


# --- How it is spoken to --------------------------------------------------------------------------------------------


def test_sqlite_waits_for_its_turn_and_nothing_outlives_a_request():
    ready = prepared({"ENGINE": "django.db.backends.sqlite3", "NAME": "x"})
    assert ready == {"ENGINE": "django.db.backends.sqlite3", "NAME": "x", "OPTIONS": SQLITE, "CONN_MAX_AGE": 0}


def test_postgresql_notices_what_is_gone_and_the_url_has_the_last_word():
    given = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"sslmode": "require", "connect_timeout": 30}}
    ready = prepared(given | {"CONN_MAX_AGE": 60})
    assert ready["OPTIONS"] == {**POSTGRESQL, "sslmode": "require", "connect_timeout": 30}
    assert ready["CONN_MAX_AGE"] == 0
    assert ready["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_of_several_setups_one_works_in_a_transaction_that_a_pooler_leaves_to_it(postgresql):
    held = (
        "SELECT activity.xact_start IS NOT NULL FROM pg_locks JOIN pg_stat_activity AS activity USING (pid) "
        "WHERE locktype = 'advisory' AND pid <> pg_backend_pid() AND activity.datname = current_database()"
    )
    with connection.cursor() as cursor:
        with setup.alone():
            assert cursor.execute(held).fetchall() == [(True,)]
        eventually(lambda: cursor.execute(held).fetchall() == [])


def test_the_server_got_what_was_asked_for(postgresql):
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("20s",)
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("20s",)
        cursor.execute("SHOW application_name")
        assert cursor.fetchone() == ("deployer",)
