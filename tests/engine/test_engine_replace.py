"""`--replace` on a real cluster: forward without a restore in between, and back to what last succeeded."""

import pytest

from releases import actions, policy
from releases.errors import IllegalTransition, Refused, Stale
from releases.models import LogLine, Rollout
from releases.pipeline import manifests
from releases.pipeline.applying import Writer
from tests.clusters import eventually
from tests.engine.world import refusing

pytestmark = pytest.mark.django_db(transaction=True)
SLEEPS = "import time; print('begun', flush=True); time.sleep(60)"


def fresh(rollout):
    return Rollout.objects.get(pk=rollout.pk)


def told(rollout):
    """Keys of the cluster's events in its log."""
    lines = LogLine.objects.filter(owner=rollout.owner, stream__startswith="system/k8s/")
    return list(lines.exclude(stream="system/k8s/atom/app").values_list("source_key", flat=True))


def stuck(world, *names, **options):
    """A rollout that has changed the cluster and gets no further; and its worker."""
    rollout = world.promote(world.release(*names, deployment={"verify": 30}, **options))
    worker = world.worker(rollout)
    world.reaches(rollout, "rolling", applied=True)
    return rollout, worker


def test_it_goes_forward_and_what_only_the_replaced_one_had_goes_with_it(world):
    world.active()
    old, worker = stuck(world, "web", "extra")
    eventually(lambda: told(old))
    release = world.release("web")
    ended = world.carried(release, replace=True)
    assert ended.status == "succeeded", ended.reason
    assert ended.replaces == old and fresh(old).status == "superseded"
    assert world.running() == [("web", release.pk)] and world.names("Deployment") == {"web"}
    assert "Status: Updating => Rollback" not in world.log(old) + world.log(ended)
    assert world.log(ended)[0] == "Status: Updating => Pending"
    assert not set(told(old)) & set(told(ended)), "what the replaced one has told is told again"
    worker.end()
    assert isinstance(worker.fate, Stale | IllegalTransition)
    assert ended.baseline == fresh(old).baseline and ended.templates_before == fresh(old).templates_before


def test_when_it_fails_what_last_succeeded_comes_back(world):
    good = world.active()
    old, _ = stuck(world, "web", "extra")
    ended = world.carried(world.release("web", "more", lost=["web"]), replace=True)
    assert ended.status == "rolled_back", ended.reason
    assert world.running() == [("web", good.pk)] and world.names("Deployment") == {"web"}
    assert fresh(old).status == "superseded" and world.active_release() == good


def test_when_its_release_command_fails_what_last_succeeded_comes_back_too(world):
    """Nothing was changed by this one; but by the one that it replaced."""
    good = world.active()
    stuck(world, "web", "extra")
    ended = world.carried(world.release(command="raise SystemExit(4)"), replace=True)
    assert ended.status == "rolled_back" and "exited with 4" in ended.reason
    assert world.running() == [("web", good.pk)] and world.names("Deployment") == {"web"}


def test_when_the_cluster_refuses_it_beforehand_too(world):
    good = world.active()
    stuck(world, "web", "extra")
    release = world.release("web", port=8080)
    service = next(obj for obj in manifests.render(release, installation="local") if obj["kind"] == "Service")
    theirs = {**service, "metadata": {key: service["metadata"][key] for key in ("name", "namespace")}}
    world.cluster.apply(theirs, manager="somebody")
    ended = world.carried(release, replace=True)
    assert ended.status == "rolled_back" and "Service web" in ended.reason
    assert world.running() == [("web", good.pk)] and world.names("Deployment") == {"web"}


def test_when_it_is_aborted_before_a_worker_took_it_too(world):
    good = world.active()
    stuck(world, "web", "extra")
    rollout = world.promote(world.release(), replace=True)
    actions.abort(rollout, by=policy.SYSTEM)
    ended = world.worker(fresh(rollout)).end()
    assert (ended.status, ended.cause) == ("rolled_back", "aborted"), ended.reason
    assert world.running() == [("web", good.pk)] and world.names("Deployment") == {"web"}


def test_a_first_release_that_is_replaced_and_whose_successor_fails_leaves_nothing(world):
    stuck(world)
    ended = world.carried(world.release("web", "more", lost=["web"]), replace=True)
    assert ended.status == "rolled_back" and "Nothing runs: it was the first release." in ended.reason
    assert world.running() == [] and world.names("Deployment") == world.names("Secret") == set()


def test_a_release_command_that_runs_is_gone_before_the_next_begins(world, tmp_path):
    trace = tmp_path / "trace"
    rollout = world.promote(world.release(command=SLEEPS))
    world.worker(rollout)
    eventually(lambda: "begun" in world.log(rollout))
    # The second command looks whether a process of the first one is there.
    program = (
        "import os, sys\n"
        f"other = '{rollout.release_id}'.encode()\n"
        "here = [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "def env(p):\n"
        "    try: return open(f'/proc/{p}/environ', 'rb').read()\n"
        "    except OSError: return b''\n"
        f"open({str(trace)!r}, 'w').write(str(sum(other in env(p) for p in here)))"
    )
    ended = world.carried(world.release(command=program), replace=True)
    assert ended.status == "succeeded", ended.reason
    assert trace.read_text() == "0"
    assert fresh(rollout).status == "superseded" and "may have run in part" in fresh(rollout).reason
    assert any("an earlier release command" in line for line in world.log(ended))
    assert world.names("Job") == set()


def test_replaced_again_and_again_the_last_one_wins(world):
    good = world.active()
    first, _ = stuck(world, "web", "one")
    second = world.promote(world.release("web", "two", deployment={"verify": 30}), replace=True)
    world.worker(second)
    world.reaches(second, "rolling", applied=True)
    third = world.promote(world.release("web", "three"), replace=True)  # superseded before a worker took it
    release = world.release("web")
    ended = world.carried(release, replace=True)
    assert ended.status == "succeeded" and world.running() == [("web", release.pk)]
    assert [fresh(one).status for one in (first, second, third)] == ["superseded"] * 3
    assert ended.baseline["services"]["web"] == fresh(first).baseline["services"]["web"]
    assert world.names("Deployment") == {"web"} and good.pk != release.pk


def test_a_worker_that_was_replaced_leaves_the_secret_of_the_same_release(world):
    """The cluster refuses it in the moment in which somebody promotes the release once more."""
    release = world.release()
    rollout = world.promote(release)
    began = []

    def error_for(method, kind, name):
        if method == "dry run" and not began:
            began.append(world.promote(release, replace=True))
            [secret] = [obj for obj in manifests.render(release, installation="local") if obj["kind"] == "Secret"]
            stamp = (began[0].number, began[0].epoch)
            Writer(world.cluster, world.namespace, "local", stamp).apply(secret)
            raise Refused("No.")

    stale = world.worker(rollout, refusing(error_for)(world.kubeconfig))
    stale.end()
    assert isinstance(stale.fate, Stale | IllegalTransition)
    assert world.names("Secret") == {manifests.secret_name(release.pk)}
    assert world.worker(began[0]).end().status == "succeeded"
