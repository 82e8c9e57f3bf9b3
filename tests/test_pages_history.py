"""The histories of releases and rollouts: what they say, to whom, and as a file."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pages_world import make_release, make_rollout, make_world

from releases import policy
from releases.models import App, Build, Release, Rollout
from releases.pages import looks

pytestmark = pytest.mark.django_db


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")
    looks._looks.clear()


@pytest.fixture
def see(client, world):
    """What the page says to a deployer; `role` to another."""

    def seen(path, role="deployer", **query):
        client.force_login(world.people[role])
        response = client.get(path, query)
        assert response.status_code == 200, path
        return response.content.decode()

    return seen


def aged(row, **ago):
    moment = timezone.now() - timedelta(**ago)
    type(row).objects.filter(pk=row.pk).update(created_at=moment, finished_at=moment + timedelta(seconds=68))


def row_of(rollout, page):
    return page.split(f'<tr id="row-rollouts-{rollout.pk}"')[1].split("</tr>")[0]


def ids(page):
    """The rows, in their order."""
    return [part.split('"')[0] for part in page.split('<tr id="row-')[1:]]


@pytest.fixture
def shop(world):
    """Another app of the same cluster, with one release that a viewer's colleague made."""
    by = policy.actor_for(world.people["administrator"])
    app = App.objects.create(name="shop", cluster=world.app.cluster, **by.columns())
    release = make_release(app, by=by, description="Sell things")
    rollout = make_rollout(
        app, release, "failed", by=by, reason="The release command exited with 1.", strategy="immediate"
    )
    return rollout


def test_a_manager_reads_what_went_wrong_who_did_it_why_and_how_long_it_took(see, world):
    rollout = world.rollout(
        world.newest, "rolled_back", reason="web exited with 1, twice.", note="ticket 482", hint="Look."
    )
    aged(rollout, hours=2)
    page = see("/releases", role="viewer")
    first = row_of(rollout, page)
    assert rollout.get_absolute_url() in first and "Rolled back" in first and "1:08" in first
    assert "web exited with 1, twice." in first and "“ticket 482”" in first
    assert "a-deployer" in first and "in the browser" in first and "0a1b2c3d4e5f" in first
    assert "/promote" not in page and "<button" in page  # the filter's alone
    assert "you" in row_of(rollout, see("/releases"))


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("ann (token ci)", ("ann", "token ci")),
        ("push by ada", ("push by ada", "")),
        ("system", ("Deployer", "by itself")),
        ("gone", ("gone", "in the browser")),
    ],
)
def test_it_says_which_way_they_came(see, world, label, said):
    rollout = world.rollout(world.newest, "succeeded")
    Rollout.objects.filter(pk=rollout.pk).update(by=None, by_label=label)
    cell = see("/releases").split('class="who-of">')[1].split("</td>")[0]
    assert cell == said[0] + (f'<br> <span class="muted">{said[1]}</span>' if said[1] else "")


def test_the_history_is_narrowed_down_by_what_is_in_the_address(see, world, shop):
    back = world.rollout(world.newest, "rolled_back", strategy="immediate")
    aged(world.app.rollouts.get(number=1), days=40)
    made = {"1": world.app.rollouts.get(number=1), "2": world.app.rollouts.get(number=2), "3": shop, "4": back}
    rows = {number: f"rollouts-{rollout.pk}" for number, rollout in made.items()}
    day = world.app.rollouts.get(number=1).created_at.date()
    for query, expected in [
        ({}, "4321"),
        ({"app": "hello"}, "421"),
        ({"outcome": "rolled_back"}, "4"),
        ({"outcome": "succeeded", "app": "shop"}, ""),
        ({"person": "a-administrator"}, "3"),
        ({"person": "a-deployer", "strategy": "immediate"}, "4"),
        ({"person": "nobody"}, ""),
        ({"days": "30"}, "432"),
        ({"since": f"{day}", "until": f"{day}"}, "1"),
        ({"until": f"{day - timedelta(days=1)}"}, ""),
        ({"outcome": "running"}, ""),
        ({"q": "SELL things"}, "3"),
        ({"q": world.newest.pk.lower()}, "4"),
        ({"q": "0a1b2c3d4e"}, "4321"),
        ({"q": "release command"}, "3"),
        ({"q": "nothing like it"}, ""),
    ]:
        assert ids(see("/releases", **query)) == [rows[number] for number in expected], query


def test_an_apps_releases_have_the_buttons_and_the_reasons_of_its_page(see, world):
    page = see("/apps/hello/releases")
    assert ids(page) == [f"releases-{release.pk}" for release in (world.newest, world.active, world.old)]
    assert f"/apps/hello/releases/{world.newest.pk}/promote" in page
    assert f"/apps/hello/releases/{world.old.pk}/rollback" in page
    assert f"/apps/hello/releases/{world.active.pk}/" not in page and "Active" in page and "Never promoted" in page
    page = see("/apps/hello/releases", role="viewer")
    assert page.count(" disabled") == 2 and "Promote needs the role deployer, here or in general." in page
    assert ids(see("/apps/hello/releases", outcome="never")) == [f"releases-{world.newest.pk}"]
    assert ids(see("/apps/hello/releases", outcome="active")) == [f"releases-{world.active.pk}"]
    assert ids(see("/apps/hello/releases", list="rollouts", outcome="failed")) == []


def test_the_summary_counts_what_the_filter_leaves(see, world, shop):
    for number, outcome in enumerate(["succeeded"] * 3 + ["rolled_back"]):
        aged(world.rollout(world.newest, outcome), hours=number)
    said = see("/releases", app="hello").split('class="summary muted">')[1].split("</p>")[0]
    assert "Last 30 days: <b>6</b> rollouts, <b>1</b> rolled back;" in said and "<b>1:08</b>" in said
    said = see("/releases", outcome="failed", days="1").split('class="summary muted">')[1].split("</p>")[0]
    assert said == "In this time: <b>1</b> rollout, <b>1</b> failed."


def test_pages_of_a_long_history_stay_what_they_are_while_it_grows(see, world):
    releases = [world.release() for _ in range(60)]
    newest_first = [f"releases-{release.pk}" for release in reversed(releases)]
    Release.objects.filter(pk__in=[release.pk for release in releases]).update(created_at=timezone.now())  # all at once
    order = [f"releases-{pk}" for pk in Release.objects.values_list("pk", flat=True)]
    assert set(newest_first) == set(order[:60])
    page = see("/apps/hello/releases")
    assert ids(page) == order[:25]
    older = page.split('id="older" rel="next" href="?')[1].split('"')[0].replace("&amp;", "&")
    world.release()
    page = see(f"/apps/hello/releases?{older}")
    assert ids(page) == order[25:50]
    newer = page.split('id="newer" rel="prev" href="?')[1].split('"')[0].replace("&amp;", "&")
    assert ids(see(f"/apps/hello/releases?{newer}")) == order[:25]
    older = page.split('id="older" rel="next" href="?')[1].split('"')[0].replace("&amp;", "&")
    page = see(f"/apps/hello/releases?{older}")
    assert ids(page) == order[50:] and 'id="older"' not in page


def test_words_are_looked_for_in_so_many_at_a_time_and_the_page_says_so(see, world, monkeypatch):
    Release.objects.filter(pk=world.old.pk).update(created_at=timezone.now() - timedelta(days=90), description="needle")
    by = world.actor().columns()
    common = {"app": world.app, "build": world.old.build, "manifest": world.old.manifest, "images": {}, "env": {}, **by}
    Release.objects.bulk_create(Release(description="hay", **common) for _ in range(1501))
    page = see("/apps/hello/releases", q="needle")
    assert ids(page) == [] and "1,500 newest at a time" in page and "Search older ones" in page
    older = page.split('id="older" rel="next" href="?')[1].split('"')[0].replace("&amp;", "&")
    assert ids(see(f"/apps/hello/releases?{older}")) == [f"releases-{world.old.pk}"]


def test_what_a_filter_can_not_be_is_said_beside_it_and_nothing_breaks(see, client, world):
    for query in (
        {"since": "tomorrow"},
        {"since": "2026-02-02", "until": "2026-01-01"},
        {"outcome": "lost"},
        {"q": "\x00"},
        {"days": "7; DROP TABLE"},
        {"app": "x" * 300},
    ):
        for path in ("/releases", "/apps/hello/releases", "/activity", "/apps/hello/activity"):
            if ("app" in query and "/apps/" in path) or ("outcome" in query and "activity" in path):
                continue
            page = see(path, **query)
            assert "Nothing is asked for" in page and 'class="why"' in page, (path, query)
        assert client.get("/releases.csv", query).status_code == 422
    for odd in ("9" * 40, "-1-2", "1-1", "0-RAAAAAAAAAA", "99999999999999999-1", "\x00", "²-²", "9999999999999999-9"):
        for path in ("/releases", "/apps/hello/releases", "/activity", "/apps/hello/activity"):
            for name in ("before", "after"):
                see(path, **{name: odd})
    see("/releases", app="nowhere", person="<script>", until="9999-12-31", since="0001-01-01", list="odd")


def test_a_history_that_is_empty_says_what_to_type(see, world):
    App.objects.create(name="bare", cluster=world.app.cluster, **world.actor().columns())
    assert "deployer deploy -a bare ." in see("/apps/bare/releases")
    assert "Nothing fits" in see("/releases", person="somebody")


@pytest.mark.parametrize("path", ["/releases", "/releases?list=releases", "/apps/hello/releases", "/activity"])
def test_a_long_history_takes_as_many_queries_as_a_short_one(see, world, path, django_assert_num_queries):
    see(path)
    with CaptureQueriesContext(connection) as few:
        see(path)
    for number in range(20):
        App.objects.create(name=f"more-{number}", cluster=world.app.cluster, **world.actor().columns())
        world.rollout(world.release(), "rolled_back", reason="no")
    with django_assert_num_queries(len(few.captured_queries)) as many:
        see(path)
    lists = [query["sql"] for query in many.captured_queries if '"finished_at" IS NULL' not in query["sql"]]
    columns = " ".join(statement.split(" FROM ")[0] for statement in lists)
    for large in ("objects_applied", "squares", "evidence", "baseline", '"releases_build"."manifest"'):
        assert large not in columns


# --- As a file ------------------------------------------------------------------------------------------------------


def sheet(response):
    """The rows, and the bytes."""
    sent = b"".join(response)
    assert sent.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(sent.decode("utf-8-sig"), newline=""))), sent


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
@pytest.mark.django_db(transaction=True)
def test_the_file_has_exactly_what_is_filtered(client, world):
    evil = '=HYPERLINK("http://x")'
    rollout = world.rollout(world.newest, "rolled_back", note=evil, reason='said "no",\nthen ended')
    Build.objects.filter(pk=world.newest.build_id).update(commit="f" * 40)
    aged(rollout, hours=1)
    world.rollout(world.newest, "failed")
    client.force_login(world.people["viewer"])
    response = client.get("/releases.csv", {"outcome": "rolled_back"})
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="rollouts-{timezone.now():%Y-%m-%d}.csv"'
    [row], sent = sheet(response)
    assert sent.count(b"\r\n") == 2  # RFC 4180: the line break inside of a cell is its own
    begun = Rollout.objects.get(pk=rollout.pk).created_at
    assert row | {"made_at": "", "build": ""} == {
        "app": "hello",
        "release": world.newest.pk,
        "description": world.newest.description,
        "commit": "f" * 40,
        "build": "",
        "made_at": "",
        "made_by": "a-deployer",
        "outcome": "Rolled back",
        "rollout": "3",
        "kind": "promote",
        "strategy": "rolling",
        "promoted_at": f"{begun:%Y-%m-%dT%H:%M:%SZ}",
        "promoted_by": "a-deployer",
        "from": "browser",
        "note": f"'{evil}",
        "seconds": "68.000",
        "ended_at": f"{begun + timedelta(seconds=68):%Y-%m-%dT%H:%M:%SZ}",
        "reason": 'said "no",\nthen ended',
    }
    rows, _ = sheet(client.get("/apps/hello/releases.csv"))
    assert [row["release"] for row in rows] == [world.newest.pk, world.active.pk, world.old.pk]
    assert "very-secret-value" not in str(rows)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
@pytest.mark.django_db(transaction=True)
def test_a_long_file_is_whole_and_each_row_once(client, world):
    by = world.actor().columns()
    common = {"app": world.app, "build": world.old.build, "manifest": world.old.manifest, "images": {}, "env": {}, **by}
    Release.objects.bulk_create(
        Release(description="every second" if number % 2 else "odd", **common) for number in range(2100)
    )
    client.force_login(world.people["viewer"])
    rows, _ = sheet(client.get("/releases.csv?list=releases"))
    assert [row["release"] for row in rows] == list(Release.objects.values_list("pk", flat=True))
    found, _ = sheet(client.get("/releases.csv?list=releases&q=SECOND+every"))
    assert [row["release"] for row in found] == [row["release"] for row in rows if row["description"] == "every second"]


def test_a_file_needs_a_sign_in(client, world):
    for path in ("/releases.csv", "/activity.csv", "/apps/hello/releases.csv", "/apps/hello/activity.csv"):
        assert client.get(path).status_code == 302
