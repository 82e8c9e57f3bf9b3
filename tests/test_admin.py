"""The admin: everything to look at, nothing secret, what can be done goes through actions, fast however long a list."""

import html
import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pages_world import make_world

from releases import logs
from releases.admin import UNSEEN, bounds, columns
from releases.admin.read_only import ReadOnly
from releases.models import (
    App,
    AuditEntry,
    Build,
    Delivery,
    Person,
    Release,
    Rollout,
    Source,
    Token,
)

pytestmark = pytest.mark.django_db
SECRET = "planted-and-never-to-be-seen"
# Columns that are secret and neither encrypted nor binary.
PLAIN_SECRETS = {
    "releases.Person": ["password"],
    "releases.Token": ["digest"],
    "releases.IdempotencyKey": ["body"],
    "axes.AccessAttempt": ["get_data", "post_data"],
    "axes.AccessLog": ["session_hash"],
    "socialaccount.SocialAccount": ["extra_data"],
}


@pytest.fixture
def world():
    return make_world()


@pytest.fixture(autouse=True)
def silent_cluster(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")


def client_of(world, role):
    client = Client()
    client.force_login(world.people[role])
    return client


@pytest.fixture
def administrator(world):
    return client_of(world, "administrator")


def text(response):
    return html.unescape(response.content.decode())


def address(model, page="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def act(client, model, action, *rows):
    data = {"action": action, "_selected_action": [row.pk for row in rows]}
    return client.post(address(model), data, follow=True)


# What is there


def test_every_table_is_in_the_admin_or_named_with_a_reason():
    for model in apps.get_models():
        label = model._meta.label
        assert admin.site.is_registered(model) != bool(UNSEEN.get(label)), label


def test_nothing_is_written_there():
    for model, shown in admin.site._registry.items():
        assert isinstance(shown, ReadOnly), model


def test_a_row_of_every_table_shows_nothing_secret(world, administrator):
    for model in admin.site._registry:
        row = planted(model, world)
        for path in (address(model), address(model, "change", row.pk)):
            response = administrator.get(path)
            assert response.status_code == 200, path
            page = text(response)
            assert SECRET not in page, path
            for name in columns.secret(model):
                ciphertext = getattr(getattr(row, name), "ciphertext", None)
                assert not ciphertext or ciphertext not in page, (path, name)


def planted(model, world):
    """A row in which each column that is secret holds SECRET."""
    secrets = columns.secret(model) + PLAIN_SECRETS.get(model._meta.label, [])
    row = world.people["viewer"] if model is Person else model.objects.order_by("-pk").first() or made(model, world)
    values = {}
    for name in secrets:
        field = model._meta.get_field(name)
        plain = SECRET.encode() if isinstance(field, models.BinaryField) else SECRET
        values[name] = {"KEY": SECRET} if "JSON" in type(field).__name__ else plain
    if values:
        model.objects.filter(pk=row.pk).update(**values)
    return model.objects.get(pk=row.pk)


def made(model, world):
    """One of those that the world has none of: what must be given gets some value of its kind."""
    given = {}
    for field in model._meta.fields:
        if field.primary_key or field.null or field.has_default():
            continue
        if field.related_model is not None:
            given[field.name] = field.related_model.objects.first() or made(field.related_model, world)
        elif isinstance(field, models.DateTimeField):
            given[field.name] = timezone.now()
        elif isinstance(field, models.IntegerField):
            given[field.name] = 1
        elif isinstance(field, models.JSONField):
            given[field.name] = {}
        elif isinstance(field, models.CharField):
            given[field.name] = (field.choices[0][0] if field.choices else "some")[: field.max_length]
    return model.objects.create(**given)


# Who may


def test_who_deploys_looks_at_apps_and_not_at_what_is_for_administrators(world):
    deployer, viewer = client_of(world, "deployer"), client_of(world, "viewer")
    assert deployer.get(address(Release)).status_code == 200
    for model in (AuditEntry, Token, Person):
        assert deployer.get(address(model)).status_code == 403, model
    assert viewer.get(address(App)).status_code == 302
    assert viewer.get("/admin/").status_code == 302


def test_nothing_can_be_added_changed_or_deleted(world, administrator):
    assert administrator.get(address(App, "add")).status_code == 403
    assert administrator.post(address(App, "change", world.app.pk), {"name": "evil"}).status_code == 403
    assert administrator.post(address(App, "delete", world.app.pk), {"post": "yes"}).status_code == 403
    assert administrator.get(address(Person, "add")).status_code == 403
    assert App.objects.filter(name="hello").exists()


# What can be done


def test_a_release_is_promoted_by_the_same_action_as_everywhere(world, administrator):
    page = text(act(administrator, Release, "promote", world.newest))
    rollout = Rollout.objects.get(release=world.newest)
    assert f'<a href="{rollout.get_absolute_url()}">' in page and "has begun" in page
    assert AuditEntry.objects.filter(action="promote", subject=world.newest.pk, by_label="a-administrator").exists()
    refused = text(act(administrator, Release, "promote", world.old))
    assert "is still running" in refused and not Rollout.objects.filter(release=world.old, number=4).exists()


def test_what_one_rarely_means_is_asked_on_its_page_first(world, administrator):
    page = text(act(administrator, Release, "promote", world.old))
    assert "which is active: promoting it takes back what came between them." in page and "in the dashboard" in page
    assert not Rollout.objects.filter(number__gt=2).exists()


def test_an_app_is_rolled_back_to_what_was_active_before(world, administrator):
    Rollout.objects.filter(release=world.active).update(previous=world.old)
    act(administrator, App, "roll_back", world.app)
    rollout = Rollout.objects.get(kind="rollback")
    assert rollout.release.rolled_back_to == world.old


def test_an_app_that_never_was_anything_says_so(world, administrator):
    bare = App.objects.create(name="bare", cluster=world.app.cluster, **world.actor().columns())
    assert "bare has no release yet." in text(act(administrator, App, "promote", bare)).replace(f"{bare.pk}: ", "")
    assert "Nothing was active in bare before." in text(act(administrator, App, "roll_back", bare))
    assert "It was never rolled out." in text(act(administrator, App, "diagnose", bare))


@pytest.mark.parametrize("model", [App, Release, Rollout])
def test_a_diagnosis_tells_what_was_concluded(world, administrator, model):
    rollout = world.rollout(
        world.newest,
        "rolled_back",
        reason="web-1 exited with 1.",
        cause="crashed",
        hint="Read its log.",
        evidence=["KeyError: <b>"],
    )
    row = {App: world.app, Release: world.newest, Rollout: rollout}[model]
    response = act(administrator, model, "diagnose", row)
    page = text(response)
    assert "web-1 exited with 1." in page and "Read its log." in page
    assert "KeyError: &lt;b&gt;" in response.content.decode()
    assert rollout.get_absolute_url() in page


def test_each_row_leads_to_its_page_and_pages_lead_back(world, administrator):
    Source.objects.create(app=world.app, url="https://github.com/ada/hello.git", webhook_secret="s")
    rows = [world.app, world.newest, world.newest.build, Rollout.objects.first(), Source.objects.get()]
    for row in [*rows, world.people["viewer"]]:
        page = administrator.get(address(type(row), "change", row.pk)).content.decode()
        link = re.search(r'href="([^"]+)" class="viewsitelink"', page)
        assert link and administrator.get(link[1]).status_code == 200, row
    settings = administrator.get("/apps/hello/settings").content.decode()
    assert address(App, "change", world.app.pk) in settings
    assert "/admin/" not in client_of(world, "viewer").get("/apps/hello/settings").content.decode()


# Long lists


def test_a_search_finds_by_beginnings_in_every_list(world, administrator):
    assert world.newest.pk in text(administrator.get(address(Release), {"q": world.newest.pk[:6].lower()}))
    both = text(administrator.get(address(Release), {"q": f"hello {world.old.pk}"}))
    assert world.old.pk in both and world.newest.pk not in both
    assert world.newest.pk not in text(administrator.get(address(Release), {"q": "nothing-like-it"}))
    for model, shown in admin.site._registry.items():
        response = administrator.get(address(model), {"q": "a%b é\\ 000 d e f"})
        assert response.status_code == 200, model
        assert shown.search_fields, model


def test_every_filter_and_odd_address_answers(world, administrator):
    for model, shown in admin.site._registry.items():
        page = administrator.get(address(model))
        links = re.findall(r'href="\?(?!o=|all=)([^"=]+)=([^"]*)"', page.content.decode())
        one_of_each = "&".join(f"{name}={html.unescape(value)}" for name, value in dict(links).items())
        assert administrator.get(f"{address(model)}?{one_of_each}").status_code == 200, (model, one_of_each)
        odd = {"p": "9999", "o": "1.-2", f"{shown.date_hierarchy}__year": "99999"}
        assert administrator.get(address(model), odd).status_code in (200, 302), model


def test_the_calendar_leads_from_years_to_days(world, administrator):
    AuditEntry.objects.filter(pk=AuditEntry.objects.first().pk).update(at=timezone.now() - timedelta(days=800))
    this_year = timezone.now().year
    page = text(administrator.get(address(AuditEntry)))
    assert f">{this_year}</a>" in page and f">{this_year - 2}</a>" in page
    page = text(administrator.get(address(AuditEntry), {"at__year": this_year}))
    month = re.search(r'href="([^"]+)">\w+ ' + str(this_year), page)
    days = text(administrator.get(address(AuditEntry) + month[1]))
    assert "at__day=" in days and f">‹ {this_year}<" in days


def test_a_list_counts_no_further_than_anybody_turns_pages(world, administrator, monkeypatch):
    monkeypatch.setattr(bounds.BoundedPaginator, "count_max", 2)
    page = text(administrator.get(address(Release)))
    assert "more than 1 releases" in page


def queries(client, path):
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return [query["sql"] for query in captured]


def test_lists_read_no_large_column_and_ask_as_often_for_many_rows_as_for_few(world, administrator):
    release = world.newest
    logs.append(world.rollout(release, "rolled_back"), [logs.Line("build", "one")])
    Delivery.objects.create(app=world.app, guid="g-1", event="push", body=b"{}")
    before = {model: len(queries(administrator, address(model))) for model in (App, Build, Release, Rollout, Delivery)}
    for number in range(4):
        other = App.objects.create(name=f"more-{number}", cluster=world.app.cluster, **world.actor().columns())
        Delivery.objects.create(app=other, guid=f"g-{number}", event="push", body=b"{}")
        world.rollout(world.release(env={"A": "1"}), "failed")
    for model, count in before.items():
        asked = queries(administrator, address(model))
        assert len(asked) == count, model
        listed = " ".join(sql for sql in asked if f'FROM "{model._meta.db_table}"' in sql)
        for name in columns.large(model):
            assert f'"{model._meta.db_table}"."{name}"' not in listed, (model, name)


# How it looks


def test_it_has_our_name_our_look_and_nothing_inline(world, administrator):
    for path in ("/admin/", address(Release), address(Release, "change", world.newest.pk), address(Person)):
        page = administrator.get(path).content.decode()
        assert "admin-look" in page and 'href="/">Deployer</a>' in page, path
        assert "<style" not in page and " style=" not in page and not re.search(r"\son\w+=", page), path
        assert page.count("<script") == len(re.findall(r"<script[^>]* src=", page)), path
    administrator.cookies["deployer_theme"] = "dark"
    assert "theme-dark" in administrator.get("/admin/").content.decode()
