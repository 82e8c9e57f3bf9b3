"""What a release may ask of the volumes that are there, and what is said of them. Pure."""

import pytest

from releases.pipeline import manifests, volumes
from releases.pipeline.volumes import Present

OLD, NEW = "RAAAAAAAAAA", "RBBBBBBBBBB"


def claim(name, size="10Gi", service="worker", **metadata):
    spec = {"resources": {"requests": {"storage": size}}}
    labels = {manifests.SERVICE: service}
    return {"kind": volumes.KIND, "metadata": {"name": name, "labels": labels, **metadata}, "spec": spec}


def deployment(*claims, name="worker", release=NEW, replicas=1):
    mounted = [{"name": "v", "persistentVolumeClaim": {"claimName": found}} for found in claims]
    labels = {manifests.RELEASE: release}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [], "volumes": [*mounted, {"name": "other"}]}}
    return {"kind": "Deployment", "metadata": {"name": name}, "spec": {"template": template, "replicas": replicas}}


def wanted(*names, size="10Gi"):
    return [*(claim(name, size) for name in names), deployment(*names)]


def present(*claims, **columns):
    mounted = [found["metadata"]["name"] for found in claims]
    return Present(list(claims), [deployment(*mounted, release=OLD)], **columns)


# --- Refused --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live", "asked"), [("10Gi", "10Gi"), ("10240Mi", "10Gi"), ("1Ti", "1024Gi"), ("10737418240", "10Gi")]
)
def test_the_same_size_in_other_words_is_the_same(live, asked):
    assert volumes.refusals(wanted("worker-data", size=asked), present(claim("worker-data", live))) == []


@pytest.mark.parametrize(
    ("live", "words"), [("20Gi", "20 GiB"), ("5Gi", "5 GiB"), ("10G", "10G"), ("10.5Gi", "10.5Gi")]
)
def test_another_size_is_refused_naming_both(live, words):
    [said] = volumes.refusals(wanted("worker-data"), present(claim("worker-data", live)))
    assert f"has {words} and the manifest says 10 GiB" in said


def test_one_that_is_being_deleted_is_refused():
    going = claim("worker-data", deletionTimestamp="2026-11-21T00:00:00Z")
    [said] = volumes.refusals(wanted("worker-data"), present(going))
    assert said == "The volume worker-data is being deleted by somebody: promote again once it is gone."


def test_an_empty_volume_in_place_of_one_that_is_used_is_refused():
    [said] = volumes.refusals(wanted("worker-files", "worker-b"), present(claim("worker-b"), claim("worker-data")))
    assert "worker would get the empty volume worker-files in place of worker-data" in said


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(Present([claim("worker-data")], []), id="left by a service that is gone"),
        pytest.param(Present([claim("worker-data")], [deployment(release=OLD)]), id="given up before"),
        pytest.param(present(claim("worker-data"), claim("worker-files")), id="changed for one that is there"),
        pytest.param(Present([], [deployment("worker-data", release=OLD)]), id="deleted by a person"),
        pytest.param(
            Present([claim("web-data", service="web")], [deployment("web-data", name="web", release=OLD)]),
            id="of another service",
        ),
    ],
)
def test_where_nothing_is_lost_from_sight_another_name_is_no_matter(there):
    assert volumes.refusals(wanted("worker-files"), there) == []


@pytest.mark.parametrize(
    ("there", "count"),
    [
        (Present([], [deployment(release=OLD, replicas=3)]), 3),
        (Present([], [], scale={"worker": 2}), 2),
        (Present([], [deployment(release=OLD, replicas=0)], scale={"worker": 4, "web": 9}), 4),
    ],
)
def test_more_than_one_process_is_refused_whoever_asks_for_them(there, count):
    [said] = volumes.refusals(wanted("worker-data"), there)
    assert f"at most one process of it may run; {count} are asked for" in said
    assert volumes.refusals([deployment()], there) == []  # without a volume it is nobody's concern


def test_an_autoscaler_is_refused_by_name():
    [said] = volumes.refusals(wanted("worker-data"), Present([], [], autoscaled={"worker": "busy", "web": "calm"}))
    assert "the autoscaler busy decides" in said


# --- Said -----------------------------------------------------------------------------------------------------------


def test_the_gap_is_said_where_there_is_one():
    gap = "worker has a volume: its process stops before the next one starts."
    assert volumes.announcements(wanted("worker-data"), present(claim("worker-data"))) == [gap]
    assert volumes.announcements(wanted("worker-data"), Present([], [])) == []
    idle = Present([claim("worker-data")], [deployment("worker-data", release=OLD, replicas=0)])
    assert volumes.announcements(wanted("worker-data"), idle) == []
    again = Present([claim("worker-data")], [deployment("worker-data")])
    assert volumes.announcements(wanted("worker-data"), again) == []
    assert volumes.announcements([deployment()], Present([], [deployment(release=OLD)])) == []


def test_what_nothing_will_use_is_said_once():
    there = present(claim("worker-data", "1536Mi"))
    assert volumes.announcements([deployment()], there) == [
        "The volume worker-data stays: 1536Mi, nothing uses it now."
    ]
    orphaned = Present([claim("worker-data")], [deployment(release=OLD)])
    assert volumes.announcements([deployment()], orphaned) == []


def test_orphans_are_those_that_no_deployment_mounts():
    found = volumes.orphans([claim("b"), claim("used"), claim("a", service="web")], [deployment("used")])
    assert [(orphan.name, orphan.service, orphan.size) for orphan in found] == [
        ("a", "web", "10 GiB"),
        ("b", "worker", "10 GiB"),
    ]
