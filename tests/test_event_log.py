"""Events become lines: of ours only, news only, repeats at each doubling; and they tell of liveness kills."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases.clients.mirror import View
from releases.pipeline.event_log import EventLog, count, event_counts, last_warnings, liveness_kills
from tests.replay import World, recorded

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def event(uid, message="Created pod", *, of="pod-1", times=1, at="2026-11-21T12:00:00Z"):
    return {
        "metadata": {"uid": uid, "resourceVersion": "1"},
        "involvedObject": {"uid": of, "name": "web-1"},
        "message": message,
        "count": times,
        "lastTimestamp": at,
    }


def view(*events, pods=("pod-1",)):
    return View(pods=[{"metadata": {"uid": uid}} for uid in pods], events=list(events))


def told(log, *events, now=NOW, **given):
    return [line.message for line in log.lines(view(*events, **given), now)]


def test_a_new_event_of_ours_is_told_once():
    log = EventLog({})
    [line] = log.lines(view(event("a", "Created\n  pod")), NOW)
    assert (line.stream, line.message, line.source_key) == ("system/k8s/web-1", "Created pod", "a 1")
    assert told(log, event("a")) == []


def test_of_repeats_the_first_and_each_doubling_is_told():
    log = EventLog({})
    counts = [times for times in range(1, 40) if told(log, event("a", times=times))]
    assert counts == [1, 2, 4, 8, 16, 32]


@given(st.lists(st.integers(1, 200), min_size=1, max_size=60).map(sorted))
def test_however_counts_arrive_they_are_told_at_most_once_per_doubling(counts):
    log = EventLog({})
    seen = [times for times in counts if told(log, event("a", times=times))]
    assert seen[0] == counts[0]
    assert all(later >= 2 * earlier for earlier, later in pairwise(seen))
    assert counts[-1] < 2 * seen[-1]  # nothing that is due was left out


def test_what_was_there_before_is_not_told_until_it_has_doubled():
    before = [event("old", times=3)]
    log = EventLog(event_counts(before))
    assert told(log, *before) == []
    assert told(log, event("old", times=5)) == []
    assert told(log, event("old", "again", times=6)) == ["again"]


def test_strangers_are_never_told():
    log = EventLog({})
    stranger = event("a", of="stranger")
    for seconds in (0, 0.5, 2, 60):
        assert told(log, stranger, now=NOW + timedelta(seconds=seconds)) == []


def test_an_event_may_come_a_moment_before_its_object():
    log = EventLog({})
    assert told(log, event("a"), pods=()) == []
    assert told(log, event("a"), now=NOW + timedelta(seconds=0.9)) == ["Created pod"]


def test_events_of_a_process_that_is_gone_are_still_ours():
    log = EventLog({})
    log.lines(view(), NOW)
    assert told(log, event("a", "Stopping"), pods=()) == ["Stopping"]


def test_lines_come_in_the_order_of_the_cluster():
    log = EventLog({})
    events = [event("b", "second", at="2026-11-21T12:00:02Z"), event("a", "first", at="2026-11-21T12:00:01Z")]
    assert told(log, *events) == ["first", "second"]


def test_an_event_without_a_count_is_one():
    assert count({}) == count({"count": None, "series": None}) == 1
    assert count({"series": {"count": 7}}) == 7


def test_events_of_the_scheduler_have_times_of_their_own():
    """Of events.k8s.io: no count, no lastTimestamp, microseconds."""
    bare = {"count": None, "lastTimestamp": None}
    first = {**event("a", "first"), **bare, "eventTime": "2026-11-21T12:00:01.000001Z"}
    second = event("b", "second", at="2026-11-21T12:00:02Z")
    again = {**event("c", "third"), **bare, "eventTime": "2026-11-21T12:00:00.000000Z"}
    again["series"] = {"count": 3, "lastObservedTime": "2026-11-21T12:00:03.000000Z"}
    assert told(EventLog({}), again, second, first) == ["first", "second", "third"]


def test_of_the_same_second_the_version_decides():
    later, earlier = event("a", "later"), event("b", "earlier")
    later["metadata"]["resourceVersion"] = "10"
    earlier["metadata"]["resourceVersion"] = "9"
    assert told(EventLog({}), later, earlier) == ["earlier", "later"]


def test_an_event_that_says_next_to_nothing_does_no_harm():
    bare = {"metadata": {"uid": "a"}, "involvedObject": None, "message": None, "reason": None}
    assert told(EventLog({}), bare) == []
    [line] = EventLog({}, [""]).lines(View(events=[bare]), NOW)
    assert (line.stream, line.message) == ("system/k8s/?", "")


def test_an_older_state_that_comes_late_is_no_news():
    log = EventLog({})
    assert told(log, event("a", times=4)) == ["Created pod"]
    assert told(log, event("a", times=2)) == []


def test_of_several_warnings_the_last_is_kept_and_that_it_is_tried_again_is_none():
    late = {**event("a", "late", at="2026-11-21T12:00:09Z"), "type": "Warning"}
    early = {**event("b", "early"), "type": "Warning"}
    again = {**event("c", "Back-off", at="2026-11-21T12:01:00Z"), "type": "Warning", "reason": "BackOff"}
    fine = {**event("d", "Started", at="2026-11-21T12:02:00Z"), "type": "Normal"}
    assert last_warnings([late, fine, again, early]) == {"pod-1": "late"}


@pytest.mark.parametrize(
    ("message", "ours"),
    [
        ("Container main failed liveness probe, will be restarted", True),
        ("(combined from similar events): Container main failed liveness probe, will be restarted", True),
        ("Killing container with id docker://main:Container failed liveness probe.. Container will be killed", True),
        ("Container mesh-proxy failed liveness probe, will be restarted", False),
        ("Stopping container main", False),
    ],
)
def test_liveness_kills_are_known_in_the_words_of_several_kubelets(message, ours):
    kill = {**event("k", message, times=3), "reason": "Killing"}
    assert liveness_kills([kill], {"k": 1}, ours={"main"}) == ({"pod-1": 2} if ours else {})


def test_a_recorded_crash_loop_reads_like_a_log():
    world, log, messages, keys = World(), None, [], []
    for line in recorded("crash-loop"):
        world.see(line)
        if log is None and line["t"] > 0.55:
            log = EventLog(event_counts(world.view().events))
        if log is not None:
            for made in log.lines(world.view(), NOW + timedelta(seconds=line["t"])):
                messages.append(made.message)
                keys.append(made.source_key)
    assert len(keys) == len(set(keys))
    assert any(text.startswith("Scaled up replica set web-") for text in messages)
    assert any(text.startswith("Back-off restarting failed container") for text in messages)
    assert len([text for text in messages if text.startswith("Back-off restarting")]) <= 4
    assert not any("\n" in text for text in messages)
