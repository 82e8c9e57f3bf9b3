"""The websockets, from the handshake on, through the same stack that serves them."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import channel_layers, get_channel_layer
from django.conf import settings as project
from django.test import Client
from pages_world import make_world

from deployer.asgi import application
from releases import logs
from releases.consumers import page, socket
from releases.logs import hear
from releases.models import Build, Person, Rollout

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]

ORIGIN = (b"origin", b"http://localhost")
# For what comes at once, on a busy machine, too.
PATIENCE_SECONDS = 30
IN_MEMORY = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
NO_REDIS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
    }
}


@pytest.fixture(autouse=True)
def quiet(settings, tmp_path):
    settings.DEPLOYER_KUBECONFIG = str(tmp_path / "none")
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.CHANNEL_LAYERS = IN_MEMORY
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


@pytest.fixture
def world(db):
    return make_world()


class Browser(ApplicationCommunicator):
    """One end of a websocket; the other is the whole application."""

    def __init__(self, path, headers):
        path, _, query = path.partition("?")
        scope = {
            "type": "websocket",
            "path": path,
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": [],
        }
        super().__init__(application, scope)

    async def connect(self):
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(timeout=PATIENCE_SECONDS))["type"] == "websocket.accept"

    async def receive_from(self):
        said = await self.receive_output(timeout=PATIENCE_SECONDS)
        assert said["type"] == "websocket.send", said
        return said["text"]

    async def disconnect(self):
        await self.send_input({"type": "websocket.disconnect", "code": 1001})
        await self.wait(timeout=PATIENCE_SECONDS)


@sync_to_async
def session_of(person):
    client = Client()
    client.force_login(person)
    return client.cookies[project.SESSION_COOKIE_NAME].value


async def open_(path, person=None, origin=ORIGIN):
    cookie = f"{project.SESSION_COOKIE_NAME}={await session_of(person)}" if person else ""
    headers = [origin, (b"host", b"localhost"), (b"cookie", cookie.encode())]
    return Browser(path, headers)


async def connected(path, person):
    there = await open_(path, person)
    assert await there.connect()
    return there


async def close_code(there):
    while True:
        said = await there.receive_output(timeout=PATIENCE_SECONDS)
        if said["type"] == "websocket.close":
            return said["code"]


async def tell(group):
    await get_channel_layer().group_send(group, {"type": "nudge", "group": group})


async def frames_until_finished(there):
    numbers = []
    while True:
        frame = json.loads(await there.receive_from())
        numbers += [line["number"] for line in frame["lines"]]
        if frame["finished"]:
            return numbers


async def test_nobody_watches_without_a_sign_in(world):
    for path in ("/ws/pages/apps", "/ws/logs/rollout/hello.1"):
        there = await open_(path)
        await there.connect()
        assert await close_code(there) == socket.SIGNED_OUT


async def test_other_origins_are_turned_away(world):
    there = await open_("/ws/pages/apps", world.people["viewer"], origin=(b"origin", b"http://elsewhere.example"))
    assert not await there.connect()


@pytest.mark.parametrize(
    "path",
    [
        "/ws/pages/app.nope",
        "/ws/pages/rollout.hello.99",
        "/ws/pages/what.hello",
        "/ws/logs/build/BAAAAAAAAAA",
        "/ws/logs/rollout/hello.x",
        "/ws/logs/rollout/hello.99999999999999999999",
    ],
)
async def test_what_is_not_there_is_final(world, path):
    there = await connected(path, world.people["viewer"])
    assert await close_code(there) == socket.GONE


async def test_a_page_is_drawn_at_once_and_again_when_something_changes(world):
    rollout = await sync_to_async(world.rollout)(world.newest)
    there = await connected("/ws/pages/rollout.hello.3", world.people["viewer"])
    first = await there.receive_from()
    assert 'id="rollout-head"' in first and 'id="rollout-progress"' in first and "Rolling" in first
    await sync_to_async(Rollout.objects.filter(pk=rollout.pk).update)(status="rolling_back")
    await asyncio.sleep(page.PAUSE_SECONDS * 2)
    await tell(f"page.app-{world.app.pk}")
    assert "Rolling back" in await there.receive_from()
    await there.disconnect()


async def test_who_did_it_reads_you_and_everybody_else_the_name(world):
    rollout = await sync_to_async(world.rollout)(world.newest)
    other = await sync_to_async(Person.objects.create_person)("bob", role="deployer")
    theirs = await connected("/ws/pages/rollout.hello.3", world.people["deployer"])
    others = await connected("/ws/pages/rollout.hello.3", other)
    assert "by you" in await theirs.receive_from()
    assert "by a-deployer" in await others.receive_from()
    await sync_to_async(Rollout.objects.filter(pk=rollout.pk).update)(note="because")
    await asyncio.sleep(page.PAUSE_SECONDS * 2)
    await tell(f"page.app-{world.app.pk}")
    assert "by you" in await theirs.receive_from()
    assert "by a-deployer" in await others.receive_from()
    await theirs.disconnect()
    await others.disconnect()


async def test_each_sees_the_buttons_that_are_theirs(world):
    await sync_to_async(world.rollout)(world.newest)
    may = await connected("/ws/pages/rollout.hello.3", world.people["deployer"])
    may_not = await connected("/ws/pages/rollout.hello.3", world.people["viewer"])
    assert "needs the role deployer" not in await may.receive_from()
    assert "needs the role deployer" in await may_not.receive_from()
    await may.disconnect()
    await may_not.disconnect()


async def test_what_did_not_change_is_not_sent(world):
    there = await connected("/ws/pages/apps", world.people["viewer"])
    await there.receive_from()
    await tell("page.apps")
    assert await there.receive_nothing(timeout=0.5)
    await there.disconnect()


async def test_a_storm_of_nudges_costs_few_draws_and_loses_not_the_last(world, monkeypatch):
    monkeypatch.setattr(page, "PAUSE_SECONDS", 0.5)  # long beside what 60 writes take, on a slow disk too
    rollout = await sync_to_async(world.rollout)(world.newest)
    there = await connected("/ws/pages/rollout.hello.3", world.people["viewer"])
    await there.receive_from()
    update = sync_to_async(Rollout.objects.filter(pk=rollout.pk).update)
    for number in range(60):
        await update(note=f"note {number}.")
        await tell(f"page.app-{world.app.pk}")
    drawn = []
    while not drawn or "note 59." not in drawn[-1]:
        drawn.append(await there.receive_from())
    assert len(drawn) < 40
    await there.disconnect()


async def test_a_page_is_live_without_redis(world, settings, monkeypatch):
    settings.CHANNEL_LAYERS = NO_REDIS
    channel_layers.backends.clear()
    monkeypatch.setattr(page, "LOOK_WITHOUT_NUDGES_SECONDS", 0.2)
    rollout = await sync_to_async(world.rollout)(world.newest)
    there = await connected("/ws/pages/rollout.hello.3", world.people["viewer"])
    await there.receive_from()
    await sync_to_async(Rollout.objects.filter(pk=rollout.pk).update)(status="rolling_back")
    assert "Rolling back" in await there.receive_from()
    await there.disconnect()


@pytest.mark.parametrize("path", ["/ws/pages/apps", "/ws/logs/rollout/hello.3"])
async def test_who_may_no_longer_watch_is_sent_away(world, monkeypatch, path):
    monkeypatch.setattr(socket, "CHECK_SECONDS", 0.2)
    await sync_to_async(world.rollout)(world.newest)
    there = await connected(path, world.people["viewer"])
    await sync_to_async(Person.objects.filter(role="viewer").update)(is_active=False)
    assert await close_code(there) == socket.SIGNED_OUT


async def test_signing_out_ends_what_is_open(world, monkeypatch):
    from django.contrib.sessions.models import Session

    monkeypatch.setattr(socket, "CHECK_SECONDS", 0.2)
    there = await connected("/ws/pages/apps", world.people["viewer"])
    await sync_to_async(Session.objects.all().delete)()
    assert await close_code(there) == socket.SIGNED_OUT


async def test_a_log_comes_whole_and_ends(world):
    rollout = await sync_to_async(world.rollout)(world.newest)
    append = sync_to_async(logs.append)
    await append(rollout, [logs.Line("build", f"line {number}") for number in range(1, 2501)])
    there = await connected("/ws/logs/rollout/hello.3?after=0", world.people["viewer"])
    frame = json.loads(await there.receive_from())
    assert set(frame) == {"lines", "finished"} and set(frame["lines"][0]) == {"number", "time", "stream", "message"}
    await append(rollout, [logs.Line("build", "the last")])
    await sync_to_async(rollout.transition)("succeeded")
    numbers = [line["number"] for line in frame["lines"]] + await frames_until_finished(there)
    assert numbers == list(range(1, 2502))
    assert await close_code(there) == 1000


async def test_a_log_goes_on_after_the_line_that_one_has(world):
    build = await sync_to_async(Build.objects.get)(pk=world.old.build_id)
    await sync_to_async(logs.append)(build, [logs.Line("build", str(number)) for number in range(10)])
    for after, expected in (("4", range(5, 11)), ("10", []), ("99", []), ("x", range(1, 11)), ("-1", range(1, 11))):
        there = await connected(f"/ws/logs/build/{build.pk}?after={after}", world.people["viewer"])
        assert await frames_until_finished(there) == list(expected)
        await there.disconnect()


async def test_nothing_listens_when_nobody_watches(world):
    there = await connected("/ws/pages/apps", world.people["viewer"])
    await there.receive_from()
    assert hear._ears
    await there.disconnect()
    async with asyncio.timeout(PATIENCE_SECONDS):  # its task ends after the socket
        while hear._ears:
            await asyncio.sleep(0.01)
