"""What the cluster reports, mirrored: followed, filtered, reread, lost and found again; and how refusals are named."""

import itertools
import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from releases.clients.access import KubeconfigFile
from releases.clients.cluster import Cluster
from releases.clients.door import Door
from releases.clients.mirror import Mirror
from releases.errors import (
    ClusterUnavailable,
    Conflict,
    Expired,
    FieldConflict,
    NotFound,
    Refused,
)
from releases.pipeline import manifests
from tests.clusters import deployment, eventually, started
from tests.ports import free_port

_numbers = itertools.count(1)


class Meanwhile(Cluster):
    """A real cluster, where something happens between the answer to a list of one namespace and its reading."""

    def __init__(self, kubeconfig, kind, act):
        super().__init__(kubeconfig)
        self.kind, self.act = kind, act

    def list_all(self, kind, namespace=None, *, labels=""):
        answer = super().list_all(kind, namespace, labels=labels)
        act = None
        if namespace and kind == self.kind:
            act, self.act = self.act, None
        if act:
            act()
        return answer


class Silence:
    """An open stream in which nothing comes."""

    def __init__(self, hung):
        self.hung = hung

    def __iter__(self):
        self.hung.wait(60)
        return iter(())

    def close(self):
        self.hung.set()


class Deaf(Cluster):
    """A real cluster, whose watches are open and dead."""

    hung = threading.Event()

    def watch(self, kind, *, labels="", since):
        return Silence(self.hung)


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    running = started(tmp_path_factory.mktemp("cluster"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def cluster(process) -> Cluster:
    return Cluster(process.kubeconfig)


@pytest.fixture
def namespace(cluster):
    name = f"deployer-seen-{uuid.uuid4().hex[:8]}"
    cluster.create(manifests.namespace(name, "seen", installation="local"))
    yield name
    cluster.delete("Namespace", None, name)


@contextmanager
def mirrored(cluster, **options):
    mirror = Mirror(cluster, labels=manifests.OURS, prefix="deployer-", **options)
    mirror.start()
    try:
        yield mirror
    finally:
        mirror.retire()


@pytest.fixture(scope="module")
def mirror(cluster):
    with mirrored(cluster) as made:
        yield made


def applied(cluster, namespace, name="web", *, labels=None, **spec):
    body = deployment(name, **spec)
    labels = {manifests.MANAGED_BY: manifests.MANAGER} if labels is None else labels
    body["metadata"] |= {"namespace": namespace, "labels": labels}
    body["spec"]["template"]["metadata"]["labels"] |= labels
    return cluster.apply(body, manager="somebody", force=True)


def of_all_kinds(view):
    """Each kind has a watch of its own, and one may be behind the others."""
    return view if view.replica_sets and view.pods and view.events else None


def seen(mirror, namespace):
    return {obj["metadata"]["name"]: obj["spec"]["replicas"] for obj in mirror.view(namespace).deployments}


# --- Following ------------------------------------------------------------------------------------------------------


def test_creations_changes_and_deletions_are_followed(cluster, mirror, namespace):
    assert seen(mirror, namespace) == {}
    applied(cluster, namespace, replicas=1)
    eventually(lambda: seen(mirror, namespace) == {"web": 1})
    eventually(lambda: len(mirror.view(namespace).pods) == 1)
    view = eventually(lambda: of_all_kinds(mirror.view(namespace)))
    assert not view.jobs
    assert {obj["kind"] for obj in view.deployments + view.replica_sets + view.pods} == {
        "Deployment",
        "ReplicaSet",
        "Pod",
    }
    applied(cluster, namespace, replicas=0)
    eventually(lambda: seen(mirror, namespace) == {"web": 0} and not mirror.view(namespace).pods)
    cluster.delete("Deployment", namespace, "web")
    eventually(lambda: seen(mirror, namespace) == {} and not mirror.view(namespace).replica_sets)


def test_what_was_there_before_is_listed_with_its_kind(cluster, namespace):
    applied(cluster, namespace)
    with mirrored(cluster) as late:
        [found] = late.view(namespace).deployments
        assert (found["kind"], found["metadata"]["name"]) == ("Deployment", "web")


def test_only_what_carries_our_label_is_mirrored(cluster, mirror, namespace):
    applied(cluster, namespace, "theirs", labels={})
    applied(cluster, namespace, "ours")
    eventually(lambda: seen(mirror, namespace) == {"ours": 0})
    applied(cluster, namespace, "theirs", labels={manifests.MANAGED_BY: "somebody"}, paused=True)
    applied(cluster, namespace, "ours", paused=True)
    eventually(lambda: mirror.view(namespace).deployments[0]["spec"].get("paused"))
    assert seen(mirror, namespace) == {"ours": 0}


def test_events_of_strangers_namespaces_are_left_out(cluster, mirror, namespace):
    foreign = f"shop-{uuid.uuid4().hex[:8]}"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": foreign}})
    applied(cluster, foreign, "ours", replicas=1)
    eventually(lambda: cluster.list_all("Event", foreign)[0])
    applied(cluster, namespace, replicas=1)
    eventually(lambda: mirror.view(namespace).events)
    assert mirror.view(foreign).events == []
    eventually(lambda: seen(mirror, foreign) == {"ours": 1})  # which carry our label
    cluster.delete("Namespace", None, foreign)


def test_one_namespace_does_not_show_in_another(cluster, mirror, namespace):
    applied(cluster, namespace)
    eventually(lambda: seen(mirror, namespace) == {"web": 0})
    assert seen(mirror, "deployer-nobody") == {}


def test_only_the_followers_of_a_namespace_are_woken(cluster, mirror, namespace):
    other = f"{namespace}-2"
    with mirror.following(namespace) as here, mirror.following(namespace) as too, mirror.following(other) as there:
        assert here.is_set() and there.is_set()  # everybody looks once
        for woken in (here, too, there):
            woken.clear()
        applied(cluster, namespace)
        assert here.wait(30) and too.wait(30)
        eventually(lambda: seen(mirror, namespace) == {"web": 0})
        assert not there.is_set()
        here.clear()
        cluster.delete("Deployment", namespace, "web")
        assert here.wait(30)
        assert not there.is_set()


def test_who_no_longer_follows_is_forgotten(mirror, namespace):
    with mirror.following(namespace):
        assert namespace in mirror.followers
    assert namespace not in mirror.followers


# --- Reread ---------------------------------------------------------------------------------------------------------


def test_reread_finds_what_a_dead_stream_did_not_tell_and_wakes(process, cluster, namespace):
    applied(cluster, namespace, "gone")
    applied(cluster, namespace, "changed")
    with mirrored(Deaf(process.kubeconfig)) as deaf:
        assert seen(deaf, namespace) == {"gone": 0, "changed": 0}
        cluster.delete("Deployment", namespace, "gone")
        applied(cluster, namespace, "changed", replicas=1)
        applied(cluster, namespace, "new")
        assert seen(deaf, namespace) == {"gone": 0, "changed": 0}, "it is not deaf"
        with deaf.following(namespace) as woken:
            woken.clear()
            deaf.reread(namespace)
            assert woken.is_set()
            assert seen(deaf, namespace) == {"changed": 1, "new": 0}
            assert {obj["kind"] for obj in deaf.view(namespace).deployments} == {"Deployment"}
        Deaf.hung.set()


def test_reread_does_not_revive_what_was_deleted_meanwhile(process, cluster, namespace):
    def act():
        cluster.delete("Deployment", namespace, "web")
        eventually(lambda: seen(mirror, namespace) == {})

    slow = Meanwhile(process.kubeconfig, "Deployment", act)
    with mirrored(slow) as mirror:
        applied(cluster, namespace)
        eventually(lambda: seen(mirror, namespace) == {"web": 0})
        mirror.reread(namespace)
        assert slow.act is None, "nothing happened meanwhile"
        assert seen(mirror, namespace) == {}


def test_reread_does_not_forget_what_was_made_meanwhile(process, cluster, namespace):
    def act():
        applied(cluster, namespace, "new")
        eventually(lambda: "new" in seen(mirror, namespace))

    slow = Meanwhile(process.kubeconfig, "Deployment", act)
    with mirrored(slow) as mirror:
        applied(cluster, namespace)
        eventually(lambda: seen(mirror, namespace) == {"web": 0})
        mirror.reread(namespace)
        assert slow.act is None
        assert seen(mirror, namespace) == {"web": 0, "new": 0}


def test_reread_does_not_turn_back_what_changed_meanwhile(process, cluster, namespace):
    def act():
        applied(cluster, namespace, paused=True, replicas=3)
        eventually(lambda: seen(mirror, namespace) == {"web": 3})

    slow = Meanwhile(process.kubeconfig, "Deployment", act)
    with mirrored(slow) as mirror:
        applied(cluster, namespace, paused=True)
        eventually(lambda: seen(mirror, namespace) == {"web": 0})
        mirror.reread(namespace)
        assert slow.act is None
        assert seen(mirror, namespace) == {"web": 3}


def test_reread_finds_an_object_that_was_deleted_and_made_anew_under_its_name(process, cluster, namespace):
    def act():
        cluster.delete("Deployment", namespace, "web")
        eventually(lambda: seen(mirror, namespace) == {})
        applied(cluster, namespace, paused=True, replicas=2)
        eventually(lambda: seen(mirror, namespace) == {"web": 2})

    slow = Meanwhile(process.kubeconfig, "Deployment", act)
    with mirrored(slow) as mirror:
        applied(cluster, namespace, paused=True)
        eventually(lambda: seen(mirror, namespace) == {"web": 0})
        mirror.reread(namespace)
        assert seen(mirror, namespace) == {"web": 2}
        mirror.reread(namespace)
        assert seen(mirror, namespace) == {"web": 2}


# --- Refused --------------------------------------------------------------------------------------------------------


class Grudging(Cluster):
    """A real cluster that lets nobody watch pods, as long as it `refuses`."""

    refuses = True

    def watch(self, kind, *, labels="", since):
        if kind == "Pod" and self.refuses:
            raise Refused("pods is forbidden")
        return super().watch(kind, labels=labels, since=since)


def refusal(mirror, namespace):
    try:
        mirror.view(namespace)
    except (ClusterUnavailable, Refused) as error:
        return type(error)
    return None


def test_a_refusal_that_has_just_begun_is_waited_for_and_one_that_lasts_is_told(process, cluster, namespace):
    grudging = Grudging(process.kubeconfig)
    with mirrored(grudging, patience=600) as mirror:
        eventually(lambda: "Pod" in mirror.problems)
        assert refusal(mirror, namespace) is ClusterUnavailable
        mirror.patience = 0
        eventually(lambda: refusal(mirror, namespace) is Refused)
        grudging.refuses = False
        with mirror.following(namespace):  # whoever comes new has it asked again at once
            eventually(lambda: refusal(mirror, namespace) is None)


# --- The cluster goes away, and so do we ----------------------------------------------------------------------------


def is_away(mirror, namespace):
    try:
        mirror.view(namespace)
    except ClusterUnavailable:
        return True
    return False


@pytest.mark.parametrize("kill", [False, True], ids=["asked", "killed"])
def test_a_cluster_that_goes_away_is_said_and_comes_back_by_itself(tmp_path, kill):
    process = started(tmp_path)
    try:
        cluster, namespace = Cluster(process.kubeconfig), "deployer-away"
        cluster.create(manifests.namespace(namespace, "away", installation="local"))
        with mirrored(cluster) as mirror, mirror.following(namespace) as woken:
            applied(cluster, namespace)
            eventually(lambda: seen(mirror, namespace) == {"web": 0})
            woken.clear()
            process.stop(kill=kill)
            eventually(lambda: is_away(mirror, namespace))
            assert woken.wait(30), "followers were not told"
            with pytest.raises(ClusterUnavailable, match=f"The cluster at {process.url} does not answer"):
                mirror.reread(namespace)
            process.start()
            eventually(lambda: not is_away(mirror, namespace))
            assert seen(mirror, namespace) == {"web": 0}
            applied(cluster, namespace, "new")
            eventually(lambda: seen(mirror, namespace) == {"web": 0, "new": 0})
    finally:
        if process.process and process.process.poll() is None:
            process.stop()


def test_a_cluster_that_was_never_there_is_said_to_be_unavailable(process, tmp_path):
    config = json.loads(process.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(json.dumps(config))
    mirror = Mirror(Cluster(nowhere), labels=manifests.OURS, prefix="deployer-")
    for event in mirror.listed.values():
        event.set()  # as after a long wait
    mirror.start()
    eventually(lambda: is_away(mirror, "deployer-nowhere"))
    mirror.retire()


def test_a_retired_mirror_serves_its_last_follower_and_then_ends(process, cluster, namespace):
    with mirrored(cluster) as mirror:
        with mirror.following(namespace), mirror.following("deployer-other"):
            mirror.retire()
            assert not mirror.stopped.is_set()
            applied(cluster, namespace)
            eventually(lambda: seen(mirror, namespace) == {"web": 0})
        assert mirror.stopped.is_set()


def test_a_mirror_that_nobody_follows_is_retired_at_once(cluster):
    with mirrored(cluster) as mirror:
        mirror.retire()
        assert mirror.stopped.is_set()


# --- What the cluster's refusals are called -------------------------------------------------------------------------


@pytest.fixture
def answering(tmp_path):
    """A cluster that gives one answer to everything: (code, body, headers) → Cluster."""
    servers = []

    def answer(code, body, **headers):
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = answer

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        kubeconfig = tmp_path / f"kubeconfig-{next(_numbers)}"
        named = {
            "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        }
        kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "x", **named}))
        return Cluster(kubeconfig)

    yield answer
    for server in servers:
        server.shutdown()
        server.server_close()


def status(code, message, reason="", causes=()):
    details = {"details": {"causes": [{"reason": cause} for cause in causes]}} if causes else {}
    return {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message, **details}


TYPED = "failed to create typed patch object (default/web; apps/v1, Kind=Deployment): .spec.oops: field not declared"
LADDER = [
    (500, TYPED, (), Refused),
    (500, "etcdserver: request timed out", (), ClusterUnavailable),
    (502, "bad gateway", (), ClusterUnavailable),
    (503, TYPED, (), ClusterUnavailable),
    (504, "timeout", (), ClusterUnavailable),
    (401, "Unauthorized", (), ClusterUnavailable),
    (429, "too many requests", (), ClusterUnavailable),
    (409, "Apply failed with 1 conflict", ("FieldManagerConflict",), FieldConflict),
    (409, "the object has been modified", (), Conflict),
    (409, "the object has been modified", ("UnexpectedServerResponse",), Conflict),
    (410, "too old resource version", (), Expired),
    (404, 'deployments.apps "web" not found', (), NotFound),
    (400, "bad request", (), Refused),
    (403, "forbidden: User can't get deployments", (), Refused),
    (422, "Deployment is invalid", (), Refused),
]


@pytest.mark.parametrize(("code", "message", "causes", "expected"), LADDER)
def test_each_refusal_becomes_the_error_that_says_what_to_do(answering, code, message, causes, expected):
    cluster = answering(code, status(code, message, causes=causes))
    with pytest.raises(expected) as raised:
        cluster.apply({"kind": "Service", "metadata": {"name": "web", "namespace": "n"}}, manager="deployer")
    assert type(raised.value) is expected
    assert raised.value.message == message


@pytest.mark.parametrize(("given", "seconds"), [("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("", None)])
def test_how_long_the_cluster_asks_to_be_left_alone_is_heard(answering, given, seconds):
    for code in (429, 503):
        with pytest.raises(ClusterUnavailable) as raised:
            answering(code, status(code, "later"), Retry_After=given).version()
        assert raised.value.retry_after == seconds


def test_a_404_in_plain_text_is_not_found(answering):
    cluster = answering(404, "404 page not found\n")
    with pytest.raises(NotFound, match="404 page not found"):
        cluster.get("Deployment", "n", "web")
    assert cluster.find("Deployment", "n", "web") is None
    assert cluster.delete("Deployment", "n", "web") is False


@pytest.mark.parametrize("body", ["", "[]", "null", '"no"', "<html>" + "x" * 5000, '{"message": null}'])
def test_an_answer_of_a_proxy_in_between_is_a_trouble_that_may_pass(answering, body):
    with pytest.raises(ClusterUnavailable) as raised:
        answering(503, body).version()
    assert len(raised.value.message) <= 500


def test_an_answer_that_is_no_json_is_a_trouble_that_may_pass(answering):
    with pytest.raises(ClusterUnavailable, match="is no Kubernetes API"):
        answering(200, "<html>please log in</html>").version()


@pytest.mark.parametrize(("code", "expected"), [(410, Expired), (500, ClusterUnavailable), (429, ClusterUnavailable)])
def test_an_error_within_a_watch_is_named_like_any_other(answering, code, expected):
    event = json.dumps({"type": "ERROR", "object": status(code, "the watch ends")}) + "\n"
    with pytest.raises(expected, match="the watch ends"):
        list(answering(200, event).watch("Pod", since="1"))


def test_a_real_cluster_names_them_alike(cluster, namespace):
    live = applied(cluster, namespace)
    with pytest.raises(Conflict):
        cluster.create({**deployment(), "metadata": {"name": "web", "namespace": namespace}})
    with pytest.raises(FieldConflict, match="somebody"):
        body = {**deployment(replicas=2), "metadata": {"name": "web", "namespace": namespace}}
        cluster.apply(body, manager="deployer")
    stale = {**deployment(), "metadata": {"name": "web", "namespace": namespace, "resourceVersion": "1"}}
    with pytest.raises(Conflict):
        cluster.apply(stale, manager="somebody", force=True)
    with pytest.raises(Conflict):
        cluster.delete("Deployment", namespace, "web", uid="00000000-0000-0000-0000-000000000000")
    with pytest.raises(Refused):
        body = {**deployment(oops=True), "metadata": {"name": "web", "namespace": namespace}}
        cluster.apply(body, manager="somebody", force=True)
    assert cluster.delete("Deployment", namespace, "web", uid=live["metadata"]["uid"]) is True


# --- Its end --------------------------------------------------------------------------------------------------------


def watchers():
    return {thread for thread in threading.enumerate() if thread.name.startswith("watch-")}


def test_the_threads_of_a_retired_mirror_end_at_once_and_not_at_the_next_bookmark(cluster, namespace):
    before = watchers()
    with mirrored(cluster) as made:
        made.view(namespace)
        eventually(lambda: len(made.streams) == 5)
        mine = watchers() - before
        assert len(mine) == 5
        with made.following(namespace):
            made.retire()
            assert all(thread.is_alive() for thread in mine), "somebody still follows"
        for thread in mine:
            thread.join(30)
        assert not any(thread.is_alive() for thread in mine)


def test_versions_that_expire_again_and_again_leave_nobody_blind_for_long(process, namespace):
    class Forgetful(Cluster):
        left = 8

        def watch(self, kind, *, labels="", since):
            if kind == "Deployment" and self.left:
                self.left -= 1
                raise Expired("too old resource version")
            return super().watch(kind, labels=labels, since=since)

    forgetful = Forgetful(process.kubeconfig)
    with mirrored(forgetful) as made:
        applied(forgetful, namespace)
        eventually(lambda: seen(made, namespace) == {"web": 0})
        eventually(lambda: not forgetful.left)
        applied(forgetful, namespace, replicas=1)
        eventually(lambda: seen(made, namespace) == {"web": 1})


def test_a_watch_that_has_missed_something_is_opened_anew(process, namespace):
    class Drowsy(Cluster):
        """Its first watch of Deployments is open and dead."""

        opened = 0

        def watch(self, kind, *, labels="", since):
            if kind == "Deployment":
                self.opened += 1
                if self.opened == 1:
                    return Silence(threading.Event())
            return super().watch(kind, labels=labels, since=since)

    drowsy = Drowsy(process.kubeconfig)
    with mirrored(drowsy) as made:
        eventually(lambda: "Deployment" in made.streams)
        assert drowsy.opened == 1
        applied(drowsy, namespace)
        made.reread(namespace)
        assert seen(made, namespace) == {"web": 0}
        eventually(lambda: drowsy.opened == 2)
        applied(drowsy, namespace, replicas=1)
        eventually(lambda: seen(made, namespace) == {"web": 1})


# --- Logs -----------------------------------------------------------------------------------------------------------


def logged(cluster, **options):
    return list(cluster.follow_log("shop", "web-1", container="main", **options))


def test_a_log_is_lines_with_their_times(answering):
    text = "2026-11-21T10:00:00.1Z one\n2026-11-21T10:00:00.2Z \n2026-11-21T10:00:00.3Z two words\nend"
    assert logged(answering(200, text)) == [
        ("2026-11-21T10:00:00.1Z", "one"),
        ("2026-11-21T10:00:00.2Z", ""),
        ("2026-11-21T10:00:00.3Z", "two words"),
        ("end", ""),
    ]


def test_a_line_of_any_length_takes_little_room_and_the_next_is_whole(answering):
    [(_, cut), after] = logged(answering(200, "1Z " + "y" * 3_000_000 + "\n2Z after\n"))
    assert set(cut) == {"y"} and len(cut) < 200_000
    assert after == ("2Z", "after")


@pytest.mark.parametrize(
    ("since", "asked"),
    [
        ("2026-11-21T10:00:00.123456789Z", "2026-11-21T10:00:00Z"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("2026-11-21T11:00:00.5+01:00", "2026-11-21T11:00:00+01:00"),
    ],
)
def test_a_log_is_asked_for_from_a_whole_second(process, since, asked):
    class Asked(Door):
        def open(self, method, path, *, query=None, **options):
            self.query = query
            raise NotFound("asked")

    cluster = Cluster(process.kubeconfig)
    cluster.door = door = Asked(KubeconfigFile(str(process.kubeconfig)).enter())
    with pytest.raises(NotFound):
        cluster.follow_log("shop", "web-1", container="main", since=since)
    assert door.query["sinceTime"] == asked and door.query["timestamps"] == "true"


def test_a_log_that_is_closed_by_somebody_else_ends_for_who_reads_it(answering):
    stream = answering(200, "1Z a\n").follow_log("shop", "web-1", container="main")
    stream.close()
    assert list(stream) in ([], [("1Z", "a")])
