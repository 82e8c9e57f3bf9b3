"""Who asks too often is told so, and when to ask again."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client

from releases.api import limits
from releases.models import Token
from tests import factories

NOON = datetime(2026, 3, 18, 12, 0, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(settings, redis, monkeypatch):
    # Who waits for a Redis that is merely slow counts all the same.
    monkeypatch.setattr(limits, "PATIENCE_SECONDS", 30.0)
    limits._counter.cache_clear()
    settings.API_REQUESTS_PER_MINUTE, settings.API_REQUESTS_PER_MINUTE_UNKNOWN = 3, 2
    # In the middle of a minute, so that none begins while a test asks.
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


@pytest.fixture
def robot():
    return Client(headers={"Authorization": f"Bearer {Token.issue(factories.person(), name='robot')[1]}"})


def test_each_answer_says_what_is_left_and_the_next_minute_begins_anew(robot, clock):
    answers = [robot.get("/api/apps") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    assert (answers[0]["RateLimit-Limit"], answers[0]["RateLimit-Reset"]) == ("3", "30")
    assert "Retry-After" not in answers[0] and answers[3]["Retry-After"] == "30"
    assert answers[3].json()["error"]["code"] == "too_many_requests"
    clock.shift(30)
    assert robot.get("/api/apps").status_code == 200


def test_tokens_and_people_are_counted_apart(robot):
    for _ in range(4):
        robot.get("/api/apps")
    person = factories.person()
    other = Client(headers={"Authorization": f"Bearer {Token.issue(person, name='other')[1]}"})
    signed_in = Client()
    signed_in.force_login(person)
    for client in (other, signed_in):
        assert client.get("/api/apps")["RateLimit-Remaining"] == "2"


def test_errors_and_refusals_count_as_well(robot):
    answers = [robot.get("/api/apps/nothing"), robot.post("/api/apps", "x", content_type="application/json")]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1"]


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer deployer_0_0"}])
def test_nobody_asks_without_end(headers):
    client = Client(headers=headers)
    assert [client.get("/api/apps").status_code for _ in range(3)] == [401, 401, 429]
    assert client.get("/api/nowhere").status_code == 429
    other = Client(REMOTE_ADDR="192.0.2.1")
    assert other.get("/api/apps").status_code == 401


def test_a_limit_of_nothing_is_none(robot, settings):
    settings.API_REQUESTS_PER_MINUTE = 0
    answer = robot.get("/api/apps")
    assert answer.status_code == 200 and "RateLimit-Limit" not in answer


def test_without_redis_nobody_is_refused(robot, settings):
    for queue in settings.RQ_QUEUES.values():
        queue["URL"] = "redis://127.0.0.1:1/3"
    answers = [robot.get("/api/apps") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit-Limit" not in answers[0]


def test_of_many_at_once_none_is_counted_twice_or_not_at_all(redis_server, together):
    counter = limits.Counter(redis_server)
    usages = together(*[lambda: counter.count("token:1", 5)] * 12)
    assert sorted(usage.used for usage in usages) == list(range(1, 13))
