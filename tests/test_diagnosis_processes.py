"""What a diagnosis finds of single processes and of commands, one code after the other.

All states here are written; what a recording of a real cluster shows is in test_diagnosis_recorded.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from releases.pipeline import manifests
from releases.pipeline.diagnosis import Changes, Known, LogOf, RolloutKnown, diagnose
from releases.pipeline.diagnosis.catalogue import BY_CODE, CODES
from releases.pipeline.diagnosis.catalogue.processes import PROCESSES
from releases.pipeline.diagnosis.of_processes.place import lacks
from releases.pipeline.diagnosis.of_processes.probes import listening
from tests.reported_app import LABELS, NEW, NOW, ago, condition, deployment, known, pod, replica_set, reported

IMAGE = "registry.example/shop:1"


def state(name="web-1", *, age=120.0, phase="Running", container=None, conditions=(), spec=None, **kind):
    """A process of ours that is not ready. `container`: what its status says of the main one."""
    made = pod(name, ready=False, age=age, **kind)
    own = {"name": "main", "image": IMAGE, "ready": False, "restartCount": 0, "state": {}, **(container or {})}
    placed = condition("PodScheduled", "True", since=age)
    unready = condition("Ready", "False", since=age)
    made["status"] |= {"phase": phase, "containerStatuses": [own], "conditions": [placed, unready, *conditions]}
    made["spec"] = {"nodeName": "node-1", "containers": [{"name": "main", "image": IMAGE, **(spec or {})}]}
    return made


def waiting(reason, message="", **container):
    return {"state": {"waiting": {"reason": reason, "message": message}}, **container}


def ended(code, *, ago_seconds=5.0, lived=2.0, reason="Error", **more):
    times = {"startedAt": ago(ago_seconds + lived), "finishedAt": ago(ago_seconds)}
    return {"terminated": {"exitCode": code, "reason": reason, **times, **more}}


def looping(last, restarts=4):
    return waiting("CrashLoopBackOff", lastState=last, restartCount=restarts)


def again(last, *, since, restarts=1, **container):
    return {"state": {"running": {"startedAt": ago(since)}}, "lastState": last, "restartCount": restarts, **container}


def event(reason, message, *, about="web-1", since=5.0, kind="Warning", count=1, **more):
    return {
        "metadata": {"name": f"{about}.{reason}.{since}", "uid": f"{about}.{reason}.{since}"},
        "involvedObject": {"kind": "Pod", "name": about, "uid": about},
        "type": kind,
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": ago(since),
        **more,
    }


def found(*pods, of=None, logs=None, events=(), **changes):
    """The findings of an app whose processes are these."""
    told = reported(pods=list(pods), events=list(events), **changes)
    return diagnose(replace(told, logs=logs or {}), of or known())


def one(findings, code):
    """The first finding, which is of that code."""
    assert [finding.code for finding in findings][:1] == [code]
    return findings[0]


def broken(code, container, **more):
    return one(found(state(phase="Pending", container=container), **more), code)


def test_every_code_has_an_entry_and_a_place():
    assert set(CODES) == set(BY_CODE) and len(CODES) == len(set(CODES))


def test_every_code_of_processes_is_tested_here_or_by_a_recording():
    here = Path(__file__).parent
    texts = "".join((here / f"test_diagnosis_{name}.py").read_text() for name in ("processes", "recorded"))
    assert [entry.code for entry in PROCESSES if f'"{entry.code}"' not in texts] == []


# --- Images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "reason", "message"),
    [
        ("image_name_invalid", "InvalidImageName", "couldn't parse image name: invalid reference format"),
        ("image_not_found", "ErrImagePull", f"failed to resolve image: {IMAGE}: not found"),
        ("image_denied", "ErrImagePull", "pull access denied: no basic auth credentials"),
        ("image_wrong_platform", "ErrImagePull", "no match for platform in manifest: not found"),
        ("image_never_pull", "ErrImageNeverPull", "is not present with pull policy of Never"),
        ("registry_unreachable", "ImagePullBackOff", "ErrImagePull: dial tcp 10.0.0.1:443: connection refused"),
        ("image_pull_failing", "ErrImagePull", "unexpected status: 503 Service Unavailable"),
    ],
)
def test_an_image_that_can_not_be_had(code, reason, message):
    finding = broken(code, waiting(reason, message))
    assert finding.values["image"] == IMAGE and finding.severity == "error"
    assert BY_CODE[code].verdict == "pull"


def test_a_back_off_without_words_is_told_by_the_event_before_it():
    failed = event("Failed", f'Failed to pull image "{IMAGE}": rpc error: code = NotFound desc = {IMAGE}: not found')
    finding = broken("image_not_found", waiting("ImagePullBackOff"), events=[failed])
    assert finding.values["registry"] == "registry.example"


def test_one_that_is_pulled_for_long():
    pulling = event("Pulling", f'Pulling image "{IMAGE}"', kind="Normal", since=100)
    finding = broken("pulling", waiting("ContainerCreating"), events=[pulling])
    assert (finding.severity, finding.values["seconds"], finding.values["image"]) == ("warning", 100, IMAGE)


# --- Starting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "lost"),
    [
        ('secret "db" not found', {"kind": "Secret", "name": "db"}),
        ('configmap "flags" not found', {"kind": "ConfigMap", "name": "flags"}),
        ("couldn't find key URL in Secret shop/db", {"kind": "Secret", "name": "db", "key": "URL"}),
        ("couldn't find key mode in ConfigMap shop/flags", {"kind": "ConfigMap", "name": "flags", "key": "mode"}),
        ("references non-existent secret key: URL", {"kind": "Secret", "key": "URL"}),
    ],
)
def test_which_secret_or_key_is_missing(message, lost):
    finding = broken("config_missing", waiting("CreateContainerConfigError", message))
    assert {key: finding.values[key] for key in lost} == lost
    assert all(value in finding.observed for value in lost.values())


def test_what_can_not_be_configured_otherwise():
    words = "container has runAsNonRoot and image will run as root"
    assert "root" in broken("config_error", waiting("CreateContainerConfigError", words)).observed


@pytest.mark.parametrize(
    ("code", "message", "program"),
    [
        ("command_not_found", 'exec: "gunicorn": executable file not found in $PATH: unknown', "gunicorn"),
        ("not_executable", 'exec: "/app/run.sh": permission denied: unknown', "/app/run.sh"),
        ("exec_format", "exec /app/run: exec format error", "/app/run"),
        ("cannot_start", "context deadline exceeded", "python"),
    ],
)
def test_a_program_that_can_not_be_started(code, message, program):
    ill = state(phase="Pending", container=waiting("RunContainerError", message), spec={"command": ["python", "-m"]})
    finding = one(found(ill), code)
    assert finding.values["program"] == program


def test_the_end_of_a_program_that_never_began_is_told_behind_the_back_off():
    last = {"terminated": {"exitCode": 128, "reason": "StartError", "message": 'exec: "run": permission denied'}}
    assert broken("not_executable", looping(last)).values["program"] == "run"


def _with_init():
    made = deployment()
    made["spec"]["template"]["spec"]["initContainers"] = [{"name": "init"}]
    return made


def _preparing(running):
    ill = state(phase="Pending", container=waiting("PodInitializing"))
    ill["spec"]["initContainers"] = [{"name": "init"}]
    ill["status"]["initContainerStatuses"] = [{"name": "init", **running}]
    return ill


def test_a_container_that_runs_before_the_main_one_and_does_not_end():
    logs = {LogOf("web-1", "init"): ("waiting for the database",)}
    ill = _preparing({"state": {"running": {"startedAt": ago(90)}}})
    finding = one(found(ill, logs=logs, deployments=[_with_init()]), "init_stuck")
    assert (finding.subject.container, finding.severity) == ("init", "error")
    assert finding.lines[0].lines == ("waiting for the database",)


def test_one_that_fails():
    finding = one(found(_preparing(looping(ended(3))), deployments=[_with_init()]), "init_failing")
    assert (finding.subject.container, finding.values["exit_code"]) == ("init", 3)


@pytest.mark.parametrize(
    ("reason", "message", "values"),
    [
        (
            "FailedMount",
            'MountVolume.SetUp failed for volume "c" : secret "keys" not found',
            {"volume": "c", "kind": "Secret", "name": "keys"},
        ),
        ("FailedAttachVolume", 'Multi-Attach error for volume "pvc-1" Volume is already used', {"volume": "pvc-1"}),
        (
            "FailedMount",
            'persistentvolumeclaim "web-data" not found',
            {"kind": "PersistentVolumeClaim", "name": "web-data"},
        ),
    ],
)
def test_a_volume_that_can_not_be_had(reason, message, values):
    finding = broken("volume_stuck", waiting("ContainerCreating"), events=[event(reason, message)])
    assert {key: finding.values.get(key) for key in values} == values


def test_a_mount_that_failed_for_a_moment_is_no_trouble():
    """Written after a good recording: the cache was late, and the image is pulled by now."""
    late = event("FailedMount", "failed to sync configmap cache: timed out waiting for the condition", since=26)
    then = event("Pulling", "Pulling image", kind="Normal", since=24)
    assert found(state(age=28, phase="Pending", container=waiting("ContainerCreating")), events=[late, then]) == []


def test_a_mount_that_failed_before_something_else_hangs_is_not_to_blame():
    late = event("FailedMount", 'secret "keys" not found', since=60)
    then = event("Pulled", "Container image already present", kind="Normal", since=50)
    broken("starting", waiting("ContainerCreating"), events=[late, then])


def test_a_process_that_does_not_start_and_nobody_says_why():
    words = "Failed to create pod sandbox: no network"
    finding = broken("starting", waiting("ContainerCreating"), events=[event("FailedCreatePodSandBox", words)])
    assert words in finding.observed


# --- Running --------------------------------------------------------------------------------------------------------


def test_a_crash_loop_with_its_last_lines():
    logs = {LogOf("web-1", "main", True): ("one", "two")}
    finding = one(found(state(container=looping(ended(139), 4)), logs=logs), "crash_loop")
    said = "web-1 was ended by SIGSEGV (exit code 139), 5 times, the last time after 2 s. Its last line: two."
    assert finding.observed == said
    assert (finding.values["signal"], finding.values["restarts"], finding.values["lived_seconds"]) == ("SIGSEGV", 4, 2)
    assert finding.lines[0].previous is True
    assert finding.command == "deployer logs -a shop --service=web"


def test_the_run_that_ended_has_the_lines_whichever_it_is():
    logs = {LogOf("web-1", "main"): ("now",), LogOf("web-1", "main", True): ("before",)}
    over = state(container={"state": ended(1), "restartCount": 2})
    assert one(found(over, logs=logs), "crash_loop").lines[0].lines == ("now",)
    kept = state(container=looping(ended(1, message="kept by the cluster")))
    assert one(found(kept), "crash_loop").lines[0].lines == ("kept by the cluster",)


def test_between_two_crashes_it_is_as_broken_as_before():
    finding = one(found(state(container=again(ended(1, ago_seconds=8), since=5, restarts=4))), "crash_loop")
    assert finding.severity == "error"


def test_what_crashed_and_runs_well_again_is_worth_a_word():
    well = pod("web-1")
    well["status"]["containerStatuses"][0] |= again(ended(1, ago_seconds=300), since=290, ready=True)
    finding = one(found(well, pod("web-2")), "crashed")
    assert finding.severity == "warning" and finding.observed.endswith("; it runs again.")


@pytest.mark.parametrize(("ago_seconds", "restarts", "told"), [(1200, 1, False), (1200, 3, True), (4000, 9, False)])
def test_until_it_is_long_ago(ago_seconds, restarts, told):
    well = pod("web-1")
    last = ended(1, ago_seconds=ago_seconds)
    well["status"]["containerStatuses"][0] |= again(last, since=ago_seconds - 10, restarts=restarts, ready=True)
    assert bool(found(well, pod("web-2"))) is told


def test_an_out_of_memory_kill_hidden_behind_a_crash_loop():
    limited = {"resources": {"limits": {"memory": "256Mi"}}}
    finding = one(found(state(container=looping(ended(137, reason="OOMKilled")), spec=limited)), "out_of_memory")
    assert "its limit of 256Mi" in finding.observed and finding.values["limit"] == "256Mi"


def test_a_process_that_its_liveness_check_had_killed():
    saw = event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 503", since=20)
    kill = event("Killing", "Container main failed liveness probe, will be restarted", kind="Normal", count=3, since=12)
    ill = state(container=looping(ended(0, reason="Completed", lived=30), 2))
    finding = one(found(ill, events=[saw, kill]), "liveness_killed")
    assert (finding.values["kills"], finding.values["saw"]) == (3, "HTTP probe failed with statuscode: 503")
    assert {told.reason for told in finding.events} == {"Unhealthy", "Killing"}


def test_kills_that_were_told_by_the_new_events_api_and_combined():
    """Without lastTimestamp and count, and in a series."""
    words = "(combined from similar events): Container main failed liveness probe, will be restarted"
    kill = event("Killing", words, kind="Normal", lastTimestamp=None, eventTime=ago(9)) | {"count": None}
    kill["series"] = {"count": 7, "lastObservedTime": ago(5)}
    finding = one(found(state(container=looping(ended(137, lived=30))), events=[kill]), "liveness_killed")
    assert finding.values["kills"] == 7 and finding.events[0].last == ago(5)


def test_a_crash_after_an_old_kill_is_a_crash():
    kill = event("Killing", "Container main failed liveness probe, will be restarted", kind="Normal", since=500)
    one(found(state(container=looping(ended(1), 5)), events=[kill]), "crash_loop")


def test_a_service_that_is_done():
    assert "foreground" in one(found(state(container=looping(ended(0, reason="Completed")))), "completed").hint


# --- Not ready ------------------------------------------------------------------------------------------------------

RUNS = {"state": {"running": {"startedAt": ago(60)}}}
REFUSED = 'Readiness probe failed: Get "http://10.0.0.7:8080/up": dial tcp 10.0.0.7:8080: connect: connection refused'


def unready(message, lines=(), **more):
    probe = {"readinessProbe": {"httpGet": {"path": "/up", "port": "main"}, "initialDelaySeconds": 3}}
    ill = state(container=RUNS, spec=probe)
    events = [event("Unhealthy", message, count=25)] if message else []
    return found(ill, events=events, logs={LogOf("web-1", "main"): tuple(lines)}, **more)


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("Readiness probe failed: HTTP probe failed with statuscode: 404", "Correct services.web.health"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 401", "without signing in"),
        ("Readiness probe failed: HTTP probe failed with statuscode: 500", "it answers 500"),
        ("Readiness probe failed: Get: context deadline exceeded (Client.Timeout exceeded)", "sooner"),
        (REFUSED, "listen on port 8080 on all addresses"),
        ("", "Check the health check of web"),
    ],
)
def test_what_its_check_saw_and_since_when(message, hint):
    finding = one(unready(message), "not_ready")
    assert hint in finding.hint and finding.since == ago(60) and "for 1 min" in finding.observed
    assert finding.values["path"] == "/up"


def test_one_whose_condition_does_not_say_since_when():
    ill = state(container=RUNS)
    del ill["status"]["conditions"][1]["lastTransitionTime"]
    assert one(found(ill), "not_ready").since == ago(60)


def test_a_port_where_nobody_listens_because_it_listens_on_another():
    finding = one(unready(REFUSED, ["Starting", "Listening at: http://0.0.0.0:3000 (1)"]), "wrong_port")
    assert (finding.values["port"], finding.values["listens"]) == (8080, 3000)
    assert "services.web.port" in finding.hint


def test_the_port_of_something_else_that_it_serves_misleads_nobody():
    lines = ["metrics: listening on :9090", "web: listening on 0.0.0.0:8080", "admin: listening on :9091"]
    one(unready(REFUSED, lines), "not_ready")


def test_an_address_that_nobody_else_reaches():
    finding = one(unready(REFUSED, ["Uvicorn running on http://127.0.0.1:8080"]), "wrong_port")
    assert "0.0.0.0:8080" in finding.hint


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("[INFO] Listening at: http://0.0.0.0:8000 (7)", 8000),
        ("Server listening on port 3000", 3000),
        ("Example app listening on port 3000!", 3000),
        ("Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)", 8000),
        ("* Listening on tcp://0.0.0.0:9292", 9292),
        ("Tomcat started on port(s): 8081 (http)", 8081),
        ("listening on [::]:8443", 8443),
        ("listening on :9090", 9090),
        ("Connected to postgres:5432", None),
        ("ready, connecting to postgres:5432", None),
        ("started at 10:15:30", None),
        ("started at 10:15", None),
        ("GET /health 200 in 8080 ms", None),
    ],
)
def test_where_a_program_says_that_it_listens(line, port):
    heard = listening((line,))
    assert [it.port for it in heard] == [port] if port else heard == []


def test_a_start_that_is_on_its_way_is_no_trouble():
    young = state(age=15, container={"state": {"running": {"startedAt": ago(14)}}})
    slow = {"readinessProbe": {"httpGet": {}, "initialDelaySeconds": 120}}
    patient = state("web-2", age=60, container=RUNS, spec=slow)
    assert found(young, patient, events=[event("Unhealthy", REFUSED)]) == []


# --- A place --------------------------------------------------------------------------------------------------------

NODES = (
    "0/5 nodes are available: 1 Too many pods, 1 node(s) had untolerated taint {gpu: yes}, "
    "1 node(s) were unschedulable, 2 Insufficient memory. "
    "preemption: 0/5 nodes are available: 5 No preemption victims found for incoming pod."
)


def test_no_place_is_told_node_by_node_with_what_is_asked_for():
    unplaced = condition("PodScheduled", "False", "Unschedulable", NODES, since=30)
    ill = state(phase="Pending", spec={"resources": {"requests": {"cpu": "250m", "memory": "2Gi"}}})
    ill["status"] |= {"conditions": [unplaced], "containerStatuses": []}
    del ill["spec"]["nodeName"]
    finding = one(found(ill), "unschedulable")
    assert finding.values["nodes"] == 5 and finding.values["lacks"]["Insufficient memory"] == 2
    assert "2 have too little memory left" in finding.observed
    assert "1 is kept for others (taint gpu)" in finding.observed
    assert finding.observed.endswith("It asks for 0.25 CPU and 2Gi memory.")


def test_the_schedulers_words_are_read_in_any_version():
    assert lacks("0/3 nodes are available: 3 Insufficient cpu.") == {"nodes": 3, "lacks": {"Insufficient cpu": 3}}
    assert lacks("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")["nodes"] == 1
    assert lacks("no nodes available to schedule pods") == {}


def test_a_node_that_is_gone():
    gone = condition("Ready", "False", since=100)
    ill = pod("web-1", ready=False, age=3600)
    ill["status"]["conditions"] = [gone]
    ill["spec"]["nodeName"] = "node-3"
    finding = one(found(ill, events=[event("NodeNotReady", "Node is not ready", since=99)]), "node_gone")
    assert "node-3" in finding.observed


def test_one_whose_node_was_lost():
    ill = pod("web-1", ready=False, age=3600, deletionTimestamp=ago(600))
    ill["status"] |= {"reason": "NodeLost", "message": "Node node-3 which was running pod web-1 is unresponsive"}
    assert "unresponsive" in one(found(ill), "node_gone").observed


def test_a_process_that_was_put_off_its_node():
    off = state(phase="Failed")
    off["status"] |= {"reason": "Evicted", "message": "The node was low on resource: memory."}
    finding = one(found(off, pod("web-2"), pod("web-3")), "evicted")
    assert finding.severity == "warning" and "memory" in finding.hint


def test_one_that_does_not_end():
    held = pod("web-1", deletionTimestamp=ago(300), deletionGracePeriodSeconds=30, finalizers=["a.example/b"])
    going = pod("web-2", deletionTimestamp=ago(-20), deletionGracePeriodSeconds=30)
    finding = one(found(held, going, pod("web-3"), pod("web-4")), "terminating_long")
    assert (finding.subject.name, finding.values["seconds"]) == ("web-1", 300)
    assert "a.example/b" in finding.hint and finding.others == ()


# --- Commands -------------------------------------------------------------------------------------------------------


def job(name="release-7", *, labels=None, conditions=(), age=60.0, **spec):
    metadata = {"name": name, "uid": name, "creationTimestamp": ago(age)}
    marks = {manifests.MANAGED_BY: manifests.MANAGER, manifests.RELEASE: NEW, **(labels or {})}
    template = {"spec": {"containers": [{"name": "main"}]}}
    spec = {"backoffLimit": 0, "activeDeadlineSeconds": 600, "template": template, **spec}
    return {"metadata": metadata | {"labels": marks}, "spec": spec, "status": {"conditions": list(conditions)}}


def job_pod(container, name="release-7", phase="Failed"):
    made = state(f"{name}-x", phase=phase, container=container)
    labels = {key: value for key, value in LABELS.items() if key != manifests.SERVICE}
    owner = {"kind": "Job", "name": name, "uid": name, "controller": True}
    made["metadata"] |= {"labels": labels, "ownerReferences": [owner]}
    return made


FAILED = condition("Failed", "True", "BackoffLimitExceeded", since=3)


def test_a_release_command_that_failed():
    rollout = RolloutKnown(7, "failed", NEW)
    logs = {LogOf("release-7-x", "main"): ("relation users does not exist",)}
    ill = job_pod({"state": ended(1)})
    findings = found(
        pod("web-1"), pod("web-2"), ill, jobs=[job(conditions=[FAILED])], of=known(rollout=rollout), logs=logs
    )
    finding = next(it for it in findings if it.code == "command_failed")
    assert findings[0] == finding and finding.severity == "error"
    said = "The release command exited with 1 after 2 s. Its last line: relation users does not exist."
    assert finding.observed == said
    assert finding.subject.kind == "command"


def test_that_of_an_earlier_rollout_is_no_news():
    older = job("release-6", conditions=[FAILED])
    ill = job_pod({"state": ended(1)}, "release-6")
    of = known(rollout=RolloutKnown(7, "succeeded", NEW))
    assert found(pod("web-1"), pod("web-2"), ill, jobs=[older], of=of) == []


def test_a_timer_whose_last_run_did_not_end_in_time():
    late = condition("Failed", "True", "DeadlineExceeded", since=3)
    labels = {manifests.TIMER: "nightly"}
    runs = [job("nightly-2", labels=labels, conditions=[late]), job("nightly-1", labels=labels, age=600)]
    finding = one(found(pod("web-1"), pod("web-2"), jobs=runs), "command_late")
    assert (finding.severity, finding.values["deadline_seconds"]) == ("warning", 600)
    assert "timers.nightly.timeout" in finding.hint


def test_a_timer_that_ended_well_since_is_none():
    labels = {manifests.TIMER: "nightly"}
    well = job("nightly-2", labels=labels, conditions=[condition("Complete", "True")])
    ill = job("nightly-1", labels=labels, conditions=[FAILED], age=600)
    assert found(pod("web-1"), pod("web-2"), jobs=[ill, well]) == []


def test_a_release_command_whose_image_is_not_there():
    ill = job_pod(waiting("ErrImagePull", f"{IMAGE}: not found"), phase="Pending")
    finding = one(found(pod("web-1"), pod("web-2"), ill, jobs=[job()]), "image_not_found")
    assert (finding.subject.kind, finding.subject.name) == ("command", "release-7")


# --- Together -------------------------------------------------------------------------------------------------------


def test_equal_troubles_are_one_finding():
    ill = [state(f"web-{number:02}", container=looping(ended(1))) for number in range(30)]
    first = one(found(*ill), "crash_loop")
    assert (first.others_count, len(first.others)) == (29, 20)
    assert [it.code for it in found(*ill)].count("crash_loop") == 1


def test_another_exit_code_is_another_trouble():
    ill = [state("web-1", container=looping(ended(1))), state("web-2", container=looping(ended(2)))]
    assert [it.code for it in found(*ill)].count("crash_loop") == 2


def test_what_the_new_version_does_matters_more_than_what_the_old_one_does():
    old = state("web-old", container=looping(ended(1, reason="OOMKilled")), maker="old")
    new = state("web-1", phase="Pending", container=waiting("ErrImagePull", f"{IMAGE}: not found"))
    findings = found(old, new, replica_sets=[replica_set(), replica_set("old", "1")])
    assert [(it.code, it.severity) for it in findings][:1] == [("image_not_found", "error")]
    assert ("out_of_memory", "warning") in [(it.code, it.severity) for it in findings]


def test_the_variable_that_is_missing_is_named_as_likely():
    logs = {LogOf("web-1", "main", True): ("KeyError: 'QUEUE_URL'",)}
    ill = state(container=looping(ended(1)))
    unset = one(found(ill, logs=logs, of=known(variables=frozenset({"PORT"}))), "crash_loop")
    assert unset.likely == "Likely: QUEUE_URL is missing: it is not among this release's variables."
    assert unset.command == "deployer env set QUEUE_URL=… -a shop"
    known_to_it = one(found(ill, logs=logs, of=known(variables=frozenset({"QUEUE_URL"}))), "crash_loop")
    assert known_to_it.likely == ""
    said = {LogOf("web-1", "main", True): ("no broker at ${QUEUE_URL}",)}
    removed = Changes("R1", NEW, variables_removed=("QUEUE_URL", "URL"))
    found_by_name = one(found(ill, logs=said, of=known(changes=removed)), "crash_loop")
    assert "QUEUE_URL is missing: this release removed it" in found_by_name.likely


def test_without_anything_known_the_clusters_objects_must_do():
    assert one(diagnose(reported(pods=[state(container=looping(ended(1)))]), Known()), "crash_loop").command == ""


def test_a_clock_behind_the_clusters_is_put_forward():
    """What an event tells has happened."""
    told = reported(pods=[state(container=RUNS)], events=[event("Unhealthy", REFUSED)])
    one(diagnose(replace(told, now=NOW.replace(hour=11)), known()), "not_ready")
