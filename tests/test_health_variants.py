"""The same verdicts on recordings that came about a little differently: it is the objects that say it.

Another order across kinds, everything twice, states that no watch ever showed, clocks minutes off, other names and
numbers, fields left out or null.
"""

import json
import random
import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import replay
from tests.replay import Told
from tests.test_health_recorded import DOOMED, GOOD, JOBS, RECORDED, SOON

COALESCED_SECONDS = 0.9
ROLLOUTS = {**{name: (0, second) for name, (second, _, _) in DOOMED.items()}, **GOOD}
KINDS = ("Deployment", "ReplicaSet", "Pod", "Job", "Event", "Service", "EndpointSlice")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")


# --- How it might have gone -----------------------------------------------------------------------------------------


def other_order(lines, delays):
    """Each kind of object by its own watch, some slower than others; the lists at the beginning are there."""
    begin = 0.1
    late = [line if line["t"] < begin else {**line, "t": line["t"] + delays[line["kind"]]} for line in lines]
    return sorted(late, key=lambda line: line["t"])


def twice(lines):
    return [line for line in lines for _ in (1, 2)]


def coalesced(lines, dice):
    """Some states of an object are never seen: the next one comes within a moment."""
    last, kept = {}, []
    for line in reversed(lines):
        uid = line["object"]["metadata"].get("uid")
        soon = uid in last and last[uid] - line["t"] < COALESCED_SECONDS
        if line["type"] == "MODIFIED" and soon and dice.random() < 0.5:
            continue
        last[uid] = line["t"]
        kept.append(line)
    return kept[::-1]


def walked(value, change):
    """`value` with each part replaced by what `change` makes of it, inner ones first."""
    if isinstance(value, dict):
        value = {key: walked(item, change) for key, item in value.items()}
    elif isinstance(value, list):
        value = [walked(item, change) for item in value]
    return change(value)


def other_clock(seconds):
    def change(value):
        if not isinstance(value, str) or not TIME.match(value):
            return value
        moved = datetime.fromisoformat(value) + timedelta(seconds=seconds)
        return moved.strftime("%Y-%m-%dT%H:%M:%S" + (".%f" if "." in value else "") + "Z")

    return lambda obj: walked(obj, change)


def other_names(scenario, container, image):
    """Of the namespace, the processes, the image and the container."""
    words = [
        (f'"{scenario}"', '"shop"'),
        ("localhost:5005/demo", image),
        ('"web-', '"shop-x1-'),
        ("{web}", f"{{{container}}}"),
    ]
    words += [
        (f"{before}web{after}", f"{before}{container}{after}") for before, after in ((" ", " failed"), ("=", " "))
    ]

    def change(value):
        is_container = isinstance(value, dict) and ("image" in value or "restartCount" in value)
        return {**value, "name": container} if is_container and value.get("name") == "web" else value

    def renamed(obj):
        text = json.dumps(obj)
        for before, after in words:
            text = text.replace(before, after)
        return walked(json.loads(text), change)

    return renamed


def more_processes(more):
    """As many besides, which were replaced before."""

    def change(obj):
        if obj.get("kind") != "Deployment":
            return obj
        spec, status = obj["spec"], obj.get("status") or {}
        counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
        status = {**status, **{key: (status.get(key) or 0) + more for key in counts}} if status else status
        return {**obj, "spec": {**spec, "replicas": spec["replicas"] + more}, "status": status}

    return change


COUNTED = {"replicas", "maxSurge", "maxUnavailable", "backoffLimit"}  # none is not the default


def sparse(as_null):
    """What says nothing is left out, or null."""

    def change(value):
        if not isinstance(value, dict):
            return value
        empty = {key for key, item in value.items() if item in ({}, [], "", None, 0) and key not in COUNTED}
        return {key: None if key in empty else item for key, item in value.items() if as_null or key not in empty}

    return lambda obj: walked(obj, change)


def plain(obj):
    return obj


@st.composite
def courses(draw, scenario):
    """A change of every object, a change of the course of the lines, what the replay is told, and the delay of both."""
    container = draw(st.sampled_from(["web", "app", "failed", "main"]))
    image = draw(st.sampled_from(["localhost:5005/demo", "quay.io/denied/timeout", "r.io:429/lookup/503"]))
    changes = [
        draw(st.sampled_from([plain, other_clock(300), other_clock(-300)])),
        draw(st.sampled_from([plain, sparse(True), sparse(False)])),
        other_names(scenario, container, image),
        more_processes(draw(st.integers(0, 5))),
    ]
    delays = {kind: draw(st.sampled_from([0.0, 0.0, 0.05, 0.6])) for kind in KINDS}
    seed, again = draw(st.integers(0, 99)), draw(st.booleans())

    def obj(value):
        for change in changes:
            value = change(value)
        return value

    def course(lines):
        lines = [{**line, "object": obj(line["object"])} for line in lines if line["type"] != "BOOKMARK"]
        lines = coalesced(other_order(lines, delays), random.Random(seed)) if seed else other_order(lines, delays)
        return twice(lines) if again else lines

    return obj, course, Told(container), max(delays.values()) + (COALESCED_SECONDS if seed else 0)


# --- The verdicts are the same --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", sorted(ROLLOUTS))
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_rollout_that_came_about_differently_has_the_same_verdict(scenario, data):
    obj, course, told, delay = data.draw(courses(scenario))
    write, second = ROLLOUTS[scenario]
    asked = [
        {**action, "response": obj(action["response"])} for action in replay.actions(scenario) if "response" in action
    ]
    known = replay.writes(scenario, told, asked=asked)[write]
    lines = course(replay.recorded(scenario))
    found = replay.judge(scenario, replace(known, template=""), rules=RECORDED, told=told, lines=lines)
    expected = "complete" if (scenario, write) in {(name, GOOD[name][0]) for name in GOOD} else "failed"
    cause = "" if expected == "complete" else DOOMED[scenario][1]
    assert (found.verdict.status, found.verdict.cause) == (expected, cause)
    assert second - 0.05 <= found.at <= second + SOON + delay


@pytest.mark.parametrize("scenario", sorted([*JOBS, "job-success"]))
@settings(max_examples=12, deadline=None)
@given(st.data())
def test_so_has_a_release_command(scenario, data):
    _, course, _, delay = data.draw(courses(scenario))
    second, cause, words = JOBS.get(scenario, (1.86, "", ""))
    found = replay.judge_job(scenario, lines=course(replay.recorded(scenario)))
    assert found.verdict.status == ("failed" if cause else "complete") and found.verdict.cause == cause
    assert words.partition("localhost:5005/demo")[2] in found.verdict.reason
    assert second - 0.05 <= found.at <= second + SOON + delay


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_a_liveness_kill_that_came_about_differently(data):
    obj, course, told, delay = data.draw(courses("liveness-failing"))
    asked = [
        {**action, "response": obj(action["response"])}
        for action in replay.actions("liveness-failing")
        if "response" in action
    ]
    [known] = replay.writes("liveness-failing", told, asked=asked)
    lines = course(replay.recorded("liveness-failing"))
    found = replay.judge("liveness-failing", known, rules=RECORDED, liveness=30, told=told, lines=lines)
    assert found.verdict.cause == "liveness"
    assert 4.9 <= found.at <= 4.95 + SOON + delay
