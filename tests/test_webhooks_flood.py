"""Whoever floods the inbox without knowing a secret: it costs neither memory nor the database, nor GitHub's place."""

import asyncio
import json

import pytest

from releases.models import Delivery
from releases.webhooks import Hooks
from releases.webhooks.reading import LARGE_AT_ONCE, Reading
from releases.webhooks.senders import KNOWN_SECONDS, Senders
from tests import factories, github_payloads
from tests.test_webhooks import SECRET, source_of

pytestmark = pytest.mark.django_db(transaction=True)
MALLORY, GITHUB, MEBIBYTE = "203.0.113.66", "140.82.115.5", 1024**2


@pytest.fixture(autouse=True)
def app(deployer):
    made = factories.app(by=deployer, name="shop")
    source_of(made)
    return made


class Still(Senders):
    """For whom no time passes: a slow machine lets nothing drain away."""

    def _drained(self, address, now):
        return super()._drained(address, 0.0)


class Wire:
    """One connection of `address`; its pieces come when the test sends them. None: it is cut off."""

    def __init__(self, hooks, *, address=GITHUB, name="shop", headers=(), announced=None):
        self.pieces, self.sent, self.hooks = asyncio.Queue(), [], hooks
        given = [(key.lower().encode(), value.encode()) for key, value in dict(headers).items()]
        if announced is not None:
            given.append((b"content-length", str(announced).encode()))
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": f"/hooks/github/{name}",
            "headers": given,
            "client": (address, 50000),
        }
        self.task = asyncio.ensure_future(hooks(self.scope, self.receive, self.keep))

    async def receive(self):
        piece, more = await self.pieces.get()
        if piece is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": more}

    async def keep(self, message):
        self.sent.append(message)

    def send(self, piece, *, more=False):
        self.pieces.put_nowait((piece, more))
        return self

    async def answer(self):
        """(status, content, headers)"""
        await asyncio.wait_for(self.task, 20)
        start, body = self.sent
        return start["status"], json.loads(body["body"]), dict(start["headers"])


def signed(secret=SECRET, **more):
    return github_payloads.delivery(secret, "push", github_payloads.push(**more))


def delivered(hooks, *, secret=SECRET, **where):
    body, headers = signed(secret)
    return Wire(hooks, headers=headers, announced=len(body), **where).send(body).answer()


async def settled(hooks):
    if hooks.inbox.opening:
        await hooks.inbox.opening


def test_wrong_signatures_past_the_limit_are_sent_away_for_a_while():
    """Whether there is such an app or not."""

    async def story():
        hooks = Hooks(None, senders=Still(per_minute=3))
        answers = [await delivered(hooks, secret="guessed", address=MALLORY) for _ in range(3)]
        assert {status for status, _, _ in answers} == {403}
        here = await delivered(hooks, secret="guessed", address=MALLORY)
        nowhere = await delivered(hooks, secret="guessed", address=MALLORY, name="nowhere")
        assert here == nowhere
        status, content, headers = here
        assert (status, content["error"]["code"]) == (429, "too_many_requests")
        assert 1 <= int(headers[b"retry-after"]) <= 20
        # Somebody else's, and what is signed, are taken all the same: the address may be that of a proxy.
        assert (await delivered(hooks, secret="guessed", address="203.0.113.67"))[0] == 403
        assert (await delivered(hooks, address=GITHUB))[0] == 202
        assert (await delivered(hooks, address=MALLORY))[0] == 202
        await settled(hooks)

    asyncio.run(story())
    assert Delivery.objects.count() == 2


def test_of_who_is_past_the_limit_nothing_large_is_even_read():
    async def story():
        hooks = Hooks(None, senders=Senders(per_minute=1))
        await delivered(hooks, secret="guessed", address=MALLORY)
        body, headers = signed()
        for announced in (MEBIBYTE, 20 * MEBIBYTE, None):
            wire = Wire(hooks, address=MALLORY, headers=headers, announced=announced)
            status, _, answered = await wire.answer()  # though not a byte of it has come
            assert (status, answered[b"connection"]) == (429, b"close")
        # GitHub behind the same proxy has shown that it knows a secret.
        await delivered(hooks, address=MALLORY)
        large = body[:-1] + b" " * 2 * MEBIBYTE + body[-1:]
        headers |= {"X-Hub-Signature-256": github_payloads.signed(SECRET, large)}
        wire = Wire(hooks, address=MALLORY, headers=headers, announced=len(large)).send(large)
        assert (await wire.answer())[0] == 202
        await settled(hooks)

    asyncio.run(story())


def test_bodies_that_never_end_take_only_their_senders_share_of_the_room():
    async def story():
        body, headers = signed()
        share = 10 * len(body)
        hooks = Hooks(None, reading=Reading(room=2 * share, share=share, seconds=600))
        slow = [Wire(hooks, address=MALLORY, headers=headers, announced=9999) for _ in range(10)]
        for wire in slow:
            wire.send(body, more=True)
        while hooks.reading.room.of[MALLORY] < share:
            await asyncio.sleep(0)
        status, content, answered = await delivered(hooks, address=MALLORY)
        assert (status, content["error"]["code"], answered[b"retry-after"]) == (503, "busy", b"5")
        assert (await delivered(hooks, address=GITHUB))[0] == 202
        for wire in slow:
            wire.send(None)
            await wire.task
            assert wire.sent == []
        assert (hooks.reading.room.held, len(hooks.reading.room.of)) == (0, 0)
        assert (await delivered(hooks, address=MALLORY))[0] == 202
        await settled(hooks)

    asyncio.run(story())


def test_what_does_not_come_in_time_is_given_up_and_counts_as_more_than_one():
    async def story():
        senders = Still()
        hooks = Hooks(None, senders=senders, reading=Reading(seconds=0.02))
        large = [Wire(hooks, address=MALLORY, headers=signed()[1], announced=MEBIBYTE * 2) for _ in range(6)]
        answers = [await wire.answer() for wire in large]
        assert [status for status, _, _ in answers].count(408) >= LARGE_AT_ONCE
        assert {status for status, _, _ in answers} <= {408, 503}  # some never had their turn
        for _ in range(2):
            assert (await Wire(hooks, address=MALLORY, headers=signed()[1], announced=7).answer())[0] == 408
        assert senders.seconds_to_wait(MALLORY, now=asyncio.get_running_loop().time())
        assert (await delivered(Hooks(None, senders=senders), address=MALLORY))[0] == 202

    asyncio.run(story())


def test_the_count_drains_away_and_what_was_known_is_forgotten():
    senders = Senders(per_minute=60)
    for _ in range(500):
        senders.was_wrong(MALLORY, now=0.0)
    assert senders.seconds_to_wait(MALLORY, now=0.0) == 1
    assert senders.seconds_to_wait(MALLORY, now=1.0) == 0
    senders.was_right(MALLORY, now=1.0)
    assert senders.is_known(MALLORY, now=KNOWN_SECONDS)
    assert not senders.is_known(MALLORY, now=KNOWN_SECONDS + 2)


def test_a_line_with_many_addresses_is_one_sender_and_all_together_are_bounded():
    senders = Senders(per_minute=2, most=100)
    senders.was_wrong("2001:db8::1", now=0.0)
    senders.was_wrong("2001:db8::ffff:2", now=0.0)
    assert senders.seconds_to_wait("2001:db8::3", now=0.0)
    assert not senders.seconds_to_wait("2001:db8:0:1::3", now=0.0)
    for number in range(5000):
        senders.was_wrong(f"10.0.{number // 250}.{number % 250}", now=1.0)
    assert len(senders) == 100
    assert not senders.seconds_to_wait("not an address", now=1.0)
