"""Following a log: what is there already, then what comes, to the end, whatever happens to the nudges."""

import asyncio
import gc
from contextlib import aclosing

import pytest
from asgiref.sync import sync_to_async

from releases import logs
from releases.logs import Line, tail
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 30.0


class Story:
    """A build that runs, told from an asynchronous test."""

    def __init__(self):
        self.build = factories.build(factories.app(), status="running")
        self.owner = self.build.owner

    @sync_to_async(thread_sensitive=False)
    def say(self, *messages):
        from django.db import connections

        logs.append(self.build, [Line("build", message) for message in messages])
        connections.close_all()

    @sync_to_async(thread_sensitive=False)
    def end(self):
        from django.db import connections

        self.build.transition("succeeded")
        logs.nudge(logs.topic(self.owner))
        connections.close_all()


@pytest.fixture
def story(db):
    return Story()


@pytest.fixture(autouse=True)
def nobody_is_left():
    yield
    assert tail._tails == {}, "a tail outlived its followers"


async def all_of(owner, number=0):
    """Everything a follower gets, until the log ends."""
    got = []
    async with asyncio.timeout(PATIENCE), aclosing(tail.follow(owner, number)) as batches:
        async for lines in batches:
            got += [(line.number, line.message) for line in lines]
    return got


class Follower:
    """Reads in a task of its own."""

    def __init__(self, owner, number=0):
        self.got = []
        self.grown = asyncio.Event()
        self.empty = 0
        self.task = asyncio.create_task(self._read(owner, number))

    async def _read(self, owner, number):
        async with aclosing(tail.follow(owner, number)) as batches:
            async for lines in batches:
                self.empty += not lines
                self.got += [line.message for line in lines]
                self.grown.set()

    async def has(self, count):
        async with asyncio.timeout(PATIENCE):
            while len(self.got) < count:
                self.grown.clear()
                await self.grown.wait()
        return self.got

    async def ends(self):
        await asyncio.wait_for(self.task, PATIENCE)
        return self.got

    async def leave(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_finished_log_is_replayed_whole_and_ends(story):
    await story.say(*[f"line {n}" for n in range(1, 2501)])  # more than one batch
    await story.end()
    got = await all_of(story.owner)
    assert got == [(n, f"line {n}") for n in range(1, 2501)]


async def test_the_log_of_nobody_ends_at_once():
    assert await all_of("BNOSUCHBUIL") == []
    assert await all_of("rollout-999999") == []


async def test_it_begins_in_the_middle(story):
    await story.say("one", "two", "three")
    await story.end()
    assert await all_of(story.owner, 2) == [(3, "three")]
    assert await all_of(story.owner, 3) == []


async def test_what_comes_is_told_live_and_faster_than_by_looking(story, redis):
    follower = Follower(story.owner)
    await story.say("one")
    await follower.has(1)
    clock = asyncio.get_running_loop().time
    quick = []
    for text in ("two", "three", "four"):
        before = clock()
        await story.say(text)
        await follower.has(len(quick) + 2)
        quick.append(clock() - before)
    assert min(quick) < tail.LOOK_ANYWAY_SECONDS / 4  # the nudge did it
    await story.end()
    assert await follower.ends() == ["one", "two", "three", "four"]


async def test_followers_who_come_at_different_times_all_get_everything(story, redis):
    first = Follower(story.owner)
    await story.say("one", "two")
    await first.has(2)
    late, middle = Follower(story.owner), Follower(story.owner, 1)
    await story.say("three")
    await late.has(3)
    assert len(tail._tails) == 1  # they share one
    await first.leave()
    await story.say("four")
    await story.end()
    assert await late.ends() == ["one", "two", "three", "four"]
    assert await middle.ends() == ["two", "three", "four"]


async def test_lost_nudges_are_made_good(story):
    """No Redis here: every nudge of another process is lost."""
    follower = Follower(story.owner)
    await story.say("one")
    await follower.has(1)
    await story.say("two")
    assert await follower.has(2) == ["one", "two"]
    await story.end()
    assert await follower.ends() == ["one", "two"]


async def test_a_follower_who_is_ahead_of_the_log_gets_what_comes_after(story):
    """An old browser tab of a database that was restored, or somebody's typing: it must not spoil it for others."""
    await story.say("one", "two")
    ahead = Follower(story.owner, 99)
    while story.owner not in {owner for _, owner in tail._tails}:
        await asyncio.sleep(0)
    plain = Follower(story.owner)
    assert await plain.has(2) == ["one", "two"]
    await story.say("three")
    assert await plain.has(3) == ["one", "two", "three"]
    assert plain.empty < 50, "it asks the database again and again"
    await story.end()
    assert await plain.ends() == ["one", "two", "three"]
    assert await ahead.ends() == []


async def test_who_leaves_takes_the_tail_along(story):
    follower = Follower(story.owner)
    await story.say("one")
    await follower.has(1)
    assert len(tail._tails) == 1
    await follower.leave()
    gc.collect()
    assert tail._tails == {}


async def test_a_quiet_log_says_now_and_then_that_nothing_happened(story):
    """So that whoever carries it further notices a reader who has gone."""
    async with asyncio.timeout(PATIENCE), aclosing(tail.follow(story.owner)) as batches:
        assert await anext(batches) == []
