"""What all pages share: the navigation, Find, the theme, the pages for faults, and who is told that a rollout ended."""

import re

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from django.views.defaults import server_error
from pages_world import make_release, make_rollout, make_world

from releases import policy
from releases.models import App, Rollout, Source
from releases.pages import status, toasts

FEW, MORE = 3, 12


@pytest.fixture
def world(db):
    return make_world()


def as_(client, world, role="deployer"):
    client.force_login(world.people[role])
    return client


def text(response):
    return response.content.decode()


def hits(client, asked, **more):
    """Address by what it says."""
    page = text(client.get("/find", {"q": asked, **more}))
    found = re.findall(r'<a class="hit" href="([^"]*)"[^>]*><span class="what">([^<]*)</span>', page)
    return {what: address for address, what in found}


def app(world, name, **given):
    return App.objects.create(name=name, cluster=world.app.cluster, **world.actor().columns(), **given)


# --- The navigation ---------------------------------------------------------------------------------------------------


def current(page):
    return re.findall(r'<a href="([^"]*)" aria-current="([a-z]+)"', page)


def test_the_navigation_says_where_one_is(client, world):
    as_(client, world)
    assert current(text(client.get("/clusters"))) == [("/clusters", "page")]
    assert current(text(client.get("/"))) == [("/", "page")]
    assert current(text(client.get("/apps/hello"))) == [("/", "true"), ("/apps/hello", "page")]


def test_every_link_of_the_frame_leads_somewhere(client, world):
    as_(client, world, "administrator")
    page = text(client.get("/apps/hello/env"))
    links = re.findall(
        r'href="(/[^"#]*)"', re.sub(r"<main.*?<nav class=\"tabs\"", "", page, flags=re.S).split("</nav>\n<")[0]
    )
    assert {"/", "/find?app=hello", "/apps/hello", "/apps/hello/env"} <= set(links)
    for link in set(links) - {"/admin/"}:
        assert client.get(link).status_code == 200, link


def test_who_is_not_signed_in_has_no_palette_and_is_told_nothing(client, world):
    page = text(client.get("/sign-in"))
    assert "palette" not in page and "toasts" not in page and "keys.js" not in page
    for path in ("/find", "/help/words"):
        assert client.get(path).status_code == 302


# --- Find -------------------------------------------------------------------------------------------------------------


def test_apps_releases_builds_and_rollouts_are_found(client, world):
    as_(client, world)
    app(world, "shop")
    release, build = world.newest, world.newest.build
    assert hits(client, "sho")["shop"] == "/apps/shop"
    assert hits(client, release.pk[:5].lower())[release.pk] == f"/apps/hello/releases/{release.pk}"
    by_build = hits(client, build.pk)
    assert by_build[build.pk] == f"/apps/hello/builds/{build.pk}" and release.pk in by_build
    by_commit = hits(client, "0a1b2c3d")
    assert release.pk in by_commit and build.pk in by_commit
    assert hits(client, "hello 2")["hello 2"] == "/apps/hello/rollouts/2"
    assert hits(client, "#1", app="hello")["hello 1"] == "/apps/hello/rollouts/1"
    assert release.pk in hits(client, "hello say") and release.pk in hits(client, "say hello", app="hello")
    assert release.pk not in hits(client, "say something", app="hello")


def test_an_action_leads_to_the_page_where_it_is_done(client, world):
    as_(client, world)
    before = Rollout.objects.count()
    assert hits(client, "promote hello")["Promote in hello"] == "/apps/hello#app-next"
    assert hits(client, "promote", app="hello")["Promote in hello"] == "/apps/hello#app-next"
    assert hits(client, "variables of hello") == {"Variables of hello": "/apps/hello/env"}
    assert "Promote in hello" not in hits(client, "promote")  # of which app?
    assert Rollout.objects.count() == before


def test_a_branch_can_be_built_where_a_repository_is_connected(client, world):
    as_(client, world)
    assert not any(what.startswith("Build") for what in hits(client, "build main of hello"))
    Source.objects.create(app=world.app, url="https://git.example.com/hello", branch="main", **world.actor().columns())
    assert hits(client, "build main of hello")["Build main of hello"] == "/apps/hello#build"


def test_nobody_is_sent_where_they_may_not_go(client, world):
    as_(client, world, "viewer")
    assert "Promote in hello" not in hits(client, "promote hello")
    assert "Variables of hello" in hits(client, "variables hello")
    assert "New app" not in hits(client, "new") and "a-deployer" not in hits(client, "a-deployer")
    as_(client, world, "administrator")
    assert "Promote in hello" in hits(client, "promote hello") and "New app" in hits(client, "new")


def test_the_palette_gets_the_list_alone_and_as_options(client, world):
    as_(client, world)
    drawn = text(client.get("/find", {"q": "hello"}, headers={"HX-Request": "true"}))
    assert "<html" not in drawn
    options = re.findall(r'role="option"[^>]*id="([^"]+)"', drawn)
    assert len(options) == len(set(options)) == drawn.count('class="hit"') > 1
    assert 'role="option"' not in text(client.get("/find", {"q": "hello"}))


@pytest.mark.parametrize(
    "asked", ["\x00qq", "%", "_" * 300, "9" * 40, "R" + "Ä" * 9, b"\xed\xa0\x80", "'; --", "((( \u202e"]
)
def test_odd_words_find_nothing_and_break_nothing(client, world, asked):
    response = as_(client, world).get("/find", {"q": asked, "app": asked})
    assert response.status_code == 200 and "Nothing has these words" in text(response)


def test_what_find_asks_of_the_database_does_not_grow(client, world):
    as_(client, world, "administrator")

    def asked(count):
        for number in range(App.objects.count(), count + 1):
            other = app(world, f"shop-{number}")
            for _ in range(3):
                release = make_release(other, by=world.actor(), description="build 0a1b2c3d4e Say shop")
                make_rollout(other, release, "succeeded", by=world.actor())
        with CaptureQueriesContext(
            connection,
        ) as queries:
            for words in ("shop", "shop 1", "0a1b2c3d", "say shop-1", "rab bab", "promote shop", ""):
                assert client.get("/find", {"q": words, "app": "hello"}).status_code == 200
        return len(queries)

    assert asked(FEW) == asked(MORE)


# --- The theme --------------------------------------------------------------------------------------------------------


def test_a_theme_is_kept_and_taken_back(client, world):
    as_(client, world)
    answer = client.post("/theme", {"theme": "dark"}, headers={"Referer": "http://testserver/clusters"})
    assert answer.status_code == 302 and answer.url == "http://testserver/clusters"
    assert answer.cookies["deployer_theme"]["samesite"] == "Lax"
    assert '<html lang="en" data-theme="dark">' in text(client.get("/"))
    client.post("/theme", {"theme": "system"})
    assert '<html lang="en">' in text(client.get("/"))


def test_a_theme_of_somebody_s_own_is_none(client, world):
    as_(client, world)
    assert client.post("/theme", {"theme": "pink"}).status_code == 422
    client.cookies["deployer_theme"] = 'x" onload="alert(1)'
    assert '<html lang="en">' in text(client.get("/"))
    elsewhere = client.post("/theme", {"theme": "dark"}, headers={"Referer": "https://evil.example/"})
    assert elsewhere.url == "/"


# --- When something is wrong ------------------------------------------------------------------------------------------


def test_what_is_not_there_offers_to_look_for_it(client, world):
    page = text(as_(client, world).get("/apps/gone"))
    assert "Not here" in page and 'action="/find"' in page and 'aria-label="Main"' in page
    client.logout()
    page = text(client.get("/nothing/here"))
    assert "Not here" in page and 'aria-label="Main"' not in page


def test_a_slash_behind_an_address_does_no_harm(client, world):
    client.force_login(world.people["viewer"])
    found = client.get("/apps/hello/env/?changed=1", follow=True)
    assert (found.status_code, found.redirect_chain) == (200, [("/apps/hello/env?changed=1", 302)])
    for path in ("/%2Fevil.example/", "/apps/no-such-app/no-page/", "/api/apps/", "/apps/a%0Ab//evil.example/"):
        assert client.get(path).status_code == 404, path
    assert client.post("/apps/hello/lock/").status_code == 404


def test_a_form_from_elsewhere_is_refused_in_words(world):
    client = as_(Client(enforce_csrf_checks=True), world)
    response = client.post("/theme", {"theme": "dark"})
    assert response.status_code == 403
    assert "That form was too old" in text(response) and 'aria-label="Main"' in text(response)


def test_a_request_that_can_t_be_read_is_told_so(rf, world):
    request = rf.get("/")
    request.user = world.people["viewer"]
    handle = get_resolver().resolve_error_handler(400)
    answer = handle(request, SuspiciousOperation("odd"))  # type: ignore[call-arg]
    assert answer.status_code == 400 and "Not understood" in text(answer) and 'aria-label="Main"' in text(answer)


def test_a_fault_of_ours_is_told_without_asking_anything(rf):
    """Nothing here may touch the database: this test has none."""
    answer = server_error(rf.get("/"))
    assert answer.status_code == 500 and "That went wrong" in text(answer) and "deployer.css" in text(answer)


def test_the_words_are_explained(client, world):
    page = text(as_(client, world, "viewer").get("/help/words"))
    for word in [
        "App",
        "Service",
        "Process",
        "Build",
        "Release",
        "Environment",
        "Rollout",
        "Promote",
        "Rollback",
        "Restore",
        "Verdict",
        "Cause",
        "Manifest",
        "Cluster",
    ]:
        assert f">{word}</dt>" in page, word
    for signs in (status.APP, status.BUILD, status.ROLLOUT):
        assert all(f"{sign.word}</span>" in page for sign in signs.values())
    assert "<kbd>?</kbd>" in page


# --- Toasts -----------------------------------------------------------------------------------------------------------


def test_who_began_a_rollout_hears_of_its_end_once(world):
    ann = world.actor()
    running = world.rollout(world.newest, "rolling")
    first = toasts.look(None, [], by=ann)
    assert (first.watched, first.ended) == (["hello.3"], [])
    running.transition("succeeded")
    second = toasts.look(first.seen, first.watched, by=ann)
    (toast,) = second.ended
    assert toast["words"] == f"hello: {world.newest.pk} is active" and toast["address"] == "/apps/hello/rollouts/3"
    assert toast["tone"] == "ok" and second.watched == []
    assert toasts.look(second.seen, second.watched, by=ann).ended == []


def test_what_began_and_ended_while_away_still_comes(world):
    ann = world.actor()
    before = toasts.look(None, [], by=ann)
    world.rollout(world.newest, "rolled_back", reason="web exited with 1.")
    (toast,) = toasts.look(before.seen, before.watched, by=ann).ended
    assert toast["tone"] == "bad" and toast["more"] == "web exited with 1."


def test_others_hear_of_it_if_they_watched(world):
    bob = policy.actor_for(world.people["viewer"])
    before = toasts.look(None, ["hello.3", "hello.99999999999", "nonsense", ""], by=bob)
    assert before == toasts.Look(before.seen, [])
    running = world.rollout(world.newest, "rolling")
    assert toasts.look(before.seen, [], by=bob).watched == []
    assert toasts.look(before.seen, ["hello.3"], by=bob).watched == ["hello.3"]
    running.transition("rolling_back")
    running.transition("failed")
    assert [toast["key"] for toast in toasts.look(before.seen, ["hello.3"], by=bob).ended] == ["hello.3"]
    assert toasts.look(before.seen, [], by=bob).ended == []


def test_a_look_asks_no_more_when_more_has_ended(world):
    ann, seen = world.actor(), toasts.look(None, [], by=world.actor()).seen

    def asked():
        with CaptureQueriesContext(connection) as queries:
            toasts.look(seen, ["hello.1", "hello.2"], by=ann)
        return len(queries)

    few = asked()
    for number in range(5):
        other = app(world, f"shop-{number}")
        make_rollout(other, make_release(other, by=ann), "succeeded", by=ann)
    assert asked() == few
