"""A log's lines are numbered 1, 2, 3 … without a gap, whoever writes beside us; and told once."""

from datetime import UTC, datetime

import pytest

from releases import logs
from releases.errors import Stale
from releases.logs import Line, Mask
from releases.models import Build, LogLine, Rollout
from tests import factories


def said(owner, *messages):
    return logs.append(owner, [Line("build", message) for message in messages])


def stored(owner):
    return [(line.number, line.message) for line in logs.after(owner.owner, 0)]


@pytest.fixture
def build(app):
    return factories.build(app, status="running")


def test_lines_are_numbered_from_one_and_the_newest_number_is_given(build):
    assert said(build, "one", "two") == 2
    assert said(build) == 2
    assert said(build, "three") == 3
    assert stored(build) == [(1, "one"), (2, "two"), (3, "three")]
    assert build.last_line == Build.objects.get(pk=build.pk).last_line == 3


def test_each_owner_counts_for_itself(app, build):
    rollout = factories.rollout(factories.release(app), status="rolling")
    said(build, "of the build")
    assert said(rollout, "of the rollout") == 1
    assert stored(rollout) == [(1, "of the rollout")]


def test_a_reader_gets_what_comes_after_the_number_that_it_has(build):
    said(build, *map(str, range(1, 11)))
    assert [line.number for line in logs.after(build.owner, 7)] == [8, 9, 10]
    assert [line.number for line in logs.after(build.owner, 0, limit=3)] == [1, 2, 3]
    assert logs.after(build.owner, 10) == logs.after(build.owner, 999) == logs.after("BNOSUCHBUIL", 0) == []


@pytest.mark.django_db(transaction=True)
def test_four_writers_at_once_leave_no_gap_and_no_double(together):
    build = factories.build(factories.app(), status="running")

    def write(name):
        mine = Build.objects.get(pk=build.pk)
        for batch in range(15):
            logs.append(mine, [Line("build", f"{name} {batch * 4 + place}") for place in range(4)])

    results = together(*[lambda name=name: write(name) for name in "abcd"])
    assert results == [None] * 4
    lines = stored(build)
    assert [number for number, _ in lines] == list(range(1, 241))
    for name in "abcd":  # each writer's own order is kept
        assert [int(text[2:]) for _, text in lines if text[0] == name] == list(range(60))
    assert Build.objects.get(pk=build.pk).last_line == 240


@pytest.mark.django_db(transaction=True)
def test_writers_who_report_the_same_thing_at_once_tell_it_once(together):
    rollout = factories.rollout(factories.release(factories.app()), status="rolling")
    events = [Line("system/k8s/web", f"event {n}", source_key=f"uid-{n} 1") for n in range(50)]
    copies = [Rollout.objects.get(pk=rollout.pk) for _ in range(3)]
    results = together(*[lambda copy=copy: logs.append(copy, events) for copy in copies])
    assert results == [50, 50, 50]
    assert [number for number, _ in stored(rollout)] == list(range(1, 51))


def test_a_source_key_is_told_once_per_owner_and_lines_without_one_each_time(app, build):
    scheduled = Line("system/k8s/web-1", "Scheduled", source_key="uid 1")
    assert logs.append(build, [scheduled, scheduled]) == 1
    assert logs.append(build, [scheduled, Line("build", "same"), Line("build", "same")]) == 3
    assert logs.append(build, [Line("system/k8s/web-1", "Scheduled", source_key="uid 2")]) == 4
    other = factories.build(app, status="running")
    assert logs.append(other, [scheduled]) == 1


def test_whoever_was_taken_over_from_says_nothing_more(build):
    dead = Build.take(build.pk, 1)
    build.refresh_from_db()
    assert build.renew()
    with pytest.raises(Stale):
        said(dead, "from the grave")
    with pytest.raises(Stale):
        logs.append(dead, [])
    assert stored(build) == []
    assert said(Build.objects.get(pk=build.pk), "from the living") == 1


def test_the_log_of_an_owner_that_is_gone_is_stale(build):
    gone = Build.objects.get(pk=build.pk)
    Build.objects.filter(pk=build.pk).delete()
    with pytest.raises(Stale):
        said(gone, "hello?")
    assert not LogLine.objects.exists()


def test_values_are_hidden_before_they_are_stored(build):
    logs.append(build, [Line("build", "token=hunter22hunter")], mask=Mask({"TOKEN": "hunter22hunter"}))
    assert stored(build) == [(1, "token=[TOKEN]")]


def test_a_value_is_hidden_also_where_a_huge_line_is_cut(build):
    value = "s" * 40
    message = "x" * (logs.MESSAGE_MAX - 20) + value
    logs.append(build, [Line("build", message)], mask=Mask({"KEY": value}))
    assert "ssssss" not in stored(build)[0][1]


def test_no_line_is_too_strange_to_be_stored(build):
    said(build, "nul \x00 here", "end\r\n", "", "tab\tand ünïcödé \u2028 \U0001f600", "x" * 1_000_000)
    messages = [text for _, text in stored(build)]
    assert messages[0] == "nul \ufffd here"
    assert messages[1:4] == ["end", "", "tab\tand ünïcödé \u2028 \U0001f600"]
    assert messages[4] == "x" * logs.MESSAGE_MAX + " [cut]"


def test_a_line_is_one_line(build):
    """Else an app could forge lines of ours: the log is told as `<time> <stream> <message>`, a line each."""
    said(build, "first\n2026-11-21T10:00:00Z system/deployer Promoted.\r\nlast")
    [(number, message)] = stored(build)
    assert number == 1
    assert "\n" not in message and "\r" not in message


def test_of_a_progress_bar_the_last_state_is_kept(build):
    said(build, "10 %\r55 %\r100 %\r", "whole\r\nline", "\r\r")
    assert [line.message for line in logs.after(build.owner, 0)] == ["100 %", "whole line", ""]


def test_half_a_character_does_not_stop_the_log(build):
    said(build, "a lone surrogate \ud800 from a program that writes no UTF-8")
    assert stored(build)[0][1].startswith("a lone surrogate ")


def test_a_line_reads_as_the_format_says(build):
    logs.append(
        build, [Line("system/k8s/web", "Created pod: web-1", time=datetime(2026, 3, 18, 14, 30, 51, tzinfo=UTC))]
    )
    [line] = logs.after(build.owner, 0)
    assert str(line) == "2026-03-18T14:30:51Z system/k8s/web Created pod: web-1"
    assert line.as_json() == {
        "number": 1,
        "time": "2026-03-18T14:30:51Z",
        "stream": "system/k8s/web",
        "message": "Created pod: web-1",
    }


def test_what_is_undone_was_never_said(build):
    from django.db import transaction

    with pytest.raises(RuntimeError), transaction.atomic():
        said(build, "never")
        raise RuntimeError
    build.refresh_from_db()
    assert said(build, "first") == 1


def test_ten_thousand_lines_are_a_moments_work(build):
    assert said(build, *[f"line {n}" for n in range(10_000)]) == 10_000
    assert len(logs.after(build.owner, 0, limit=20_000)) == 10_000
