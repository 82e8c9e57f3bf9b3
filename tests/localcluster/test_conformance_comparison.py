"""The comparison of test_conformance.py sees what it is for: a recording with one thing changed differs in that."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.localcluster.conformance.allowances import Allowances, Difference
from tests.localcluster.conformance.comparison import Mismatch, compare, missing
from tests.localcluster.conformance.recording import FOLDER, Change, Object, load
from tests.localcluster.conformance.report import report
from tests.localcluster.conformance.story import tell

Edit = Callable[[list[Change]], None]

SCENARIOS = sorted(path.name.removesuffix(".actions.jsonl") for path in FOLDER.glob("*.actions.jsonl"))


def mismatches(scenario: str, edit: Edit) -> set[tuple[str, str]]:
    """Roles and facets in which an edited recording differs from itself."""
    changes = load(scenario).changes
    edited = copy.deepcopy(changes)
    edit(edited)
    assert edited != changes, "the edit found nothing to change"
    return {(found.role, found.facet) for found in compare(tell(changes), tell(edited))}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_recording_is_like_itself(scenario: str) -> None:
    changes = load(scenario).changes
    assert compare(tell(changes), tell(copy.deepcopy(changes))) == []


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_story_so_far_lacks_what_comes(scenario: str) -> None:
    whole = load(scenario)
    first = whole.before(whole.actions[0].t)
    assert missing(tell(first.changes), tell(whole.changes)) == []
    assert missing(tell(whole.changes), tell(first.changes))


def of(changes: list[Change], kind: str, **wanted: Any) -> Iterator[Object]:
    for change in changes:
        if change.kind == kind and all(change.object.get(key) == value for key, value in wanted.items()):
            yield change.object


def conditions(changes: list[Change], kind: str, type_: str) -> Iterator[Object]:
    for obj in of(changes, kind):
        yield from (found for found in obj.get("status", {}).get("conditions", []) if found["type"] == type_)


def replaced(texts: Iterator[Object], key: str, old: str, new: str) -> None:
    for obj in texts:
        if isinstance(obj.get(key), str):
            obj[key] = obj[key].replace(old, new)


def a_condition_with_another_reason(changes: list[Change]) -> None:
    replaced(conditions(changes, "Deployment", "Progressing"), "reason", "ReplicaSetUpdated", "ReplicaSetChanged")


def a_condition_with_another_word(changes: list[Change]) -> None:
    replaced(conditions(changes, "Deployment", "Progressing"), "message", "timed out", "run out of time")


def a_condition_with_another_status(changes: list[Change]) -> None:
    for condition in conditions(changes, "Deployment", "Progressing"):
        if condition["reason"] == "ProgressDeadlineExceeded":
            condition["status"] = "Unknown"


def a_condition_that_does_not_change(changes: list[Change]) -> None:
    for condition in conditions(changes, "Deployment", "Progressing"):
        if condition["reason"] == "ReplicaSetUpdated":
            condition.update(reason="NewReplicaSetCreated", message='Created new replica set "web-788b57849c"')


def condition_changes_the_other_way_round(changes: list[Change]) -> None:
    swap = {"NewReplicaSetCreated": "ReplicaSetUpdated", "ReplicaSetUpdated": "NewReplicaSetCreated"}
    for condition in conditions(changes, "Deployment", "Progressing"):
        condition["reason"] = swap.get(condition["reason"], condition["reason"])


@pytest.mark.parametrize(
    "edit",
    [
        a_condition_with_another_reason,
        a_condition_with_another_word,
        a_condition_with_another_status,
        a_condition_that_does_not_change,
        condition_changes_the_other_way_round,
    ],
)
def test_conditions(edit: Edit) -> None:
    assert mismatches("crash-loop", edit) == {("Deployment web", "condition Progressing")}


POD = "Pod of ReplicaSet <rs 2>"


def containers(changes: list[Change]) -> Iterator[Object]:
    for pod in of(changes, "Pod"):
        yield from pod.get("status", {}).get("containerStatuses", [])


def another_exit_code(changes: list[Change]) -> None:
    for status in containers(changes):
        if "terminated" in status["state"]:
            status["state"]["terminated"]["exitCode"] = 2


def no_back_off(changes: list[Change]) -> None:
    last = None
    for status in containers(changes):
        if "waiting" in status["state"] and status["state"]["waiting"]["reason"] == "CrashLoopBackOff":
            status["state"] = last
        last = status["state"]


def another_word_of_the_back_off(changes: list[Change]) -> None:
    waiting = (status["state"].get("waiting", {}) for status in containers(changes))
    replaced(waiting, "message", "restarting failed", "starting failed")


def a_forgotten_last_state(changes: list[Change]) -> None:
    for status in containers(changes):
        status["lastState"] = {}


@pytest.mark.parametrize(
    ("edit", "facets"),
    [
        (another_exit_code, {"container web: state"}),
        (no_back_off, {"container web: state", "fields"}),
        (another_word_of_the_back_off, {"container web: state"}),
        (a_forgotten_last_state, {"container web: last state", "fields"}),
    ],
)
def test_containers(edit: Edit, facets: set[str]) -> None:
    assert mismatches("crash-loop", edit) == {(POD, facet) for facet in facets}


def test_what_a_pod_goes_through() -> None:
    def another_phase(changes: list[Change]) -> None:
        for pod in of(changes, "Pod"):
            if pod["status"]["phase"] == "Failed":
                pod["status"]["phase"] = "Succeeded"

    def not_ready_for_ever(changes: list[Change]) -> None:
        for status in containers(changes):
            status["ready"] = False

    def another_finalizer(changes: list[Change]) -> None:
        for pod in of(changes, "Pod"):
            pod["metadata"].pop("finalizers", None)

    def another_generation(changes: list[Change]) -> None:
        for pod in of(changes, "Pod"):
            pod["metadata"]["generation"] += 1

    def another_grace(changes: list[Change]) -> None:
        for pod in of(changes, "Pod"):
            if pod["metadata"].get("deletionGracePeriodSeconds") == 30:
                pod["metadata"]["deletionGracePeriodSeconds"] = 20

    pod = "Pod of Job migrate"
    assert mismatches("job-deadline", another_phase) == {(pod, "phase")}
    assert mismatches("job-deadline", not_ready_for_ever) == {(pod, "container migrate: ready")}
    assert mismatches("job-deadline", another_finalizer) == {(pod, "life"), (pod, "fields")}
    assert mismatches("job-deadline", another_generation) == {(pod, "generation")}
    assert mismatches("job-deadline", another_grace) == {(pod, "life"), (pod, "fields")}


def test_events() -> None:
    def another_reason(changes: list[Change]) -> None:
        replaced(of(changes, "Event"), "reason", "BackOff", "Backoff")

    def another_word(changes: list[Change]) -> None:
        replaced(of(changes, "Event"), "message", "Container created", "Created container")

    def another_type(changes: list[Change]) -> None:
        for event in of(changes, "Event", reason="BackOff"):
            event["type"] = "Normal"

    def another_order(changes: list[Change]) -> None:
        swap = {"Created": "Started", "Started": "Created"}
        words = {"Container created": "Container started", "Container started": "Container created"}
        for event in of(changes, "Event"):
            event["reason"] = swap.get(event["reason"], event["reason"])
            event["message"] = words.get(event["message"], event["message"])

    def another_author(changes: list[Change]) -> None:
        for event in of(changes, "Event", reason="BackOff"):
            event["source"]["component"] = "somebody"

    def no_repeats(changes: list[Change]) -> None:
        for event in of(changes, "Event", reason="BackOff"):
            event["count"] = 1

    def without_a_field(changes: list[Change]) -> None:
        for event in of(changes, "Event", reason="BackOff"):
            event["involvedObject"].pop("fieldPath")

    said = {(POD, "events of kubelet"), (POD, "repeats")}
    old_pods = {("Pod of ReplicaSet <rs 1>", facet) for _, facet in said}
    assert mismatches("crash-loop", another_reason) == said
    assert mismatches("crash-loop", another_word) == said | old_pods
    assert mismatches("crash-loop", another_type) == said
    order = {(role, facet) for role, facet in said | old_pods if facet != "repeats"}
    assert mismatches("crash-loop", another_order) == order
    assert mismatches("crash-loop", no_repeats) == {(POD, "repeats")}
    assert mismatches("crash-loop", without_a_field) == said
    authors = {(POD, "events of kubelet"), (POD, "events of somebody"), (POD, "event fields of somebody")}
    assert mismatches("crash-loop", another_author) == authors


def test_counters_and_sizes() -> None:
    def no_surge(changes: list[Change]) -> None:
        for obj in of(changes, "Deployment"):
            if obj["status"].get("replicas") == 4:
                obj["status"]["replicas"] = 3

    def never_unavailable(changes: list[Change]) -> None:
        for obj in of(changes, "Deployment"):
            obj["status"].pop("unavailableReplicas", None)

    def two_at_once(changes: list[Change]) -> None:
        for obj in of(changes, "ReplicaSet"):
            if obj["spec"]["replicas"] == 2:
                obj["spec"]["replicas"] = 3

    def nothing_terminates(changes: list[Change]) -> None:
        for obj in of(changes, "Deployment"):
            obj["status"]["terminatingReplicas"] = 0

    web = "Deployment web"
    assert mismatches("rolling-update", no_surge) == {(web, "replicas")}
    assert mismatches("rolling-update", never_unavailable) == {(web, "unavailableReplicas"), (web, "fields")}
    assert mismatches("rolling-update", two_at_once) == {
        ("ReplicaSet <rs 1>", "spec.replicas"),
        ("ReplicaSet <rs 2>", "spec.replicas"),
    }
    assert mismatches("rolling-update", nothing_terminates) == {(web, "terminatingReplicas")}


def test_endpoints() -> None:
    def still_ready_while_it_ends(changes: list[Change]) -> None:
        for found in of(changes, "EndpointSlice"):
            for endpoint in found.get("endpoints") or []:
                endpoint["conditions"]["ready"] |= endpoint["conditions"]["terminating"]

    found = mismatches("rolling-update", still_ready_while_it_ends)
    assert found == {("Pod of ReplicaSet <rs 1>", "endpoint")}


def test_fields() -> None:
    def another_default(changes: list[Change]) -> None:
        for obj in of(changes, "Service"):
            obj["spec"]["internalTrafficPolicy"] = "Local"

    def a_field_less(changes: list[Change]) -> None:
        for obj in of(changes, "Pod"):
            obj["spec"].pop("tolerations")

    def a_field_more(changes: list[Change]) -> None:
        for obj in of(changes, "Deployment"):
            obj["spec"]["paused"] = False

    assert mismatches("first-deploy", another_default) == {("Service web", "fields")}
    assert mismatches("first-deploy", a_field_less) == {("Pod of ReplicaSet <rs 1>", "fields")}
    assert mismatches("first-deploy", a_field_more) == {("Deployment web", "fields")}


def test_objects_too_many_or_too_few() -> None:
    changes = load("first-deploy").changes
    lost = next(of(changes, "Pod"))["metadata"]["uid"]
    fewer = [
        change
        for change in changes
        if lost not in (change.object["metadata"]["uid"], change.object.get("involvedObject", {}).get("uid"))
    ]
    lacks = Mismatch("Pod of ReplicaSet <rs 1>", "existence", ("exists",), ())
    assert lacks in compare(tell(changes), tell(fewer))
    assert replace(lacks, recorded=(), ours=("exists",)) in compare(tell(fewer), tell(changes))


def test_names_times_and_repeats_are_no_differences() -> None:
    """Another run of the same: crash-loop as it was seen half-way through its second back-off."""
    whole = load("crash-loop")
    half = [change for change in whole.changes if change.t < 32]
    assert compare(tell(whole.changes), tell(half)) == []


def test_allowances() -> None:
    changes = load("crash-loop").changes
    edited = copy.deepcopy(changes)
    replaced(of(edited, "Event"), "message", "Back-off restarting", "Waiting before restarting")
    facet = "events of kubelet|repeats"
    needed = Difference("Said so.", POD, facet, recorded="(.*)Back-off (rest.*)", becomes=r"\1Waiting before \2")
    needless = Difference("Never was.", POD, "events of nobody", ours=".*")
    elsewhere = Difference("Not here.", POD, facet, recorded=".*", scenario="oom-killed")
    allowances = Allowances([needed, needless, elsewhere])
    recorded, ours = tell(changes), tell(edited)
    allowances.apply_to_recorded("crash-loop", recorded)
    allowances.apply_to_ours("crash-loop", ours)
    assert compare(recorded, ours) == []
    assert allowances.needless() == [needless, elsewhere]


def test_a_report_shows_both_sides() -> None:
    found = Mismatch(
        "Pod of Job migrate", "phase", ("Pending", "Running", "Failed"), ("Pending", "Running", "Succeeded")
    )
    lines = report("job-failure", [found]).splitlines()
    assert lines[0] == "job-failure does not go as recorded"
    assert lines[2] == "Pod of Job migrate, phase"
    assert [line.split() for line in lines[5:]] == [
        ["Pending", "|", "Pending"],
        ["Running", "|", "Running"],
        ["≠", "Failed", "|", "Succeeded"],
    ]
