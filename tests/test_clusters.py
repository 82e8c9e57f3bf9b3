"""Clusters through every door: made known, changed, tested, removed; and where a new app lives."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import RestrictedError
from django.test import Client

from releases import actions
from releases.errors import Invalid, NotAllowed, Taken
from releases.models import App, AuditEntry, Cluster, Token
from releases.pipeline import reach, rights
from tests import factories
from tests.certificates import Authority, Pair, kubeconfig
from tests.odd_server import JSON, REVIEWS, kubernetes, status

pytestmark = pytest.mark.django_db
AUTHORITY = Authority()
TOKEN = "a-token-that-nobody-may-see"
TEXT = kubeconfig("https://127.0.0.1:1", authority=AUTHORITY.certificate, token=TOKEN)


@pytest.fixture
def admin():
    return factories.actor("administrator")


@pytest.fixture
def far(admin):
    return actions.create_cluster("far", by=admin, kubeconfig=TEXT)


def client_of(actor) -> Client:
    """One for the pages and, by its token, the API."""
    client = Client(headers={"Authorization": f"Bearer {Token.issue(actor.person, name='tests')[1]}"})
    client.force_login(actor.person)
    return client


def send(client, method, path, document=None):
    return client.generic(method, path, json.dumps(document or {}), content_type="application/json")


def nothing_of_it_is_told(*texts):
    secret = reach.checked(TEXT)
    for text in texts:
        assert TOKEN not in text and secret[:40] not in text and "CERTIFICATE" not in text
        assert "gAAAA" not in text, "not even encrypted"


# --- Actions --------------------------------------------------------------------------------------------------------


def test_a_kubeconfig_is_stored_encrypted_and_only_what_is_needed_of_it(admin, far):
    assert (far.name, far.kind, far.is_default, far.state) == ("far", "kubeconfig", True, "unchecked")
    assert Cluster.objects.get().kubeconfig.open() == reach.checked(TEXT)
    with connection.cursor() as cursor:
        cursor.execute("SELECT kubeconfig FROM releases_cluster")
        stored = cursor.fetchone()[0]
    assert TOKEN not in stored and "https" not in stored
    entry = AuditEntry.objects.get(action="create_cluster")
    assert (entry.subject, entry.detail, entry.by) == ("far", {"kind": "kubeconfig"}, admin.person)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a b", "a\n", "a\x00", "ä", "a" * 64, "new", "a/b"])
def test_a_name_is_a_dns_label(admin, name):
    with pytest.raises(Invalid, match="can't be a cluster's name"):
        actions.create_cluster(name, by=admin, kubeconfig=TEXT)
    assert not Cluster.objects.exists() and not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "is empty"),
        ({"kubeconfig": "hello"}, "is not one"),
        ({"kubeconfig": TEXT, "context": "away"}, "no context “away”"),
        ({"kubeconfig": TEXT, "kind": "embedded"}, "takes no kubeconfig"),
        ({"kubeconfig": TEXT, "kind": "magic"}, "not by “magic”"),
        ({"kubeconfig": TEXT, "ingress_class": "two words"}, "ingress_class: “two words” can't be"),
        ({"kubeconfig": TEXT, "storage_class": "a" * 254}, "storage_class"),
        ({"kubeconfig": TEXT, "certificate_issuer": "\x00"}, "certificate_issuer"),
    ],
    ids=range(8),
)
def test_what_is_refused_leaves_nothing_behind(admin, given, words):
    with pytest.raises(Invalid, match=words):
        actions.create_cluster("far", by=admin, **given)
    assert not Cluster.objects.exists() and not AuditEntry.objects.exists()


def test_a_certificate_and_a_key_that_do_not_fit_are_refused(admin):
    pair = Pair(AUTHORITY.client().certificate, AUTHORITY.client().key)
    with pytest.raises(Invalid, match="can't be used"):
        actions.create_cluster("far", by=admin, kubeconfig=kubeconfig("https://127.0.0.1:1", client=pair))
    assert not Cluster.objects.exists()


def test_a_name_is_taken_once(admin, far):
    with pytest.raises(Taken, match="a cluster far already"):
        actions.create_cluster("far", by=admin, kubeconfig=TEXT)


@pytest.mark.django_db(transaction=True)
def test_two_who_add_the_first_in_the_same_instant_agree_on_one_default(admin, together):
    results = together(*[lambda n=n: actions.create_cluster(f"c{n}", by=admin, kubeconfig=TEXT) for n in range(3)])
    made = [result for result in results if isinstance(result, Cluster)]
    assert made and all(isinstance(result, Cluster | Taken) for result in results)
    assert Cluster.objects.filter(is_default=True).count() == 1 and Cluster.objects.count() == len(made)


def test_only_administrators_manage_and_everybody_looks(far):
    for role in ("viewer", "deployer"):
        by = factories.actor(role)
        for deed in (
            lambda by=by: actions.create_cluster("b", by=by, kubeconfig=TEXT),
            lambda by=by: actions.change_cluster(far, by=by, storage_class="fast"),
            lambda by=by: actions.test_cluster(far, by=by),
            lambda by=by: actions.remove_cluster(far, by=by),
        ):
            with pytest.raises(NotAllowed, match="Manage clusters needs the role administrator"):
                deed()
        client = client_of(by)
        assert client.get("/api/clusters/far").status_code == 200 and client.get("/clusters/far").status_code == 200
        assert send(client, "POST", "/api/clusters/far/test").status_code == 403
        assert client.post("/clusters/far/remove").status_code == 403
        assert client.post("/clusters/far/change", {"kubeconfig": TEXT}).status_code == 403
        assert client.post("/clusters/new", {"name": "b", "kubeconfig": TEXT}).status_code == 403
    assert [row.name for row in Cluster.objects.all()] == ["far"]


def test_a_new_access_makes_what_was_seen_void_and_leaves_the_rest(admin, far):
    Cluster.objects.update(version="v1.31.4", problem="Ill.", hint="Heal.", checked_at="2026-01-01T00:00Z")
    changed = actions.change_cluster(far, by=admin, storage_class="fast")
    assert (changed.storage_class, changed.problem) == ("fast", "Ill.")
    changed = actions.change_cluster(far, by=admin, kubeconfig=kubeconfig("https://127.0.0.1:2", token="b"))
    assert (changed.state, changed.problem, changed.storage_class) == ("unchecked", "", "fast")
    assert reach.connection_to(changed).url == "https://127.0.0.1:2"
    assert actions.change_cluster(far, by=admin, storage_class="").storage_class == ""
    assert [entry.detail["changed"] for entry in AuditEntry.objects.filter(action="change_cluster").order_by("pk")] == [
        ["storage_class"],
        ["kubeconfig"],
        ["storage_class"],
    ]
    with pytest.raises(Invalid, match="is empty"):
        actions.change_cluster(far, by=admin, kubeconfig="")
    with pytest.raises(Invalid, match="A context is chosen of a kubeconfig"):
        actions.change_cluster(far, by=admin, context="there")
    with pytest.raises(Invalid, match="not by a kubeconfig of its own"):
        actions.change_cluster(factories.cluster("own", is_default=False), by=admin, kubeconfig=TEXT)


def test_one_is_the_default_and_another_may_become_it(admin, far):
    near = actions.create_cluster("near", by=admin, kubeconfig=TEXT)
    assert not near.is_default
    with pytest.raises(Invalid, match="make another cluster the default"):
        actions.change_cluster(far, by=admin, is_default=False)
    actions.change_cluster(near, by=admin, is_default=True)
    assert [row.name for row in Cluster.objects.filter(is_default=True)] == ["near"]
    actions.create_cluster("third", by=admin, kubeconfig=TEXT, is_default=True)
    assert [row.name for row in Cluster.objects.filter(is_default=True)] == ["third"]
    with pytest.raises(IntegrityError), transaction.atomic():
        Cluster.objects.update(is_default=True)


def test_where_apps_live_is_not_removed(admin, far):
    for number in range(12):
        factories.app(f"app-{number:02}", cluster=far)
    with pytest.raises(NotAllowed, match=r"Apps live in far: app-00, app-01, .*app-09 and more\. Delete them first\."):
        actions.remove_cluster(far, by=admin)
    with pytest.raises(RestrictedError):
        far.delete()
    App.objects.all().delete()
    actions.remove_cluster(far, by=admin)
    assert not Cluster.objects.exists() and AuditEntry.objects.filter(action="remove_cluster", subject="far").exists()
    with pytest.raises(Invalid, match="removed meanwhile"):
        actions.remove_cluster(far, by=admin)


@pytest.mark.django_db(transaction=True)
def test_an_app_is_not_made_where_the_cluster_goes_in_the_same_instant(admin, together):
    for number in range(5):
        row = factories.cluster(f"c{number}", is_default=False)
        made, removed = together(
            lambda row=row, number=number: actions.create_app(f"a{number}", cluster=row.name, by=admin),
            lambda row=row: actions.remove_cluster(row, by=admin),
        )
        assert isinstance(made, App) == isinstance(removed, NotAllowed), (made, removed)
        assert isinstance(made, App | Invalid)


def test_a_new_app_lives_where_it_is_told_or_in_the_only_one_or_in_the_default(admin):
    with pytest.raises(Invalid, match="There is no cluster yet"):
        actions.create_app("a", by=admin)
    near = factories.cluster("near", is_default=False)
    assert actions.create_app("a", by=admin).cluster == near
    far = factories.cluster("far", is_default=False)
    with pytest.raises(Invalid, match="Name one of the clusters: far, near"):
        actions.create_app("b", by=admin)
    assert actions.create_app("b", cluster="far", by=admin).cluster == far
    with pytest.raises(Invalid, match=r"no cluster “away”\. Name one of the clusters: far, near"):
        actions.create_app("c", cluster="away", by=admin)
    actions.change_cluster(near, by=admin, is_default=True)
    assert actions.create_app("c", by=admin).cluster == near
    assert AuditEntry.objects.filter(action="create_app").first().detail == {"cluster": "near"}


# --- The connection test --------------------------------------------------------------------------------------------


def test_a_test_says_the_version_and_asks_for_each_right(admin):
    with kubernetes(AUTHORITY) as server:
        row = actions.create_cluster("far", by=admin, kubeconfig=_of(server))
        seen, findings = actions.test_cluster(row, by=admin)
        assert (seen.version, seen.problem) == ("v1.31.4", "")
        assert [finding.words for finding in findings] == [
            "Kubernetes v1.31.4",
            *(question.words for question in rights.questions()),
        ]
        assert {finding.state for finding in findings} == {"ok"}
        assert Cluster.objects.get().state == "reachable"
        server.answers["/version"] = (200, '{"gitVersion": "v1.29.9"}', JSON)
        server.answers[REVIEWS] = (201, '{"status": {"allowed": false}}', JSON)
        seen, findings = actions.test_cluster(row, by=admin)
        assert findings[0].state == "warning" and "older than 1.30" in findings[0].words
        assert {finding.state for finding in findings[1:]} == {"missing"} and "rights are missing" in seen.problem
        assert "deploy/rbac.yaml" in findings[1].hint
        server.answers["/version"] = status(500, "ill")
        seen, findings = actions.test_cluster(row, by=admin)
        assert [finding.state for finding in findings] == ["missing"] and "(500)" in seen.problem


def _of(server):
    return kubeconfig(server.url, authority=AUTHORITY.certificate, token=TOKEN)


# --- API ------------------------------------------------------------------------------------------------------------


def test_the_api_tells_everything_but_the_kubeconfig(admin):
    client = client_of(admin)
    made = send(client, "POST", "/api/clusters", {"name": "far", "kubeconfig": TEXT, "ingress_class": "nginx"})
    assert made.status_code == 201
    document = made.json()
    assert (document["state"], document["ingress_class"], document["is_default"]) == ("unchecked", "nginx", True)
    changed = send(client, "PATCH", "/api/clusters/far", {"kubeconfig": TEXT, "ingress_class": ""})
    listed, one = client.get("/api/clusters"), client.get("/api/clusters/far")
    assert listed.json() == [one.json()] and one.json() == changed.json() and one.json()["ingress_class"] == ""
    bad = TEXT.replace("https", "http")
    refused = send(client, "POST", "/api/clusters", {"name": "b", "kubeconfig": bad})
    assert refused.status_code == 422 and "https" in refused.json()["error"]["message"]
    unknown = send(client, "PATCH", "/api/clusters/far", {"name": "other"})
    assert unknown.status_code == 422
    nothing_of_it_is_told(*(answer.content.decode() for answer in (made, changed, listed, one, refused, unknown)))
    assert send(client, "POST", "/api/clusters", {"name": "far", "kubeconfig": TEXT}).status_code == 409
    assert client.get("/api/clusters/near").status_code == 404
    assert client.get("/api/clusters/%00").status_code == 404
    tested = send(client, "POST", "/api/clusters/far/test").json()
    assert not tested["ok"] and "Connection refused" in tested["problem"] and tested["hint"]
    factories.app("shop", cluster=Cluster.objects.get())
    assert send(client, "DELETE", "/api/clusters/far").status_code == 409
    App.objects.all().delete()
    assert send(client, "DELETE", "/api/clusters/far").status_code == 204
    assert client.get("/api/clusters").json() == []


def test_an_app_says_in_which_cluster_it_is_and_how_that_is(admin, far):
    client = client_of(admin)
    assert send(client, "POST", "/api/apps", {"name": "shop"}).json()["cluster_name"] == "far"
    actions.create_cluster("near", by=admin, kubeconfig=TEXT)
    made = send(client, "POST", "/api/apps", {"name": "desk", "cluster": "near"}).json()
    assert (made["cluster_name"], made["cluster"], made["cluster_problem"]) == ("near", "", "")
    Cluster.objects.filter(name="near").update(version="v1.31.4", problem="Ill.")
    told = client.get("/api/apps/desk").json()
    assert (told["cluster_version"], told["cluster_problem"]) == ("v1.31.4", "Ill.")
    assert [app["cluster_name"] for app in client.get("/api/apps").json()["items"]] == ["near", "far"]
    assert send(client, "POST", "/api/apps", {"name": "x", "cluster": "away"}).status_code == 422


# --- Pages and admin ------------------------------------------------------------------------------------------------


def test_the_pages_lead_from_none_to_one_that_is_tested(admin):
    client = client_of(admin)
    assert "No cluster yet" in client.get("/clusters").content.decode()
    assert "No cluster yet" in client.get("/").content.decode()
    form = client.get("/clusters/new").content.decode()
    assert "rbac.yaml" in form
    refused = client.post("/clusters/new", {"name": "far", "kubeconfig": TEXT.replace("https", "http")})
    page = refused.content.decode()
    assert refused.status_code == 422 and "not an https address" in page and 'value="far"' in page
    nothing_of_it_is_told(page)
    assert client.post("/clusters/new", {"name": "far", "kubeconfig": TEXT}).url == "/clusters/far"
    page = client.get("/clusters/far").content.decode()
    assert "Not looked at yet" in page and "Added" in page
    tested = client.post("/clusters/far/test").content.decode()
    assert "Connection refused" in tested and "Can&#x27;t be used" in tested
    listed = client.get("/clusters").content.decode()
    assert "Connection refused" in listed
    changed = client.post("/clusters/far/change", {"kubeconfig": "", "storage_class": "fast"})
    assert changed.url == "/clusters/far" and Cluster.objects.get().storage_class == "fast"
    assert Cluster.objects.get().kubeconfig.open() == reach.checked(TEXT)
    bad = client.post("/clusters/far/change", {"kubeconfig": TEXT.replace("https", "http"), "storage_class": "slow"})
    assert bad.status_code == 422 and "not an https address" in bad.content.decode()
    assert Cluster.objects.get().storage_class == "fast"
    nothing_of_it_is_told(page, tested, listed, bad.content.decode())
    assert client.post("/clusters/far/remove").url == "/clusters" and not Cluster.objects.exists()
    assert client.get("/clusters/far").status_code == 404


def test_a_cluster_that_is_away_is_said_on_every_page_and_breaks_none(admin, far):
    client = client_of(admin)
    shop = factories.app("shop", cluster=far)
    factories.active(shop)
    actions.test_cluster(far, by=admin)
    for path in ("/", "/apps/shop", "/clusters", "/clusters/far"):
        answer = client.get(path)
        assert answer.status_code == 200 and "Connection refused" in answer.content.decode(), path
    told = client.get("/api/apps/shop").json()
    assert told["processes"] is None and "Connection refused" in told["cluster"]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE releases_cluster SET kubeconfig = 'of no key'")
    for path in ("/", "/apps/shop", "/clusters", "/clusters/far", "/api/apps/shop", "/api/clusters"):
        assert client.get(path).status_code == 200, path
    assert "can't be decrypted" in send(client, "POST", "/api/clusters/far/test").json()["problem"]


def test_the_cluster_is_asked_for_and_shown_where_there_are_several(admin, far):
    client = client_of(admin)
    assert "<select" not in client.get("/apps/new").content.decode()
    assert client.post("/apps/new", {"name": "shop"}).url == "/apps/shop"
    assert 'in <a href="/clusters/' not in client.get("/apps/shop").content.decode()
    actions.create_cluster("near", by=admin, kubeconfig=TEXT)
    form = client.get("/apps/new").content.decode()
    assert '<option value="far" selected>' in form and '<option value="near">' in form
    assert client.post("/apps/new", {"name": "desk", "cluster": "near"}).url == "/apps/desk"
    assert App.objects.get(name="desk").cluster.name == "near"
    assert 'in <a href="/clusters/near">near</a>' in client.get("/apps/desk").content.decode()
    assert "in near" in client.get("/").content.decode()
    assert client.post("/apps/new", {"name": "x", "cluster": "away"}).status_code == 422


def test_what_a_cluster_says_is_text_in_a_page(admin):
    client = client_of(admin)
    with kubernetes(AUTHORITY) as server:
        server.answers["/version"] = (500, "<script>alert(1)</script>", "text/html")
        row = actions.create_cluster("far", by=admin, kubeconfig=_of(server))
        page = client.post("/clusters/far/test").content.decode()
    factories.app("shop", cluster=row)
    for text in (page, *(client.get(path).content.decode() for path in ("/", "/apps/shop", "/clusters"))):
        assert "alert(1)" in text and "<script>alert" not in text


def test_the_admin_shows_all_but_the_kubeconfig(admin, far):
    client = client_of(admin)
    pages = [
        client.get("/admin/releases/cluster/"),
        client.get(f"/admin/releases/cluster/{far.pk}/change/"),
        client.post("/admin/releases/cluster/", {"action": "test", "_selected_action": far.pk}, follow=True),
    ]
    assert [page.status_code for page in pages] == [200, 200, 200]
    assert "Connection refused" in pages[2].content.decode()
    nothing_of_it_is_told(*(page.content.decode() for page in pages))
    assert "sealed" not in pages[1].content.decode()
    gone = client.post("/admin/releases/cluster/", {"action": "remove", "_selected_action": far.pk}, follow=True)
    assert "forgotten far" in gone.content.decode() and not Cluster.objects.exists()


def test_nothing_of_a_kubeconfig_is_in_the_audit_or_in_a_rows_own_words(admin, far):
    actions.change_cluster(far, by=admin, kubeconfig=TEXT)
    words = [str(far), repr(far), repr(far.kubeconfig), str(vars(far))]
    nothing_of_it_is_told(*words, *(json.dumps(entry.detail) + str(entry) for entry in AuditEntry.objects.all()))


# --- The first one --------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_setup_makes_the_cluster_known_that_this_server_is_given(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def setup():
        told = StringIO()
        call_command("setup", stdout=told)
        found = [(row.name, row.kind) for row in Cluster.objects.all()]
        return told.getvalue(), found

    settings.DEPLOYER_APP_URL = settings.KUBERNETES_SERVICE_HOST = ""
    told, found = setup()
    assert found == [] and "none yet" in told
    Path(settings.DEPLOYER_KUBECONFIG).write_text("{}")
    assert setup()[1] == [("default", "embedded")] == setup()[1]
    Cluster.objects.all().delete()
    settings.KUBERNETES_SERVICE_HOST = "10.0.0.1"
    assert setup()[1] == [("in-cluster", "in_cluster")]
    Cluster.objects.all().delete()
    settings.DEPLOYER_APP_URL = "http://{app}.localhost:8001"
    assert setup()[1] == [("local", "embedded")]
    Cluster.objects.update(name="mine")
    assert setup()[1] == [("mine", "embedded")]
