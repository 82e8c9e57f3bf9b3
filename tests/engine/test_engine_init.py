"""What runs before a process: its verdicts and last words are the service's."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


def before_it(world, program, **options):
    """A release whose process is preceded by this Python program."""
    return world.release(initContainer={"command": [world.python, "-I", "-S", "-c", program]}, **options)


def test_one_that_fails_twice_dooms_and_has_the_last_word(world):
    good = world.active()
    ended = world.carried(before_it(world, "print('no schema at 7'); raise SystemExit(4)"))
    assert (ended.status, ended.cause) == ("rolled_back", "exits"), ended.reason
    assert "exited with 4; it has ended twice." in ended.reason and ended.evidence == ["no schema at 7"]
    assert world.running() == [("web", good.pk)]


def test_on_the_first_deploy_it_may_fail_twice(world):
    ended = world.carried(before_it(world, "raise SystemExit(4)"))
    assert ended.cause == "exits" and "it has ended 3 times." in ended.reason


def test_one_that_is_not_there_dooms_at_once(world):
    world.active()
    ended = world.carried(world.release(initContainer={"command": ["/no/such/program"]}))
    assert (ended.status, ended.cause) == ("rolled_back", "start"), ended.reason
    assert "no such file" in ended.reason


def test_one_that_takes_long_has_until_the_deadline(world):
    good = world.active()
    program = "import time; print('copying', flush=True); time.sleep(60)"
    ended = world.carried(before_it(world, program, deadline=6, deployment={"verify": 0}))
    assert (ended.status, ended.cause) == ("rolled_back", "never_ready"), ended.reason
    assert "did not become ready within 6 s: its init container runs still." in ended.reason
    assert "initContainer of web" in ended.hint and ended.evidence == ["copying"]
    assert world.running() == [("web", good.pk)]


def test_one_that_works_runs_before_each_process_and_is_no_exit(world):
    release = before_it(world, "print('ready')", scale={"count": 2})
    ended = world.carried(release)
    assert ended.status == "succeeded", ended.reason
    assert world.running() == [("web", release.pk)] * 2
