"""Judging what the cluster reports: the table of doom, line by line."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from releases.pipeline import health, service_state
from releases.pipeline.service_state import Rules, ServiceState

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
REVISION = "deployment.kubernetes.io/revision"


def pod(name="web-1", uid=None, *, owner="new", state=None, last=None, restarts=0, ready=False, main="main", **status):
    container = {"name": main, "restartCount": restarts, "state": state or {"running": {}}, "lastState": last or {}}
    return {
        "metadata": {"name": name, "uid": uid or name, "ownerReferences": [{"uid": owner, "controller": True}]},
        "status": {
            "containerStatuses": [container],
            "conditions": [{"type": "Ready", "status": str(ready)}],
            **status,
        },
    }


def waiting(reason, message="", **more):
    return pod(state={"waiting": {"reason": reason, "message": message}}, **more)


def ended(code=1, reason="Error", message=""):
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def replica_set(uid="new", revision="2", *, available=0, conditions=()):
    return {
        "metadata": {
            "name": f"web-{uid}",
            "uid": uid,
            "annotations": {REVISION: revision},
            "ownerReferences": [{"uid": "deployment", "controller": True}],
        },
        "status": {"availableReplicas": available, "conditions": list(conditions)},
    }


def deployment(*, replicas=2, total=2, updated=0, ready=0, available=0, observed=2, surge=1, unavailable=0):
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    return {
        "metadata": {"name": "web", "uid": "deployment", "annotations": {REVISION: "2"}},
        "spec": {"replicas": replicas, "strategy": strategy},
        "status": {
            "observedGeneration": observed,
            "replicas": total,
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": available,
        },
    }


def service(*pods, sets=None, **given):
    given.setdefault("deployment", deployment())
    given.setdefault("rules", Rules(deadline=600, exits=2))
    return ServiceState(
        **{"name": "web", "generation": 2, "desired": 2, "risen_at": NOW, **given},
        replica_sets=sets or [replica_set("old", "1", available=2), replica_set()],
        pods=list(pods),
    )


def judged(*services, seconds=0.0, **given):
    return health.assess(list(services), now=NOW + timedelta(seconds=seconds), **given)


DONE = {"updated": 2, "ready": 2, "available": 2}

# --- Complete -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "complete"),
    [
        (DONE, True),
        ({**DONE, "observed": 1}, False),  # what is shown is from before our write
        ({**DONE, "observed": 3}, True),
        ({**DONE, "total": 3}, False),  # an old one is still counted
        ({**DONE, "ready": 1}, False),
        ({**DONE, "available": 1}, False),
        ({**DONE, "replicas": 5}, True),  # scaled up meanwhile: what was asked of us is there
        ({"replicas": 1, "total": 1, "updated": 1, "ready": 1, "available": 1}, True),  # scaled down meanwhile
        ({"replicas": 0, "total": 0}, True),
    ],
)
def test_complete_is_what_the_rule_says(status, complete):
    verdict = judged(service(deployment=deployment(**status)))
    assert verdict.status == ("complete" if complete else "progressing")


def test_without_a_deployment_or_any_service_nothing_is_complete():
    assert judged(service(deployment=None)).status == "progressing"
    assert judged().status == "progressing"


def test_all_services_must_be_complete_and_one_dooms_all():
    good = service(deployment=deployment(**DONE))
    slow = service(name="worker")
    bad = service(waiting("InvalidImageName"), name="clock")
    assert judged(good, slow).status == "progressing"
    verdict = judged(good, slow, bad)
    assert (verdict.status, verdict.service) == ("failed", "clock")


# --- Whose fault counts ---------------------------------------------------------------------------------------------

CRASHED = {"state": ended(), "restarts": 1}


@pytest.mark.parametrize(
    "innocent",
    [
        pod(owner="old", **CRASHED),
        pod(owner="stranger", **CRASHED),
        pod(reason="Evicted", **CRASHED),
        pod(phase="Failed", reason="OutOfmemory", **CRASHED),
        pod(main="sidecar-of-somebody", **CRASHED),
    ],
    ids=["of the old release", "of nobody", "evicted", "never let in", "a container that we did not write"],
)
def test_what_is_not_the_new_release_dooms_nothing(innocent):
    assert judged(service(innocent)).status == "progressing"


def test_a_process_on_its_way_out_or_disrupted_dooms_nothing():
    going = pod(**CRASHED)
    going["metadata"]["deletionTimestamp"] = "2026-11-21T12:00:00Z"
    disrupted = pod(**CRASHED)
    disrupted["status"]["conditions"].append({"type": "DisruptionTarget", "status": "True"})
    assert judged(service(going, disrupted)).status == "progressing"


def test_before_the_cluster_has_seen_our_write_nothing_is_new():
    assert judged(service(pod(**CRASHED), deployment=deployment(observed=1))).status == "progressing"


# --- Exits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("process", "exits"),
    [
        (pod(), 0),
        (pod(state=ended()), 1),
        (pod(restarts=1, last=ended()), 1),
        (pod(restarts=1, state={"waiting": {"reason": "CrashLoopBackOff"}}, last=ended()), 2),
        (pod(restarts=1, state=ended(), last=ended()), 2),
        (pod(restarts=0, state={"waiting": {"reason": "CrashLoopBackOff"}}, last=ended()), 1),
        (pod(restarts=3), 3),
    ],
)
@pytest.mark.parametrize("limit", [2, 3])
def test_the_nth_exit_of_one_process_dooms(process, exits, limit):
    verdict = judged(service(process, rules=Rules(deadline=600, exits=limit)))
    assert verdict.status == ("failed" if exits >= limit else "progressing")


def test_a_crash_loop_is_doomed_also_when_it_looks_complete_for_a_moment():
    crashing = pod(restarts=2, last=ended(), ready=True)
    assert judged(service(crashing, deployment=deployment(**DONE))).cause == "exits"


def test_a_liveness_kill_counts_before_its_container_has_ended():
    """It may take its whole grace to end."""
    assert judged(service(pod(restarts=1), kills={"web-1": 2})).cause == "liveness"
    assert judged(service(pod(restarts=1), kills={"web-1": 1})).status == "progressing"


def test_exits_of_two_processes_are_not_added_up():
    assert judged(service(pod("a", state=ended()), pod("b", state=ended()))).status == "progressing"


def test_last_months_restarts_do_not_doom():
    old_hand = pod(restarts=7, state={"running": {}})
    assert judged(service(old_hand, exits_before={"web-1": 7})).status == "progressing"
    assert judged(service(pod(restarts=8, state=ended()), exits_before={"web-1": 7})).cause == "exits"


@pytest.mark.parametrize(
    ("state", "cause", "words"),
    [
        (ended(1), "exits", "web-1 exited with 1; it has ended twice."),
        (ended(0, "Completed"), "exits", "web-1 exited with 0; it has ended twice."),
        (ended(139), "exits", "web-1 was ended by SIGSEGV (exit code 139); it has ended twice."),
        (ended(200), "exits", "web-1 exited with 200; it has ended twice."),
        (
            ended(137, "OOMKilled"),
            "out_of_memory",
            "web-1 was killed for using more memory than its limit (exit code 137); it has ended twice.",
        ),
    ],
)
def test_an_exit_is_told_in_words(state, cause, words):
    verdict = judged(service(pod(restarts=1, state=state)))
    assert (verdict.cause, verdict.reason, verdict.process) == (cause, words, "web-1")
    assert verdict.hint


# --- What can't run -------------------------------------------------------------------------------------------------

NOT_FOUND = "rpc error: code = NotFound desc = failed to resolve image: registry:5000/x:1: not found"
DENIED = "pull access denied, repository does not exist or may require authorization"
DNS = 'failed to do request: Head "https://registry.invalid/v2/": dial tcp: lookup registry.invalid: no such host'


@pytest.mark.parametrize(
    ("reason", "message", "cause", "seconds"),
    [
        ("ErrImagePull", NOT_FOUND, "pull", 0),
        ("ErrImagePull", DENIED, "pull", 0),
        ("ErrImagePull", "no match for platform in manifest", "pull", 0),
        ("ErrImagePull", "geofence/app:1: not found", "pull", 0),
        ("InvalidImageName", "", "pull", 0),
        ("ErrImageNeverPull", "", "pull", 0),
        ("ErrImagePull", DNS, "pull", 60),
        ("ErrImagePull", "unexpected status: 503 Service Unavailable", "pull", 60),
        ("ErrImagePull", "429 Too Many Requests: toomanyrequests", "pull", 60),
        ("ErrImagePull", "tls: first record does not look like a TLS handshake", "pull", 60),
        ("ImagePullBackOff", "Back-off pulling image", "pull", 0),
        ("CreateContainerConfigError", 'secret "x" not found', "config", 0),
        ("CreateContainerConfigError", "couldn't find key A in Secret ns/x", "config", 0),
        (
            "CreateContainerConfigError",
            "failed to sync secret cache: timed out waiting for the condition",
            "config",
            60,
        ),
        ("RunContainerError", 'exec: "/no": stat /no: no such file or directory', "start", 0),
        ("RunContainerError", 'exec: "a": permission denied', "start", 0),
        ("CreateContainerError", 'exec: "nothing": executable file not found in $PATH', "start", 0),
        ("RunContainerError", "exec format error", "start", 0),
        ("CreateContainerError", "context deadline exceeded", "start", 60),
    ],
)
def test_each_ailment_has_its_patience(reason, message, cause, seconds):
    state = service(waiting(reason, message))
    [(process, ailment)] = service_state.ailing(state)
    seen = replace(state, first_seen={service_state.ailment_key(process, ailment): NOW})
    if seconds:
        assert judged(seen, seconds=seconds - 1).status == "progressing"
    verdict = judged(seen, seconds=seconds)
    assert (verdict.status, verdict.cause) == ("failed", cause)
    assert (message or reason) in verdict.reason and verdict.hint


@pytest.mark.parametrize(
    ("rules", "sick"),
    [
        ({"pull": 5}, ("ErrImagePull", DNS)),
        ({"pull": 5}, ("ImagePullBackOff", "Back-off pulling image")),
        ({"start": 5}, ("CreateContainerError", "context deadline exceeded")),
    ],
)
def test_the_manifest_may_set_the_patience(rules, sick):
    state = service(waiting(*sick), rules=Rules(deadline=600, exits=2, **rules))
    [(process, ailment)] = service_state.ailing(state)
    state = replace(state, first_seen={service_state.ailment_key(process, ailment): NOW})
    assert judged(state, seconds=4).status == "progressing"
    assert judged(state, seconds=5).status == "failed"


def test_where_others_run_one_process_may_have_bad_luck():
    """One node's trouble is not the release's: two processes, or a minute."""
    sets = [replica_set(available=1)]
    sick = waiting("ErrImagePull", NOT_FOUND)
    state = service(sick, sets=sets, first_seen={"web-1/pull": NOW})
    assert judged(state).status == "progressing"
    assert judged(state, seconds=60).cause == "pull"
    two = service(sick, waiting("ErrImagePull", NOT_FOUND, name="web-2"), sets=sets)
    assert judged(two).cause == "pull"
    sick_too = waiting("CreateContainerConfigError", "failed to sync secret cache", name="web-2")
    assert judged(service(sick, sick_too, sets=sets)).status == "progressing"  # that is another trouble
    config = service(waiting("CreateContainerConfigError", 'secret "x" not found'), sets=sets)
    assert judged(config).cause == "config"


# --- Quota, deadline, liveness --------------------------------------------------------------------------------------


def refused(words="exceeded quota: pods"):
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": words}
    return [replica_set(conditions=[condition])]


def test_a_quota_that_may_make_room_is_given_twenty_seconds():
    state = service(sets=refused(), first_seen={"web/refused": NOW}, deployment=deployment(unavailable=1))
    assert judged(state, seconds=19).status == "progressing"
    verdict = judged(state, seconds=20)
    assert (verdict.cause, verdict.reason) == ("quota", "web: exceeded quota: pods")


def test_a_quota_that_hit_the_old_release_dooms_nothing():
    [old] = refused()
    old["metadata"]["annotations"][REVISION] = "1"
    assert (
        judged(service(sets=[old, replica_set("newest")], first_seen={"web/refused": NOW}), seconds=30).status
        == "progressing"
    )


def test_a_quota_dooms_at_once_where_no_room_can_come():
    """maxUnavailable comes to 0 and nothing of ours is ending."""
    assert judged(service(sets=refused())).cause == "quota"
    ending = pod("old-1", owner="old")
    ending["metadata"]["deletionTimestamp"] = "2026-11-21T12:00:00Z"
    assert judged(service(ending, sets=refused())).status == "progressing"
    assert judged(service(sets=refused(), ending=True)).status == "progressing"


def test_a_new_process_that_lets_an_old_one_go_makes_room():
    """Ten asked for, room for one more: it comes up one by one. On a first deploy there is nothing to let go."""
    old, new = pod("old-1", owner="old"), pod("new-1")
    assert judged(service(old, new, sets=refused())).status == "progressing"
    assert judged(service(new, sets=refused())).cause == "quota"
    evicted = pod("old-1", owner="old", phase="Failed", reason="Evicted")  # it takes no room any more
    assert judged(service(evicted, new, sets=refused())).cause == "quota"


@pytest.mark.parametrize(
    ("strategy", "count", "unavailable"),
    [
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "0%"}}, 1, 0),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, 3, 0),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, 4, 1),
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "10%"}}, 2, 1),  # never both 0
        ({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": "100%"}}, 3, 3),  # immediate
        ({"type": "RollingUpdate"}, 4, 1),
        ({}, 4, 1),
        (None, 4, 1),
        ({"type": "Recreate", "rollingUpdate": None}, 4, 0),
    ],
)
def test_what_may_be_missing_is_resolved_as_the_cluster_does(strategy, count, unavailable):
    made = deployment(replicas=count)
    made["spec"]["strategy"] = strategy
    assert service_state.max_unavailable(service(deployment=made)) == unavailable


def test_admission_that_denies_dooms_at_once_and_one_that_does_not_answer_after_a_minute():
    denied = refused('admission webhook "policy" denied the request: no')
    verdict = judged(service(sets=denied))
    assert verdict.cause == "admission" and "denied the request" in verdict.reason
    silent = service(sets=refused("failed calling webhook: timeout"), first_seen={"web/refused": NOW})
    assert judged(silent, seconds=59).status == "progressing"
    assert judged(silent, seconds=60).cause == "admission"


def test_what_comes_on_top_of_what_was_asked_for_dooms_nothing():
    """An autoscaler wants more than at our write, and there is no room, or no image on that node."""
    enough = deployment(replicas=9, **DONE)
    assert judged(service(deployment=enough, sets=refused())).status == "complete"
    assert judged(service(waiting("InvalidImageName"), deployment=enough)).status == "complete"


def test_that_a_process_can_not_be_deleted_refuses_none():
    [stuck] = refused()
    stuck["status"]["conditions"][0]["reason"] = "FailedDelete"
    assert judged(service(sets=[stuck])).status == "progressing"


def test_where_not_even_a_replica_set_may_be_made_the_deployment_says_so():
    made = deployment(observed=1)
    words = "replicasets.apps is forbidden: exceeded quota: count/replicasets.apps"
    made["status"]["conditions"] = [
        {"type": "Progressing", "status": "False", "reason": "ReplicaSetCreateError", "message": words}
    ]
    state = service(deployment=made, first_seen={"web/refused": NOW})
    assert judged(state, seconds=19).status == "progressing"
    assert judged(state, seconds=20).cause == "quota"


def test_the_deadline_counts_from_the_last_rise():
    state = service(pod(), rules=Rules(deadline=30, exits=2), risen_at=NOW)
    assert judged(state, seconds=29.9).status == "progressing"
    verdict = judged(state, seconds=30)
    assert (verdict.cause, verdict.reason) == ("never_ready", "web-1 did not become ready within 30 s.")
    later = replace(state, risen_at=NOW + timedelta(seconds=20))
    assert judged(later, seconds=49).status == "progressing"


def test_at_the_deadline_a_process_without_a_place_is_called_so():
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu."}
    verdict = judged(service(pod(conditions=[condition])), seconds=600)
    assert verdict.cause == "unschedulable" and "Insufficient cpu" in verdict.reason


def test_at_the_deadline_nothing_at_all_has_a_reason_too():
    verdict = judged(service(), seconds=600)
    assert verdict.cause == "never_ready" and verdict.reason == "web made no progress within 600 s."


def test_what_is_complete_has_no_deadline():
    assert judged(service(pod(ready=True), deployment=deployment(**DONE)), seconds=10_000).status == "complete"


def test_the_first_liveness_kill_after_completion_dooms_while_it_is_watched():
    state = service(pod(ready=True), deployment=deployment(**DONE), kills={"web-1": 1})
    assert judged(state).status == "complete"
    verdict = judged(state, verifying=True)
    assert (verdict.status, verdict.cause) == ("failed", "liveness")


def test_while_rolling_a_liveness_kill_is_an_exit_like_any_other():
    state = service(pod(restarts=1, last=ended(137)), kills={"web-1": 1})
    assert judged(state).status == "progressing"


def test_someone_elses_liveness_kill_dooms_nothing():
    state = service(pod(ready=True), deployment=deployment(**DONE), kills={"another": 1})
    assert judged(state, verifying=True).status == "complete"
