"""One image by the engine's own builder, over its API (https://docs.docker.com/reference/api/engine/)."""

import contextlib
import io
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from releases.clients.images import faults, kept
from releases.clients.images.context import stream
from releases.clients.images.engine import Engine, EngineGone, Refusal, ours
from releases.clients.images.lines import Lines
from releases.clients.images.order import Order
from releases.clients.images.plan import BUILD_LABEL, label_dockerfile, login_for
from releases.clients.images.push import push
from releases.clients.images.side_by_side import Work

STEP = re.compile(r"^Step \d+/\d+ : (\w+)")
# What the engine says itself begins on a line of its own, also where a step's output has not ended its last one.
OWN = re.compile(r" ---> |Removing intermediate container [0-9a-f]{12}$", re.MULTILINE)
STEP_IMAGE = re.compile(r"^ ---> ([0-9a-f]{12})$")


@dataclass
class Outcome:
    """`image`: its ID, "" if there is none. `tips`: the last image of each stage. `fault`: the engine's words, "" if
    it did not fail. `tail`: the last lines."""

    image: str = ""
    tips: list[str] = field(default_factory=list)
    fault: str = ""
    tail: Sequence[str] = ()


def make(order: Order, work: Work) -> str:
    """Build, tag, push: the digest. Raises BuildFailed; Stopped when it is cut, and then nothing of it goes on."""
    engine = Engine(order.engine, order.destination.logins)
    work.on_stop(engine.cut)
    outcome = Outcome()
    tidying = threading.Thread(target=_tidy, args=(order, outcome), name="tidying", daemon=True)
    try:
        try:
            _image(engine, order, work, outcome)
        finally:
            tidying.start()  # beside the push, which takes longer
        if outcome.fault:
            raise faults.building(order.name, outcome.fault, tail=[] if order.alone else outcome.tail)
        return push_all(engine, order, work)
    finally:
        tidying.join()


def _image(engine: Engine, order: Order, work: Work, outcome: Outcome) -> None:
    """Made and tagged, unless `outcome` has a fault afterwards."""
    try:
        with ours(order.engine):
            _build(engine, order, _cache_from(engine, order, work), work, outcome)
            if not outcome.fault:
                _label(engine, order, outcome)
    except Refusal as refusal:
        outcome.fault = refusal.words


def push_all(engine: Engine, order: Order, work: Work) -> str:
    """One push per service: all but the first find their layers there. Raises BuildFailed."""
    destination = order.destination
    digests = []
    for service in order.recipe.services:
        work.say(f"Pushing {destination.by_tag(service)}")
        digests.append(push(engine, order.name, destination.repository, destination.tag(service), order.login, work))
    work.say(f"Pushed {destination.by_digest(digests[0])}")
    return digests[0]


def _cache_from(engine: Engine, order: Order, work: Work) -> list[str]:
    if not order.previous:
        return []
    try:
        with ours(order.engine):
            return kept.cache_from(engine, order.previous, login_for(order.previous, order.destination.logins))
    except Refusal as refusal:
        work.say(f"Without the cache of the previous image: {refusal.words}")
        return []


def _build(engine: Engine, order: Order, cache_from: list[str], work: Work, outcome: Outcome) -> None:
    """Fills `outcome` as the build goes on: what is known by then stays known when it is cut."""
    recipe, limits = order.recipe, order.limits
    memory = {"memory": limits.memory_bytes, "memswap": limits.memory_bytes} if limits.memory_bytes else {}
    events = engine.build(
        fileobj=stream(order.context, work.go_on),
        custom_context=True,
        dockerfile=recipe.dockerfile,
        target=recipe.target,
        buildargs=dict(recipe.args),
        # A last step that is never found in the cache. One restored from a pulled image has the configuration of its
        # making (moby's image/cache restores the container's, a `CMD` that does nothing), not the one of its image.
        labels={BUILD_LABEL: order.destination.build} if cache_from else {},
        cache_from=cache_from,
        network_mode=limits.network or None,
        platform=limits.platform or None,
        container_limits=memory,
        rm=True,
        forcerm=True,
        decode=True,
    )
    lines = Lines()
    outcome.tail = lines.tail
    for event in events:
        _take(event, lines, work, outcome)
    work.say(*lines.end())
    if not outcome.image and not outcome.fault:
        outcome.fault = "the engine ended the build without an image and without a reason"


def _label(engine: Engine, order: Order, outcome: Outcome) -> None:
    """All others in one more step: given with the build, each would be a step of its own."""
    text = label_dockerfile(outcome.image, order.labels)
    plain = {"network_mode": "none", "rm": True, "forcerm": True, "decode": True}
    for event in engine.build(fileobj=io.BytesIO(text.encode()), tag=order.tags[0], **plain):
        outcome.fault = str(event.get("error") or outcome.fault)
    for service in order.recipe.services[1:]:
        engine.tag(order.tags[0], order.destination.repository, order.destination.tag(service))


def _take(event: dict[str, Any], lines: Lines, work: Work, outcome: Outcome) -> None:
    if piece := event.get("stream"):
        whole = [*(lines.end() if OWN.match(piece) else []), *lines.take(piece)]
        _note_tips(whole, outcome)
        work.say(*whole)
    elif "error" in event:
        outcome.fault = str(event["error"])
    elif identity := (event.get("aux") or {}).get("ID"):
        outcome.image = identity  # one per stage: the last is the image
    elif (status := event.get("status")) and not event.get("progressDetail"):  # a base image that is pulled
        work.say(": ".join(filter(None, (event.get("id"), status))))


def _note_tips(lines: Sequence[str], outcome: Outcome) -> None:
    for line in lines:
        if (step := STEP.match(line)) and step.group(1).upper() == "FROM":
            outcome.tips.append("")
        elif (found := STEP_IMAGE.match(line)) and outcome.tips:
            outcome.tips[-1] = found.group(1)


def _tidy(order: Order, outcome: Outcome) -> None:
    """After any end but that of this process. By a connection of its own: the build's may be cut."""
    with contextlib.suppress(EngineGone, Refusal), ours(order.engine):
        engine = Engine(order.engine)
        kept.replace_tips(engine, order.destination, order.recipe, outcome.tips)
        if outcome.image and not outcome.fault:
            kept.remove_older(engine, order.destination, order.recipe)
        kept.sweep(engine)
