"""Images in a registry: one per distinct `build` of a manifest, side by side, by a Docker Engine or by BuildKit."""

from collections.abc import Callable, Mapping
from pathlib import Path

from docker.utils.build import match_tag

from releases.clients.images import classic
from releases.clients.images.context import gather
from releases.clients.images.engine import Engine, EngineAddress
from releases.clients.images.order import Order
from releases.clients.images.plan import Destination, Limits, Say, login_for, recipes
from releases.clients.images.push import resolve
from releases.clients.images.side_by_side import Work, side_by_side
from releases.errors import BuildFailed

Make = Callable[[Order, Work], str]


class DockerBuilder:
    """`make`: how an image is made and pushed; gives its digest."""

    def __init__(
        self, engine: EngineAddress, destination: Destination, limits: Limits, *, make: Make = classic.make
    ) -> None:
        self.engine, self.destination, self.limits, self.make = engine, destination, limits, make

    def build(
        self,
        source: Path,
        services: Mapping[str, dict],
        *,
        private: Path,
        labels: Mapping[str, str],
        previous: Mapping[str, str],
        say: Say,
        check: Callable[[], None],
    ) -> dict[str, str]:
        """Service → reference by digest, for all `services` of a parsed manifest.

        `private`: a folder outside of `source`, for this build alone. `previous`: service → reference of the app's
        last images, for the cache. Raises BuildFailed, and what `check` raises, which is asked several times a second
        whether to go on: then nothing of the build goes on.
        """
        orders = self._orders(source, services, private, labels, previous)
        named = [name for name, service in services.items() if service["image"]]
        doings = [self._making(order) for order in orders]
        doings += [self._resolving(name, services[name]["image"]) for name in named]
        references = side_by_side(doings, limit=self.limits.parallel, say=say, check=check)
        made = dict(zip([order.name for order in orders] + named, references, strict=True))
        made |= {service: made[order.name] for order in orders for service in order.recipe.services}
        return {name: made[name] for name in services}

    def _orders(
        self,
        source: Path,
        services: Mapping[str, dict],
        private: Path,
        labels: Mapping[str, str],
        previous: Mapping[str, str],
    ) -> list[Order]:
        found = recipes(services)
        if found and not match_tag(self.destination.by_tag(found[0].name)):
            raise BuildFailed(f"{self.destination.repository} can't be the name of images: the registry's address?")
        return [
            Order(
                engine=self.engine,
                destination=self.destination,
                limits=self.limits,
                recipe=recipe,
                context=gather(source, recipe, max_bytes=self.limits.context_bytes),
                private=private,
                labels=labels,
                previous=previous.get(recipe.name, ""),
                alone=len(found) == 1,
            )
            for recipe in found
        ]

    def _making(self, order: Order) -> Callable[[Work[str]], str]:
        def do(work: Work[str]) -> str:
            work.prefix = "" if order.alone else f"{order.name}: "
            work.say(f"Building {', '.join(order.recipe.services)} from {order.recipe.path} ({order.context.words})")
            return self.destination.by_digest(self.make(order, work))

        return do

    def _resolving(self, name: str, image: str) -> Callable[[Work[str]], str]:
        def do(work: Work[str]) -> str:
            if "@sha256:" in image:
                return image
            engine = Engine(self.engine)
            work.on_stop(engine.cut)
            reference = resolve(engine, name, image, login_for(image, self.destination.logins))
            work.say(f"{name}: {image} is {reference}")
            return reference

        return do
