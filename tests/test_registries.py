"""Registries: made known, changed, tested, chosen, removed; through the actions, the API and the admin."""

import json
from collections.abc import Iterator

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from releases import actions, jobs
from releases.errors import DeployerError, Invalid, NotAllowed, Taken
from releases.models import App, AuditEntry, Registry, Release, Token
from releases.pipeline import deployer_yml, manifests, registries
from tests import factories, kubernetes_schemas
from tests.docker_fixtures import private_registry as private_registry
from tests.odd_server import JSON, odd_server
from tests.registries import PASSWORD, USER, WithPassword, push_image

DIGEST = "@sha256:" + "1" * 64


@pytest.fixture
def by(db):
    return factories.actor("administrator")


@pytest.fixture(scope="module")
def guarded(private_registry: str) -> Iterator[str]:
    with WithPassword() as made:
        yield made.address


def made(by, name="ours", address="registry.example.com/team", **given) -> Registry:
    return actions.create_registry(name, by=by, address=address, **given)


def real_app(name="shop", **columns) -> App:
    return factories.app(name, cluster=factories.cluster("real", kind="kubeconfig"), **columns)


def released(app: App, image: str) -> Release:
    release = factories.release(app)
    Release.objects.filter(pk=release.pk).update(images={"web": image})
    return Release.objects.get(pk=release.pk)


# --- Actions --------------------------------------------------------------------------------------------------------


def test_the_first_is_the_default_and_one_is_at_most(by):
    first, second = made(by), made(by, "more", "ghcr.io/acme", username=USER, password=PASSWORD)
    assert (first.is_default, second.is_default) == (True, False)
    actions.change_registry(second, by=by, is_default=True)
    assert list(Registry.objects.filter(is_default=True)) == [second]
    with pytest.raises(Invalid, match="make another registry the default"):
        actions.change_registry(second, by=by, is_default=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        Registry.objects.update(is_default=True)
    with pytest.raises(Taken, match="a registry ours already"):
        made(by)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "New York"}, "can't be a registry's name"),
        ({"name": "new"}, "own pages"),
        ({"address": "http://x.example"}, "no scheme"),
        ({"username": "ann"}, "or neither"),
        ({"password": "x"}, "or neither"),
        ({"username": "a:b", "password": "x"}, "no colon"),
        ({"username": "ann", "password": "x\0"}, "no NUL"),
        ({"username": "ann", "password": "x" * 20_000}, "at most 16 KiB"),
    ],
)
def test_what_is_wrong_is_refused_in_words(by, given, words):
    with pytest.raises(Invalid, match=words):
        made(by, **given)
    assert not Registry.objects.exists()


def test_only_administrators_may(by):
    row = made(by)
    for deed in (
        lambda: made(factories.actor("deployer"), "more"),
        lambda: actions.change_registry(row, by=factories.actor("deployer"), username=""),
        lambda: actions.test_registry(row, by=factories.actor("deployer")),
        lambda: actions.remove_registry(row, by=factories.actor("deployer")),
        lambda: actions.use_registry(factories.app(), "ours", by=factories.actor("deployer")),
    ):
        with pytest.raises(NotAllowed, match="needs the role administrator"):
            deed()


def test_a_password_is_stored_encrypted_and_audited_without_it(by):
    row = made(by, username=USER, password=PASSWORD)
    fresh = Registry.objects.get(pk=row.pk)
    assert fresh.password.open() == PASSWORD and PASSWORD not in fresh.password.ciphertext
    actions.change_registry(fresh, by=by, password="another")
    assert Registry.objects.get().password.open() == "another"
    with pytest.raises(Invalid, match="needs its password"):
        actions.change_registry(fresh, by=by, username="eve")
    actions.change_registry(fresh, by=by, username="")
    fresh.refresh_from_db()
    assert (fresh.username, fresh.password.open()) == ("", "")
    told = json.dumps(list(AuditEntry.objects.values("action", "subject", "detail")))
    assert PASSWORD not in told and "another" not in told
    assert '"changed": ["password"]' in told


def test_it_is_not_removed_or_moved_while_something_uses_it(by):
    row, other = made(by), made(by, "more", "ghcr.io/acme")
    embedded, app = factories.app("here"), real_app()
    with pytest.raises(NotAllowed, match="it is the default one, for shop"):
        actions.remove_registry(row, by=by)
    actions.use_registry(app, "more", by=by)
    actions.change_registry(other, by=by, is_default=True)
    with pytest.raises(NotAllowed, match="images of shop go there"):
        actions.remove_registry(other, by=by)
    release = released(app, f"{row.address}/shop{DIGEST}")
    with pytest.raises(NotAllowed, match="ours can't be removed: releases of shop have their images there"):
        actions.remove_registry(row, by=by)
    with pytest.raises(NotAllowed, match="ours can't move"):
        actions.change_registry(row, by=by, address="registry.example.com/elsewhere")
    release.build.images_removed_at = release.created_at
    release.build.save()
    assert actions.change_registry(row, by=by, address="registry.example.com/else").registry.address.endswith("/else")
    actions.remove_registry(row, by=by)
    with pytest.raises(Invalid, match="removed meanwhile"):
        actions.remove_registry(row, by=by)
    assert embedded.registry is None


@pytest.mark.django_db(transaction=True)
def test_of_two_that_become_the_default_at_once_one_does(together):
    by = factories.actor("administrator")
    made(by)
    results = together(*[lambda n=n: made(by, f"r{n}", f"r{n}.example.com", is_default=True) for n in range(4)])
    assert not [each for each in results if isinstance(each, Exception) and not isinstance(each, DeployerError)]
    assert Registry.objects.filter(is_default=True).count() == 1


# --- Which logins an app gets ---------------------------------------------------------------------------------------


def test_an_app_gets_the_logins_of_its_own_and_the_default_one_and_of_where_its_images_are(by):
    made(by, "default", "one.example.com", username="one", password="1")
    made(by, "own", "two.example.com/team", username="two", password="2")
    made(by, "before", "three.example.com", username="three", password="3")
    made(by, "open", "four.example.com")
    app = real_app()
    app = actions.use_registry(app, "own", by=by)

    def logins(*images):
        return {at: login.username for at, login in registries.logins_for(app, images).items()}

    assert logins(f"two.example.com/team/shop{DIGEST}") == {"two.example.com/team": "two"}
    assert logins(f"two.example.com/team/shop{DIGEST}", f"one.example.com/db{DIGEST}").keys() == {
        "one.example.com",
        "two.example.com/team",
    }
    assert logins(f"three.example.com/shop{DIGEST}") == {"three.example.com": "three"}
    assert logins(f"three.example.com/bank{DIGEST}") == {}, "another app's images"
    assert logins(f"four.example.com/shop{DIGEST}", f"two.example.com/tea{DIGEST}") == {}
    made(by, "hub", "index.docker.io/acme", username="four", password="4")
    app = actions.use_registry(app, "hub", by=by)
    assert logins(f"acme/private{DIGEST}") == logins(f"docker.io/acme/x{DIGEST}") == {"docker.io/acme": "four"}
    assert logins("nginx:1", f"acmes/x{DIGEST}", f"local/acme{DIGEST}") == {}
    app = actions.use_registry(app, "own", by=by)
    both = registries.registries_of(app)
    assert both.address == "two.example.com/team" and both.logins.keys() == {"one.example.com", "two.example.com/team"}


def test_a_pull_secret_is_made_of_logins_alone():
    app = App(name="shop")
    secret = manifests.pull_secret(app, {"docker.io/acme": ("ann", "x")}, installation="here")
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": "registry",
            "namespace": "deployer-shop",
            "labels": {"app.kubernetes.io/managed-by": "deployer", "deployer/app": "shop"},
            "annotations": {"deployer/installation": "here"},
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": {
            ".dockerconfigjson": "eyJhdXRocyI6IHsiaHR0cHM6Ly9pbmRleC5kb2NrZXIuaW8vdjEvIjogeyJhdXRoIjogIllXNXVPbmc9Iiwg"
            "InBhc3N3b3JkIjogIngiLCAidXNlcm5hbWUiOiAiYW5uIn19fQ=="
        },
    }
    for version in kubernetes_schemas.VERSIONS:
        kubernetes_schemas.check(secret, version)


def test_private_releases_name_it_in_every_pod_and_others_are_as_before(app):
    manifest = deployer_yml.parse(
        """
        services:
          web: {command: a, initContainer: {command: b}}
          worker: {command: c}
        release: {command: d, service: web}
        timers: {nightly: {schedule: "0 3 * * *", command: e, service: worker}}
        """
    )
    release = factories.release(app, manifest="services: {web: {command: a}}")
    Release.objects.filter(pk=release.pk).update(manifest=manifest, images=dict.fromkeys(manifest["services"], "x"))
    release = Release.objects.get(pk=release.pk)
    private = manifests.render(release, installation="here", private=True)
    private.append(manifests.release_job(release, number=1, installation="here", epoch="1.1", private=True))
    public = manifests.render(release, installation="here")
    public.append(manifests.release_job(release, number=1, installation="here", epoch="1.1"))
    assert json.dumps(private).count('"imagePullSecrets": [{"name": "registry"}]') == 4
    assert json.loads(json.dumps(private).replace('"imagePullSecrets": [{"name": "registry"}], ', "")) == public
    assert manifests.pulls_with_secret(private) and not manifests.pulls_with_secret(public)
    for obj in private:
        kubernetes_schemas.check(obj, kubernetes_schemas.VERSIONS[0])


@pytest.mark.django_db(transaction=True)
def test_without_an_engine_a_tag_is_resolved_by_asking_its_registry(guarded, own_home, settings, tmp_path):
    by = factories.actor("administrator")
    settings.DOCKER_HOST = f"unix://{tmp_path}/none.sock"
    made(by, address=f"{guarded}/team", username=USER, password=PASSWORD)
    digest = push_image(guarded, "team/db", "15", login=(USER, PASSWORD))
    app = real_app()

    def built(image):
        source = factories.tar_gz({"deployer.yml": f"services: {{web: {{image: '{image}'}}}}"})
        build = actions.create_build(app, source=source, by=by)
        jobs.run_build(build.pk, 1)
        build.refresh_from_db()
        return build.images or build.reason

    assert built(f"{guarded}/team/db:15") == {"web": f"{guarded}/team/db@{digest}"}
    assert "team has no db:16" in built(f"{guarded}/team/db:16")
    for strange in (f"{guarded}/team/../db:15", "registry.invalid/db:1"):
        assert built(strange) == {"web": strange}, "a cluster may know it all the same"


# --- The API --------------------------------------------------------------------------------------------------------


@pytest.fixture
def api(db):
    _, secret = Token.issue(factories.person("administrator"), name="tests")
    client = Client(headers={"Authorization": f"Bearer {secret}"})

    def ask(method, path, status, **payload):
        answer = client.generic(method, f"/api{path}", json.dumps(payload), content_type="application/json")
        assert answer.status_code == status, answer.content
        assert PASSWORD not in answer.content.decode()
        return answer.json() if answer.content else None

    return ask


def test_a_registry_lives_in_the_api(api, guarded):
    new = api("POST", "/registries", 201, name="ours", address=guarded, username=USER, password=PASSWORD)
    assert new["has_password"] and new["is_default"] and new["state"] == "unchecked" and "password" not in new
    tested = api("POST", "/registries/ours/test", 200)
    assert tested["ok"] and [line["state"] for line in tested["lines"]] == ["ok", "ok", "ok"]
    assert [line["words"] for line in tested["lines"]][1:] == [f"It takes the login of {USER}", "We may push"]
    assert api("GET", "/registries/ours", 200)["state"] == "reachable"
    changed = api("PATCH", "/registries/ours", 200, password="wrong")
    assert changed["said"] == [] and changed["state"] == "unchecked"
    tested = api("POST", "/registries/ours/test", 200)
    assert not tested["ok"] and "does not know us (401)" in tested["problem"]
    [listed] = api("GET", "/registries", 200)
    assert listed["state"] == "unreachable" and listed["problem"] == tested["problem"] and listed["problem_since"]
    api("PATCH", "/registries/ours", 200, username="")
    tested = api("POST", "/registries/ours/test", 200)
    assert not tested["ok"]

    real_app()
    assert api("PUT", "/apps/shop/registry", 200, registry="ours") == {
        "app": "shop",
        "registry": "ours",
        "is_default": False,
    }
    assert api("GET", "/apps/shop/registry", 200)["registry"] == "ours"
    assert "images of shop go there" in api("DELETE", "/registries/ours", 409)["error"]["message"]
    assert api("PUT", "/apps/shop/registry", 200, registry="")["is_default"]
    assert "no registry “none”" in api("PUT", "/apps/shop/registry", 422, registry="none")["error"]["message"]
    App.objects.all().delete()
    api("DELETE", "/registries/ours", 204)
    api("GET", "/registries/ours", 404)
    api("GET", "/registries/%00", 404)
    api("POST", "/registries", 422, name="x", address="x.example", scheme="http")


def test_a_registry_that_makes_no_repositories_leaves_pushing_untested(by):
    with odd_server(None) as odd:
        odd.answers["/v2/"] = (200, "{}", JSON)
        words = "The repository with name 'team/deployer-probe' does not exist"
        odd.otherwise = (404, json.dumps({"errors": [{"code": "NAME_UNKNOWN", "message": words}]}), JSON)
        row = made(by, address=f"127.0.0.1:{odd.port}/team")
        seen, findings = actions.test_registry(row, by=by)
    assert seen.problem == "" and [each.state for each in findings] == ["ok", "warning", "warning"]
    assert "Whether we may push was not tested" in findings[-1].words


def test_the_admin_shows_all_but_the_password(by, guarded, client):
    row = made(by, address=guarded, username=USER, password=PASSWORD)
    client.force_login(factories.person("administrator"), backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(f"/admin/releases/registry/{row.pk}/change/").content.decode()
    assert guarded in page and PASSWORD not in page and row.password.ciphertext not in page
    for action in ("test", "remove"):
        chosen = {"action": action, "_selected_action": [row.pk]}
        answer = client.post("/admin/releases/registry/", chosen, follow=True).content.decode()
        assert {"test": "Ours answers.", "remove": "has forgotten ours"}[action] in answer
    assert not Registry.objects.exists()
