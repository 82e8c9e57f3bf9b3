"""What the buttons do, and how a refusal is told."""

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from pages_world import make_world

from releases.models import App, AuditEntry, Person, Rollout

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")


@pytest.fixture
def deployer(client, world):
    client.force_login(world.people["deployer"])
    return client


def text(response):
    return response.content.decode()


def from_(path):
    return {"HTTP_REFERER": f"http://testserver{path}"}


def test_promote_leads_to_its_rollout(deployer, world):
    response = deployer.post(f"/apps/hello/releases/{world.newest.pk}/promote", {"note": " why "})
    assert response.status_code == 302 and response.url == "/apps/hello/rollouts/3"
    assert Rollout.objects.get(app=world.app, number=3).note == "why"


def test_rollback_promotes_a_copy(deployer, world):
    response = deployer.post(f"/apps/hello/releases/{world.old.pk}/rollback")
    rollout = Rollout.objects.get(app=world.app, number=3)
    assert response.url == rollout.get_absolute_url()
    assert rollout.release.rolled_back_to_id == world.old.pk
    assert f"Rolling back to {world.old.pk}" in text(deployer.get(response.url))


def test_a_second_promote_is_refused_on_the_page_it_came_from(deployer, world):
    world.rollout(world.newest, "rolling")
    page = f"/apps/hello/releases/{world.newest.pk}"
    response = deployer.post(f"{page}/promote", **from_(page))
    assert response.status_code == 409
    assert "Rollout 3 of hello" in text(response) and "What it is" in text(response)
    assert world.app.rollouts.count() == 3


def test_a_refusal_without_a_page_to_go_back_to_is_told_on_the_app(deployer, world):
    world.rollout(world.newest, "rolling")
    for given in ({}, from_("/sign-out"), from_("/nowhere"), {"HTTP_REFERER": "http://elsewhere.example/"}):
        response = deployer.post(f"/apps/hello/releases/{world.newest.pk}/promote", **given)
        assert response.status_code == 409 and 'id="app-releases"' in text(response)


def test_a_viewer_may_look_and_not_touch(client, world):
    client.force_login(world.people["viewer"])
    rollout = world.rollout(world.newest, "rolling")
    for path, data in (
        (f"/apps/hello/releases/{world.newest.pk}/promote", {}),
        (f"/apps/hello/releases/{world.old.pk}/rollback", {}),
        (f"{rollout.get_absolute_url()}/abort", {}),
        (f"/apps/hello/builds/{world.old.build_id}/cancel", {}),
        ("/apps/hello/scale/web", {"count": 2}),
        ("/apps/hello/env/change", {"name": "A", "value": "1", "change": "set"}),
        ("/apps/hello/env/reveal", {}),
    ):
        response = client.post(path, data)
        assert response.status_code == 403, path
        assert "needs the role deployer" in text(response)
    assert client.post("/apps/new", {"name": "mine"}).status_code == 403
    assert not App.objects.filter(name="mine").exists()


def test_buttons_are_posts_with_a_token(world):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(world.people["deployer"])
    path = f"/apps/hello/releases/{world.newest.pk}/promote"
    assert strict.get(path).status_code == 405
    response = strict.post(path)
    assert response.status_code == 403 and "Nothing was done" in text(response)
    assert world.app.rollouts.count() == 2


def test_who_was_signed_out_comes_back_to_the_page_and_presses_again(client, world):
    page, login = f"/apps/hello/releases/{world.newest.pk}", {"username": "a-deployer", "password": PASSWORD}
    world.people["deployer"].set_password(PASSWORD)
    world.people["deployer"].save()
    for before, lands in [(page, page), ("/nowhere", "/apps/hello"), (f"{page}/promote", "/apps/hello")]:
        response = client.post(f"{page}/promote", **from_(before))
        assert response.url == f"/sign-in?next={lands}"
        assert "nothing was done. Sign in, and press the button again." in text(client.get(response.url))
        assert client.post(response.url, {**login, "next": lands}).url == lands
        assert client.get(lands).status_code == 200
        client.logout()
    assert client.post("/theme", {"theme": "dark"}).url == "/sign-in?next=/"
    assert world.app.rollouts.count() == 2


def test_the_address_of_a_button_is_no_blank_page(deployer, world):
    for path, words in [
        (f"/apps/hello/releases/{world.newest.pk}/promote", "belongs to a button"),
        ("/sign-out", "belongs to a button"),
        ("/account/password", "belongs to a button"),
    ]:
        response = deployer.get(path)
        assert (response.status_code, response.headers["Allow"].split(", ")[0]) == (405, "POST"), path
        assert words in text(response) and "no-store" in response.headers["Cache-Control"]
    assert '<a class="button" href="/apps/hello">To hello</a>' in text(deployer.get("/apps/hello/restart"))
    response = deployer.post("/apps/hello")
    assert response.status_code == 405 and "takes nothing that is sent to it" in text(response)


def test_abort_and_cancel(deployer, world):
    rollout = world.rollout(world.newest, "rolling")
    response = deployer.post(f"{rollout.get_absolute_url()}/abort")
    assert response.status_code == 302
    rollout.refresh_from_db()
    assert rollout.abort_requested_at and rollout.abort_by == "a-deployer"
    over = deployer.post("/apps/hello/rollouts/1/abort", **from_("/apps/hello/rollouts/1"))
    assert over.status_code == 409 and "is over already" in text(over)
    done = deployer.post(f"/apps/hello/builds/{world.old.build_id}/cancel")
    assert done.status_code == 409 and "is over already" in text(done)


def test_scale_refuses_what_is_no_count(deployer, world):
    for count in ("-1", "1001", "", "many", "9" * 30):
        assert deployer.post("/apps/hello/scale/web", {"count": count}).status_code == 422, count
    assert deployer.post("/apps/hello/scale/nope", {"count": 1}).status_code == 422
    assert deployer.post("/apps/hello/scale/web", {"count": 2}).status_code == 503  # no cluster here


def test_a_new_app(deployer, world):
    assert deployer.post("/apps/new", {"name": "shop"}).url == "/apps/shop"
    for name, status in (("hello", 409), ("No Label", 422), ("", 422), ("x" * 41, 422), ("-x", 422)):
        response = deployer.post("/apps/new", {"name": name})
        assert response.status_code == status, name
        assert "✕" in text(response)


def test_variables_are_masked_until_somebody_asks_which_is_written_down(deployer, world):
    page = text(deployer.get("/apps/hello/env"))
    assert "SECRET_KEY" in page and "very-secret-value" not in page
    response = deployer.post("/apps/hello/env/reveal")
    assert "very-secret-value" in text(response) and response["Cache-Control"] == "no-store"
    assert AuditEntry.objects.filter(action="reveal_env", app_name="hello").count() == 1


def test_setting_a_variable_promotes_a_release(deployer, world):
    response = deployer.post("/apps/hello/env/change", {"name": "COLOUR", "value": "a\r\nb ", "change": "set"})
    rollout = Rollout.objects.get(app=world.app, number=3)
    assert response.url == rollout.get_absolute_url()
    assert rollout.release.env["COLOUR"] == "a\nb "


def test_staging_promotes_nothing_and_is_shown(deployer, world):
    data = {"name": "COLOUR", "value": "white", "change": "stage"}
    page = text(deployer.post("/apps/hello/env/change", data, follow=True))
    assert "COLOUR is staged in R" in page and "Staged, for the next build" in page
    removal = {"remove": "SECRET_KEY", "change": "stage"}
    assert "− SECRET_KEY" in text(deployer.post("/apps/hello/env/change", removal, follow=True))
    assert world.app.rollouts.count() == 2


def test_variables_that_can_not_be(deployer, world):
    for name in ("1A", "A-B", "", "PORT", "A" * 200, "Ä"):
        data = {"name": name, "value": "1", "change": "set"}
        response = deployer.post("/apps/hello/env/change", data, **from_("/apps/hello/env"))
        assert response.status_code == 422, name
    assert deployer.post("/apps/hello/env/change", {"name": "A", "change": "eat"}).status_code == 422


def link_for(person):
    return f"/sign-in/{urlsafe_base64_encode(force_bytes(person.pk))}/{default_token_generator.make_token(person)}/"


def test_a_sign_in_link_works_once_and_only_by_its_button(client, world):
    link = link_for(world.people["administrator"])
    for _ in range(2):
        assert "Sign in as a-administrator" in text(client.get(link))
    assert client.get("/").status_code == 302
    assert client.post(link).url == "/"
    assert client.get("/").status_code == 200
    again = Client().post(link)
    assert again.status_code == 410 and "make password" in text(again)


def test_broken_links_are_used_up_links(client, world):
    token = default_token_generator.make_token(world.people["viewer"])
    for uid in ("", "x", "OTk5OTk", "!!!", urlsafe_base64_encode(b"9" * 40)):
        assert client.get(f"/sign-in/{uid or '-'}/{token}/").status_code == 410
    person = world.people["deployer"]
    link = link_for(person)
    Person.objects.filter(pk=person.pk).update(is_active=False)
    assert client.post(link).status_code == 410


def test_signing_in_leads_where_one_was_going_and_never_elsewhere(client, world):
    world.people["viewer"].set_password(PASSWORD)
    world.people["viewer"].save()
    who = {"username": "a-viewer", "password": PASSWORD}
    assert client.post("/sign-in?next=/apps/hello", {**who, "next": "/apps/hello"}).url == "/apps/hello"
    assert client.post("/sign-out").url == "/sign-in"
    assert client.post("/sign-in", {**who, "next": "https://elsewhere.example/"}).url == "/"
    assert "do not belong together" in text(Client().post("/sign-in", {**who, "password": "wrong"}))


def test_too_many_tries_lock_the_door_in_words(client, world, settings):
    settings.AXES_LOCKOUT_TEMPLATE = "locked_out.html"
    settings.AXES_FAILURE_LIMIT = 3
    for _ in range(3):
        response = client.post("/sign-in", {"username": "a-viewer", "password": "wrong"})
    assert response.status_code == 429 and "Too many tries" in text(response)
    response = client.post("/sign-in", {"username": "a-viewer", "password": PASSWORD})
    assert response.status_code == 429
