"""The arithmetic of rolling updates, on numbers alone."""

import pytest

from localcluster.controllers import revisions
from localcluster.controllers.rolling import Limits, Replicas, limits, new_size, old_sizes, proportional_sizes


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "wanted"),
    [
        (3, 1, 0, Limits(3, 1, 0)),
        (10, "25%", "25%", Limits(10, 3, 2)),  # up, and down
        (3, "25%", "25%", Limits(3, 1, 0)),
        (1, "0%", "0%", Limits(1, 0, 1)),  # one of them must give way
        (4, "25%", "0%", Limits(4, 1, 0)),
        (2, 0, "100%", Limits(2, 0, 2)),
        (0, 1, 1, Limits(0, 1, 0)),
    ],
)
def test_per_cents_become_numbers(replicas, surge, unavailable, wanted):
    assert limits(replicas, surge, unavailable) == wanted


def test_the_new_set_grows_by_the_room_that_surge_leaves():
    old, new = Replicas("old", "1", 3, 3), Replicas("new", "2", 0)
    assert new_size(new, [old, new], Limits(3, 1, 0)) == 1
    assert new_size(Replicas("new", "2", 1), [old, Replicas("new", "2", 1)], Limits(3, 1, 0)) == 1
    assert new_size(new, [new], Limits(3, 1, 0)) == 3
    assert new_size(Replicas("new", "2", 5), [], Limits(3, 1, 0)) == 3


def test_old_processes_go_as_new_ones_become_available():
    old = Replicas("old", "1", 3, 3)
    bounds = Limits(3, 1, 0)
    assert old_sizes([old], Replicas("new", "2", 1, 0), bounds) == {}
    assert old_sizes([old], Replicas("new", "2", 1, 1), bounds) == {"old": 2}


def test_unhealthy_old_processes_go_first_and_do_not_wait():
    sick = Replicas("sick", "2", 2, 0)
    well = Replicas("well", "1", 3, 3)
    new = Replicas("new", "3", 1, 0)
    assert old_sizes([sick, well], new, Limits(3, 1, 0)) == {"sick": 0}


def test_a_change_of_scale_in_a_rollout_is_shared_out():
    sets = [Replicas("old", "1", 8, 8, 13), Replicas("new", "2", 5, 3, 13)]
    sizes = proportional_sizes(sets, limits(15, 3, 2), 13)
    assert sum(sizes.values()) == 18
    assert sizes == {"old": 11, "new": 7}
    assert proportional_sizes(sets, limits(0, 3, 2), 13) == {"old": 0, "new": 0}


def test_names_and_templates():
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main"}]}}
    labelled = {"metadata": {"labels": {"app": "web", "pod-template-hash": "x"}}, "spec": template["spec"]}
    assert revisions.same_template(template, labelled)
    digest = revisions.template_hash(template, 0)
    assert len(digest) == 10
    assert set(digest) <= set("bcdf456789")
    assert revisions.template_hash(template, 1) != digest
