"""What is told of a rollout while it runs: the same as would doom it, before it does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from releases.pipeline import causes, meaning
from releases.pipeline.service_state import Rules
from tests.test_health import ended, pod, refused, replica_set, service, waiting

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DNS = "dial tcp: lookup registry.invalid: no such host"


def told(*services, seconds=0.0, **given):
    return causes.found(list(services), now=NOW + timedelta(seconds=seconds), **given)


def crashed(name="web-1", *, restarts=1, message="", ready=False, **times):
    last = ended(1, message=message)
    last["terminated"] |= times
    return pod(name, state={"running": {}}, last=last, restarts=restarts, ready=ready)


def test_a_crash_says_how_often_after_what_time_and_what_it_wrote_last():
    times = {"startedAt": "2026-11-21T11:59:50Z", "finishedAt": "2026-11-21T11:59:52Z"}
    (cause,) = told(service(crashed(message="Traceback\n\nKeyError: 'QUEUE_URL'\n", **times)), variables={"PORT"})
    assert (cause.process, cause.what, cause.words) == ("web-1", "is crashing", "it exited with 1 after 2 s, once")
    assert cause.line == "KeyError: 'QUEUE_URL'" and cause.exits_left == 1
    assert cause.hint == "QUEUE_URL is not among this release's variables."
    (known,) = told(service(crashed(message="KeyError: 'QUEUE_URL'")), variables={"QUEUE_URL"})
    assert "must keep running" in known.hint


def test_how_many_exits_are_left_is_the_rules_of_the_service():
    patient = replace(service(crashed()), rules=Rules(deadline=600, exits=5))
    assert told(patient)[0].exits_left == 4
    assert told(service(crashed(ready=True)))[0].what == "has crashed"


def test_what_dooms_already_is_left_to_the_verdict():
    assert told(service(crashed(restarts=2))) == []


def test_exits_of_before_are_no_trouble():
    assert told(replace(service(crashed(restarts=3)), exits_before={"web-1": 3})) == []


def test_of_several_with_the_same_trouble_the_one_that_decides_is_told():
    crowd = [crashed(f"web-{number}", restarts=2 if number == 4 else 1) for number in range(1, 8)]
    (cause,) = told(replace(service(*crowd), rules=Rules(deadline=600, exits=3)))
    assert (cause.process, cause.others, cause.exits_left) == ("web-4", 6, 1)


def test_an_image_that_can_not_be_pulled_says_until_when():
    sick = replace(service(waiting("ErrImagePull", DNS)), first_seen={"web-1/pull": NOW})
    (cause,) = told(sick, seconds=5)
    assert (cause.kind, cause.what, cause.words) == ("pull", "can't pull its image", DNS)
    assert cause.since == NOW.isoformat()
    assert cause.until == (NOW + timedelta(seconds=meaning.PATIENCE_SECONDS)).isoformat()


def test_a_quota_is_the_services_trouble():
    (cause,) = told(service(pod(ready=True), sets=refused()))
    assert (cause.kind, cause.service, cause.process, cause.what) == ("quota", "web", "", "gets no new process")


@pytest.mark.parametrize(("seconds", "kinds"), [(4, []), (6, ["unschedulable"])])
def test_a_process_without_a_place_is_told_after_a_moment(seconds, kinds):
    unplaced = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    lost = pod(state={"waiting": {}}, conditions=[unplaced])
    assert [cause.kind for cause in told(service(lost), seconds=seconds)] == kinds


def test_a_process_that_is_not_ready_for_long_is_told_with_the_clusters_words():
    slow = replace(service(pod()), said={"web-1": "Readiness probe failed: 503"})
    assert told(slow, seconds=19) == []
    (cause,) = told(slow, seconds=20)
    assert (cause.kind, cause.words) == ("never_ready", "Readiness probe failed: 503")
    assert cause.until == (NOW + timedelta(seconds=600)).isoformat()


def test_a_healthy_rollout_has_no_causes():
    assert told(service(pod(ready=True), sets=[replica_set(available=1)]), seconds=5) == []


def test_they_are_bounded_in_number_and_size():
    many = [replace(service(crashed(message="x" * 9000)), name=f"service-{number}") for number in range(40)]
    found = told(*many)
    assert len(found) == causes.SHOWN
    assert len(found[0].line) == causes.LINE_MAX and found[0].line.endswith("…")


def test_the_release_command_that_can_not_begin():
    rules = Rules(deadline=600, exits=2)
    (cause,) = causes.of_command([waiting("ErrImagePull", DNS)], rules=rules, first_seen={"web-1/pull": NOW}, now=NOW)
    assert (cause.process, cause.what) == ("The release command", "can't pull its image")
    assert causes.of_command([pod()], rules=rules, first_seen={}, now=NOW) == []


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("KeyError: 'QUEUE_URL'", "QUEUE_URL"),
        ('key not found: "SECRET_KEY_BASE" (KeyError)', "SECRET_KEY_BASE"),
        ("Error: DATABASE_URL is not set", "DATABASE_URL"),
        ("DATABASE_URL must be set", "DATABASE_URL"),
        ("Missing required environment variable: STRIPE_KEY", "STRIPE_KEY"),
        ("KeyError: 'queue'", ""),
        ("GET /x HTTP/1.1", ""),
        ("Connection refused", ""),
    ],
)
def test_a_variable_that_is_missed_is_recognised(line, name):
    assert meaning.unset_variable(line, ()) == name
    assert meaning.unset_variable(line, {name}) == ""


def test_the_sentence_about_a_missed_variable_names_it():
    assert meaning.unset_hint("KeyError: 'QUEUE_URL'", ()) == "QUEUE_URL is not among this release's variables."
    assert meaning.unset_hint("KeyError: 'QUEUE_URL'", {"QUEUE_URL"}) == ""
    assert meaning.unset_hint("Connection refused", ()) == ""
