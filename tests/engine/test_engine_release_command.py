"""The release command: once, told line by line whoever carries it, and stopped when it must not go on."""

import pytest

from releases import actions, policy
from releases.clients.cluster import Cluster
from releases.clients.streams import LogLines
from releases.errors import ClusterUnavailable, Stale
from releases.models import Rollout
from releases.pipeline import manifests
from tests.clusters import eventually

pytestmark = pytest.mark.django_db(transaction=True)
COUNTS = "import time\nfor n in range({count}):\n print(f'line {{n:06}}', flush=True)\n time.sleep({pause})"
SLEEPS = "import time; print('begun', flush=True); time.sleep(60)"
OBLIGING = (
    "import signal, sys, time; signal.signal(15, lambda *_: sys.exit(0)); print('begun', flush=True); time.sleep(60)"
)
TRACED = "open({path!r}, 'a').write('x'); import time; print('begun', flush=True); time.sleep({seconds})"


def lines(count):
    return [f"line {n:06}" for n in range(count)]


def said(world, rollout):
    return world.log(rollout, "release-command")


class Cut(LogLines):
    """A log's stream that breaks after five lines."""

    def __iter__(self):
        for number, line in enumerate(super().__iter__()):
            if number == 5:
                self.close()
                raise ClusterUnavailable("the connection was cut")
            yield line


class Cutting(Cluster):
    def follow_log(self, *place, **options):
        found = super().follow_log(*place, **options)
        return Cut(found.response, found.url) if options.get("follow", True) else found


# --- Its output -----------------------------------------------------------------------------------------------------


def test_its_output_comes_while_it_runs(world):
    rollout = world.promote(world.release(command=SLEEPS))
    world.worker(rollout)
    eventually(lambda: said(world, rollout) == ["begun"])
    assert Rollout.objects.get(pk=rollout.pk).status == "releasing"


def test_more_than_the_cluster_gives_in_one_piece_comes_whole_and_in_order(world):
    long = "x" * 100
    program = f"import sys\nfor n in range(50000): sys.stdout.write('line %06d {long}\\n' % n)"
    ended = world.carried(world.release(command=program, timeout=60))
    assert ended.status == "succeeded", ended.reason
    assert said(world, ended) == [f"{line} {long}" for line in lines(50000)]


def test_a_line_without_an_end_is_cut_and_what_follows_is_told(world):
    program = "import sys; sys.stdout.write('y' * 3_000_000 + '\\nafter\\n')"
    ended = world.carried(world.release(command=program))
    assert ended.status == "succeeded", ended.reason
    first, last = said(world, ended)[0], said(world, ended)[-1]
    assert set(first[:1000]) == {"y"} and len(first) < 20_000 and last == "after"


def test_a_stream_that_breaks_again_and_again_loses_and_repeats_nothing(world, process):
    ended = world.carried(world.release(command=COUNTS.format(count=60, pause=0.03)), Cutting(process.kubeconfig))
    assert ended.status == "succeeded", ended.reason
    assert said(world, ended) == lines(60)


def test_a_change_of_workers_in_the_middle_loses_and_repeats_nothing(world, tmp_path):
    trace, go = tmp_path / "trace", tmp_path / "go"
    program = f"import os\nopen({str(trace)!r}, 'a').write('x')\n" + COUNTS.format(count=120, pause=0.02)
    program += f"\n while n == 60 and not os.path.exists({str(go)!r}): time.sleep(0.02)"
    first = world.worker(world.promote(world.release(command=program)))
    eventually(lambda: len(said(world, first.rollout)) > 10)
    second = world.worker(first.hand_over())
    eventually(lambda: len(said(world, first.rollout)) > 40)
    third = world.worker(second.hand_over())
    go.touch()
    ended = third.end()
    assert (ended.status, ended.epoch) == ("succeeded", 3), ended.reason
    assert said(world, ended) == lines(120) and trace.read_text() == "x"


# --- At most once ---------------------------------------------------------------------------------------------------


class Overtaken(Cluster):
    """Somebody else takes the rollout over in the moment before its Job is created."""

    rollout = None

    def create(self, obj):
        if obj["kind"] == "Job":
            assert Rollout.objects.get(pk=self.rollout.pk).renew()
        return super().create(obj)


def test_a_worker_that_was_taken_over_from_leaves_a_job_that_never_ran(world, process, tmp_path):
    trace = tmp_path / "trace"
    rollout = world.promote(world.release(command=TRACED.format(path=str(trace), seconds=0)))
    slow = Overtaken(process.kubeconfig)
    slow.rollout = rollout
    stale = world.worker(rollout, slow)
    stale.end()
    assert isinstance(stale.fate, Stale)
    assert world.get("Job", f"release-{rollout.number}")["spec"]["suspend"] is True
    assert not trace.exists() and world.running() == []
    # Whoever goes on adopts it.
    ended = world.worker(Rollout.objects.get(pk=rollout.pk)).end()
    assert ended.status == "succeeded" and trace.read_text() == "x"


def test_a_job_that_somebody_removed_is_not_made_again(world, tmp_path):
    trace = tmp_path / "trace"
    first = world.worker(world.promote(world.release(command=TRACED.format(path=str(trace), seconds=60))))
    eventually(trace.exists)
    again = first.hand_over()
    job = world.get("Job", f"release-{again.number}")
    world.cluster.delete("Job", world.namespace, job["metadata"]["name"], propagation="Foreground")
    eventually(lambda: not world.names("Job"))
    ended = world.worker(again).end()
    assert (ended.status, ended.cause) == ("failed", "release_command")
    assert "may have run in part and is not run again" in ended.reason
    assert trace.read_text() == "x" and world.names("Job") == set()


def test_a_strangers_job_of_its_name_is_refused(world):
    rollout = world.promote(world.release(command=SLEEPS))
    name = f"release-{rollout.number}"
    world.cluster.create(manifests.namespace(world.namespace, world.app.name, installation="local"))
    container = {"name": "main", "image": "local/none@sha256:" + "0" * 64}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    spec = {"suspend": True, "template": template}
    metadata = {"name": name, "namespace": world.namespace}
    theirs = world.cluster.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec})
    ended = world.worker(rollout).end()
    assert ended.status == "failed" and f"Job {name} in {world.namespace} was not made for this release" in ended.reason
    assert world.get("Job", name)["metadata"]["uid"] == theirs["metadata"]["uid"]


def test_a_worker_that_was_taken_over_from_does_not_stop_it(world, process, tmp_path):
    """It comes back from a long pause, and finds the Job not as it was."""
    go = tmp_path / "go"
    program = f"import os, time\nprint('begun', flush=True)\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)"

    class Late(Cluster):
        def find(self, kind, namespace, name):
            if kind == "Job" and self.paused:
                Rollout.objects.get(pk=rollout.pk).renew()
                return None
            return super().find(kind, namespace, name)

    rollout = world.promote(world.release(command=program))
    late = Late(process.kubeconfig)
    late.paused = False
    first = world.worker(rollout, late)
    eventually(lambda: said(world, rollout) == ["begun"])
    job = world.get("Job", f"release-{rollout.number}")
    late.paused = True
    labels = {**job["metadata"]["labels"], manifests.MANAGED_BY: "somebody"}  # its watch tells that it is gone
    world.meddle(job, metadata={"labels": labels})
    first.end()
    assert isinstance(first.fate, Stale)
    job = world.meddle(job, metadata={"labels": job["metadata"]["labels"]})
    assert "deletionTimestamp" not in job["metadata"]
    go.touch()
    ended = world.worker(Rollout.objects.get(pk=rollout.pk)).end()
    assert ended.status == "succeeded", ended.reason
    assert said(world, ended) == ["begun"]


# --- How it ends ----------------------------------------------------------------------------------------------------


def test_one_that_ends_with_0_because_it_was_stopped_has_failed(world):
    rollout = world.promote(world.release(command=OBLIGING))
    worker = world.worker(rollout)
    eventually(lambda: said(world, rollout) == ["begun"])
    [pod] = world.names("Pod")
    world.cluster.delete("Pod", world.namespace, pod)
    ended = worker.end()
    assert (ended.status, ended.cause) == ("failed", "release_command")
    assert "was stopped before it had ended" in ended.reason and "Nothing that runs was changed." in ended.reason
    assert world.names("Deployment") == set()


def test_a_job_that_somebody_deletes_while_it_runs_fails_the_rollout(world):
    rollout = world.promote(world.release(command=SLEEPS))
    worker = world.worker(rollout)
    eventually(lambda: said(world, rollout) == ["begun"])
    world.cluster.delete("Job", world.namespace, f"release-{rollout.number}")
    ended = worker.end()
    assert ended.status == "failed" and "deleted by somebody else; it may have run in part" in ended.reason


def test_it_is_stopped_when_its_time_is_over(world):
    ended = world.carried(world.release(command=SLEEPS, timeout=2))
    assert ended.status == "failed" and "did not end within 2 s" in ended.reason
    assert world.names("Job") == world.names("Pod") == world.names("Deployment") == set()


def test_an_abort_stops_it_and_says_that_it_may_have_run_in_part(world):
    rollout = world.promote(world.release(command=SLEEPS))
    worker = world.worker(rollout)
    eventually(lambda: said(world, rollout) == ["begun"])
    actions.abort(rollout, by=policy.SYSTEM)
    ended = worker.end()
    assert ended.status == "cancelled" and "may have run in part" in ended.reason
    assert world.names("Job") == world.names("Pod") == world.names("Secret") == set()


def test_an_abort_while_the_cluster_is_away_waits_until_it_can_be_stopped(world, process):
    class Away(Cluster):
        gone = False

        def delete(self, kind, *place, **options):
            if kind == "Job" and self.gone:
                self.gone = False
                raise ClusterUnavailable("gone fishing")
            return super().delete(kind, *place, **options)

    rollout = world.promote(world.release(command=SLEEPS))
    away = Away(process.kubeconfig)
    worker = world.worker(rollout, away)
    eventually(lambda: said(world, rollout) == ["begun"])
    away.gone = True
    actions.abort(rollout, by=policy.SYSTEM)
    ended = worker.end()
    assert not away.gone and ended.status == "cancelled"
    assert world.names("Job") == world.names("Pod") == set()


def test_one_that_fails_says_how_and_what_it_said_last(world):
    before = world.active()
    ended = world.carried(world.release(command="print('no such table'); raise SystemExit(4)"))
    assert (ended.status, ended.cause) == ("failed", "release_command")
    assert "exited with 4" in ended.reason and ended.evidence == ["no such table"]
    assert world.running() == [("web", before.pk)]


# --- A worker that dies while it ends it ----------------------------------------------------------------------------


class Unstoppable(Cluster):
    """Its Job can't be deleted."""

    def delete(self, kind, *place, **options):
        if kind == "Job":
            raise ClusterUnavailable("gone fishing")
        return super().delete(kind, *place, **options)


def job_is_gone(world, rollout):
    """What the worker that died had been about to do, and what it may just have done."""
    world.cluster.delete("Job", world.namespace, f"release-{rollout.number}", propagation="Foreground")
    eventually(lambda: not world.names("Job"))


@pytest.mark.parametrize("deleted", [True, False])
def test_why_it_failed_is_known_to_whoever_takes_over_while_it_is_stopped(world, process, deleted):
    rollout = world.promote(world.release(command="print('no such table'); raise SystemExit(4)"))
    first = world.worker(rollout, Unstoppable(process.kubeconfig))
    eventually(lambda: "exited with 4" in str(Rollout.objects.get(pk=rollout.pk).progress))
    again = first.hand_over()
    if deleted:
        job_is_gone(world, again)
    ended = world.worker(again).end()
    assert (ended.status, ended.cause, ended.evidence) == ("failed", "release_command", ["no such table"])
    assert "exited with 4" in ended.reason and world.names("Job") == set()


def test_an_abort_is_no_failure_when_another_worker_finds_its_job_gone(world, process):
    rollout = world.promote(world.release(command=SLEEPS))
    first = world.worker(rollout, Unstoppable(process.kubeconfig))
    eventually(lambda: said(world, rollout) == ["begun"])
    actions.abort(rollout, by=policy.SYSTEM)
    again = first.hand_over()
    job_is_gone(world, again)
    ended = world.worker(again).end()
    assert ended.status == "cancelled" and "may have run in part" in ended.reason


def test_one_that_was_aborted_before_it_began_is_never_let_go(world, process):
    let_go = []

    class Watched(Cluster):
        def create(self, obj):
            if obj["kind"] == "Job":
                actions.abort(rollout, by=policy.SYSTEM)
            return super().create(obj)

        def apply(self, obj, **options):
            let_go.extend([obj] if obj["kind"] == "Job" else [])
            return super().apply(obj, **options)

    rollout = world.promote(world.release(command=SLEEPS))
    ended = world.worker(rollout, Watched(process.kubeconfig)).end()
    assert ended.status == "cancelled" and not let_go
    assert world.names("Job") == world.names("Pod") == set()
