"""A diagnosis holds whatever is reported: nothing breaks it, nothing makes it endless. The states are written."""

import json
import random
from copy import deepcopy
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releases.pipeline.diagnosis import Changes, Known, LogOf, Reported, RolloutKnown, Trouble, diagnose
from releases.pipeline.diagnosis import grouping as limits
from tests import replay
from tests.bench.diagnosis import NOW, crowd
from tests.diagnosed import began, reported

ODD = (None, 0, -1, 10**30, 2.5, True, "", "web", "\0\ud800", "2026-99-99T99:99:99Z", [], {}, [None], [[]], {"a": None})
FAILING = ("liveness-failing", "oom-killed", "unschedulable", "job-retries", "config-error", "quota-exceeded")


def parts(value, path=()):
    """The paths of all that is in it."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from parts(item, (*path, key))


def put(value, path, new):
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


def holds(findings):
    """Bounded in number and size, and JSON that any database keeps."""
    assert len(findings) <= limits.FINDINGS
    for finding in findings:
        assert len(finding.observed) <= limits.OBSERVED + 1 and len(finding.hint) <= limits.HINT
        assert len(finding.events) <= limits.EVENTS and all(len(it.message) <= limits.MESSAGE for it in finding.events)
        lines = [line for written in finding.lines for line in written.lines]
        assert len(lines) <= limits.LINES and all(len(line) <= limits.LINE for line in lines)
        assert len(finding.others) <= limits.OTHERS <= max(finding.others_count, limits.OTHERS)
        assert "\\u0000" not in json.dumps(finding.as_json())
        json.dumps(finding.as_json(), ensure_ascii=False).encode()


def at_the_end(scenario):
    world, lines = replay.World(None), replay.recorded(scenario)
    for line in lines:
        if line["type"] != "DELETED":
            world.see(line)
    return reported(world.view(), began(lines))


KINDS = [field.name for field in fields(Reported) if field.name not in ("now", "logs", "unread")]
STATES = {scenario: at_the_end(scenario) for scenario in FAILING}


@given(data=st.data())
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_field_may_be_null_missing_or_of_another_type(data):
    state = STATES[data.draw(st.sampled_from(FAILING))]
    objects = {kind: deepcopy(getattr(state, kind)) for kind in KINDS}
    dice = random.Random(data.draw(st.integers(0, 2**32)))
    for kind in filter(objects.get, KINDS):
        for path in dice.sample(there := list(parts(objects[kind])), k=min(len(there), dice.choice([1, 3, 30]))):
            if path:
                try:
                    put(objects[kind], path, dice.choice(ODD))
                except (KeyError, IndexError, TypeError):
                    continue  # what it was in is something else by now
    holds(diagnose(replace(state, **objects)))


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_every_kind_may_be_of_another_type_altogether(odd):
    holds(diagnose(Reported(NOW, **dict.fromkeys(KINDS, odd))))
    strange = [odd, {"metadata": odd}, {"metadata": {"name": "web"}}]
    holds(diagnose(Reported(NOW, **dict.fromkeys(KINDS, strange))))


def test_500_processes_and_5000_events_are_bounded():
    told = Reported(NOW, **crowd(500, 5000))
    findings = diagnose(told)
    holds(findings)
    assert sum(1 + it.others_count for it in findings if it.subject.kind == "process") >= 500
    assert len(json.dumps([finding.as_json() for finding in findings])) < 1024**2


def test_as_many_troubles_as_one_likes_are_bounded():
    """Written: each process ends with a code of its own."""
    told = crowd(500, 0)
    for number, pod in enumerate(told["pods"]):
        status = pod["status"]["containerStatuses"][0]
        status |= {"restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
        status["lastState"] = {"terminated": {"exitCode": number % 250 + 1, "reason": "Error"}}
    findings = diagnose(Reported(NOW, **told))
    assert len(findings) == limits.FINDINGS
    holds(findings)


def test_endless_words_are_cut():
    state, long = STATES["oom-killed"], "x" * 100_000
    logs = {LogOf(pod["metadata"]["name"], "web", run): (long,) * 1000 for pod in state.pods for run in (True, False)}
    told = replace(deepcopy(state), logs=logs)
    for event in told.events:
        event["message"] = f"{long}\0"
    for pod in told.pods:
        for status in pod["status"].get("containerStatuses") or []:
            status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": long}}
    findings = diagnose(told, Known(app=long, release=long, changes=Changes(long, long, images=(long,) * 99)))
    assert findings
    holds(findings)
    holds(diagnose(told, Known(), tuple(Trouble("webhook_failing", long, long, long) for _ in range(500))))


def test_what_is_known_may_be_strange_as_well():
    rollout = RolloutKnown(7, "failed", "R", first={"code": None, "observed": 7})
    for manifest in (None, {}, {"services": None}, {"services": {"web": None}}, {"services": []}):
        holds(diagnose(STATES["oom-killed"], Known(manifest=manifest)))
        holds(diagnose(Reported(NOW), Known(manifest=manifest, rollout=rollout, paths={"env": "/x"})))
