"""An app's own domains: who may have which, and what becomes of them where the cluster does not answer.

That requests come through, and that no release takes them away, is in `tests/engine/test_engine_domains.py`.
"""

import json
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from releases import actions, policy
from releases.errors import Invalid, NotAllowed, Taken
from releases.models import App, AuditEntry, Domain, Person, Token
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
HOST = "www.example.com"
WITH_DOMAIN = factories.MANIFEST.rstrip() + "\n    domain: [www.example.com, '*.example.org']\n"
WORKER = "  worker: {command: python worker.py}\n"
TWO = "services: {api: {port: 1}, admin: {port: 2}, worker: {}}"


@pytest.fixture
def ann(db: Any) -> Person:
    return factories.person("deployer", "ann")


@pytest.fixture
def client(ann: Person) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.issue(ann, name='tests')[1]}"})


@pytest.fixture
def shop(db: Any) -> App:
    return factories.app("shop")


def send(client: Client, method: str, path: str = "", document: Any = None, *, app: str = "shop") -> Any:
    body = json.dumps(document) if document is not None else ""
    return client.generic(method, f"/api/apps/{app}/domains{path}", body, content_type="application/json")


def hosts(client: Client, app: str = "shop") -> list[tuple[str, str, str]]:
    return [(each["source"], each["host"], each["service"]) for each in send(client, "GET", app=app).json()]


def test_before_the_first_rollout_they_are_only_remembered(client: Client, shop: App) -> None:
    made = send(client, "POST", document={"host": "WWW.Example.com"})
    assert made.status_code == 201, made.content
    said = made.json()
    assert (said["host"], said["service"], said["url"]) == (HOST, "web", f"https://{HOST}")
    assert (said["source"], said["by"]) == ("app", "ann (token tests)")
    send(client, "POST", document={"host": "*.example.org", "service": "api"})
    assert hosts(client) == [("app", "*.example.org", "api"), ("app", HOST, "web")]
    assert client.get("/api/apps/shop").json()["urls"] == [f"https://{HOST}"]
    assert send(client, "DELETE", "/*.EXAMPLE.org").status_code == 204
    again = send(client, "DELETE", "/*.example.org")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "not_found")
    assert send(client, "DELETE", "/%00").status_code == 404
    deeds = AuditEntry.objects.filter(action__endswith="_domain").order_by("id").values_list("action", "subject")
    assert list(deeds) == [
        ("add_domain", HOST),
        ("add_domain", "*.example.org"),
        ("remove_domain", "*.example.org"),
    ]


def test_those_of_the_manifest_are_listed_and_changed_there(client: Client, shop: App) -> None:
    factories.active(shop, manifest=WITH_DOMAIN)
    assert hosts(client) == [("manifest", HOST, "web"), ("manifest", "*.example.org", "web")]
    taken = send(client, "POST", document={"host": HOST})
    assert taken.status_code == 409 and "is in the manifest of shop already" in taken.json()["error"]["message"]
    assert send(client, "DELETE", f"/{HOST}").status_code == 404


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "10.0.0.1",
        "www.example.com.",
        "a b.example.com",
        "http://www.example.com",
        "www.example.com:8080",
        "-a.example.com",
        "a..com",
        "*",
        "*.com",
        "a.*.example.com",
        "bücher.example.com",
        "a_b.example.com",
        "x" * 64 + ".example.com",
        "a." * 130 + "com",
        "www.example.com\x00",
        "www.example.com\n.evil",
        "\ud800.example.com",
    ],
)
def test_what_is_no_host_is_refused(client: Client, shop: App, host: str) -> None:
    assert send(client, "POST", document={"host": host}).status_code in (400, 422)
    assert not Domain.objects.exists()


def test_names_that_the_embedded_cluster_gives_are_not_for_everybody(client: Client, shop: App, settings: Any) -> None:
    settings.DEPLOYER_APP_URL = "http://{app}.localhost:8001"
    refused = send(client, "POST", document={"host": "other.localhost"})
    assert refused.status_code == 422 and "end with .localhost" in refused.json()["error"]["message"]
    shop.cluster = factories.cluster("far", kind="kubeconfig")
    shop.save()
    assert send(client, "POST", document={"host": "other.localhost"}).status_code == 201


def test_the_service_is_one_that_can_be_reached(client: Client, shop: App) -> None:
    factories.release(shop, manifest=TWO)
    for document, words in (
        ({"host": HOST}, "Name the service that it leads to: admin, api."),
        ({"host": HOST, "service": "worker"}, "has no service “worker” with a port: admin, api can be reached."),
        ({"host": HOST, "service": "x" * 200}, "with a port"),
    ):
        refused = send(client, "POST", document=document)
        assert refused.status_code == 422 and words in refused.json()["error"]["message"], refused.content
    assert send(client, "POST", document={"host": HOST, "service": "api"}).json()["service"] == "api"
    only = factories.app("only")
    factories.release(only, manifest="services: {api: {port: 1}, worker: {}}")
    assert send(client, "POST", document={"host": "only.example.com"}, app="only").json()["service"] == "api"
    none = factories.app("none")
    factories.release(none, manifest="services: {worker: {}}")
    assert send(client, "POST", document={"host": "none.example.com"}, app="none").status_code == 422


def test_in_a_cluster_a_host_leads_to_one_app(client: Client, shop: App, ann: Person) -> None:
    other, far = factories.app("other"), factories.app("far", cluster=factories.cluster("far", kind="kubeconfig"))
    factories.active(other, manifest=WITH_DOMAIN)
    coming = factories.app("coming")
    factories.rollout(factories.release(coming, manifest=WITH_DOMAIN.replace("www", "soon")))
    for host, words in ((HOST, "manifest of other already"), ("soon.example.com", "manifest of coming already")):
        taken = send(client, "POST", document={"host": host})
        assert (taken.status_code, taken.json()["error"]["code"]) == (409, "taken")
        assert words in taken.json()["error"]["message"]
    assert send(client, "POST", document={"host": HOST}, app="far").status_code == 201
    send(client, "POST", document={"host": "new.example.com"})
    taken = send(client, "POST", document={"host": "new.example.com"}, app="coming")
    assert taken.json()["error"]["message"] == "new.example.com is a domain of shop already."
    own = Client(headers={"Authorization": f"Bearer {Token.issue(ann, name='own', apps=[coming])[1]}"})
    taken = send(own, "POST", document={"host": "new.example.com"}, app="coming")
    assert taken.json()["error"]["message"] == "new.example.com is a domain of another app already."
    assert send(own, "GET").status_code == 404
    assert far.domains.count() == 1


def test_a_release_whose_manifest_would_take_one_over_is_not_promoted(client: Client, shop: App, deployer: Any) -> None:
    send(client, "POST", document={"host": HOST})
    for name, words in (("web", ""), ("worker", f"{HOST} is a domain of shop and leads to its web already.")):
        text = f"services: {{{name}: {{port: 80, domain: [{HOST}]}}}}"
        release = factories.release(shop, manifest=text)
        found = [reason.words for reason in policy.refusals("promote", by=deployer, app=shop, release=release)]
        assert found == ([words] if words else [])
    other = factories.app("other")
    with pytest.raises(NotAllowed) as refusal:
        actions.promote(factories.release(other, manifest=WITH_DOMAIN), by=deployer)
    assert refusal.value.reasons == [f"{HOST} is a domain of shop and leads to its web already."]
    limited = replace(deployer, apps=frozenset([other.pk]))
    found = policy.refusals("promote", by=limited, app=other, release=other.releases.get())
    assert [reason.words for reason in found] == [f"{HOST} is a domain of another app already."]


def test_a_cluster_that_does_not_answer_changes_nothing_and_says_so(client: Client, shop: App, settings: Any) -> None:
    factories.active(shop)
    settings.DEPLOYER_KUBECONFIG = "/nonexistent/kubeconfig"
    away = send(client, "POST", document={"host": HOST})
    assert (away.status_code, away.json()["error"]["code"]) == (503, "cluster_unavailable") and away["Retry-After"]
    assert hosts(client) == []
    row = Domain.objects.create(
        app=shop, cluster=shop.cluster, host=HOST, service="web", **policy.actor_for(Person.objects.get()).columns()
    )
    before = send(client, "GET").json()
    assert send(client, "DELETE", f"/{HOST}").status_code == 503
    assert send(client, "GET").json() == before and before[0]["by"] == row.by_label
    shop.refresh_from_db()
    assert shop.domains_applied != shop.domains_changed, "the cluster may have heard of it, and is told anew"
    undone = AuditEntry.objects.exclude(detail__undone=None).order_by("id").values_list("action", "by_label")
    assert list(undone) == [("remove_domain", "system"), ("add_domain", "system")]


def test_who_only_looks_may_not(client: Client, shop: App) -> None:
    send(client, "POST", document={"host": HOST})
    Person.objects.update(role=Person.VIEWER)
    assert send(client, "POST", document={"host": "a.example.com"}).status_code == 403
    assert send(client, "DELETE", f"/{HOST}").status_code == 403
    assert hosts(client) == [("app", HOST, "web")]


def test_there_is_an_end_to_them(client: Client, shop: App) -> None:
    rows = [
        Domain(app=shop, cluster=shop.cluster, host=f"h{n}.example.com", service="web", by_label="ann")
        for n in range(100)
    ]
    Domain.objects.bulk_create(rows)
    full = send(client, "POST", document={"host": HOST})
    assert full.status_code == 422 and "100 domains" in full.json()["error"]["message"]


def test_of_two_apps_in_the_same_instant_one_gets_it(together: Any) -> None:
    by = factories.actor("deployer")
    for number in range(8):
        one, other, host = factories.app(), factories.app(), f"h{number}.example.com"
        results = together(
            lambda one=one, host=host: actions.add_domain(one, host, by=by),
            lambda other=other, host=host: actions.add_domain(other, host, by=by),
        )
        [winner] = [result for result in results if isinstance(result, Domain)]
        [refusal] = [result for result in results if isinstance(result, Taken)]
        assert refusal.message == f"{host} is a domain of {winner.app.name} already."
        assert Domain.objects.filter(host=host).get() == winner


def test_of_a_domain_and_a_promote_in_the_same_instant_one_gets_the_host(together: Any) -> None:
    by = factories.actor("deployer")
    for number in range(8):
        one, other, host = factories.app(), factories.app(), f"h{number}.example.com"
        release = factories.release(other, manifest=f"services: {{web: {{port: 80, domain: [{host}]}}}}")
        results = together(
            lambda one=one, host=host: actions.add_domain(one, host, by=by),
            lambda release=release: actions.promote(release, by=by),
        )
        assert sorted(isinstance(result, Taken | NotAllowed) for result in results) == [False, True], results


def test_two_who_remove_it_in_the_same_instant(together: Any) -> None:
    by = factories.actor("deployer")
    for _ in range(5):
        row = actions.add_domain(factories.app(), HOST, by=by)
        results = together(*[lambda row=row: actions.remove_domain(row, by=by)] * 2)
        assert sorted(map(type, results), key=str) == sorted([type(None), Invalid], key=str), results
        assert not Domain.objects.exists()
