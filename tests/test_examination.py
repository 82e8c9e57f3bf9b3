"""What a diagnosis is made from: what a cluster lists, refuses or keeps to itself, and what the database knows.

The cluster is an odd server that gives written lists: no real one would give some of these."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rq import Worker

from releases import actions, policy, queues
from releases.clients.cluster import RESOURCES
from releases.clients.mirror import FIELDS, Mirror
from releases.errors import ClusterUnavailable, Invalid
from releases.models import App, Delivery, Rollout, Source
from releases.pipeline import examination, manifests, reach
from releases.pipeline.diagnosis import Options
from releases.pipeline.examination import at_verdict
from releases.pipeline.ground import Ground
from releases.pipeline.health import Verdict
from tests import factories, listed
from tests.certificates import Authority
from tests.engine.doctor import Doctor, codes
from tests.odd_server import JSON, hanging_up, odd_server, status
from tests.ports import free_port

pytestmark = pytest.mark.django_db
AUTHORITY = Authority()
SECRET = "amqp://shop:s3cr3t@queue"
AROUND = {"redis_unreachable", "workers_missing"}


@pytest.fixture
def server():
    with odd_server(AUTHORITY.server()) as made:
        yield made


@pytest.fixture
def shop(server):
    """With a release that runs, in a cluster that lists nothing."""
    app = factories.app("shop", cluster=listed.cluster(server.url, AUTHORITY))
    factories.active(app, env={"QUEUE_URL": SECRET})
    listed.serve(server, app)
    return app


@pytest.fixture
def well(redis):
    """All of Deployer's own programs report."""
    Worker(["builds", "rollouts"], connection=redis).register_birth()
    queues.reaper_is_alive(3600)


def diagnosed(app, **options):
    return actions.diagnose(App.objects.get(pk=app.pk), Options(**options), by=policy.SYSTEM)


def found(app, code, **options):
    """The only finding with this code."""
    report = diagnosed(app, **options)
    [finding] = [each for each in report.findings if each.code == code]
    return finding


def around(app):
    """Codes of what is found besides our own programs, which don't run here."""
    return [each.code for each in diagnosed(app).findings if each.code not in AROUND]


# --- What the cluster says ------------------------------------------------------------------------------------------


def test_an_app_that_runs_has_nothing_to_say_of_it(server, shop, well):
    release = shop.active_release
    listed.serve(server, shop, listed.running(release, listed.pod(release)))
    report = diagnosed(shop)
    assert report.findings == () and report.healthy
    assert [(line.service, line.ready, line.status) for line in report.services] == [("web", 1, "running")]
    assert (report.app, report.cluster, report.release, report.rollout) == ("shop", "far", release.pk, 1)
    assert report.unread == {} and report.omitted == {"healthy": 1}


def test_no_value_of_a_variable_is_in_it(server, shop, well):
    release = shop.active_release
    broken = listed.pod(release, 1, **listed.crashed(f"no answer\nfrom {SECRET}\n"))
    refused = f'exec: "{SECRET}": stat {SECRET}: no such file or directory'
    can_t = {"restartCount": 2, "state": {"waiting": {"reason": "RunContainerError", "message": refused}}}
    stuck = listed.pod(release, 2, **can_t)
    # The cluster keeps the last 2048 bytes: of the value it begins with, only the end.
    cut = listed.pod(release, 3, **listed.crashed(SECRET[6:] + " is away" + "." * 2020, code=3))
    wide = listed.pod(release, 5, **listed.crashed(SECRET[6:] + " was away" + "…" * 670, code=5))
    unplaced = listed.pod(release, 4, ready=False, state={})
    unplaced["status"]["conditions"][0] |= {"status": "False", "message": f"no node for {SECRET}"}
    lists = listed.running(release, broken, stuck, cut, wide, unplaced, ready=0)
    lists["Event"] = [listed.event(broken, f"Liveness probe failed: {SECRET}", number=1, reason="Unhealthy")]
    listed.serve(server, shop, lists)
    listed.log(server, shop, "web-1-00001", f"asking {SECRET}\n", previous=True)
    report = diagnosed(shop, everything=True)
    text = json.dumps(report.as_json())
    assert SECRET not in text and SECRET[6:] not in text
    assert "asking [QUEUE_URL]" in text and "Liveness probe failed: [QUEUE_URL]" in text
    for words in ('exec: \\"[QUEUE_URL]\\"', "[QUEUE_URL] is away", "[QUEUE_URL] was away", "no node for [QUEUE_URL]"):
        assert words in text, words


def test_values_of_a_release_that_only_a_process_names_are_none_the_less_hidden(server, shop, well):
    earlier = factories.release(shop, env={"OLD_KEY": "a-key-of-long-ago"})
    left = listed.pod(earlier, 7, **listed.crashed("a-key-of-long-ago was refused"))
    listed.serve(server, shop, listed.running(shop.active_release, left, ready=0))
    text = json.dumps(diagnosed(shop).as_json())
    assert "a-key-of-long-ago" not in text and "[OLD_KEY] was refused" in text


def test_a_name_that_is_a_value_stays_a_name(server, well, shop):
    app = factories.app("plain", cluster=shop.cluster)
    release = factories.active(app, env={"HOSTNAME_OF": "web-1-00001", "WORD": "CrashLoopBackOff"})
    listed.serve(server, app, listed.running(release, listed.pod(release, **listed.crashed("gone")), ready=0))
    report = diagnosed(app)
    assert report.findings[0].subject.name == "web-1-00001" and report.findings[0].code == "crash_loop"


def test_logs_of_what_fails_come_first_and_of_the_run_that_failed(server, shop, well):
    release = shop.active_release
    pods = [listed.pod(release, n) for n in range(1, 40)]
    pods += [listed.pod(release, 99, **listed.crashed()), listed.pod(release, 98, age=3)]
    listed.serve(server, shop, listed.running(release, *pods, ready=40))
    listed.log(server, shop, "web-1-00099", "one\ntwo\n", previous=True)
    listed.log(server, shop, "web-1-00098", "begun\n")
    lines = {line.process: line for line in diagnosed(shop).processes}
    assert set(lines) == {"web-1-00098", "web-1-00099"}
    assert [(log.previous, log.lines) for log in lines["web-1-00099"].logs] == [(True, ("one", "two"))]
    assert [(log.previous, log.lines) for log in lines["web-1-00098"].logs] == [(False, ("begun",))]
    assert sum("/log?" in path for path, _ in server.asked) == 2


AGAIN = {"running": {"startedAt": listed.stamp(0)}}
WAITS = {"waiting": {"reason": "CrashLoopBackOff"}}


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ({"state": listed.ended(1)}, "the present log"),
        ({"state": AGAIN, "lastState": listed.ended(1), "restartCount": 1}, "the previous log"),
        ({"state": WAITS, "lastState": listed.ended(1)}, "the previous log"),
        ({"state": listed.ended(2), "lastState": listed.ended(1), "restartCount": 1}, "the previous log"),
        (None, "the present log"),
    ],
    ids=["as seen", "runs again", "waits", "has ended again", "gone"],
)
def test_what_ended_has_its_own_last_line_though_it_runs_again_by_now(server, shop, well, now, last):
    release = shop.active_release
    listed.serve(server, shop, listed.running(release, listed.pod(release, state=listed.ended(1)), ready=0))
    if now:
        listed.serve_now(server, shop, listed.pod(release, **now))
    listed.log(server, shop, "web-1-00001", "the present log\n")
    listed.log(server, shop, "web-1-00001", "the previous log\n", previous=True)
    assert found(shop, "crash_loop").lines[0].lines == (last,)


def test_a_log_that_can_not_be_had_is_said(server, shop, well):
    release = shop.active_release
    listed.serve(server, shop, listed.running(release, listed.pod(release, **listed.crashed()), ready=0))
    report = diagnosed(shop)
    assert report.unread["logs"].startswith("1 of 1, such as web-1-00001/main: the server could not find")
    assert "crash_loop" in codes([finding.as_json() for finding in report.findings])


def test_a_log_without_end_is_read_from_its_end(server, shop, well):
    release = shop.active_release
    listed.serve(server, shop, listed.running(release, listed.pod(release, **listed.crashed()), ready=0))
    listed.log(server, shop, "web-1-00001", "much\n" * 60_000, previous=True)
    listed.log(server, shop, "web-1-00001", "the end\n", previous=True, tail=20)
    [line] = diagnosed(shop).processes
    assert line.logs[0].lines == ("the end",)


def test_many_events_are_read_page_by_page_and_the_newest_are_kept(server, shop, well):
    release = shop.active_release
    pod = listed.pod(release)
    said = [listed.event(pod, f"number {n}", number=n, age=6000 - n) for n in range(5100)]
    listed.serve(server, shop, {**listed.running(release, pod), "Event": said})
    report = diagnosed(shop)
    assert [event.message for event in report.events[:2]] == ["number 5099", "number 5098"]
    assert len(report.events) == 100 and report.omitted["events"] == 4900 and report.omitted["Event"] == 100
    assert diagnosed(shop, events=False).events == ()


@pytest.mark.parametrize("ahead", [0, -7200, 7200])
def test_time_is_the_cluster_s(server, shop, well, ahead):
    server.ahead = ahead
    at = timezone.datetime.fromisoformat(diagnosed(shop).at)
    assert abs((at - timezone.now()).total_seconds() - ahead) < 60


def test_a_clock_that_is_none_is_not_believed(server, shop, well):
    server.ahead = 50 * 365 * 24 * 3600
    at = timezone.datetime.fromisoformat(diagnosed(shop).at)
    assert abs((at - timezone.now()).total_seconds()) < 60


def test_a_volume_that_nothing_uses_is_worth_knowing(server, shop, well):
    release = shop.active_release
    lists = {**listed.running(release, listed.pod(release)), "PersistentVolumeClaim": [listed.claim(release, "old")]}
    listed.serve(server, shop, lists)
    finding = found(shop, "volumes_orphaned")
    assert finding.severity == "info" and "old (10 GiB)" in finding.observed
    assert diagnosed(shop).healthy


# --- What it keeps to itself ----------------------------------------------------------------------------------------


def test_a_right_that_is_missing_is_named_and_the_rest_is_read(server, shop, well):
    release = shop.active_release
    listed.serve(server, shop, listed.running(release, listed.pod(release, **listed.crashed()), ready=0))
    for path in (listed.path("Event", shop), listed.path("Ingress", shop), _log_path(shop)):
        server.answers[path] = status(403, "events is forbidden")
    report = diagnosed(shop)
    assert "crash_loop" in {finding.code for finding in report.findings}
    finding = found(shop, "no_rights")
    assert finding.values["missing"] == ["list events", "list ingresses", "get pods/log"]
    assert "list events, list ingresses, get pods/log" in finding.observed and "deploy/rbac.yaml" in finding.hint
    assert finding.page == "/clusters/far"
    assert report.unread["Event"] == report.unread["Ingress"] == "forbidden: events is forbidden"


def _log_path(app):
    query = "container=main&limitBytes=262144&previous=true&tailLines=200"
    return f"/api/v1/namespaces/{app.namespace}/pods/web-1-00001/log?{query}"


def test_an_account_without_any_right_is_told_so_and_nothing_else(server, shop, well):
    server.otherwise = status(403, "no")
    server.answers.clear()
    assert around(shop) == ["no_rights"]


def test_a_kind_that_the_cluster_does_not_know_is_no_trouble(server, shop, well):
    del server.answers[listed.path("HorizontalPodAutoscaler", shop)]
    report = diagnosed(shop)
    assert "no_rights" not in {finding.code for finding in report.findings}
    assert "does not know the kind" in report.unread["HorizontalPodAutoscaler"]


@pytest.mark.parametrize(
    "answer",
    [
        (200, "<html>please sign in</html>", "text/html"),
        (200, '{"items": {"a": 1}}', "application/json"),
        (200, '{"items": [1, {"metadata": null}, {"metadata": {"labels": 7}}], "metadata": 7}', "application/json"),
        (200, '{"items": null, "metadata": {"continue": {}}}', "application/json"),
        status(503, "not now"),
        status(410, "too old"),
    ],
    ids=range(6),
)
def test_no_answer_is_an_error_of_ours(server, shop, well, answer):
    for kind in RESOURCES:
        if kind in listed.READ:
            server.answers[listed.path(kind, shop)] = answer
    assert diagnosed(shop, everything=True).app == "shop"


@pytest.mark.parametrize("ends_never", ["a list", "an answer", "a log"])
def test_who_never_comes_to_an_end_is_not_waited_for(server, shop, ends_never):
    """Nor by a thread that goes on behind a diagnosis that has ended."""
    cluster, first = reach.connection_to(shop.cluster), listed.path("Pod", shop)
    page = '{"items": [], "metadata": {"continue": "on"}}' if ends_never == "a list" else " " * 999
    server.answers[f"{first}&continue=on"] = server.answers[first] = (200, page, JSON)
    listed.log(server, shop, "web-1-00001", " " * 999)
    server.dripping = {path for path in server.answers if ends_never != "a list"}
    with pytest.raises(ClusterUnavailable, match="too long"):
        if ends_never == "a log":
            asked = {"container": "main", "tail": 200, "previous": False, "size": 256 * 1024}
            cluster.log(shop.namespace, "web-1-00001", **asked, seconds=0.1)
        else:
            cluster.list_some("Pod", shop.namespace, objects=10, size=10_000_000, seconds=0.1)


def test_a_cluster_that_is_away_is_the_finding_beside_what_we_know(shop, well):
    release = factories.release(shop)
    factories.rollout(release, status="rolled_back", previous=shop.active_release, reason="It crashed.")
    ports = [free_port()]
    with hanging_up() as port:
        for ports_of in ([port], ports):
            row = listed.cluster(f"https://127.0.0.1:{ports_of[0]}", AUTHORITY, name=f"away-{ports_of[0]}")
            App.objects.filter(pk=shop.pk).update(cluster=row)
            report = diagnosed(shop)
            assert [finding.code for finding in report.findings] == ["cluster_unreachable", "rollout_failed"]
            assert "does not answer" in report.findings[0].observed and report.findings[0].hint
            assert report.services == () and report.processes == () and "Pod" in report.unread


def test_an_access_that_can_not_be_used_is_the_finding(settings, tmp_path, well):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")
    app = factories.app()
    finding = found(app, "cluster_unreachable")
    assert "kubeconfig can't be read" in finding.observed and "DEPLOYER_KUBECONFIG" in finding.hint


# --- Around it ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "codes"), [(-1, ["certificate_expired"]), (5, ["certificate_expiring"]), (20, [])], ids=str
)
def test_a_certificate_that_ends(server, shop, well, days, codes):
    release = shop.active_release
    row = listed.cluster(server.url, AUTHORITY, name="by-certificate", client=AUTHORITY.client(days=days))
    App.objects.filter(pk=shop.pk).update(cluster=row)
    listed.serve(server, shop, listed.running(release, listed.pod(release)))
    assert around(shop) == codes


def test_redis_that_is_away_and_workers_that_are_missing(shop, redis, settings):
    assert "no reaper" in found(shop, "workers_missing").observed
    queues.reaper_is_alive(3600)
    assert found(shop, "workers_missing").values["missing"] == ["no worker for builds", "no worker for rollouts"]


def test_redis_that_does_not_answer(shop, own_home):
    assert "Redis does not answer" in found(shop, "redis_unreachable").observed


def test_a_delivery_that_could_not_be_handled(server, shop, well):
    listed.serve(server, shop, listed.running(shop.active_release, listed.pod(shop.active_release)))
    deliver(shop, "handled")
    assert around(shop) == []
    deliver(shop, "failed", decision="failed: Deployer itself failed")
    finding = found(shop, "webhook_failing")
    assert "Deployer itself failed" in finding.observed and finding.page == "/apps/shop/deliveries"


def test_a_push_of_which_github_told_nothing(server, shop, well):
    listed.serve(server, shop, listed.running(shop.active_release, listed.pod(shop.active_release)))
    factories.build(shop, origin="reconciler", commit="a" * 40)
    assert around(shop) == [], "nobody has set up a webhook"
    deliver(shop, "handled")
    assert around(shop) == [], "it came later than the push"
    factories.build(shop, origin="reconciler", commit="b" * 40)
    assert "bbbbbbbbbb" in found(shop, "webhook_failing").observed
    deliver(shop, "handled")
    assert around(shop) == []


def deliver(app, status, **columns):
    guid = str(Delivery.objects.count())
    return Delivery.objects.create(app=app, guid=guid, event="push", body=b"{}", status=status, **columns)


def test_a_repository_that_can_not_be_read(shop, well):
    known = {"problem": "No such host.", "hint": "See to DNS.", "problem_since": timezone.now(), "failures": 3}
    Source.objects.create(app=shop, url="https://git.example.com/shop", **known, **policy.SYSTEM.columns())
    finding = found(shop, "source_failing")
    assert "No such host." in finding.observed and finding.hint == "See to DNS." and finding.page == "/apps/shop/source"


# --- What we know ourselves -----------------------------------------------------------------------------------------


def test_what_a_failed_release_changed_is_named_and_no_value_with_it(shop, well):
    values = {"QUEUE_URL": "another-queue", "ADDED": "an-added-value"}
    manifest = factories.MANIFEST.replace("8080", "9090") + "environment: [LOG_LEVEL=info]\n"
    after = factories.release(shop, env=values, manifest=manifest)
    factories.rollout(after, status="rolled_back", previous=shop.active_release, reason="It crashed.")
    known = knowledge_of(shop)
    changes = known.changes
    assert (changes.before, changes.after) == (shop.active_release_id, after.pk)
    assert (changes.variables_added, changes.variables_changed) == (("ADDED",), ("QUEUE_URL",))
    assert set(changes.manifest) == {"services.web.port", "environment.LOG_LEVEL"}
    assert known.release == known.active == shop.active_release_id and known.rollout.restored is True
    assert not any(value in repr(known.changes) for value in [*values.values(), SECRET])


STEPS = [
    ("queued", {}, "prepare", None),
    ("failed", {}, "prepare", None),
    ("releasing", {"entered": {"releasing": "x"}}, "release command", None),
    ("failed", {"entered": {"releasing": "x"}, "command_failed": {}}, "release command", None),
    ("rolling", {"entered": {"rolling": "x"}}, "rolling", None),
    ("rolling", {"entered": {"rolling": "x"}, "verify_until": "x"}, "verify", None),
    ("rolling_back", {"entered": {"rolling": "x"}, "restore_since": "x"}, "restore", None),
    ("rolled_back", {"entered": {"rolling": "x"}, "restore_since": "x"}, "rolling", True),
    ("failed", {"entered": {"rolling": "x"}, "restore_since": "x"}, "restore", False),
    ("succeeded", {"entered": {"rolling": "x"}}, "active", None),
]


@pytest.mark.parametrize(("state", "progress", "step", "restored"), STEPS, ids=range(len(STEPS)))
def test_where_a_rollout_is_or_ended(state, progress, step, restored):
    app = factories.app()
    factories.rollout(factories.release(app), status=state, progress=progress)
    known = knowledge_of(app)
    assert (known.rollout.step, known.rollout.restored) == (step, restored)


def test_what_was_stored_of_the_newest_rollout_is_told_again(server, shop, well):
    after = factories.release(shop)
    first = {"code": "out_of_memory", "severity": "error", "observed": "It took 512 MiB.", "hint": "Give it more."}
    stored = {"findings": [first, {"code": "other"}]}
    ended = factories.rollout(after, status="rolled_back", previous=shop.active_release, diagnosis=stored)
    assert knowledge_of(shop).rollout.first == first
    assert "It took 512 MiB." in found(shop, "rollout_failed").observed
    assert actions.diagnosis_of(ended, by=policy.SYSTEM) == stored


def test_one_that_waits_for_a_worker_says_so(shop, redis):
    factories.rollout(factories.release(shop), status="queued")
    assert "none is running" in found(shop, "rollout_waits").observed


def knowledge_of(app):
    return examination.known_of(App.objects.get(pk=app.pk))


def test_the_number_of_queries_does_not_grow(server, shop, well):
    listed.serve(server, shop, listed.crowd(shop.active_release, 4, 4))
    factories.rollout(factories.release(shop), status="rolled_back", previous=shop.active_release)
    deliver(shop, "handled")
    few = queries(shop)
    for number in range(10, 20):
        release = factories.release(shop, env={"A": str(number)})
        factories.rollout(release, number=number, status="rolled_back", previous=shop.active_release)
        deliver(shop, "handled")
    release = shop.active_release
    listed.serve(server, shop, listed.crowd(release, 40, 40))
    assert queries(shop) <= few


def queries(app):
    with CaptureQueriesContext(connection) as asked:
        diagnosed(app)
    return len(asked)


# --- What is asked for ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"services": ("web", "wrb")}, "shop has no service wrb: it has web."),
        ({"checks": ("overview", "all")}, "There is no check all: there are overview, init, services."),
        ({"checks": ()}, "Name at least one check"),
        ({"age": -1}, "from 0 to 604800"),
        ({"age": 10**9}, "from 0 to 604800"),
        ({"lines": 1001}, "At most 1000 lines"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(shop, options, words):
    with pytest.raises(Invalid, match=words.replace(".", r"\.")):
        diagnosed(shop, **options)


def test_no_line_is_read_that_is_not_asked_for(server, shop, well):
    release = shop.active_release
    listed.serve(server, shop, listed.running(release, listed.pod(release, **listed.crashed()), ready=0))
    assert diagnosed(shop, lines=0).unread == {}
    assert not any("/log?" in path for path, _ in server.asked)


def test_who_may_see_the_app_may_ask(server, shop, well):
    doctor = Doctor("shop")
    assert doctor.report()["healthy"] is False  # no process of its release is there


# --- What is stored -------------------------------------------------------------------------------------------------


@pytest.fixture
def ground(shop):
    """Of a rollout that rolls, with a mirror of its namespace that nobody fills."""
    release = factories.release(shop, env={"QUEUE_URL": SECRET})
    rollout = factories.rollout(release, status="rolling", previous=shop.active_release)
    cluster = reach.connection_to(shop.cluster)
    mirror = Mirror(cluster, labels=manifests.OURS, prefix="deployer-")
    return Ground(rollout, cluster, mirror, threading.Event(), threading.Event())


def mirrored(ground, lists):
    for kind in FIELDS:
        found = {str(number): obj for number, obj in enumerate(lists.get(kind, ()))}
        ground.mirror.objects[kind] = {ground.namespace: found}
        ground.mirror.listed[kind].set()


def test_what_is_stored_is_bounded_masked_and_whole(ground):
    """Sixty services, each with a finding of its own and much said about it."""
    words = f"no queue at {SECRET} " + "and so on " * 180
    release = ground.rollout.release
    pods = [listed.pod(release, n, service=f"of-{n}", **listed.crashed(words)) for n in range(60)]
    said = [listed.event(pods[n % 60], f"{n} {words}", number=n, reason="Unhealthy", age=n) for n in range(600)]
    mirrored(ground, {"Pod": pods, "Event": said})
    verdict = Verdict("failed", "exits", "It crashed.", "Look.", "of-7", "of-7-1-00007", "main")
    stored = at_verdict.diagnosed(ground, verdict, [f"line {n} of {SECRET}" + "!" * 5000 for n in range(300)])
    text = json.dumps(stored)
    assert len(text) <= 256 * 1024 and SECRET not in text
    assert stored["findings"][0]["code"] == "crash_loop" and stored["release"] == ground.rollout.release_id
    ground.rollout.transition("rolling_back", diagnosis=stored)
    assert actions.diagnosis_of(ground.rollout, by=policy.SYSTEM) == stored


def test_its_last_lines_are_those_that_were_read_already(ground):
    release = ground.rollout.release
    mirrored(ground, listed.running(release, listed.pod(release, **listed.crashed()), ready=0))
    verdict = Verdict("failed", "exits", "It crashed.", "Look.", "web", "web-1-00001", "main")
    stored = at_verdict.diagnosed(ground, verdict, [f"line {n}" for n in range(30)])
    [lines] = stored["findings"][0]["lines"]
    assert (lines["process"], lines["previous"], lines["lines"][-1]) == ("web-1-00001", True, "line 29")
    [process] = stored["processes"]
    assert process["logs"][0]["lines"] == [f"line {n}" for n in range(10, 30)]


def test_a_verdict_that_no_process_shows_is_the_finding_itself(ground):
    stored = at_verdict.diagnosed(ground, Verdict("failed", "aborted", f"Aborted for {SECRET}.", "Ask ann."))
    [finding] = stored["findings"]
    assert (finding["code"], finding["observed"], finding["hint"]) == (
        "rollout_failed",
        "Aborted for [QUEUE_URL].",
        "Ask ann.",
    )
    assert stored["unread"]["Pod"] == stored["unread"]["Service"] == "not asked while a rollout fails"


def test_a_fault_in_it_is_ours_alone(ground, caplog):
    mirrored(ground, {"Pod": ["no pod"]})
    assert at_verdict.diagnosed(ground, Verdict("failed", "exits", "It crashed.")) is None
    assert "could not be diagnosed" in caplog.text


def test_a_rollout_that_nobody_took_tells_who_is_missing(shop, redis):
    rollout = factories.rollout(factories.release(shop), previous=shop.active_release)
    stored = at_verdict.untaken(rollout, "No worker took it within a day.")
    assert codes(stored["findings"]) == ["workers_missing", "rollout_failed"]


def test_lists_of_rollouts_leave_it_in_the_database(shop):
    factories.rollout(factories.release(shop), status="rolled_back", diagnosis={"findings": []})
    doctor = Doctor("shop")
    for path in ("/rollouts", "/rollouts/2", ""):
        with CaptureQueriesContext(connection) as asked:
            assert doctor.ask(path).status_code == 200
        assert not [query for query in asked if '."diagnosis"' in query["sql"]]


def test_one_of_long_ago_has_none():
    rollout = factories.rollout(factories.release(factories.app()), status="failed", finished_at=timezone.now())
    Rollout.objects.update(created_at=timezone.now() - timedelta(days=400))
    assert actions.diagnosis_of(rollout, by=policy.SYSTEM) is None
