"""Somebody else's hand in the middle of a rollout: a named cause, or none where it does no harm."""

from dataclasses import replace

import pytest

from releases.pipeline import service_state
from tests.test_health import DONE, deployment, judged, pod, service


def live(*, generation=2, image="v2", paused=False, **status):
    made = deployment(**status)
    made["metadata"]["generation"] = generation
    made["spec"] |= {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}, "paused": paused}
    return made


OURS = service_state.template_digest(live())


def test_a_deployment_that_is_gone_after_it_was_seen_was_deleted():
    verdict = judged(service(deployment=None, seen=True))
    assert (verdict.status, verdict.cause) == ("failed", "deleted")
    assert "web was deleted by somebody" in verdict.reason and verdict.hint


def test_one_that_the_watch_has_not_shown_yet_was_not():
    assert judged(service(deployment=None)).status == "progressing"


def test_one_that_is_being_deleted_is_neither_complete_nor_awaited():
    going = live(**DONE)
    going["metadata"]["deletionTimestamp"] = "2026-11-21T12:00:00Z"
    assert judged(service(deployment=going)).cause == "deleted"


def test_one_that_somebody_paused_is_not_awaited():
    verdict = judged(service(deployment=live(paused=True, generation=3)))
    assert (verdict.cause, verdict.service) == ("paused", "web")


def test_that_it_was_paused_before_our_write_is_old_news():
    """The watch lags behind: our write unpauses it."""
    assert judged(service(deployment=live(paused=True, generation=1, observed=1))).status == "progressing"


def test_who_pauses_what_is_complete_stops_nothing():
    assert judged(service(deployment=live(paused=True, generation=3, **DONE))).status == "complete"


@pytest.mark.parametrize("status", [{}, DONE], ids=["rolling", "complete"])
def test_another_template_is_not_our_release(status):
    """Not even when it runs well everywhere."""
    edited = live(image="of-somebody", generation=3, **status)
    verdict = judged(service(deployment=edited, template=OURS))
    assert (verdict.status, verdict.cause) == ("failed", "edited")
    assert "changed by somebody" in verdict.reason


def test_a_restart_by_somebody_is_still_our_release():
    restarted = live(generation=3, **DONE)
    restarted["spec"]["template"]["metadata"] = {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-21"}}
    assert judged(service(deployment=restarted, template=OURS)).status == "complete"


def test_the_template_from_before_our_write_is_old_news():
    lagging = live(image="v1", generation=1, observed=1)
    assert judged(service(deployment=lagging, template=OURS)).status == "progressing"


@pytest.mark.parametrize("replicas", [1, 2, 5])
def test_an_autoscaler_that_moves_the_number_edits_nothing(replicas):
    """What is asked for is the smaller of the numbers at our write and now."""
    here = min(replicas, 2)
    scaled = live(generation=3, replicas=replicas, total=here, updated=here, ready=here, available=here)
    assert judged(service(deployment=scaled, template=OURS)).status == "complete"


def test_scaled_to_nothing_in_the_middle_is_complete():
    assert judged(service(deployment=live(generation=3, replicas=0, total=0), template=OURS)).status == "complete"


def test_a_crash_is_named_before_a_hand():
    crashed = pod(restarts=1, state={"terminated": {"exitCode": 1, "reason": "Error"}})
    state = service(crashed, deployment=live(paused=True, generation=3))
    assert judged(state).cause == "exits"
    assert judged(replace(state, pods=[])).cause == "paused"
