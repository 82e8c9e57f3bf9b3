"""How a cluster is, as seen: every way of being away has words and a hint, is written down, and delays nobody."""

import json
import re
import ssl
import threading
from contextlib import ExitStack
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from releases.clients.access import ServiceAccount
from releases.clients.cluster import connect
from releases.errors import ClusterUnavailable
from releases.models import Cluster
from releases.pipeline import cluster_state, reach
from releases.pipeline.cluster_rounds import Rounds
from tests import factories
from tests.certificates import Authority, kubeconfig
from tests.clusters import eventually
from tests.odd_server import JSON, REVIEWS, deaf, hanging_up, kubernetes, odd_server, status
from tests.ports import free_port

pytestmark = pytest.mark.django_db
AUTHORITY = Authority()
TOKEN = "a-token-that-nobody-may-see"


def row(url, *, name="far", authority=AUTHORITY, **given):
    text = kubeconfig(url, authority=authority.certificate, **({"token": TOKEN} | given))
    return factories.cluster(name, kind="kubeconfig", kubeconfig=reach.checked(text))


def seen(made):
    """By a look, whose words hold no secret."""
    found = cluster_state.look(made)
    assert TOKEN not in found.problem + found.hint and "0x" not in found.problem
    if found.problem:
        assert found.hint, found.problem
    return found


# --- A single look --------------------------------------------------------------------------------------------------


def test_one_that_answers_and_knows_us_is_well():
    with kubernetes(AUTHORITY) as server:
        assert seen(row(server.url)) == cluster_state.Seen("v1.31.4")
        assert server.asked == [("/version", f"Bearer {TOKEN}"), (REVIEWS, f"Bearer {TOKEN}")]


@pytest.mark.parametrize(
    ("answer", "words", "hint"),
    [
        (status(401, "Unauthorized"), r"does not know our credentials \(401\)", "give the cluster a new kubeconfig"),
        (status(403, "no"), r"refuses our credentials \(403\): no", "deploy/rbac.yaml"),
        (status(404, "no"), r"\(404\)", "the API server's own"),
        (status(429, "slow"), r"too busy to answer \(429\)", "patience"),
        (status(500, "etcd is ill"), r"an error of its own \(500\): etcd is ill", "etcd"),
        ((503, "<h1>no upstream</h1>", "text/html"), r"\(503\): <h1>no upstream", "before it"),
        ((302, "", "text/html"), r"refuses \(302\)", "the API server's own"),
        ((200, "<html>please sign in</html>", "text/html"), "is no Kubernetes API", "sign-in page"),
        ((200, "[]", JSON), "is no Kubernetes API", "sign-in page"),
        ((200, '{"gitVersion": 7}', JSON), "is no Kubernetes API", "sign-in page"),
        ((200, "", JSON), "is no Kubernetes API", "sign-in page"),
        ((401, "<html>{authorization}</html>", "text/html"), r"Bearer \[token\]", "kubeconfig"),
        ((500, json.dumps({"message": {"a": 1}, "details": [1]}), JSON), r"\(500\)", "API server"),
        ((409, json.dumps({"message": "no", "details": {"causes": [1, "a"]}}), JSON), r"\(409\): no", "API server"),
        ((409, json.dumps({"message": "no", "details": {"causes": 7}}), JSON), r"\(409\): no", "API server"),
        ((200, "[" * 100_000, JSON), "is no Kubernetes API", "sign-in page"),
        ((500, "[" * 100_000, JSON), r"\(500\)", "API server"),
    ],
    ids=range(17),
)
def test_an_answer_that_none_should_give_has_words_and_a_hint(answer, words, hint):
    with kubernetes(AUTHORITY) as server:
        server.answers["/version"] = answer
        found = seen(row(server.url))
    assert found.version == "" and re.search(words, found.problem), found.problem
    assert hint in found.hint


def test_the_version_is_told_to_anybody_so_it_proves_nothing():
    with kubernetes(AUTHORITY) as server:
        made = row(server.url)
        server.answers[REVIEWS] = status(401, "Unauthorized")
        found = seen(made)
        assert found.version == "v1.31.4" and "does not know our credentials" in found.problem
        server.answers[REVIEWS] = (201, '{"status": {"allowed": false}}', JSON)
        found = seen(made)
        assert "rights are missing" in found.problem and "deploy/rbac.yaml" in found.hint


def test_nobody_there_somebody_deaf_and_somebody_who_hangs_up():
    assert "Connection refused" in seen(row(f"https://127.0.0.1:{free_port()}", name="a")).problem
    with hanging_up() as port:
        found = seen(row(f"https://127.0.0.1:{port}", name="b"))
        assert "does not answer" in found.problem
    with deaf() as port:
        found = seen(row(f"https://127.0.0.1:{port}", name="c"))
        assert "timed out" in found.problem or "in time" in found.problem
    found = seen(row("https://nowhere.invalid:6443", name="d"))
    assert "can't be resolved" in found.problem and "DNS" in found.hint


def test_certificates_that_nobody_should_trust():
    with kubernetes(AUTHORITY) as server:
        found = seen(row(server.url, authority=Authority("another"), name="a"))
        assert "not trusted" in found.problem and "certificate-authority-data" in found.hint
    with odd_server(AUTHORITY.server(days=-1)) as server:
        found = seen(row(server.url, name="b"))
        assert "expired" in found.problem and "renew" in found.hint
    with odd_server(AUTHORITY.server("cluster.example.com")) as server:
        found = seen(row(server.url, name="c"))
        assert "not trusted" in found.problem and "tls-server-name" in found.hint
    with odd_server(None) as server:
        found = seen(row(server.url, name="d"))
        assert "TLS" in found.hint or "ends the connection" in found.hint


def test_the_name_on_the_certificate_may_be_given():
    text = json.loads(kubeconfig("https://x", authority=AUTHORITY.certificate, token=TOKEN))
    with kubernetes(AUTHORITY) as healthy, odd_server(AUTHORITY.server("kubernetes.default")) as server:
        server.answers = healthy.answers
        text["clusters"][0]["cluster"] |= {"server": server.url, "tls-server-name": "kubernetes.default"}
        made = factories.cluster("far", kind="kubeconfig", kubeconfig=reach.checked(json.dumps(text)))
        assert seen(made).problem == ""


def test_a_client_certificate_that_has_ended_explains_the_refusal():
    with kubernetes(AUTHORITY) as server:
        server.answers["/version"] = status(401, "Unauthorized")
        found = seen(row(server.url, token="", client=AUTHORITY.client(days=-2)))
        assert "(401)" in found.problem and "client certificate has expired on" in found.hint


def test_a_client_certificate_is_shown_to_who_asks_for_one(tmp_path):
    client = AUTHORITY.client()
    with kubernetes(AUTHORITY) as server:
        context = server.server.socket.context
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=AUTHORITY.certificate)
        assert seen(row(server.url, name="a", token="", client=client)).problem == ""
        assert seen(row(server.url, name="b")).problem


def test_a_row_whose_access_can_not_be_used_is_a_state_and_no_exception(settings, tmp_path):
    made = row("https://127.0.0.1:1")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    found = seen(made)
    assert "can't be decrypted" in found.problem and "Give Deployer the key back" in found.hint
    Cluster.objects.filter(pk=made.pk).update(kubeconfig="{}")
    assert "can't be used" in seen(Cluster.objects.get()).problem
    own = factories.cluster("own")
    assert "No such file" in seen(own).problem
    for content in ("", "hello", "a: [", "[]", "\x00", '{"clusters": 7}'):
        (tmp_path / "kubeconfig").write_text(content)
        settings.DEPLOYER_KUBECONFIG = str(tmp_path / "kubeconfig")
        assert "can't be read" in seen(own).problem
    settings.DEPLOYER_KUBECONFIG = str(tmp_path)
    assert "can't be read" in seen(own).problem
    within = factories.cluster("within", kind="in_cluster")
    assert "does not run in a cluster" in seen(within).problem


# --- The service account of our own pod -----------------------------------------------------------------------------


def test_in_a_cluster_the_mounted_token_is_read_again_when_it_is_renewed(settings, tmp_path):
    with kubernetes(AUTHORITY) as server:
        settings.SERVICE_ACCOUNT_FOLDER = str(tmp_path)
        settings.KUBERNETES_SERVICE_HOST, settings.KUBERNETES_SERVICE_PORT = "127.0.0.1", str(server.port)
        within = factories.cluster("within", kind="in_cluster")
        assert "ca.crt" in seen(within).problem
        (tmp_path / "ca.crt").write_text("hello")
        assert "ca.crt" in seen(within).problem
        (tmp_path / "ca.crt").write_text(AUTHORITY.certificate)
        assert "token" in seen(within).problem
        (tmp_path / "token").write_text("first\n")
        assert seen(within).problem == ""
        before = reach.connection_to(within)
        for name, text in (("token", "second\n"), ("ca.crt", AUTHORITY.certificate)):  # as a kubelet does: all anew
            (tmp_path / "new").write_text(text)
            (tmp_path / "new").replace(tmp_path / name)
        assert seen(within).problem == "" and reach.connection_to(within) is before
        assert [authorization for path, authorization in server.asked if path == "/version"] == [
            "Bearer first",
            "Bearer second",
        ]
        (tmp_path / "ca.crt").write_text(Authority().certificate + AUTHORITY.certificate)
        assert seen(within).problem == "" and reach.connection_to(within) is not before


def test_an_address_of_ipv6_is_written_as_one(tmp_path):
    (tmp_path / "ca.crt").write_text(AUTHORITY.certificate)
    assert connect(ServiceAccount(str(tmp_path), "::1", "6443")).url == "https://[::1]:6443"


# --- Shared, and made anew ------------------------------------------------------------------------------------------


def test_a_connection_is_shared_until_the_access_changes():
    app = factories.app(cluster=row("https://127.0.0.1:1"))
    first = reach.cluster_of(app)
    assert reach.cluster_of(app) is first
    text = reach.checked(kubeconfig("https://127.0.0.1:2", token="another"))
    Cluster.objects.filter(pk=app.cluster_id).update(kubeconfig=text)
    second = reach.cluster_of(app)  # though the app holds the row as it was
    assert second is not first and second.url == "https://127.0.0.1:2"
    reach.forget(app.cluster_id)
    assert reach.cluster_of(app) is not second


def test_the_app_of_a_cluster_that_is_gone_can_not_reach_it():
    app = factories.app()
    app.cluster_id = 999_999
    with pytest.raises(ClusterUnavailable, match="no longer known"):
        reach.cluster_of(app)


# --- Written down ---------------------------------------------------------------------------------------------------


def test_what_was_seen_is_written_when_it_changed_or_a_minute_passed():
    made = row("https://127.0.0.1:1")
    long_ago = timezone.now() - timedelta(hours=1)
    well, ill = cluster_state.Seen("v1.31.4"), cluster_state.Seen("", "It is ill.", "Heal it.")

    def note(what):
        return cluster_state.note(Cluster.objects.get(pk=made.pk), what)

    def stored():
        return Cluster.objects.get(pk=made.pk)

    assert made.state == "unchecked"
    assert note(well) and stored().state == "reachable" and stored().version == "v1.31.4"
    before = stored().checked_at
    assert not note(well) and stored().checked_at == before
    assert note(ill) and stored().state == "unreachable"
    since = stored().problem_since
    assert (stored().problem, stored().hint, stored().version) == ("It is ill.", "Heal it.", "v1.31.4")
    Cluster.objects.filter(pk=made.pk).update(checked_at=long_ago)
    assert not note(ill) and stored().checked_at > long_ago and stored().problem_since == since
    assert note(well) and (stored().problem, stored().hint, stored().problem_since) == ("", "", None)


def test_what_was_seen_over_an_old_access_is_not_written():
    made = row("https://127.0.0.1:1")
    Cluster.objects.filter(pk=made.pk).update(kubeconfig=reach.checked(kubeconfig("https://127.0.0.1:2", token="b")))
    assert not cluster_state.note(made, cluster_state.Seen("", "It is ill."))
    assert Cluster.objects.get(pk=made.pk).state == "unchecked"


def test_strange_words_fit_into_the_database():
    made = row("https://127.0.0.1:1")
    assert cluster_state.note(made, cluster_state.Seen("v" * 500, "a\x00b", "\x00"))
    assert len(Cluster.objects.get().version) <= 100


# --- All of them, again and again -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_each_is_looked_at_beside_the_others_and_again_after_a_while(settings):
    settings.CLUSTER_CHECK_SECONDS = 0.05
    rounds = Rounds()

    def state(name):
        rounds.go()
        return Cluster.objects.get(name=name).state

    with ExitStack() as stack:
        server, port = stack.enter_context(kubernetes(AUTHORITY)), stack.enter_context(deaf())
        row(f"https://127.0.0.1:{port}", name="deaf")
        healthy = row(server.url, name="healthy")
        eventually(lambda: state("healthy") == "reachable")
        assert state("deaf") == "unchecked", "the deaf one was waited for"
        server.answers["/version"] = status(401, "Unauthorized")
        eventually(lambda: state("healthy") == "unreachable")
        asked = len(server.asked)
        # A new access is looked at, whatever is said over the old one.
        with kubernetes(AUTHORITY) as other:
            text = reach.checked(kubeconfig(other.url, authority=AUTHORITY.certificate, token="b"))
            Cluster.objects.filter(pk=healthy.pk).update(kubeconfig=text)
            eventually(lambda: state("healthy") == "reachable")
        Cluster.objects.filter(name="healthy").delete()
        rounds.go()
        assert len(server.asked) <= asked + 2
        assert state("deaf") in ("unchecked", "unreachable")
        settings.CLUSTER_CHECK_SECONDS = 60
        eventually(lambda: state("deaf") == "unreachable")
    _end_of_looks()


@pytest.mark.django_db(transaction=True)
def test_a_look_that_does_not_come_to_an_end_is_a_finding_of_its_own():
    rounds = Rounds(patience=0.0)
    with deaf() as port:
        row(f"https://127.0.0.1:{port}")
        rounds.go()
        eventually(lambda: rounds.go() or Cluster.objects.get().state == "unreachable")
        assert "does not come to an end" in Cluster.objects.get().problem
    _end_of_looks()


def _end_of_looks():
    for thread in threading.enumerate():
        if thread.name.startswith("look-"):
            thread.join(30)
            assert not thread.is_alive()
