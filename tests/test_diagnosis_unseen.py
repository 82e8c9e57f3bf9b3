"""Troubles that no recording given shows, in the words of other runtimes, registries and clouds: all are written.

Also what looks like a trouble for a moment and is none.
"""

import pytest

from releases.pipeline import health, meaning
from releases.pipeline.diagnosis import RolloutKnown, diagnose
from releases.pipeline.processes import Ailment
from tests.reported_app import NEW, ago, condition, deployment, known, pod, replica_set, reported
from tests.test_diagnosis_processes import IMAGE, again, ended, event, found, looping, one, state, waiting
from tests.test_health import judged
from tests.test_health import refused as refused_service
from tests.test_health import service as judged_service
from tests.test_health import waiting as waiting_pod

RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: "
)
AWAY = 'Get "http://10.0.0.5:8080/health": dial tcp 10.0.0.5:8080: connect: connection refused'


def running(since=60.0, **container):
    return {"state": {"running": {"startedAt": ago(since)}}, **container}


def of_processes(findings):
    """The codes of what is wrong with them, without what follows for their service."""
    return [finding.code for finding in findings if finding.subject.kind == "process"]


def path(container):
    return {"kind": "Pod", "name": "web-1", "uid": "web-1", "fieldPath": f"spec.containers{{{container}}}"}


# --- Images ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit", "signs in"),
        ("failed to extract layer sha256:9c7e: write /var/lib/containerd/x: no space left on device", "node-1"),
        ("unexpected status from HEAD request to https://quay.io/v2/shop: 503 Service Unavailable", "answers"),
    ],
)
def test_what_keeps_an_image_from_being_pulled_is_what_the_hint_is_about(message, hint):
    sick = state(phase="Pending", container=waiting("ImagePullBackOff", message))
    assert hint in one(found(sick), "image_pull_failing").hint


def test_after_a_long_pull_the_start_has_only_begun():
    """The events come before the process's own status."""
    pulled = event("Pulled", f'Successfully pulled image "{IMAGE}" in 45s', kind="Normal", since=1)
    unhealthy = event("Unhealthy", f"Readiness probe failed: {AWAY}", since=0)
    created = state(phase="Pending", container=waiting("ContainerCreating"))
    assert of_processes(found(created, events=[pulled, unhealthy])) == []


def test_a_pull_of_less_than_half_a_minute_is_none_however_short_the_deadline():
    pulling = event("Pulling", f'Pulling image "{IMAGE}"', kind="Normal", since=25)
    short = deployment()
    short["spec"]["progressDeadlineSeconds"] = 30
    created = state(phase="Pending", container=waiting("ContainerCreating"))
    assert of_processes(found(created, events=[pulling], deployments=[short])) == []


# --- Starting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        (f'{RUNC}error mounting "/c" to rootfs at "/etc/app": not a directory: Are you trying to mount a', "mounts"),
        (f'{RUNC}chdir to cwd ("/root/app") set in config.json failed: permission denied', "working directory"),
        (f"{RUNC}container init was OOM-killed (memory limit too low?)", "scale.memory"),
        ("failed to generate container spec: no command specified", "names none"),
        ('failed to reserve container name "web_0": name "web_0" is reserved for "9f8e"', "cluster's message"),
    ],
)
def test_what_is_not_the_programs_fault_is_not_put_on_it(message, hint):
    finding = one(found(state(phase="Pending", container=waiting("CreateContainerError", message))), "cannot_start")
    assert hint in finding.hint
    assert hint in meaning.hint(Ailment("start", "CreateContainerError", message), "web")


@pytest.mark.parametrize("quoted", ["`gunicron`", '"gunicron"', '\\"gunicron\\"'])
def test_the_program_is_named_however_it_is_quoted(quoted):
    message = f"container create failed: executable file {quoted} not found in $PATH: No such file or directory"
    finding = one(
        found(state(phase="Pending", container=waiting("CreateContainerError", message))), "command_not_found"
    )
    assert finding.values["program"] == "gunicron" and "there is no gunicron in the image" in finding.observed


def test_a_script_whose_interpreter_is_missing_is_likely():
    last = ended(255, message="exec /app/start.sh: no such file or directory\n")
    assert "interpreter" in one(found(state(container=looping(last))), "crash_loop").likely


def test_what_only_says_that_time_went_by_does_not_cover_why_a_volume_can_not_be_had():
    why = event("FailedMount", 'MountVolume.SetUp failed for volume "c" : configmap "flags" not found', since=30)
    late = event("FailedMount", "Unable to attach or mount volumes: unmounted volumes=[c]: timed out", since=5)
    sick = state(phase="Pending", container=waiting("ContainerCreating"))
    assert one(found(sick, events=[why, late]), "volume_stuck").values["name"] == "flags"


# --- Running --------------------------------------------------------------------------------------------------------


def test_one_that_its_startup_check_had_killed_says_so():
    killed = event("Killing", "Container main failed startup probe, will be restarted", kind="Normal", since=6)
    saw = event("Unhealthy", f"(combined from similar events): Startup probe failed: {AWAY}", since=6)
    finding = one(found(state(container=looping(ended(137, lived=5))), events=[saw, killed]), "crash_loop")
    assert "its startup check failed" in finding.observed and "more time to start" in finding.hint
    assert finding.values["saw"] == AWAY


def test_what_a_liveness_check_saw_is_told_though_the_cluster_combined_its_events():
    killed = event("Killing", "Container main failed liveness probe, will be restarted", kind="Normal", since=6)
    saw = event("Unhealthy", f"(combined from similar events): Liveness probe failed: {AWAY}", since=6)
    finding = one(found(state(container=looping(ended(137))), events=[saw, killed]), "liveness_killed")
    assert finding.values["saw"] == AWAY


def test_the_container_that_ran_out_of_memory_is_named():
    sick = state(phase="Pending", container=waiting("PodInitializing"))
    sick["spec"]["initContainers"] = [{"name": "init", "resources": {"limits": {"memory": "32Mi"}}}]
    sick["status"]["initContainerStatuses"] = [{"name": "init", **looping(ended(137, reason="OOMKilled"))}]
    of_release = deployment()
    of_release["spec"]["template"]["spec"]["initContainers"] = [{"name": "init"}]
    finding = one(found(sick, deployments=[of_release]), "out_of_memory")
    assert "web-1's init container" in finding.observed and finding.values["limit"] == "32Mi"


def test_one_whose_node_was_started_again_did_not_fail_itself():
    restarted = state(container=again(ended(255, reason="Unknown", ago_seconds=60), since=60, ready=True))
    restarted["status"]["conditions"][1]["status"] = "True"
    finding = one(found(restarted), "crashed")
    assert "its node" in finding.observed and "not web that ended" in finding.hint


@pytest.mark.parametrize(
    ("reason", "message", "hint"),
    [
        ("ContainersNotReady", "containers with unready status: [istio-proxy]", "container istio-proxy"),
        ("ReadinessGatesNotReady", 'the status of pod readiness gate "lb" is not "True", but False', "load balancer"),
    ],
)
def test_what_others_added_is_not_put_on_the_release(reason, message, hint):
    sick = state(container=running(ready=True))
    sick["status"]["conditions"][1] |= {"reason": reason, "message": message}
    if "proxy" in message:
        sick["status"]["containerStatuses"].append({"name": "istio-proxy", "ready": False, "state": {}})
    words = "Readiness probe failed: dial tcp 10.0.0.5:15021: connect: connection refused"
    finding = one(found(sick, events=[event("Unhealthy", words, involvedObject=path("istio-proxy"))]), "not_ready")
    assert hint in finding.hint and message in finding.observed and not finding.likely


def test_a_check_that_fails_without_a_word_is_told_as_one():
    finding = one(
        found(state(container=running()), events=[event("Unhealthy", "Readiness probe failed: ")]), "not_ready"
    )
    assert "its health check fails: it says nothing" in finding.observed


# --- A place --------------------------------------------------------------------------------------------------------


def unplaced(words, *, since=60.0):
    sick = state(phase="Pending")
    sick["spec"].pop("nodeName")
    sick["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    sick["status"]["conditions"] = [condition("PodScheduled", "False", "Unschedulable", words, since=since)]
    return sick


@pytest.mark.parametrize(
    ("lacks", "told", "hint"),
    [
        ("3 node(s) had volume node affinity conflict", "3 can't have its volume", "volumes"),
        ("3 node(s) didn't match pod anti-affinity rules", "from which it must keep apart", "what keeps it out"),
        (
            "3 node(s) didn't match pod topology spread constraints",
            "from which it must keep apart",
            "what keeps it out",
        ),
        ("3 node(s) had untolerated taint {dedicated: gpu}", "kept for others (taint dedicated)", "what keeps it out"),
        ("1 Too many pods, 2 Insufficient cpu", "have too little CPU left. It asks for 0.1 CPU", "Lower scale.cpu"),
        ("pod has unbound immediate PersistentVolumeClaims", "unbound immediate PersistentVolumeClaims.", "volumes"),
    ],
)
def test_why_no_node_suits_and_what_helps(lacks, told, hint):
    words = f"0/3 nodes are available: {lacks}. preemption: 0/3 nodes are available: 3 Preemption is not helpful."
    finding = one(found(unplaced(words)), "unschedulable")
    assert told in finding.observed and hint in finding.hint and "reemption" not in finding.observed
    assert ("It asks for" in finding.observed) is ("Insufficient" in lacks)


@pytest.mark.parametrize(("since", "codes"), [(60, []), (200, ["unschedulable"])])
def test_a_node_that_the_cluster_adds_is_waited_for(since, codes):
    adds = event("TriggeredScaleUp", "pod triggered scale-up: [{workers 2->3 (max: 6)}]", kind="Normal", since=since)
    waits = unplaced("0/2 nodes are available: 2 Insufficient cpu.", since=since)
    assert of_processes(found(waits, events=[adds])) == codes


def put_off(reason, message):
    gone = state("web-9", phase="Failed", conditions=[condition("DisruptionTarget", "True", reason, message, since=90)])
    gone["status"] |= {"reason": reason, "message": message}
    return gone


def test_a_node_that_is_taken_away_is_no_trouble_once_the_process_is_replaced():
    shutdown = put_off("Terminated", "Pod was terminated in response to imminent node shutdown.")
    assert found(shutdown, pod("web-1"), pod("web-2")) == []
    assert found(shutdown, pod("web-1"), deployments=[deployment(available=1)])[0].code == "evicted"


def test_one_that_used_too_much_is_told_though_it_was_replaced():
    full = put_off("Evicted", 'Usage of EmptyDir volume "tmp" exceeds the limit "64Mi". ')
    assert "write less" in one(found(full, pod("web-1"), pod("web-2")), "evicted").hint


def taken_off(grace):
    sick = state("web-9", conditions=[condition("DisruptionTarget", "True", "DeletionByTaintManager", since=35)])
    sick["metadata"]["deletionTimestamp"] = ago(-grace)
    return sick


def test_a_node_that_ends_its_processes_in_time_answers():
    """A spot machine that is given back: all of its processes are taken off first."""
    told = event("TaintManagerEviction", "Marking for deletion Pod shop/web-9", about="web-9", kind="Normal")
    assert found(taken_off(20), pod("web-1"), pod("web-2"), events=[told]) == []
    finding = one(found(taken_off(-300), pod("web-1"), pod("web-2"), events=[told]), "node_gone")
    assert finding.severity == "warning", "others took the place"
    missed = found(taken_off(-300), pod("web-1"), events=[told], deployments=[deployment(available=1)])
    assert one(missed, "node_gone").severity == "error"


# --- Services -------------------------------------------------------------------------------------------------------


def refused(words, *, since=20.0):
    failure = condition("ReplicaFailure", "True", "FailedCreate", words, since=since)
    return reported(
        deployments=[deployment(available=1)], replica_sets=[replica_set(conditions=(failure,))], pods=[pod("web-1")]
    )


def test_what_may_pass_by_itself_is_told_when_the_verdict_fell_for_it():
    words = 'pods "web-3" is forbidden: error looking up service account x/web: serviceaccount "robot" not found'
    assert "processes_refused" not in [finding.code for finding in diagnose(refused(words), known())]
    fallen = RolloutKnown(7, "failed", NEW, cause="refused")
    finding = diagnose(refused(words), known(rollout=fallen))[0]
    assert finding.code == "processes_refused" and "Create the service account robot" in finding.hint


def test_nobody_waits_longer_for_what_refuses_than_the_rollout_does():
    told = refused('pods "web-3" is forbidden: no PriorityClass with name urgent was found', since=26)
    told.deployments[0]["spec"]["progressDeadlineSeconds"] = 30
    finding = diagnose(told, known())[0]
    assert finding.code == "processes_refused" and "priority class urgent" in finding.hint


def test_a_quota_that_asks_for_a_limit_is_not_raised():
    words = 'pods "web-3" is forbidden: failed quota: compute: must specify limits.cpu for: web'
    finding = one(diagnose(refused(words), known()), "quota_exceeded")
    assert "quota compute asks for" in finding.hint and "Raise" not in finding.hint


def test_an_autoscaler_whose_processes_ask_for_nothing_has_metrics():
    words = "failed to get cpu utilization: missing request for cpu in container main of Pod web-1"
    blind = {
        "metadata": {"name": "web", "uid": "hpa", "namespace": "deployer-shop"},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 3},
        "status": {"conditions": [condition("ScalingActive", "False", "FailedGetResourceMetric", words)]},
    }
    assert "ask for CPU" in one(diagnose(reported(autoscalers=[blind]), known()), "autoscaler_blind").hint


# --- The verdict says the same --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sick", "cause"),
    [
        (waiting_pod("CreateContainerError", "context deadline exceeded"), "start"),
        (waiting_pod("CreateContainerConfigError", "failed to prepare subPath"), "config"),
        (waiting_pod("ErrImagePull", "503 Service Unavailable"), "pull"),
    ],
)
def test_at_a_short_deadline_what_had_patience_is_the_cause(sick, cause):
    short = health.Rules(deadline=30, exits=2)
    assert judged(judged_service(sick, rules=short), seconds=29).status == "progressing"
    verdict = judged(judged_service(sick, rules=short), seconds=30)
    assert (verdict.cause, verdict.process) == (cause, "web-1")


def test_so_is_what_refused_them():
    """For want of a minute in which it might have passed."""
    silent = refused_service('failed calling webhook "policy.example": connection refused')
    state = judged_service(sets=silent, rules=health.Rules(deadline=30, exits=2))
    assert judged(state, seconds=29).status == "progressing"
    assert judged(state, seconds=30).cause == "admission"
