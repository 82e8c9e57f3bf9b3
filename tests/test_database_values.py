"""What a cluster, its programs and clients may say, and not every database stores: it is cut, cleaned or refused."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, models, transaction

from releases import actions, audit, logs, policy
from releases.errors import Stale, Taken
from releases.logs import Line
from releases.models import App, AuditEntry, Build, LogLine, Person, Release, Rollout, Token
from releases.models.storable import fitted, storable
from tests import factories

pytestmark = [pytest.mark.django_db, pytest.mark.database]
STRANGE = "a NUL \x00, half a pair \ud800, \U0001f600"
STORED = "a NUL \ufffd, half a pair ?, \U0001f600"


@pytest.fixture
def rollout(app):
    return factories.rollout(factories.release(app), status="rolling")


def test_what_the_cluster_says_is_stored_whatever_it_holds(rollout):
    rollout.write(evidence=[STRANGE], hint=STRANGE, progress={STRANGE: [{"uid": STRANGE, "count": 2}]}, squares=[])
    rollout.transition("rolling_back", reason=STRANGE, cause="exits" * 100, evidence=[STRANGE, 3, None])
    for known in (rollout, Rollout.objects.get(pk=rollout.pk)):
        assert known.reason == known.hint == STORED
        assert known.evidence == [STORED, 3, None]
        assert known.progress[STORED] == [{"uid": STORED, "count": 2}]
        assert len(known.cause) == 40 and known.cause.endswith("…")


def test_every_text_column_of_ours_can_be_filled_to_its_end_and_beyond(rollout):
    texts = [
        field for field in Rollout._meta.concrete_fields if isinstance(field, models.CharField) and not field.choices
    ]
    free = {field.name: "ü" * 10_000 for field in texts if field.name != "status"}
    assert {"by_label", "note", "cause", "abort_by", "strategy"} <= free.keys()
    rollout.write(**free)
    rollout.refresh_from_db()
    for field in texts:
        assert len(getattr(rollout, field.name)) <= field.max_length


def test_encrypted_columns_hold_what_json_can_say(app):
    strange = {"A": "nul \x00", "B": "\ud800", "C": "\U0001f600" * 1000, "D": ""}
    release = factories.release(app, env=strange)
    assert Release.objects.get(pk=release.pk).env == strange


def test_lines_of_any_stream_and_source_are_stored_once(rollout):
    long = Line("system/k8s/" + STRANGE + "x" * 500, STRANGE, source_key="uid" * 100 + STRANGE)
    other = Line("service/web/web-1", "two", source_key="uid" * 100 + "other")
    strange = Line("service/web/web-1", "three", source_key=STRANGE)
    unnamed = Line("build", "four", source_key="")
    assert logs.append(rollout, [long, long, other, strange, unnamed, unnamed]) == 5
    assert logs.append(rollout, [long, other, strange, unnamed]) == 6
    first = LogLine.objects.get(owner=rollout.owner, number=1)
    assert first.message == STORED and first.stream.startswith("system/k8s/" + STORED) and len(first.stream) == 300


def test_the_audit_takes_any_words(app):
    audit.record("promote", by=policy.SYSTEM, app=app, subject="s" * 500, note=STRANGE, names=[STRANGE])
    entry = AuditEntry.objects.get()
    assert entry.detail == {"note": STORED, "names": [STORED]} and len(entry.subject) == 100


@pytest.mark.parametrize("text", ["", "plain", "äöü", "\t\n", "\x01", "'\"\\", "%s", "\u2028"])
def test_all_other_text_stays_as_it_is(text):
    assert storable(text) == text
    assert fitted(AuditEntry, {"subject": text, "detail": {"a": [text, 1.5, True, None]}}) == {
        "subject": text,
        "detail": {"a": [text, 1.5, True, None]},
    }


def test_numbers_in_json_may_be_of_any_size(rollout):
    rollout.write(progress={"large": 2**70, "small": -(2**70), "part": 0.1})
    assert Rollout.objects.get(pk=rollout.pk).progress == {"large": 2**70, "small": -(2**70), "part": 0.1}


def test_a_line_without_a_number_that_fits_is_simply_not_there(rollout):
    logs.append(rollout, [Line("build", "one")])
    assert logs.after(rollout.owner, 2**40) == logs.after(rollout.owner, 2**80) == []
    assert [line.number for line in logs.after(rollout.owner, -(2**80))] == [1]
    assert Rollout.take(2**80, 1) is None


def test_times_keep_their_microseconds_and_their_order(rollout):
    moments = [datetime(2026, 3, 18, 14, 30, 49, n, tzinfo=UTC) for n in (0, 1, 999_999)]
    logs.append(rollout, [Line("build", str(moment), time=moment) for moment in moments])
    assert [line.time for line in logs.after(rollout.owner, 0)] == moments
    rollout.write(heartbeat=moments[1])
    copy = Rollout.objects.get(pk=rollout.pk)
    assert copy.heartbeat == moments[1]
    rollout.write(heartbeat=moments[1] + timedelta(microseconds=1))
    assert copy.renew(if_silent=True) is False, "its heart has beaten since"
    assert Rollout.objects.get(pk=rollout.pk).renew(if_silent=True)


def test_pages_of_rows_of_one_instant_fit_together(client, app, deployer):
    """Databases sort by their own rules; no build may be missing between two pages, or be on both."""
    made = {factories.build(app).pk for _ in range(7)}
    Build.objects.update(created_at=datetime(2026, 3, 18, tzinfo=UTC))
    _, secret = Token.issue(deployer.person, name="tests")
    listed: list[str] = []
    query = {"limit": 2}
    while query:
        path = f"/api/apps/{app.name}/builds"
        page = client.get(path, query, headers={"authorization": f"Bearer {secret}"}).json()
        listed += [build["id"] for build in page["items"]]
        query = page["next"] and {"limit": 2, "cursor": page["next"]}
    assert len(listed) == 7 and set(listed) == made


@pytest.mark.parametrize(
    "place",
    [
        "/apps/%00",
        "/apps/a%00b/releases/R%00",
        "/api/apps/%00",
        "/api/apps/app-x/builds?cursor=%00",
        "/apps/app-x?against=%00",
        "/api/apps/x/builds/%00",
        "/sign-in/%00/%00/",
    ],
)
def test_a_nul_in_an_address_is_no_fault_of_ours(client, deployer, place):
    client.force_login(deployer.person)
    assert client.get(place).status_code in (400, 404, 410, 422)


@pytest.mark.parametrize("field", ["username", "password"])
def test_a_nul_in_a_form_is_no_fault_of_ours(client, field):
    answer = client.post("/sign-in", {"username": "ann", "password": "secret", field: "a\x00b"})
    assert answer.status_code in (200, 302, 403)


def test_a_refused_row_leaves_the_transaction_around_it_whole(app):
    """PostgreSQL refuses everything after an error, until a savepoint is gone back to."""
    by = factories.actor("deployer")
    with transaction.atomic():
        with pytest.raises(Taken):
            actions.create_app(app.name, by=by)
        rollout = factories.rollout(factories.release(app), status="queued")
        late = Rollout.objects.get(pk=rollout.pk)
        assert rollout.renew()
        with pytest.raises(Stale):
            logs.append(late, [Line("build", "late")])
        assert logs.append(rollout, [Line("build", "in time")]) == 1
    assert App.objects.filter(name=app.name).count() == 1


def test_rows_beyond_a_short_number_are_there(app):
    with connection.cursor() as cursor:
        columns = "owner, number, time, stream, message"
        cursor.execute(
            f"INSERT INTO releases_logline (id, {columns}) VALUES (%s, 'rollout-1', 2147483647, %s, 's', 'm')",
            [2**40, connection.ops.adapt_datetimefield_value(datetime(2026, 1, 1, tzinfo=UTC))],
        )
    assert [line.pk for line in logs.after("rollout-1", 0)] == [2**40]
    assert len(f"rollout-{2**53}") <= 24


def test_a_json_column_is_read_as_it_was_written(app):
    nested = {"b": 1, "a": {"ü": [1, 2, {"c": None}]}, "": ""}
    app.scale = nested
    app.save()
    assert json.dumps(App.objects.get(pk=app.pk).scale, sort_keys=True) == json.dumps(nested, sort_keys=True)
    assert Person.objects.filter(username__iexact="NOBODY").count() == 0
