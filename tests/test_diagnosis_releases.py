"""What a diagnosis says of rollouts, and of what a release changed. States written here, but for the recorded crash."""

from datetime import UTC, datetime

import pytest

from releases.pipeline.diagnosis import Changes, Finding, Known, RolloutKnown, Subject, diagnose
from releases.pipeline.diagnosis.catalogue import ORDER
from releases.pipeline.diagnosis.explained import FITS, explained
from tests import diagnosed, replay
from tests.reported_app import NEW, OLD, known, pod, replica_set, reported

FIRST = {
    "code": "crash_loop",
    "subject": {"kind": "process", "name": "web-1", "service": "web"},
    "observed": "web-1 exited with 1 after 2 s, five times.",
    "hint": "Look at the last lines that it wrote.",
    "likely": "Likely: QUEUE_URL is missing.",
}


def rollout(status, **changes):
    given = {"number": 7, "release": NEW, "previous": OLD, "cause": "exits", "reason": "web-1 exited with 1."}
    return RolloutKnown(**{"status": status, "step": "rolling", **given, **changes})


def active(**changes):
    """What runs is the release before."""
    return known(release=OLD, active=OLD, **changes)


# --- The newest rollout ---------------------------------------------------------------------------------------------


def test_a_rollout_that_was_rolled_back_says_where_it_failed_what_was_found_and_what_runs():
    ended = datetime(2026, 11, 20, tzinfo=UTC)
    past = rollout("rolled_back", restored=True, first=FIRST, finished_at=ended)
    (finding,) = diagnose(reported(), active(rollout=past, paths={"rollout": "/apps/shop/rollouts/7"}))
    assert (finding.code, finding.severity, finding.subject) == (
        "rollout_failed",
        "warning",
        Subject("rollout", "7", "web"),
    )
    assert finding.observed == (
        f"Rollout 7 of {NEW} was rolled back in its step “rolling”: web-1 exited with 1 after 2 s, five times. "
        f"{OLD} is completely back."
    )
    assert (finding.hint, finding.likely) == (FIRST["hint"], FIRST["likely"])
    assert finding.values["first"] == "crash_loop" and finding.values["restored"] is True
    assert (finding.page, finding.since) == ("/apps/shop/rollouts/7", ended.isoformat())
    assert finding.command == "deployer rollouts diagnosis 7 -a shop"


@pytest.mark.parametrize(
    ("past", "words"),
    [
        (rollout("rolled_back", restored=True, first=None), f"web-1 exited with 1. {OLD} is completely back."),
        (rollout("rolled_back", restored=True, previous=""), "It was taken down: nothing ran before."),
        (rollout("failed", step="release command"), f"Nothing was changed: {OLD} runs on."),
        (rollout("failed", previous="", reason=""), "failed in its step “rolling”. Nothing was changed."),
        (rollout("failed", first={"observed": None, "subject": 3}), "web-1 exited with 1. Nothing was changed"),
    ],
)
def test_a_rollout_that_failed_says_what_became_of_what_ran_before(past, words):
    (finding,) = diagnose(reported(), active(rollout=past))
    assert finding.code == "rollout_failed" and words in finding.observed and finding.hint


def test_a_release_that_is_not_completely_back_is_an_error_and_says_what_runs_where():
    both = reported(
        replica_sets=[replica_set(), replica_set("old", "1")],
        pods=[pod("web-1", age=5), pod("web-2", maker="old", age=5)],
    )
    (finding,) = diagnose(both, active(rollout=rollout("failed", restored=False, step="restore")))
    assert (finding.code, finding.severity) == ("not_restored", "error")
    assert f"{OLD} is not completely back. Now: web runs {OLD} and {NEW}." in finding.observed
    assert finding.values["running"] == {"web": [OLD, NEW]}
    assert finding.command == f"deployer releases promote {OLD} -a shop"


def test_what_runs_after_a_failed_restore_may_be_nothing():
    gone = rollout("failed", restored=False, previous="")
    (finding,) = diagnose(
        reported(deployments=[], replica_sets=[], pods=[], ingresses=[]), known(active="", rollout=gone)
    )[:1]
    assert "it was not taken down completely. Now: nothing runs." in finding.observed


@pytest.mark.parametrize("status", ["succeeded", "cancelled", "superseded", "queued", "rolling", "rolling_back"])
def test_a_rollout_that_did_not_fail_is_no_finding(status):
    assert diagnose(reported(), active(rollout=rollout(status))) == []


def test_a_rollout_that_waits_says_for_what():
    (finding,) = diagnose(reported(), active(rollout=rollout("queued", queued_for="rollout 6 has to end first")))
    assert (finding.code, finding.severity) == ("rollout_waits", "info")
    assert finding.observed == f"Rollout 7 of {NEW} is queued: rollout 6 has to end first."


def test_an_app_of_which_nothing_was_released_says_how_to_begin():
    nothing = reported(deployments=[], replica_sets=[], pods=[], services=[], ingresses=[])
    (finding,) = diagnose(nothing, Known(app="shop"))
    assert (finding.code, finding.severity, finding.command) == ("nothing_runs", "info", "deployer deploy -a shop")
    (made,) = diagnose(nothing, Known(app="shop", release=NEW))
    assert made.command == f"deployer releases promote {NEW} -a shop" and "none is active" in made.observed
    failed = diagnose(nothing, Known(app="shop", release=NEW, rollout=rollout("rolled_back")))
    assert failed[-1].code == "nothing_runs" and failed[-1].command == "deployer deploy -a shop"
    assert diagnose(nothing, Known(app="shop", rollout=rollout("rolling"))) == []
    assert diagnose(nothing, Known()) == []


# --- What changed ---------------------------------------------------------------------------------------------------


def changes(**changed):
    return Changes(OLD, NEW, **changed)


def about(code, *, likely="", kind="process", **values):
    return Finding(code, Subject(kind, "web-1", "web"), "It is so.", "Do it.", likely=likely, values=values)


def likely(code, **changed):
    (finding,) = explained([about(code)], known(changes=changes(**changed)))
    return finding.likely


ALL = {
    "images": ("web", "worker"),
    "variables_removed": ("QUEUE_URL",),
    "manifest": ("services.web.port", "services.web.scale.memory", "services.worker.command", "release.command"),
}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("crash_loop", "the image of web is new and QUEUE_URL was removed"),
        ("not_ready", "web.port was changed"),
        ("out_of_memory", "web.scale.memory was changed"),
        ("unschedulable", "web.scale.memory was changed"),
        ("config_missing", "QUEUE_URL was removed"),
        ("image_not_found", "the image of web is new"),
        ("command_not_found", "the image of web is new"),
        ("quota_exceeded", "web.scale.memory was changed"),
    ],
)
def test_a_change_is_said_beside_what_it_may_explain(code, words):
    assert likely(code, **ALL) == f"Likely: {words} in {NEW}; {OLD} worked."


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("crash_loop", {"images": ("worker",), "manifest": ("services.web.scale.count",)}),
        ("unschedulable", {"images": ("web",), "variables_changed": ("LOG",)}),
        ("not_ready", {"variables_changed": ("LOG",)}),
        ("registry_unreachable", {"images": ("web",)}),
        ("evicted", ALL),
        ("budget_blocks", ALL),
    ],
)
def test_a_change_that_does_not_fit_is_not_blamed(code, changed):
    assert likely(code, **changed) == ""


def test_a_new_image_is_what_remains_where_no_key_of_the_manifest_changed():
    assert "the image of web is new" in likely("not_ready", images=("web",))
    assert "the image of web is new" in likely("out_of_memory", images=("web",))


def test_a_service_that_is_new_says_so_and_many_names_are_few():
    assert likely("crash_loop", manifest=("services.web",)) == f"Likely: web is new in {NEW}; {OLD} worked."
    names = tuple(f"NAME_{number}" for number in range(40))
    assert "NAME_3" in likely("crash_loop", variables_changed=names) and "NAME_9" not in likely(
        "crash_loop", variables_changed=names
    )


def test_the_command_of_a_release_is_blamed_for_a_command_only():
    command = about("command_failed", kind="command")
    (finding,) = explained([command], known(changes=changes(manifest=("release.command",))))
    assert "release.command was changed" in finding.likely
    assert likely("crash_loop", manifest=("release.command",)) == ""


def test_what_the_process_itself_says_goes_before_and_an_older_release_is_not_explained():
    told = about("crash_loop", likely="Likely: QUEUE_URL is missing.")
    old = about("crash_loop", release=OLD)
    assert explained([told, old], known(changes=changes(**ALL))) == [told, old]
    assert explained([about("crash_loop")], active(changes=changes(**ALL)))[0].likely == ""
    assert explained([told], known()) == [told]


def test_a_recorded_crash_is_explained_by_the_image_that_came_with_it():
    meant = Known(release=NEW, changes=changes(images=("web",)))
    finding = diagnosed.findings_at(replay.recorded("crash-loop"), known=meant)[0]
    assert finding.code == "crash_loop" and "image" in finding.likely and finding.likely.startswith("Likely: ")


def test_only_codes_of_the_catalogue_are_explained():
    assert set(FITS) <= set(ORDER)
