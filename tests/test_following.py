"""What a worker remembers from look to look: rises, first sightings, kills, and exits that were none."""

from datetime import UTC, datetime, timedelta

import pytest

from releases.clients.mirror import View
from releases.models import Release, Rollout
from releases.pipeline import deployer_yml, following, health, manifests
from tests.test_event_log import event
from tests.test_health import ended, pod, refused, replica_set
from tests.test_health_meddled import live

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
LABELS = {manifests.SERVICE: "web", manifests.RELEASE: "RAAAAAAAAAA"}
DNS = {"waiting": {"reason": "ErrImagePull", "message": "dial tcp: lookup registry.invalid: no such host"}}
SYNC = {"waiting": {"reason": "CreateContainerError", "message": "context deadline exceeded"}}
CRASHED = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}


class Worker:
    """Looks at what the cluster shows, remembers, and judges: as the rollout does, without one."""

    def __init__(self, *, first=False, manifest="{port: 80, health: /}", **known):
        manifest = deployer_yml.parse(f"services: {{web: {manifest}}}")
        progress = {"highest": 0, "ready": 0, "risen_at": NOW.isoformat(), **following.applied({}, live()), **known}
        self.first = first
        self.rollout = Rollout(release=Release(manifest=manifest), progress={"services": {"web": progress}})

    def look(self, *pods, at=0.0, sets=None, events=(), deployment=None, gone=False):
        now = NOW + timedelta(seconds=at)
        sets = sets or [replica_set("old", "1", available=2), replica_set()]
        for obj in [*pods, *sets]:
            obj["metadata"]["labels"] = LABELS | obj["metadata"].get("labels", {})
        deployments = [] if gone else [deployment or live()]
        view = View(deployments=deployments, replica_sets=sets, pods=list(pods), events=list(events))
        states = following.service_states(self.rollout, view, first=self.first)
        self.rollout.progress = following.progressed(self.rollout.progress, states, now)
        states = following.service_states(self.rollout, view, first=self.first)
        return health.assess(states, now=now, verifying="verify_until" in self.rollout.progress)


# --- Since when -----------------------------------------------------------------------------------------------------


def test_an_error_that_may_heal_dooms_a_minute_after_it_was_first_seen():
    worker = Worker()
    for at in (0, 20, 59):
        assert worker.look(pod(state=SYNC), at=at).status == "progressing"
    assert worker.look(pod(state=SYNC), at=60).cause == "start"


def test_an_ailment_that_hides_for_a_moment_is_still_the_same():
    worker = Worker()
    worker.look(pod(state=SYNC))
    worker.look(pod(state={"waiting": {"reason": "ContainerCreating"}}), at=30)
    assert worker.look(pod(state=SYNC), at=60).cause == "start"


def test_an_image_that_came_at_last_has_its_patience_anew():
    """ErrImagePull that healed, and much later another one, after a restart."""
    worker = Worker()
    worker.look(pod(state=DNS))
    worker.look(pod(), at=10)
    assert worker.look(pod(state=DNS, restarts=1), at=300).status == "progressing"
    assert worker.look(pod(state=DNS, restarts=1), at=361).cause == "pull"


def test_what_ails_the_container_is_remembered_though_its_init_container_ended_well():
    worker = Worker()
    worker.rollout.objects_applied = [_applied("prepare", "main")]
    for at in (0, 30):
        assert worker.look(_with_init(pod(state=DNS), ended(0, "Completed")), at=at).status == "progressing"
    assert worker.look(_with_init(pod(state=DNS), ended(0, "Completed")), at=60).cause == "pull"


def test_what_a_process_that_is_gone_suffered_is_forgotten():
    worker = Worker()
    worker.look(pod(state=DNS))
    worker.look(at=1)
    assert worker.rollout.progress["first_seen"] == {}


def test_a_quota_has_twenty_seconds_from_the_last_new_process():
    worker = Worker()
    sets = refused()
    tight = live(unavailable=1)
    assert worker.look(sets=sets, deployment=tight).status == "progressing"
    assert worker.look(pod(), at=15, sets=sets, deployment=tight).status == "progressing"
    assert worker.look(pod(), at=34, sets=sets, deployment=tight).status == "progressing"
    assert worker.look(pod(), at=35, sets=sets, deployment=tight).cause == "quota"


def test_a_quota_that_made_room_is_forgotten():
    worker, tight = Worker(), live(unavailable=1)
    worker.look(sets=refused(), deployment=tight)
    worker.look(at=10, deployment=tight)
    assert worker.look(at=29, sets=refused(), deployment=tight).status == "progressing"


def test_a_process_of_another_service_that_ends_may_make_room():
    worker = Worker()
    ending = pod("clock-1", owner="clock")
    ending["metadata"] |= {"deletionTimestamp": "2026-11-21T12:00:00Z", "labels": {manifests.SERVICE: "clock"}}
    assert worker.look(ending, sets=refused()).status == "progressing"
    assert Worker().look(sets=refused()).cause == "quota"


# --- The deadline ---------------------------------------------------------------------------------------------------


def test_the_deadline_counts_from_the_highest_number_that_was_ever_available():
    """Flapping readiness moves Kubernetes' own deadline; it does not move this one."""
    worker = Worker(manifest="{port: 80, health: /, deployment: {deadline: 30}}")
    for at in range(0, 49, 2):
        flapping = [replica_set(available=(at // 2) % 2)]
        verdict = worker.look(pod(ready=bool((at // 2) % 2)), at=at, sets=flapping)
        if verdict.status != "progressing":
            break
    assert (verdict.cause, at) == ("never_ready", 32)  # 30 s after the first rise, at 2 s


def test_while_the_cluster_is_away_every_clock_stands_still():
    worker = Worker(manifest="{port: 80, health: /, deployment: {deadline: 90}}")
    worker.look(pod(state=SYNC))
    worker.rollout.progress = following.postponed(worker.rollout.progress, 1000)
    assert worker.look(pod(state=SYNC), at=1059).status == "progressing"
    assert worker.look(pod(state=SYNC), at=1060).cause == "start"
    assert worker.look(pod(), at=1089).status == "progressing"
    assert worker.look(pod(), at=1090).cause == "never_ready"


def test_the_window_of_liveness_stands_still_too():
    moved = following.postponed({"services": {}, "verify_until": NOW.isoformat()}, 60)
    assert moved["verify_until"] == (NOW + timedelta(seconds=60)).isoformat()


def test_the_deadline_is_the_services_own_and_its_verification_comes_on_top():
    manifest = deployer_yml.parse(
        "services: {web: {deployment: {deadline: 7, verify: 3, exits: 5, pull: 1, start: 2}}}"
    )
    assert following.rules(manifest, "web", first=True) == health.Rules(deadline=10, exits=5, pull=1, start=2)
    plain = deployer_yml.parse("services: {web: {}}\ndeployment: {deadline: 100}")
    verify = manifests.verify_seconds(plain["services"]["web"])
    assert following.rules(plain, "web", first=False).deadline == 100 + verify
    assert following.rules(plain, "web", first=False).exits == 2
    assert following.rules(plain, "web", first=True).exits == 3


def test_a_process_with_a_volume_may_wait_for_the_end_of_the_one_before():
    text = "services: {web: {termination: {grace: 30}, deployment: {verify: 3}%s}}\ndeployment: {deadline: 7}"
    without, disk = (deployer_yml.parse(text % more) for more in ("", ", volumes: [{name: d, path: /d, size: 1}]"))
    assert following.rules(without, "web", first=True).deadline == 10
    assert following.rules(disk, "web", first=True).deadline == 40


def test_the_one_before_has_the_time_that_its_own_release_gave_it():
    text = "{health: /, port: 80, volumes: [{name: d, path: /d, size: 1}], termination: {grace: %d}%s}"
    worker = Worker(manifest=text % (5, ", deployment: {deadline: 30}"))
    slow = f"services: {{web: {text % (300, '')}}}"
    worker.rollout.previous = Release(manifest=deployer_yml.parse(slow))
    assert worker.look(pod(), at=329).status == "progressing"
    assert worker.look(pod(), at=330).cause == "never_ready"
    worker.rollout.previous = Release(manifest=deployer_yml.parse("services: {other: {}}"))
    assert worker.look(pod(), at=35).cause == "never_ready"


# --- Exits ----------------------------------------------------------------------------------------------------------


def test_a_start_that_failed_and_healed_is_no_exit():
    worker = Worker()
    failed = ended(128, "StartError", "context deadline exceeded")
    assert worker.look(pod(state=SYNC, last=failed)).status == "progressing"
    assert worker.look(pod(restarts=1, last=failed), at=5).status == "progressing"
    assert worker.look(pod(restarts=1, state=ended(1)), at=8).status == "progressing"
    assert worker.look(pod(restarts=2, state=ended(1), last=ended(1)), at=9).cause == "exits"


def test_a_container_that_the_node_lost_sight_of_is_no_exit():
    worker = Worker()
    lost = ended(137, "ContainerStatusUnknown", "The container could not be located when the pod was terminated")
    worker.look(pod(state=ended(1)))
    assert worker.look(pod(restarts=1, last=lost, state=CRASHED), at=1).status == "progressing"
    assert worker.look(pod(restarts=2, state=ended(1)), at=2).cause == "exits"


def test_a_first_deploy_may_fail_twice():
    worker = Worker(first=True)
    assert worker.look(pod(restarts=1, state=ended(1))).status == "progressing"
    assert worker.look(pod(restarts=2, state=ended(1))).cause == "exits"


# --- Whose container ------------------------------------------------------------------------------------------------


def _applied(*names):
    init, main = names[:-1], names[-1:]
    spec = {"initContainers": [{"name": name} for name in init], "containers": [{"name": name} for name in main]}
    return {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": spec}}}


def _with_init(process, state, *, restarts=0, name="prepare", **more):
    container = {"name": name, "state": state, "restartCount": restarts, **more}
    process["status"]["initContainerStatuses"] = [container]
    return process


def test_an_init_container_of_ours_that_fails_twice_dooms_and_has_the_last_word():
    worker = Worker()
    worker.rollout.objects_applied = [_applied("prepare", "main")]
    waiting = {"waiting": {"reason": "PodInitializing"}}
    once = _with_init(pod(state=waiting), CRASHED, lastState=ended(3))
    assert worker.look(once).status == "progressing"
    twice = _with_init(pod(state=waiting), CRASHED, restarts=1, lastState=ended(3))
    verdict = worker.look(twice)
    assert (verdict.cause, verdict.container) == ("exits", "prepare")
    assert "exited with 3" in verdict.reason


def test_an_init_container_that_does_its_work_has_not_exited():
    worker = Worker(manifest="{port: 80, health: /, deployment: {exits: 1}}")
    worker.rollout.objects_applied = [_applied("prepare", "main")]
    assert worker.look(_with_init(pod(), ended(0, "Completed"))).status == "progressing"
    assert worker.look(_with_init(pod(), ended(3))).cause == "exits"


def test_an_init_container_that_somebody_injected_dooms_nothing():
    waiting = {"waiting": {"reason": "PodInitializing"}}
    verdict = Worker().look(_with_init(pod(state=waiting), CRASHED, restarts=7, name="mesh-init", lastState=ended(3)))
    assert verdict.status == "progressing"


# --- Liveness -------------------------------------------------------------------------------------------------------


def killing(times=1, *, uid="k", of="web-1", path="spec.containers{main}", **more):
    message = "Container main failed liveness probe, will be restarted"
    made = {**event(uid, message, of=of, times=times), "reason": "Killing", **more}
    made["involvedObject"]["fieldPath"] = path
    return made


def test_kills_from_before_all_was_complete_are_not_held_against_the_window():
    worker = Worker(manifest="{port: 80, health: /, liveness: /}")
    assert worker.look(pod(restarts=1), events=[killing()]).status == "progressing"
    worker.rollout.progress["verify_until"] = (NOW + timedelta(seconds=30)).isoformat()
    assert worker.look(pod(restarts=1), events=[killing()]).status == "progressing"
    assert worker.look(pod(restarts=1), events=[killing(times=2)]).cause == "liveness"


def test_kills_that_the_cluster_combines_are_added_up():
    combined = killing(uid="c", message="(combined from similar events): Container main failed liveness probe, …")
    assert Worker().look(pod(restarts=1), events=[killing(), combined]).cause == "liveness"


@pytest.mark.parametrize(
    "other",
    [
        killing(9, path="spec.containers{mesh-proxy}"),
        killing(9, of="of-another-app"),
        killing(9, message="Stopping container main"),
        killing(9, reason="Unhealthy"),
    ],
    ids=["a sidecar that was injected", "another process", "an ordinary stop", "a check that failed"],
)
def test_what_is_no_liveness_kill_of_ours_dooms_nothing(other):
    worker = Worker()
    worker.rollout.progress["verify_until"] = NOW.isoformat()
    assert worker.look(pod(), events=[other]).status == "progressing"


def test_kills_from_before_the_rollout_do_not_count():
    worker = Worker()
    worker.rollout.baseline = following.baseline({}, [killing(5)])
    assert worker.look(pod(), events=[killing(6)]).status == "progressing"
    assert worker.look(pod(), events=[killing(7)]).cause == "liveness"


# --- Somebody else's hand -------------------------------------------------------------------------------------------


def test_what_was_seen_and_is_gone_was_deleted():
    worker = Worker()
    assert worker.look(gone=True).status == "progressing"  # the watch has not shown it yet
    worker.look()
    assert worker.look(gone=True).cause == "deleted"


def test_what_somebody_made_in_its_place_is_not_ours():
    worker, another = Worker(), live()
    worker.look()
    another["metadata"]["uid"] = "another"
    assert worker.look(deployment=another).cause == "deleted"


def test_what_we_made_anew_is_awaited_again():
    """A worker that takes over applies again, and the watch still shows nothing, or the old one."""
    worker = Worker()
    worker.look()
    worker.rollout.progress["services"]["web"]["uid"] = "anew"
    assert worker.look(gone=True).status == "progressing"
    assert worker.look().status == "progressing"


# --- At the deadline events supply the words ------------------------------------------------------------------------


def test_at_the_deadline_the_clusters_last_warning_is_said():
    """A volume of a Secret that is not there shows in no status, only in events (FailedMount)."""
    worker = Worker(manifest="{port: 80, health: /, deployment: {deadline: 5}}")
    mount = {
        **event("m", 'MountVolume.SetUp failed for volume "c" : secret "x" not found', of="web-1"),
        "type": "Warning",
    }
    verdict = worker.look(pod(state={"waiting": {"reason": "ContainerCreating"}}), at=5, events=[mount])
    assert verdict.cause == "never_ready" and 'secret "x" not found' in verdict.reason
    assert "was never got to run" in verdict.hint


def test_the_events_of_a_process_that_ended_before_a_worker_took_over_are_told():
    rollout = Rollout(baseline=following.baseline({"web": (None, [pod("old")])}, []))
    log = following.log_of_events(rollout)
    assert [line.message for line in log.lines(View(events=[event("e", "Stopping", of="old")]), NOW)] == ["Stopping"]
