"""Reading one process: which release, how often it ended, what ails it, in a page's words."""

import pytest

from releases.pipeline import processes
from tests.test_health import ended, pod, waiting


@pytest.mark.parametrize(
    ("process", "state"),
    [
        (pod(), "starting"),
        (pod(ready=True), "ready"),
        (pod(state=ended()), "broken"),
        (waiting("ImagePullBackOff"), "broken"),
        (waiting("ContainerCreating"), "starting"),
        (pod(reason="Evicted", ready=True), "stopping"),
        ({"metadata": {"uid": "x", "name": "x"}}, "starting"),  # the node has said nothing yet
    ],
)
def test_the_state_in_a_pages_words(process, state):
    assert processes.state(process) == state


def test_a_process_that_was_restarted_before_is_starting_not_broken():
    assert processes.state(pod(restarts=3), exits_before=3) == "starting"


def test_a_program_that_is_not_there_is_a_start_ailment_also_while_it_backs_off():
    ended_at_start = ended(128, "StartError", 'exec: "/no": no such file or directory')
    sick = pod(state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}, last=ended_at_start)
    found = processes.ailment(sick)
    assert (found.family, found.reason) == ("start", "StartError") and "no such file" in found.message


def test_the_last_exit_is_the_present_one_or_else_the_one_before():
    assert processes.last_exit(pod(state=ended(3), last=ended(1)))["exitCode"] == 3
    assert processes.last_exit(pod(last=ended(1)))["exitCode"] == 1
    assert processes.last_exit(pod()) == {}


def test_nulls_of_the_cluster_are_read_as_nothing():
    bare = {
        "metadata": {"uid": "x", "name": "x", "labels": {}},
        "status": {"containerStatuses": None, "conditions": None},
    }
    assert processes.exits(bare) == 0 and not processes.is_ready(bare) and processes.ailment(bare) is None
    assert processes.release(bare) == processes.service(bare) == ""


def test_a_program_that_started_at_last_has_no_ailment():
    healed = pod(restarts=1, last=ended(128, "StartError", "context deadline exceeded"))
    assert processes.ailment(healed) is None and processes.runs(healed)


@pytest.mark.parametrize(
    "bare",
    [
        {"metadata": {"uid": "x", "name": "x"}, "status": None},
        {"metadata": {"uid": "x", "name": "x", "labels": None}, "status": {"containerStatuses": [None, {}]}},
        {
            "metadata": {"uid": "x", "name": "x"},
            "status": {"containerStatuses": [{"name": "main", "state": None, "lastState": None, "restartCount": None}]},
        },
        {
            "metadata": {"uid": "x", "name": "x"},
            "status": {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": None}}}]},
        },
        {
            "metadata": {"uid": "x", "name": "x"},
            "status": {"containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "SomethingNew"}}}]},
        },
    ],
)
def test_whatever_is_missing_or_unknown_is_no_ailment(bare):
    assert processes.exits(bare) == 0 and processes.last_exit(bare) == {} and processes.ailment(bare) is None
    assert not processes.is_going(bare) and not processes.is_ready(bare) and not processes.runs(bare)
    assert processes.release(bare) == processes.service(bare) == ""


@pytest.mark.parametrize("reason", sorted(processes.PULL_REASONS | processes.CONFIG_REASONS | processes.START_REASONS))
def test_each_reason_of_a_kubelet_has_its_family(reason):
    found = processes.ailment(waiting(reason, "words"))
    assert found.family in ("pull", "config", "start") and (found.reason, found.message) == (reason, "words")


@pytest.mark.parametrize(
    ("process", "previous"),
    [
        (pod(), False),
        (pod(state=ended(1), last=ended(2), restarts=1), False),
        (pod(last=ended(1), restarts=1), True),
        (pod(last=ended(1), restarts=1, state={"waiting": {"reason": "CrashLoopBackOff"}}), True),
    ],
)
def test_whose_last_words_tell_more(process, previous):
    """The previous run's, only if the present one has not ended."""
    assert processes.ended_before(process) is previous
