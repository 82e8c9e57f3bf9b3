"""What stands at every door: origins, sizes, kinds of content, and the last administrator."""

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client

from deployer.body_limit import SMALL, BodyLimit
from deployer.origin import is_same
from releases import actions, policy
from releases.api.authentication import is_somebody, may_still
from releases.errors import BuildFailed, NotAllowed, RegistryError, RolloutFailed, WrongState
from releases.models import App, Person, Token
from releases.views.door import deed, page

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cluster_row")]
PASSWORD = "a long walk in the rain"


@pytest.fixture
def ann() -> Person:
    return Person.objects.create_person("ann", role=Person.ADMINISTRATOR, password=PASSWORD)


# --- Refusals of pages and buttons ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("door", "method"), [(page, "get"), (deed, "post")])
def test_what_was_deleted_in_this_moment_is_not_there(rf, ann, door, method) -> None:
    request = getattr(rf, method)("/apps/shop")
    request.user = ann
    with pytest.raises(Http404):
        door(lambda request: App.objects.get(name="shop"))(request)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (WrongState("It is over already."), 409),
        (RolloutFailed("Waiting for a namespace."), 409),
        (RegistryError("It denies us.", cause="denied"), 502),
        (BuildFailed("There is no Dockerfile."), 422),
    ],
)
def test_no_refusal_of_a_page_is_a_fault_of_ours(rf, ann, error, status) -> None:
    def refused(request: HttpRequest) -> HttpResponse:
        raise error

    request = rf.get("/apps/shop")
    request.user = ann
    request.actor = policy.actor_for(ann)
    answer = page(refused)(request)
    assert answer.status_code == status and error.message in answer.content.decode()


# --- Websockets from elsewhere --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        (b"http://127.0.0.1:8000", b"127.0.0.1:8000", True),
        (b"http://localhost:8000", b"localhost:8000", True),
        (b"http://127.0.0.1:9", b"127.0.0.1:8000", False),
        (b"http://localhost:8000", b"127.0.0.1:8000", False),
        (b"http://hello.localhost:8000", b"localhost:8000", False),
        (b"http://evil.example", b"evil.example", False),
        (b"http://evil.example", b"127.0.0.1:8000", False),
        (b"null", b"127.0.0.1:8000", False),
        (b"", b"127.0.0.1:8000", False),
        (b"http://[::1", b"127.0.0.1:8000", False),
        (b"file://127.0.0.1:8000", b"127.0.0.1:8000", False),
    ],
)
def test_a_websocket_opens_only_for_pages_of_the_same_address_and_port(settings, origin, host, same) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
    assert is_same({b"origin": origin, b"host": host}) is same


def test_a_trusted_origin_may_differ_from_the_host(settings) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://deployer.example.com"]
    assert is_same({b"origin": b"https://deployer.example.com", b"host": b"10.0.0.7:8000"})


# --- Bodies ---------------------------------------------------------------------------------------------------------


async def send_body(path: str, size: int, *, known: bool, length: bool) -> int:
    """The status that a POST of `size` bytes gets, with its length said or in chunks."""

    async def reads_all(scope: dict, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def knows(headers: dict[bytes, bytes]) -> bool:
        return known

    left, said = size, []

    async def receive() -> dict:
        nonlocal left
        part = min(left, 1024**2)
        left -= part
        return {"type": "http.request", "body": bytes(part), "more_body": left > 0}

    async def send(message: dict) -> None:
        said.append(message)

    headers = [(b"content-length", str(size).encode())] if length else []
    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    await BodyLimit(reads_all, largest=8 * 1024**2, knows=knows)(scope, receive, send)
    return next(message["status"] for message in said if "status" in message)


@pytest.mark.parametrize("length", [True, False])
async def test_only_a_known_sender_uploads_much_and_only_a_build(length: bool) -> None:
    upload, form = "/api/apps/shop/builds", "/sign-in"
    assert await send_body(upload, SMALL + 1, known=True, length=length) == 200
    assert await send_body(upload, SMALL + 1, known=False, length=length) == 413
    assert await send_body(form, SMALL + 1, known=True, length=length) == 413
    assert await send_body(form, SMALL, known=False, length=length) == 200
    assert await send_body(upload, 10 * 1024**2, known=True, length=length) == 413


@pytest.mark.django_db(transaction=True)
async def test_a_sender_is_known_by_a_token_or_a_session_that_is_good_now() -> None:
    from asgiref.sync import sync_to_async

    person = await sync_to_async(Person.objects.create_person)("bob", role=Person.DEPLOYER, password=PASSWORD)
    _, secret = await sync_to_async(Token.issue)(person, name="laptop")
    client = Client()
    await sync_to_async(client.force_login)(person)
    cookie = "; ".join(f"{name}={value.value}" for name, value in client.cookies.items()).encode()
    assert await is_somebody({b"authorization": b"Bearer " + secret.encode()})
    assert await is_somebody({b"cookie": cookie})
    assert not await is_somebody({b"cookie": b"a=b"})
    assert not await is_somebody({b"authorization": b"Bearer deployer_x_y"})
    assert not await is_somebody({})
    await sync_to_async(Person.objects.filter(pk=person.pk).update)(is_active=False)
    assert not await is_somebody({b"authorization": b"Bearer " + secret.encode()})
    assert not await is_somebody({b"cookie": cookie})


def test_plain_text_is_no_json_so_a_foreign_page_must_ask_first(ann: Person) -> None:
    body = json.dumps({"username": "ann", "password": PASSWORD, "name": "x"})
    refused = Client().post("/api/tokens", body, content_type="text/plain")
    assert refused.status_code == 400
    assert Client().post("/api/tokens", body, content_type="application/json").status_code == 201


@pytest.mark.parametrize("referer", ["http://[::1", "http://testserver/\x00", "//", "javascript:alert(1)"])
def test_a_strange_referer_gets_the_refusal_all_the_same(ann: Person, referer: str) -> None:
    app = actions.create_app("hello", by=policy.actor_for(ann))
    client = Client()
    client.force_login(ann)
    answer = client.post(f"/apps/{app.name}/scale/web", {"count": "-5"}, headers={"Referer": referer})
    assert answer.status_code == 422


def test_an_address_with_a_nul_is_no_page(ann: Person) -> None:
    client = Client()
    client.force_login(ann)
    assert client.get("/apps/%00").status_code == 404


@pytest.mark.database
@pytest.mark.parametrize("key", [r'"\000aaaaaaaaaaaa"', "a" * 5000, "é" * 32, r'"\342\202\254aaaaaaaa"'])
def test_a_cookie_that_names_no_session_is_none(db: Any, settings: Any, key: str) -> None:
    """Cookies may escape what a header can't hold."""
    cookie = f"{settings.SESSION_COOKIE_NAME}={key}"
    client = Client(headers={"cookie": cookie})
    assert client.get("/api/me").status_code == 401
    assert client.get("/").status_code == 302
    assert client.get("/nowhere/").status_code == 404
    assert not async_to_sync(is_somebody)({b"cookie": cookie.encode()})


# --- Rights that end ------------------------------------------------------------------------------------------------


def test_a_stream_ends_with_the_right_of_who_opened_it(ann: Person, rf) -> None:
    token, _ = Token.issue(ann, name="laptop")
    request = rf.get("/")
    request.auth = token
    assert may_still("view", request) and may_still("run", request)
    Person.objects.filter(pk=ann.pk).update(role=Person.VIEWER)
    assert may_still("view", request) and not may_still("run", request)
    Token.objects.filter(pk=token.pk).update(revoked_at=token.created_at)
    assert not may_still("view", request)

    client = Client()
    client.force_login(ann)
    request.auth, request.session = ann, client.session
    assert may_still("view", request)
    client.logout()
    assert not may_still("view", request)


def test_the_last_administrator_stays_one(ann: Person) -> None:
    by = policy.actor_for(ann)
    ann.role = Person.VIEWER
    with pytest.raises(NotAllowed, match="last administrator"):
        actions.save_person(ann, by=by, changed=["role"])
    assert Person.objects.get(pk=ann.pk).role == Person.ADMINISTRATOR


def test_a_start_without_any_administrator_makes_one_with_a_free_name(ann: Person, monkeypatch, tmp_path, settings):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    settings.STATIC_ROOT = str(tmp_path / "static")
    Person.objects.create_person("admin", role=Person.VIEWER)
    Person.objects.filter(pk=ann.pk).update(is_active=False)
    call_command("setup")
    assert Person.objects.get(username="admin2").role == Person.ADMINISTRATOR


def test_a_new_password_opens_the_door_that_guesses_have_locked(ann: Person, capsys) -> None:
    wrong = json.dumps({"username": "ann", "password": "a guess", "name": "x"})
    for _ in range(12):
        answer = Client().post("/api/tokens", wrong, content_type="application/json")
    assert answer.status_code == 429
    call_command("password", "--generate")
    password = capsys.readouterr().out.split("Password: ")[1].strip()
    right = json.dumps({"username": "ann", "password": password, "name": "x"})
    assert Client().post("/api/tokens", right, content_type="application/json").status_code == 201
