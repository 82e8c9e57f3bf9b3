"""The page of an app's variables: many at once, from a file, staged, missing, and by two people at once."""

import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pages_world import make_world

from releases import actions
from releases.models import App, AuditEntry, Release, Rollout

pytestmark = pytest.mark.django_db
PAGE = "/apps/hello/env"
SECRET = "very-secret-value"


@pytest.fixture
def world():
    """Whose newest release is the active one."""
    made = make_world()
    Release.objects.filter(pk=made.newest.pk).delete()
    return made


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")


@pytest.fixture
def deployer(client, world):
    client.force_login(world.people["deployer"])
    return client


def text(response):
    return response.content.decode()


def change(client, button="stage", **given):
    """What the browser sends; names with a dot by `fields`."""
    fields = given.pop("fields", {})
    return client.post(f"{PAGE}/change", {"change": button, **fields, **given})


def seen(page):
    return html.unescape(re.search(r'name="seen" value="([^"]*)"', page).group(1))


def newest(world):
    return world.app.releases.order_by("-created_at", "-id").first()


# --- Many at once ---------------------------------------------------------------------------------------------------


def test_many_are_changed_at_once_without_knowing_the_others(deployer, world):
    page = text(deployer.get(PAGE))
    assert SECRET not in page and 'name="value.COLOUR"' in page and "stays as it is" in page
    done = change(
        deployer,
        "set",
        fields={"value.COLOUR": "red", "value.SECRET_KEY": ""},
        name=["NEW", "EMPTY", ""],
        value=["a\r\nb", "", ""],
        note=" for the fair ",
    )
    rollout = Rollout.objects.get(app=world.app, number=3)
    assert done.url == rollout.get_absolute_url() and rollout.note == "for the fair"
    assert rollout.release.env == {"COLOUR": "red", "SECRET_KEY": SECRET, "NEW": "a\nb", "EMPTY": ""}
    assert rollout.release.description == "env add:EMPTY add:NEW change:COLOUR"
    assert rollout.release.based_on == world.active


def test_some_are_removed_and_staged_with_others(deployer, world):
    page = text(
        deployer.post(
            f"{PAGE}/change", {"change": "stage", "remove": "SECRET_KEY", "name": "A", "value": "1"}, follow=True
        )
    )
    assert "are staged in R" in page and newest(world).env == {"COLOUR": "green", "A": "1"}
    assert "− SECRET_KEY" in page and "+ A" in page and newest(world).pk in page
    assert world.app.rollouts.count() == 2


def test_revealed_values_that_nobody_touched_are_no_change(deployer, world):
    page = text(deployer.post(f"{PAGE}/reveal"))
    assert f"\n{SECRET}</textarea>" in page and 'name="shown.SECRET_KEY"' in page
    given = {"seen": seen(page), "shown.SECRET_KEY": SECRET, "shown.COLOUR": ""}
    change(deployer, fields=given)
    assert newest(world).env == {"COLOUR": "", "SECRET_KEY": SECRET}
    assert newest(world).description == "env change:COLOUR"


def test_a_preview_names_what_would_change_and_changes_nothing(deployer, world):
    shown = change(deployer, "preview", fields={"value.COLOUR": "red"}, name="A", value="secret-a", remove="SECRET_KEY")
    page = text(shown)
    assert shown.status_code == 200 and shown["Cache-Control"] == "no-store"
    assert "env add:A change:COLOUR remove:SECRET_KEY" in page and "Nothing is saved yet" in page
    assert "\nred</textarea>" in page and "\nsecret-a</textarea>" in page and "checked" in page  # kept as typed
    assert newest(world) == world.active
    nothing = text(change(deployer, "preview", fields={"value.COLOUR": "green"}))
    assert "Nothing: they have these values already" in nothing


def test_more_rows_are_had_without_javascript_and_keep_what_was_typed(deployer, world):
    page = text(change(deployer, "rows", name=["A", ""], value=["1", ""]))
    assert page.count('name="name"') == 1 + 5 + 1 and "\n1</textarea>" in page  # the last is the template


def test_a_viewer_sees_names_and_why_they_may_change_nothing(client, world):
    client.force_login(world.people["viewer"])
    page = text(client.get(PAGE))
    assert "SECRET_KEY" in page and "Set env needs the role deployer" in page and "Save and promote" not in page
    refused = change(client, "set", name="A", value="1")
    assert refused.status_code == 403 and "Set env needs the role deployer" in text(refused)
    assert client.post(f"{PAGE}/discard").status_code == 403


def test_why_nothing_is_promoted_now_stands_beside_the_button(deployer, world):
    world.rollout(world.old, "rolling")
    page = text(deployer.get(PAGE))
    assert "Rollout 3 of hello" in page
    refused = change(deployer, "set", name="A", value="typed-value")
    assert refused.status_code == 409 and "Rollout 3 of hello" in text(refused)
    assert "\ntyped-value</textarea>" in text(refused) and refused["Cache-Control"] == "no-store"
    assert newest(world) == world.active


# --- From a file ----------------------------------------------------------------------------------------------------


def test_a_file_and_pasted_text_are_read_as_the_command_reads_them(deployer, world):
    file = SimpleUploadedFile(".env", '\ufeff# ours\nexport A=1 # one\nB="two\nlines"\n'.encode())
    change(deployer, dotenv="C='#3'\r\nD=", file=file)
    assert newest(world).env == {**world.active.env, "A": "1", "B": "two\nlines", "C": "#3", "D": ""}


def test_wrong_lines_are_named_by_number_and_nothing_is_half_done(deployer, world):
    refused = change(deployer, dotenv="\n\nA=1\nno equals\n\n1B=2\nPORT=3\nC='open\nA=2")
    page = text(refused)
    assert refused.status_code == 422
    for words in (
        "Line 4 is not of the form NAME=value.",
        "Line 6: “1B” can&#x27;t be a variable&#x27;s name",
        "Line 7: PORT is set by Deployer",
        "Line 8 is not of the form NAME=value.",
    ):
        assert words in page, words
    assert "no equals\n" in page and newest(world) == world.active  # to be corrected


def test_what_contradicts_itself_or_can_not_be_is_refused(deployer, world):
    for given, words in (
        ({"name": "A", "value": "1", "dotenv": "A=2"}, "A is given twice"),
        ({"name": "", "value": "1"}, "A value has no name"),
        ({"fields": {"value.COLOUR": "1"}, "remove": "COLOUR"}, "COLOUR can&#x27;t be set and unset at once"),
        ({"fields": {"value.<b>": "1"}}, "&lt;b&gt;"),
        ({"name": "A", "value": "a\x00b"}, "holds a NUL"),
        ({"name": "A", "value": "x" * 70_000}, "larger than 64 KiB"),
        ({"file": SimpleUploadedFile(".env", b"A=\xff\xfe")}, "not UTF-8"),
        ({"name": "A", "value": "1", "seen": "[]"}, "load it anew"),
        ({"name": "A", "value": "1", "seen": '{"now": 1, "staged_from": [], "staged": {}}'}, "load it anew"),
        ({"name": "A", "value": "1", "seen": "[" * 100_000}, "load it anew"),
        ({}, "No variable was named"),
    ):
        response = change(deployer, **given)
        assert response.status_code == 422 and words in text(response), (words, text(response)[:3000])
    assert change(deployer, "set", name="A", value="1", note="x" * 501).status_code == 422
    assert change(deployer, "eat").status_code == 422
    assert newest(world) == world.active


# --- What is missing, what is default, what is staged ---------------------------------------------------------------


def test_what_is_required_is_asked_for_first_of_what_runs_and_of_what_waits(deployer, world):
    waiting = world.release(env=world.active.env, web={"environment": {"QUEUE_URL": None}})
    page = text(deployer.get(PAGE))
    assert "Required, and not set" in page and 'name="value.QUEUE_URL"' in page and f"web in {waiting.pk}" in page
    change(deployer, fields={"value.QUEUE_URL": "redis://"})
    assert newest(world).build == waiting.build and not newest(world).missing_variables()
    App.objects.filter(pk=world.app.pk).update(active_release=waiting)
    assert "without it nothing is promoted" in text(deployer.get(PAGE))


def test_defaults_say_whether_they_are_used(deployer, world):
    given = {"environment": {"LOG_LEVEL": "info", "COLOUR": "grey"}}
    release = world.release(env={"COLOUR": "green"}, web=given, worker={"environment": {"LOG_LEVEL": "info"}})
    App.objects.filter(pk=world.app.pk).update(active_release=release)
    page = text(deployer.get(PAGE))
    rows = re.findall(r"<tr><td class=\"mono\">(\w+)</td>.*?<td>([^<]*)</td><td>(.*?)</td></tr>", page)
    assert [(name, services, "no:" in used) for name, services, used in rows] == [
        ("COLOUR", "web", True),
        ("LOG_LEVEL", "all", False),
    ]


def test_what_is_staged_is_discarded_one_by_one_or_all(deployer, world):
    change(deployer, name=["A", "B"], value=["1", "2"], remove="SECRET_KEY")
    page = text(deployer.post(f"{PAGE}/discard", {"discard": "A"}, follow=True))
    assert "No longer staged: A." in page and "+ B" in page and "+ A" not in page
    assert newest(world).env == {"COLOUR": "green", "B": "2"}  # nor does the next staged change bring it back
    deployer.post(f"{PAGE}/discard")
    assert newest(world).env == world.active.env and App.objects.get(pk=world.app.pk).staged == {}
    assert AuditEntry.objects.filter(action="discard_staged").count() == 2
    again = deployer.post(f"{PAGE}/discard")
    assert again.status_code == 409 and "Nothing is staged" in text(again)


def test_before_the_first_release_variables_are_kept_for_it(deployer, world):
    App.objects.create(name="bare", cluster=world.app.cluster, **world.actor().columns())
    page = text(deployer.post("/apps/bare/env/change", {"change": "stage", "dotenv": "A=first-value"}, follow=True))
    assert "A is staged: the next build" in page and 'name="value.A"' in page and "first-value" not in page
    assert "first-value" in text(deployer.post("/apps/bare/env/reveal"))
    deployer.post("/apps/bare/env/change", {"change": "stage", "remove": "A"})
    assert App.objects.get(name="bare").staged == {}


# --- Two people -----------------------------------------------------------------------------------------------------


def ada(world):
    return world.actor("administrator")


def test_what_somebody_else_changed_meanwhile_is_told_not_overwritten(deployer, world):
    before = seen(text(deployer.get(PAGE)))
    theirs = actions.set_env(world.app, by=ada(world), set={"COLOUR": "black", "OTHER": "1"}, unset=[])
    theirs.rollout.transition("releasing")
    theirs.rollout.transition("rolling")
    theirs.rollout.transition("succeeded")
    App.objects.filter(pk=world.app.pk).update(active_release=theirs.release)
    refused = change(deployer, "set", fields={"value.COLOUR": "typed-white"}, seen=before)
    page = text(refused)
    assert refused.status_code == 409 and "Somebody else changed COLOUR meanwhile" in page
    assert theirs.release.pk in page and "by a-administrator" in page and "black" not in page
    assert "\ntyped-white</textarea>" in page and refused["Cache-Control"] == "no-store"
    assert newest(world) == theirs.release
    # Other variables are no matter, nor is what both want; and whoever presses again knows.
    assert change(deployer, "set", name="MINE", value="1", seen=before).status_code == 302
    Rollout.objects.filter(status="queued").delete()
    agreed = change(deployer, "preview", fields={"value.COLOUR": "black"}, seen=before)
    assert "Nothing: they have these values already" in text(agreed)
    assert change(deployer, "set", fields={"value.COLOUR": "typed-white"}, seen=seen(page)).status_code == 302


def test_what_somebody_else_staged_meanwhile_is_told(deployer, world):
    change(deployer, name="MINE", value="1")
    before = seen(text(deployer.get(PAGE)))
    actions.set_env(world.app, by=ada(world), set={"COLOUR": "black"}, unset=[], stage=True)
    refused = change(deployer, fields={"value.COLOUR": "white"}, seen=before)
    assert refused.status_code == 409 and "Somebody else changed COLOUR meanwhile" in text(refused)
    assert change(deployer, "set", fields={"value.COLOUR": "white"}, seen=before).status_code == 409
    assert change(deployer, name="MINE", value="2", seen=before).status_code == 302
    assert newest(world).env["COLOUR"] == "black" and newest(world).env["MINE"] == "2"


def test_a_revealed_value_that_changed_meanwhile_is_not_taken_back_by_who_left_it_alone(deployer, world):
    page = text(deployer.post(f"{PAGE}/reveal"))
    actions.set_env(world.app, by=ada(world), set={"COLOUR": "black"}, unset=[], stage=True)
    given = {"shown.COLOUR": "green", "shown.SECRET_KEY": "another-secret"}
    assert change(deployer, fields=given, seen=seen(page)).status_code == 302
    assert newest(world).env == {"COLOUR": "black", "SECRET_KEY": "another-secret"}


def test_the_number_of_queries_does_not_grow_with_the_variables(deployer, world, django_assert_max_num_queries):
    with django_assert_max_num_queries(20) as few:
        deployer.get(PAGE)
    release = world.release(env={f"V{number}": "1" for number in range(300)})
    App.objects.filter(pk=world.app.pk).update(active_release=release)
    with django_assert_max_num_queries(len(few)):
        deployer.get(PAGE)
    # As many as that may all be sent back.
    fields = {f"shown.V{number}": "2" for number in range(300)}
    assert change(deployer, fields=fields).status_code == 302
    assert set(newest(world).env.values()) == {"2"}
