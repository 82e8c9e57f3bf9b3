"""The tables of a diagnosis: of recordings of a real cluster; where none shows it, of states that are written here."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from releases.pipeline.diagnosis import Finding, Known, LogOf, Options, Reported, Subject
from releases.pipeline.diagnosis.report import ProcessLine
from releases.pipeline.diagnosis.tables import LOGS_MAX, PROCESSES_MAX, Tables, tables
from tests import replay

Object = dict[str, Any]
EVERYTHING = Options(everything=True)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at_the_end_of(scenario: str) -> Reported:
    """With the recorder's clock, as the objects' own times give it."""
    lines = replay.recorded(scenario)
    times = [(line["object"]["metadata"].get("creationTimestamp"), line["t"]) for line in lines]
    began = max(datetime.fromisoformat(made) - timedelta(seconds=at) for made, at in times if made)
    [*_, (_, view)] = replay.instants(lines)
    now = began + timedelta(seconds=lines[-1]["t"])
    return Reported(now, view.deployments, view.replica_sets, view.pods, view.jobs, view.events)


def statuses(found: Tables) -> list[str]:
    return [line.status for line in found.processes]


# --- Recorded -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "status", "words"),
    [
        ("oom-killed", "out-of-memory", "more memory than its limit"),
        ("crash-loop", "crash-loop", "exited with 1"),
        ("bad-command", "start", "no such file or directory"),
        ("config-error", "config", 'secret "no-such-secret" not found'),
        ("image-pull-error", "image", "localhost:5005/demo:nope: not found"),
        ("readiness-failing", "not-ready", ""),
        ("unschedulable", "pending", "Insufficient cpu"),
    ],
)
def test_what_fails_comes_first_and_says_why(scenario: str, status: str, words: str) -> None:
    found = tables(at_the_end_of(scenario), Known(), [], EVERYTHING)
    assert statuses(found) == [status, "ready", "ready"]
    assert words in found.processes[0].hint
    assert (found.processes[0].ready, found.processes[1].ready) == ("0/1", "1/1")
    [service] = found.services
    assert (service.desired, service.ready) == (2, 2) and service.status in ("deploying", "stalled")


def test_a_refused_process_leaves_its_service_stalled() -> None:
    assert [line.status for line in tables(at_the_end_of("quota-exceeded"), Known(), []).services] == ["stalled"]


def test_while_old_processes_end_the_service_runs() -> None:
    found = tables(at_the_end_of("rolling-update"), Known(), [])
    assert [(line.service, line.desired, line.ready, line.status) for line in found.services] == [
        ("web", 3, 3, "running")
    ]
    assert set(statuses(found)) <= {"ready", "stopping"}


# --- Written --------------------------------------------------------------------------------------------------------


def service(name: str = "web", replicas: int = 2, ready: int = 2, **more: Any) -> Object:
    containers = {"initContainers": [{"name": "init"}], "containers": [{"name": "main"}]}
    return {
        "metadata": {
            "name": name,
            "uid": f"d-{name}",
            "generation": 1,
            "labels": {"app.kubernetes.io/managed-by": "deployer", "deployer/service": name},
        },
        "spec": {"replicas": replicas, "template": {"spec": containers}},
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": ready,
            "availableReplicas": ready,
        },
    } | more


def process(
    name: str, state: Object | None = None, *, is_ready: bool = False, age: float = 3600, **status: Any
) -> Object:
    created = (NOW - timedelta(seconds=age)).isoformat()
    main = {"name": "main", "ready": is_ready, "restartCount": 0, "state": state or {"running": {"startedAt": created}}}
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "creationTimestamp": created,
            "labels": {"deployer/service": "web", "deployer/release": "RAAAAAAAAAA"},
        },
        "spec": {"nodeName": "node1", "containers": [{"name": "main"}, {"name": "mesh"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True" if is_ready else "False"}],
            "containerStatuses": [main, {"name": "mesh", "ready": False, "restartCount": 7, "state": {}}],
        }
        | status,
    }


def reported(*pods: Object, **more: Any) -> Reported:
    return Reported(NOW, **({"deployments": [service()], "pods": list(pods)} | more))


def shown(*pods: Object, options: Options = EVERYTHING, **more: Any) -> tuple[ProcessLine, ...]:
    return tables(reported(*pods, **more), Known(), [], options).processes


ENDED = {"exitCode": 0, "reason": "Completed", "finishedAt": (NOW - timedelta(seconds=5)).isoformat()}


@pytest.mark.parametrize(
    ("status", "pod"),
    [
        ("ready", process("a", is_ready=True)),
        ("starting", process("a", age=5)),
        ("not-ready", process("a", age=60)),
        ("starting", process("a", {"waiting": {"reason": "ContainerCreating"}})),
        ("completed", process("a", {"terminated": ENDED})),
        ("evicted", process("a", phase="Failed", reason="Evicted", message="The node was low on memory.")),
        ("unknown", process("a", phase="Unknown")),
        ("not-ready", process("a", conditions=None)),
        ("starting", process("a", containerStatuses=None)),
    ],
)
def test_a_status_of_its_own(status: str, pod: Object) -> None:
    [line] = shown(pod)
    assert line.status == status


def test_a_process_that_is_being_deleted_is_stopping_and_blames_nobody() -> None:
    pod = process("a", {"terminated": ENDED})
    pod["metadata"]["deletionTimestamp"] = NOW.isoformat()
    assert [(line.status, line.hint) for line in shown(pod)] == [("stopping", "")]


def test_pulling_until_the_cluster_tells_that_it_is_pulled() -> None:
    waits = process("a", {"waiting": {"reason": "ContainerCreating"}})
    events = [{"metadata": {"name": "e"}, "involvedObject": {"uid": "a"}, "reason": "Pulling"}]
    assert shown(waits, events=events)[0].status == "pulling"
    events.append({"metadata": {"name": "f"}, "involvedObject": {"uid": "a"}, "reason": "Pulled"})
    assert shown(waits, events=events)[0].status == "starting"


def test_a_crash_of_long_ago_is_no_crash_loop() -> None:
    pod = process("a", age=7200)
    container = pod["status"]["containerStatuses"][0]
    container |= {"restartCount": 1, "lastState": {"terminated": {"exitCode": 1, "finishedAt": NOW.isoformat()}}}
    assert shown(pod)[0].status == "crash-loop"
    container["lastState"]["terminated"]["finishedAt"] = (NOW - timedelta(hours=1)).isoformat()
    assert shown(pod)[0].status == "not-ready"


def test_only_containers_of_the_release_count() -> None:
    """A mesh's restarts and readiness are nobody's of ours."""
    [line] = shown(process("a", is_ready=True))
    assert (line.ready, line.restarts) == ("1/1", 0)


def test_healthy_ones_are_left_out_and_counted_unless_new_or_asked_for() -> None:
    old, new = process("old", is_ready=True), process("new", is_ready=True, age=20)
    found = tables(reported(old, new), Known(), [])
    assert [line.process for line in found.processes] == ["new"] and found.processes[0].new
    assert found.omitted == {"healthy": 1}
    assert len(tables(reported(old, new), Known(), [], EVERYTHING).processes) == 2
    assert tables(reported(old, new), Known(), [], Options(age=10)).omitted == {"healthy": 2}


def test_a_process_with_a_finding_is_shown_with_its_hint_and_its_service_fails() -> None:
    finding = Finding("crash_loop", Subject("process", "a", "web", "main"), "It crashes.", "Mend it.", others=("b",))
    found = tables(reported(*(process(name, is_ready=True) for name in "abc")), Known(), [finding])
    assert [(line.process, line.hint) for line in found.processes] == [("a", "Mend it."), ("b", "Mend it.")]
    assert found.services[0].status == "failing"


def test_who_is_killed_by_its_liveness_check_has_not_completed() -> None:
    finding = Finding("liveness_killed", Subject("process", "a", "web", "main"), "It was killed.", "Look.")
    found = tables(reported(process("a", {"terminated": ENDED})), Known(), [finding])
    assert statuses(found) == ["crash-loop"]


def test_services_without_processes_are_there_and_can_be_chosen() -> None:
    known = Known(manifest={"services": {"worker": {}, "web": {}}})
    found = tables(reported(process("a", is_ready=True)), known, [])
    assert [(line.service, line.status) for line in found.services] == [("worker", "stopped"), ("web", "running")]
    chosen = tables(reported(process("a", is_ready=True)), known, [], Options(services=("worker",), everything=True))
    assert [line.service for line in chosen.services] == ["worker"] and not chosen.processes


def test_a_stranger_is_nowhere() -> None:
    stranger = {"metadata": {"name": "db", "uid": "d-db"}, "spec": {"replicas": 1}, "status": {}}
    owner = {"kind": "Deployment", "name": "db", "uid": "d-db", "controller": True}
    of_it = {"metadata": {"name": "db-1", "uid": "rs-db", "ownerReferences": [owner]}}
    pod = process("db-1-x")
    pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "db-1", "uid": "rs-db", "controller": True}]
    found = tables(reported(pod, deployments=[service(), stranger], replica_sets=[of_it]), Known(), [], EVERYTHING)
    assert [line.service for line in found.services] == ["web"] and not found.processes


def test_whose_labels_are_missing_is_found_by_who_made_it() -> None:
    deployment = service()
    del deployment["metadata"]["labels"]
    owner = {"kind": "Deployment", "name": "web", "uid": "d-web", "controller": True}
    replica_set = {"metadata": {"name": "web-1", "uid": "rs", "ownerReferences": [owner]}}
    pod = process("web-1-x")
    del pod["metadata"]["labels"]
    pod["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": True}]
    [line] = shown(pod, deployments=[deployment], replica_sets=[replica_set])
    assert (line.service, line.ready) == ("web", "0/1")


def test_init_containers_and_how_they_fare() -> None:
    crashing = {"name": "init", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    crashing["lastState"] = {"terminated": {"exitCode": 3, "reason": "Error"}}
    pod = process("a", {"waiting": {"reason": "PodInitializing"}}, initContainerStatuses=[crashing])
    [line] = shown(pod)
    assert (line.status, line.restarts) == ("crash-loop", 4)
    assert [(each.container, each.status, each.restarts, each.words) for each in line.init] == [
        ("init", "failing", 4, "exited with 3")
    ]
    crashing["state"], crashing["lastState"] = {"terminated": {"exitCode": 0, "reason": "Completed"}}, {}
    assert shown(pod)[0].init[0].status == "done"
    assert shown(pod, options=Options(checks=("overview",), everything=True))[0].init == ()


def test_logs_the_earlier_run_first_and_as_many_lines_as_asked() -> None:
    logs = {
        LogOf("a", "main"): ("three", "four"),
        LogOf("a", "main", previous=True): ("one", "two"),
        LogOf("a", "mesh"): ("chatter",),
        LogOf("a", "init"): ("prepared",),
    }
    pod = process("a")

    def said(options: Options) -> list[tuple[str, bool, tuple[str, ...]]]:
        [line] = shown(pod, options=options, logs=logs)
        return [(log.container, log.previous, log.lines) for log in line.logs]

    main = [("main", True, ("one", "two")), ("main", False, ("three", "four"))]
    assert said(EVERYTHING)[-2:] == main
    assert said(Options(checks=("overview", "services"), everything=True)) == main
    assert said(Options(checks=("services",), previous=False, lines=1)) == [("main", False, ("four",))]
    assert said(Options(lines=0)) == []
    assert not shown(pod, options=Options(checks=("init",)))


def test_an_autoscaler_and_the_releases_that_run_are_told() -> None:
    autoscaler = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}}
    later = process("b", age=10)
    later["metadata"]["labels"]["deployer/release"] = "RBBBBBBBBBB"
    found = tables(reported(process("a"), later, autoscalers=[autoscaler]), Known(), [])
    assert found.services[0].autoscaled and found.services[0].releases == ("RBBBBBBBBBB", "RAAAAAAAAAA")


# --- Bounds, and what is odd ------------------------------------------------------------------------------------------


def test_many_processes_and_long_logs_are_bounded_and_what_is_omitted_is_counted() -> None:
    pods = [process(f"p{number:03}") for number in range(PROCESSES_MAX + 50)]
    logs = {LogOf(f"p{number:03}", "main"): ("x" * 5000,) * 200 for number in range(PROCESSES_MAX)}
    found = tables(reported(*pods, logs=logs), Known(), [])
    assert len(found.processes) == PROCESSES_MAX and found.omitted["processes"] == 50
    written = sum(len(text) for line in found.processes for log in line.logs for text in log.lines)
    assert 0 < written <= LOGS_MAX and found.omitted["logs"] == PROCESSES_MAX - 1


ODD: tuple[Any, ...] = (None, 1, "text", [], [None], ["text"], {}, {"odd": None}, True, 1.5)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    return [path] * bool(path) + [found for key, part in pairs for found in _paths(part, (*path, key))]


def _with(value: Any, path: tuple[Any, ...], put: Any) -> Any:
    if not path:
        return put
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _with(value[path[0]], path[1:], put)
    return copy


@pytest.mark.parametrize("kind", ["deployments", "replica_sets", "pods"])
def test_whatever_stands_in_a_field_it_does_not_break(kind: str) -> None:
    """Each field of recorded objects once as something odd: written by this test, no cluster does so."""
    whole = at_the_end_of("oom-killed")
    objects = getattr(whole, kind)[:1]
    for number, path in enumerate(_paths(objects)):
        odd = _with(objects, path, ODD[number % len(ODD)])
        tables(replace(whole, **{kind: odd}), Known(), [], EVERYTHING)
