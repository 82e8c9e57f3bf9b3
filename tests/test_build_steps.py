"""How long each step of a build took, read off what every builder says."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from releases.errors import Stale
from releases.models import Build
from releases.pipeline import build_steps
from releases.pipeline.build_log import BuildLog
from tests import factories

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def read(*said, hide=str):
    """`said`: pairs of a second and a line; the last ends the build."""
    steps = build_steps.Steps(NOW, hide)
    for second, line in said:
        if line:
            steps.take(line, NOW + timedelta(seconds=second))
        else:
            steps.end(NOW + timedelta(seconds=second))
    return [(row["image"], row["name"], row["seconds"]) for row in steps.rows]


def test_a_dockerfile_is_one_step_after_the_other():
    assert read(
        (1, "Unpacked 3 files, 2 KB"),
        (2, "Builder: buildkit: the engine has it"),
        (3, "Building web, worker from . (12 files, 4 KB)"),
        (4, "Step 1/2 : FROM busybox"),
        (5, "Step 3 is what a program says"),
        (6, "Step 2/2 : RUN make   all"),
        (66, "Building wheels from source, says pip"),
        (70, "Pushing registry:5000/shop:web.BABCDEFGHIJ"),
        (75, "Pushed registry:5000/shop@sha256:12"),
        (90, ""),
    ) == [
        ("", "Source", 2.0),
        ("", "Building web, worker from . (12 files, 4 KB)", 1.0),
        ("", "Step 1/2 : FROM busybox", 2.0),
        ("", "Step 2/2 : RUN make all", 64.0),
        ("", "Pushing registry:5000/shop:web.BABCDEFGHIJ", 5.0),
    ]


def test_images_made_side_by_side_have_steps_of_their_own():
    assert read(
        (0, "Builder: docker"),
        (1, "web: Step 1/1 : FROM a"),
        (2, "clock: Step 1/1 : FROM b"),
        (5, "web: Pushed r/web@sha256:1"),
        (9, "clock: Pushed r/clock@sha256:2"),
    ) == [("", "Source", 0.0), ("web", "Step 1/1 : FROM a", 4.0), ("clock", "Step 1/1 : FROM b", 7.0)]


def test_folders_as_images_too_and_what_goes_on_has_no_time_yet():
    assert read((1, "Builder: directory: x"), (1, "Building web from ."), (3, "Built local/a@sha256:1")) == [
        ("", "Source", 1.0),
        ("", "Building web from .", 2.0),
    ]
    assert read((1, "Building web from ."))[-1] == ("", "Building web from .", None)


def test_they_are_bounded_and_masked():
    many = read(*((number, f"Step {number}/999 : RUN " + "x" * 500) for number in range(500)))
    assert len(many) == build_steps.KEPT and len(many[-1][1]) == build_steps.NAME_MAX
    assert read((1, "Step 1/1 : RUN sesame"), hide=lambda text: text.replace("sesame", "[KEY]"))[1][1].endswith("[KEY]")


@pytest.mark.django_db(transaction=True)
def test_they_are_stored_as_the_log_is_and_by_who_carries_the_build_alone(app):
    build = factories.build(app, status="running", started_at=timezone.now())
    log = BuildLog(build)
    log.say("Step 1/1 : FROM busybox")
    log.flush()
    stored = Build.objects.get(pk=build.pk).steps
    assert [step["name"] for step in stored] == ["Source", "Step 1/1 : FROM busybox"]
    assert stored[0]["seconds"] is not None and stored[1]["seconds"] is None
    log.close()
    assert Build.objects.get(pk=build.pk).steps[1]["seconds"] is not None
    Build.objects.get(pk=build.pk).renew()
    log.say("Step 2/2 : RUN make")
    with pytest.raises(Stale):
        log.flush()
