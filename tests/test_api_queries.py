"""What an answer of the API asks of the database does not grow with what is there."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from releases import audit, policy
from releases.models import App, Build, Delivery, Domain, Registry, Rollout, Token
from tests import factories

pytestmark = pytest.mark.django_db
ADMINISTRATOR = "ann"
# More rows than a look at one or two would tell apart.
FEW, MORE = 3, 9


@pytest.fixture
def client(db: Any) -> Client:
    ann = factories.person("administrator", ADMINISTRATOR)
    client = Client(headers={"Authorization": f"Bearer {Token.issue(ann, name='tests')[1]}"})
    client.get("/api/me")  # that a token was used is written down once a minute
    return client


@pytest.fixture
def shop(db: Any) -> App:
    return factories.app("shop")


def one_app(shop: App) -> None:
    """With something to say of it: it is locked, runs a release, and another one is on its way."""
    app = factories.app(locked_at=timezone.now(), lock_reason="Moving.", locked_by_label="ann")
    factories.active(app)
    factories.rollout(factories.release(app), status="rolling")


def one_release(shop: App) -> None:
    factories.rollout(factories.release(shop, by=policy.automatic("a push")), status="failed")


def one_rollout(shop: App) -> None:
    """That replaced another."""
    replaced = factories.rollout(factories.release(shop), status="superseded")
    factories.rollout(factories.active(shop), status="succeeded", previous=replaced.release, replaces=replaced)


def one_build(shop: App) -> None:
    """One was promoted, one never was, though it was wished."""
    factories.active(shop)
    factories.release(shop, build=factories.build(shop, promote=True, finished_at=timezone.now()))


def one_entry(shop: App) -> None:
    audit.record("promote", by=factories.actor(), app=shop, subject="RABCDEFGHIJ")


def one_person(shop: App) -> None:
    factories.person()


def one_token(shop: App) -> None:
    Token.issue(factories.person(), name="ci", apps=[shop, factories.app()])


def one_cluster(shop: App) -> None:
    factories.app(cluster=factories.cluster(f"cluster-{App.objects.count()}", kind="kubeconfig"))


def one_registry(shop: App) -> None:
    name = f"registry-{Registry.objects.count()}"
    factories.app(registry=Registry.objects.create(name=name, address=f"{name}.test", **policy.SYSTEM.columns()))


def one_domain(shop: App) -> None:
    host = f"{Domain.objects.count()}.example.com"
    Domain.objects.create(app=shop, cluster=shop.cluster, host=host, service="web", **factories.actor().columns())


def one_delivery(shop: App) -> None:
    Delivery.objects.create(app=shop, guid=str(Delivery.objects.count()), event="push")


@pytest.mark.parametrize(
    ("path", "one_more"),
    [
        ("/apps", one_app),
        ("/apps/shop/releases", one_release),
        ("/apps/shop/releases?status=failed", one_release),
        ("/apps/shop/releases?search=build", one_release),
        ("/apps/shop/rollouts", one_rollout),
        ("/apps/shop/builds", one_build),
        ("/apps/shop/domains", one_domain),
        ("/apps/shop/deliveries", one_delivery),
        ("/audit", one_entry),
        ("/people", one_person),
        ("/tokens?all=true", one_token),
        ("/clusters", one_cluster),
        ("/registries", one_registry),
    ],
)
def test_a_listing_asks_as_often_for_many_as_for_few(
    client: Client, shop: App, path: str, one_more: Callable[[App], None]
) -> None:
    few = _filled(client, path, FEW, one_more, shop)
    more = _filled(client, path, MORE, one_more, shop)
    assert len(more) == len(few), "\n".join(query["sql"] for query in more.captured_queries)


@pytest.mark.parametrize("path", ["", "/releases/{release}", "/rollouts/1", "/builds/{build}", "/env"])
def test_what_is_one_thing_is_found_as_quickly_in_a_long_history(client: Client, shop: App, path: str) -> None:
    first = factories.active(shop)
    path = f"/apps/shop{path.format(release=first.pk, build=first.build_id)}"
    few = _asked(client, path)
    for _ in range(MORE):
        one_release(shop)
        one_build(shop)
    assert len(_asked(client, path)) == len(few)


@pytest.mark.parametrize(
    ("path", "key", "one_more"),
    [("/apps", "name", one_app), ("/people", "username", one_person), ("/tokens", "prefix", one_token)],
)
def test_pages_have_everything_once_whatever_comes_meanwhile(
    client: Client, shop: App, path: str, key: str, one_more: Callable[[App], None]
) -> None:
    for _ in range(FEW):
        one_more(shop)
    before = [row[key] for row in client.get(f"/api{path}", {"all": "true"}).json()["items"]]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"/api{path}", {"all": "true", "limit": 2, "cursor": cursor}).json()
        assert 0 < len(page["items"]) <= 2
        seen += [row[key] for row in page["items"]]
        cursor = page["next"]
        if len(seen) < FEW:
            one_more(shop)
    assert len(seen) == len(set(seen)) and [each for each in seen if each in before] == before
    assert client.get(f"/api{path}", {"cursor": "9" * 200}).status_code == 422


@pytest.mark.parametrize("analyzed", [True, False])
def test_what_is_unfinished_is_found_past_all_that_has_ended(shop: App, analyzed: bool) -> None:
    """By an index of just these: of the statuses, SQLite believes that each is as frequent as any other."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads such a small table whole, and knows how rare each status is")
    release = factories.active(shop)
    for number in range(2, 200):
        ended = {"status": "succeeded", "finished_at": timezone.now()}
        factories.rollout(release, number=number, **ended)
        factories.build(shop, **ended)
    if analyzed:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    assert "unfinished_rollouts" in Rollout.unfinished().filter(app=shop).explain()
    assert "unfinished_builds" in Build.unfinished().filter(app=shop).explain()


def _filled(client: Client, path: str, count: int, one_more: Callable[[App], None], shop: App) -> CaptureQueriesContext:
    for _ in range(count):
        one_more(shop)
    return _asked(client, path)


def _asked(client: Client, path: str) -> CaptureQueriesContext:
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(f"/api{path}")
    assert answer.status_code == 200, answer.content
    return asked
