"""An app's repository: who may connect it, what is refused, and that nothing secret is ever shown again."""

import ipaddress
import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from django.test import Client

from releases import actions, jobs
from releases.models import AuditEntry, Build, LogLine, Release, Source, Token
from releases.pipeline.repositories import github_name
from tests import factories, github_payloads
from tests.git_server import Origin, serving
from tests.github_stand_in import app_key, standing_in
from tests.test_webhooks import told

pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://github.com/ada/engine.git"
TOKEN = "ghp_very_secret_indeed"


class Api:
    def __init__(self, person):
        self.headers = {"Authorization": f"Bearer {Token.issue(person, name='tests')[1]}"}

    def __call__(self, method, path, content=None):
        body = {"data": json.dumps(content), "content_type": "application/json"} if content is not None else {}
        return Client().generic(method, f"/api/apps/shop{path}", headers=self.headers, **body)


@pytest.fixture
def app(deployer):
    return factories.app(by=deployer, name="shop")


@pytest.fixture
def api(app, deployer):
    return Api(deployer.person)


def deploy_key():
    return (
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        .decode()
    )


def test_a_repository_is_connected_and_its_secret_is_shown_once(api):
    assert api("GET", "/source").status_code == 404
    made = api("PUT", "/source", {"url": URL, "on_push": "promote", "token": TOKEN})
    assert made.status_code == 200, made.content
    made = made.json()
    assert (made["url"], made["branch"], made["on_push"], made["has_token"]) == (URL, "main", "promote", True)
    assert made["webhook_url"].endswith("/hooks/github/shop")
    secret = made["webhook_secret"]
    assert len(secret) == 64
    again = api("PUT", "/source", {"url": URL, "on_push": "build"}).json()
    assert (again["on_push"], again["webhook_secret"], again["has_token"]) == ("build", None, True)
    assert api("GET", "/source").json()["webhook_secret"] is None
    new = api("POST", "/source/secret").json()["webhook_secret"]
    assert new not in (secret, None)
    told("ping", github_payloads.ping(), secret=new)
    assert api("GET", "/deliveries").json()["items"][0]["decision"] == "answered: GitHub reaches Deployer"


def test_nothing_secret_is_shown_or_written_down(api):
    key = deploy_key()
    secret = api("PUT", "/source", {"url": URL, "token": TOKEN}).json()["webhook_secret"]
    ssh = api("PUT", "/source", {"url": "ssh://git@github.com/ada/engine.git", "deploy_key": key})
    assert ssh.status_code == 200, ssh.content
    api("POST", "/source/secret")
    shown = ssh.content + api("GET", "/source").content
    written = json.dumps(list(AuditEntry.objects.values("action", "subject", "detail")))
    row = Source.objects.get()
    stored = f"{row.token.ciphertext}{row.deploy_key.ciphertext}{row.webhook_secret.ciphertext}"
    for hidden in (TOKEN, secret, key.splitlines()[1]):
        assert hidden not in shown.decode()
        assert hidden not in written
        assert hidden not in stored
    assert row.deploy_key.open() == key


def test_a_token_is_for_the_address_that_it_was_given_for(api):
    """Whoever may point an app at another server must not get hold of its token there."""
    api("PUT", "/source", {"url": URL, "token": TOKEN})
    api("PUT", "/source", {"url": "https://evil.example.com/ada/engine.git"})
    assert not Source.objects.get().token
    api("PUT", "/source", {"url": URL, "token": TOKEN})
    api("PUT", "/source", {"url": URL, "token": ""})
    assert not Source.objects.get().token


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"url": "file:///etc"}, "file:// is not allowed here"),
        ({"url": "https://ada:secret@github.com/ada/engine"}, "has a user name or password in it"),
        ({"url": "ext::sh -c id"}, ""),
        ({"url": ""}, "empty"),
        ({"url": URL, "branch": "--upload-pack=x"}, "is no name of a branch"),
        ({"url": URL, "branch": ""}, "is no name of a branch"),
        ({"url": URL, "on_push": "explode"}, "on_push"),
        ({"url": URL, "token": "a\nb"}, "line break"),
        ({"url": URL, "deploy_key": "nonsense"}, "A deploy key is for SSH"),
        ({"url": "ssh://git@github.com/a/b", "deploy_key": "nonsense"}, "is no private key"),
        ({"url": "ssh://git@github.com/a/b", "token": TOKEN}, "A token is for HTTPS"),
        ({"url": URL, "token": TOKEN, "deploy_key": "x"}, "one of them is enough"),
        ({"url": URL, "on_push": "promote", "wait_for_checks": True}, "only with a token"),
        ({"url": URL, "token": TOKEN, "wait_for_checks": True}, "Waiting for checks is for promoting"),
        ({"url": "https://git.example.com/a/b", "token": TOKEN, "wait_for_checks": True}, "on GitHub only"),
        ({"url": URL, "colour": "blue"}, "colour"),
    ],
)
def test_what_can_not_be_is_refused_in_words(api, wish, words):
    answer = api("PUT", "/source", wish)
    assert answer.status_code == 422, answer.content
    assert words in answer.json()["error"]["message"]
    assert not Source.objects.exists()


def test_a_viewer_sees_and_changes_nothing(app, deployer):
    actions.set_source(app, by=deployer, url=URL)
    viewer = Api(factories.person("viewer"))
    assert viewer("GET", "/source").status_code == 200
    assert viewer("PUT", "/source", {"url": URL}).status_code == 403
    assert viewer("POST", "/source/secret").status_code == 403
    assert viewer("POST", "/source/resume").status_code == 403
    assert viewer("DELETE", "/source").status_code == 403
    delivery = told("ping", github_payloads.ping(), secret=Source.objects.get().webhook_secret.open())
    assert viewer("POST", f"/deliveries/{delivery.pk}/replay").status_code == 403


def test_a_repository_is_forgotten(api, app, deployer):
    api("PUT", "/source", {"url": URL})
    assert api("DELETE", "/source").status_code == 204
    assert api("GET", "/source").status_code == 404
    assert api("POST", "/source/resume").status_code == 404


def test_deliveries_are_listed_page_by_page_and_replayed(api):
    secret = api("PUT", "/source", {"url": URL}).json()["webhook_secret"]
    for number in range(5):
        told("push", github_payloads.push(f"{number:040x}", ref="refs/heads/other"), secret=secret)
    first = api("GET", "/deliveries?limit=3").json()
    rest = api("GET", f"/deliveries?limit=3&cursor={first['next']}").json()
    commits = [each["commit"] for each in first["items"] + rest["items"]]
    assert commits == [f"{number:040x}" for number in (4, 3, 2, 1, 0)]
    assert rest["next"] is None
    assert {each["decision"] for each in first["items"]} == {"skipped: another branch"}
    number = first["items"][0]["id"]
    assert api("POST", f"/deliveries/{number}/replay").json()["status"] == "received"
    assert api("POST", f"/deliveries/{number}/replay").status_code == 409
    assert api("POST", "/deliveries/999999999999999999999/replay").status_code in (404, 422)
    assert api("GET", "/deliveries?cursor=x").status_code == 404


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/ada/engine.git", "ada/engine"),
        ("https://github.com/ada/engine", "ada/engine"),
        ("https://GitHub.com/ada/engine/", "ada/engine"),
        ("ssh://git@github.com/ada/engine.git", "ada/engine"),
        ("git@github.com:ada/engine.git", "ada/engine"),
        ("https://gitlab.com/ada/engine.git", ""),
        ("https://github.com/ada", ""),
        ("https://github.com.evil.example/ada/engine", ""),
    ],
)
def test_what_is_on_github_is_known_by_its_address(url, name):
    assert github_name(url) == name


# --- Builds of a commit ----------------------------------------------------------------------------------------------

FILES = {"deployer.yml": factories.MANIFEST.replace("web:", "web:\n    build: ."), "app.py": "print(1)"}


@pytest.fixture
def origin(app, settings, tmp_path):
    settings.GIT_TRANSPORTS = frozenset({"http"})
    settings.GIT_NETWORKS = (ipaddress.ip_network("127.0.0.1/32"),)
    settings.DEPLOYER_GIT_CACHE = str(tmp_path / "cache")
    with serving(tmp_path) as server:
        made = Origin(tmp_path)
        made.server, made.url = server, server.url()
        yield made


def built(api, **wish):
    answer = api("POST", "/builds", wish)
    assert answer.status_code == 201, answer.content
    jobs.run_build(answer.json()["id"], 1)
    return api("GET", f"/builds/{answer.json()['id']}").json()


def test_exactly_the_commit_that_was_asked_for_is_built(api, origin):
    first = origin.commit(FILES, message="The first\n\nand more")
    second = origin.commit({**FILES, "app.py": "print(2)"}, message="The second")
    api("PUT", "/source", {"url": origin.url})
    build = built(api, commit=first)
    assert (build["status"], build["commit"], build["subject"]) == ("succeeded", first, "The first")
    build = built(api)
    assert (build["commit"], build["ref"], build["origin"]) == (second, "refs/heads/main", "git")
    build = built(api, commit=second[:9].upper())
    assert (build["status"], build["commit"]) == ("succeeded", second)


def test_each_commit_is_built_with_its_own_manifest(api, origin):
    """The first has none, the third a wrong one, and what the branch has now is that of the fourth."""
    others = {"deployer.yml": "services: {api: {build: .}, jobs: {build: .}}"}
    wrong = {"deployer.yml": "servces: {}"}
    commits = [origin.commit({"Dockerfile": "CMD python app.py", **files}) for files in ({}, FILES, wrong, others)]
    api("PUT", "/source", {"url": origin.url})
    found = {}
    for number in (3, 1, 0, 2):
        build = built(api, commit=commits[number])
        release = Release.objects.filter(build=build["id"]).first()
        found[number] = (
            build["status"],
            release and sorted(release.manifest["services"]),
            release and release.images.keys(),
        )
    assert found == {
        0: ("succeeded", ["web"], {"web"}),
        1: ("succeeded", ["web"], {"web"}),
        2: ("failed", None, None),
        3: ("succeeded", ["api", "jobs"], {"api", "jobs"}),
    }


def test_a_token_reaches_the_repository_and_no_log(api, origin):
    origin.server.token = TOKEN
    head = origin.commit(FILES)
    api("PUT", "/source", {"url": origin.url})
    refused = built(api, commit=head)
    assert (refused["status"], refused["cause"]) == ("failed", "auth_required")
    assert refused["hint"] and Build.objects.get().faultless, "that a token is missing is not the commit's fault"
    api("PUT", "/source", {"url": origin.url, "token": TOKEN})
    assert built(api, commit=head)["status"] == "succeeded"
    assert not LogLine.objects.filter(message__contains=TOKEN).exists()


def test_a_github_apps_own_token_reaches_a_private_repository(api, settings, tmp_path):
    settings.GIT_TRANSPORTS = frozenset({"http"})
    settings.GIT_NETWORKS = (ipaddress.ip_network("127.0.0.1/32"),)
    settings.DEPLOYER_GIT_CACHE = str(tmp_path / "cache")
    pem, public = app_key()
    (tmp_path / "served" / "ada").mkdir(parents=True)
    with serving(tmp_path / "served") as server, standing_in(public_key=public) as hub:
        settings.GITHUB_API_URL = hub.url
        settings.GITHUB_APP_ID, settings.GITHUB_APP_PRIVATE_KEY = hub.app_id, pem
        server.token = "ghs_installation1"  # the first that GitHub gives
        head = Origin(tmp_path / "served" / "ada", "engine.git").commit(FILES)
        api("PUT", "/source", {"url": server.url("ada/engine.git")})
        build = built(api, commit=head)
        assert build["status"] == "succeeded", build["reason"]
        assert "ghs_installation1" in hub.tokens and hub.faults == []
    assert not LogLine.objects.filter(message__contains="ghs_").exists()


def test_what_is_not_there_is_a_failure_with_a_hint(api, origin):
    origin.commit(FILES)
    api("PUT", "/source", {"url": origin.url})
    assert built(api, commit="0" * 40)["cause"] == "no_commit"
    assert built(api, ref="nowhere")["cause"] == "no_ref"
    assert not Build.objects.get(cause="no_commit").faultless


def test_a_build_of_a_repository_that_was_changed_meanwhile_says_so(api, origin):
    head = origin.commit(FILES)
    api("PUT", "/source", {"url": origin.url})
    queued = api("POST", "/builds", {"commit": head}).json()["id"]
    api("PUT", "/source", {"url": origin.server.url("other.git")})
    jobs.run_build(queued, 1)
    assert "was changed since" in Build.objects.get(pk=queued).reason


@pytest.mark.parametrize(
    ("wish", "status", "words"),
    [
        ({"commit": "main"}, 422, "commit"),
        ({"commit": "a" * 41}, 422, "commit"),
        ({"ref": "--all"}, 422, "is no name of a branch"),
        ({"ref": "main", "commit": "a" * 40}, 422, "not both"),
        ({"ref": "x\x00"}, 422, "NUL"),
        ({"branch": "main"}, 422, "branch"),
        ([], 422, ""),
    ],
)
def test_what_can_not_be_a_commit_is_refused(api, wish, status, words):
    api("PUT", "/source", {"url": URL})
    answer = api("POST", "/builds", wish)
    assert answer.status_code == status, answer.content
    assert words in answer.json()["error"]["message"]
    assert not Build.objects.exists()


def test_without_a_repository_there_is_nothing_to_build(api):
    answer = api("POST", "/builds", {"ref": "main"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        422,
        "shop has no repository yet: connect one first.",
    )
    assert Client().post("/api/apps/shop/builds", "{", content_type="application/json").status_code == 401
    assert api("POST", "/builds").status_code == 422
