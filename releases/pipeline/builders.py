"""A build's images, by the builder that fits the app's cluster."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from releases.clients.images import DirectoryBuilder, buildkit, classic, faults
from releases.clients.images.docker_builder import DockerBuilder, Make
from releases.clients.images.engine import EngineAddress, problem
from releases.clients.images.plan import Destination, Limits, labels, login_for, recipes
from releases.errors import RegistryError
from releases.models import Build
from releases.models.cluster import EMBEDDED
from releases.pipeline import pushed_images
from releases.pipeline.build_log import BuildLog, once_it_answers
from releases.pipeline.builder_choice import Facts, choose
from releases.pipeline.registries import EMBEDDED as EMBEDDED_PLACE
from releases.pipeline.registries import Registries, by_digest, connection, registries_of

logger = logging.getLogger(__name__)
WHY_MAX = 300


def make_images(
    build: Build, source: Path, private: Path, services: Mapping[str, dict], log: BuildLog
) -> dict[str, str]:
    """Service → reference by digest. `private`: a folder beside `source`. Raises BuildFailed, Cancelled, Stale."""
    registries, embedded = once_it_answers(lambda: (registries_of(build.app), build.app.cluster.kind == EMBEDDED))
    if not recipes(services):
        return _given(build, source, private, services, log, registries)
    choice = choose(facts(registries, embedded=embedded))
    once_it_answers(partial(build.write, builder=choice.name, builder_why=choice.why[:WHY_MAX]))
    log.say(f"Builder: {choice.name}: {choice.why}")
    if choice.name == "directory":
        return _from_directories(build, source, services, log)
    make = buildkit.maker(settings.DOCKER_COMMAND) if choice.name == "buildkit" else classic.make
    return _by_engine(build, source, private, services, log, registries, make)


def facts(registries: Registries, *, embedded: bool) -> Facts:
    """Asks the engine only where it may be needed."""
    asked = settings.DEPLOYER_BUILDER
    if embedded:
        return Facts(embedded=True, asked=asked)
    return Facts(
        embedded=False,
        registry=registries.address,
        engine=problem(engine_address()),
        buildx="" if asked == "docker" else buildkit.version(settings.DOCKER_COMMAND, engine_address()),
        asked=asked,
    )


def engine_address() -> EngineAddress:
    return EngineAddress(settings.DOCKER_HOST, settings.DOCKER_CERT_PATH)


def limits() -> Limits:
    return Limits(
        parallel=settings.BUILD_PARALLEL,
        context_bytes=settings.BUILD_CONTEXT_MAX_BYTES,
        memory_bytes=settings.BUILD_MEMORY_BYTES,
        network=settings.BUILD_NETWORK,
        platform=settings.BUILD_PLATFORM,
    )


def _from_directories(build: Build, source: Path, services: Mapping[str, dict], log: BuildLog) -> dict[str, str]:
    builder = DirectoryBuilder(Path(settings.DEPLOYER_IMAGES))
    made = {name: service["image"] for name, service in services.items() if service["image"]}
    for recipe in recipes(services):
        log.check()
        log.say(f"Building {recipe.name} from {recipe.path}")
        reference = builder.build(
            source,
            app=build.app.name,
            path=recipe.path,
            dockerfile_name=recipe.dockerfile,
            without_command=[name for name in recipe.services if _runs_as_its_image_says(build, name, services[name])],
            say=log.say,
            announce=partial(_announce_folder, build),
        )
        made |= dict.fromkeys(recipe.services, reference)
    return {name: made[name] for name in services}


def _runs_as_its_image_says(build: Build, name: str, service: dict) -> bool:
    """One of no processes may have the image for a timer's or the release's command alone."""
    return not service["command"] and build.app.scale.get(name, service["scale"]["count"]) > 0


def _announce_folder(build: Build, digest: str) -> None:
    place = f"{EMBEDDED_PLACE}{build.app.name}"
    once_it_answers(lambda: pushed_images.announce(build, place, digest=digest))


def _given(
    build: Build, source: Path, private: Path, services: Mapping[str, dict], log: BuildLog, registries: Registries
) -> dict[str, str]:
    """Nothing has to be made. An engine, where there is one, asks which digests the tags have; else we do."""
    log.say("Nothing to build: all services name an image")
    images = {name: service["image"] for name, service in services.items()}
    by_tag = [image for image in images.values() if "@sha256:" not in image]
    if not by_tag or build.app.cluster.kind == EMBEDDED:
        return images
    if problem(engine_address()):
        return {name: _resolved(name, image, registries, log) for name, image in images.items()}
    return _by_engine(build, source, private, services, log, registries, classic.make)


def _resolved(service: str, image: str, registries: Registries, log: BuildLog) -> str:
    """By digest; by tag where its registry can't be asked from here: a cluster may reach it all the same."""
    log.check()
    if "@sha256:" in image:
        return image
    try:
        reference = by_digest(image, registries.logins)
    except RegistryError as error:
        if error.cause == "not_found":
            raise faults.resolving(service, error.message) from error
        log.say(f"{service}: {image}: by tag, since nobody can be asked for the digest: {error.message}")
        return image
    log.say(f"{service}: {image} is {reference}")
    return reference


def _by_engine(
    build: Build,
    source: Path,
    private: Path,
    services: Mapping[str, dict],
    log: BuildLog,
    registries: Registries,
    make: Make,
) -> dict[str, str]:
    destination = Destination(registries.address, build.app.name, build.pk, registries.logins)
    earlier = build.app.builds.filter(status="succeeded").exclude(pk=build.pk).order_by("-created_at")
    before = once_it_answers(earlier.first)
    tags = [destination.tag(service) for recipe in recipes(services) for service in recipe.services]
    _announce(build, destination, tags)
    now = timezone.now()
    images = DockerBuilder(engine_address(), destination, limits(), make=make).build(
        source,
        services,
        private=private,
        labels=labels(app=build.app.name, build=build.pk, revision=build.commit, source=build.repository, created=now),
        previous=before.images if before else {},
        say=log.say,
        check=log.check,
    )
    if tags:
        once_it_answers(lambda: pushed_images.note_pushed(build, images))
    return images


def _announce(build: Build, destination: Destination, tags: Sequence[str]) -> None:
    """Under which tags it pushes; what it pushed under them before its worker died is noted first."""
    if not tags:
        return
    if build.restarts:
        _note_earlier(build, destination)
    once_it_answers(lambda: pushed_images.announce(build, destination.repository, tags=tags))


def _note_earlier(build: Build, destination: Destination) -> None:
    there = connection(destination.address, login_for(destination.repository, destination.logins))
    try:
        once_it_answers(lambda: pushed_images.note_earlier(build, lambda tag: there.digest(build.app.name, tag)))
    except RegistryError as error:  # the push will say more, if that lasts
        logger.warning("what %s pushed before is not known: %s", build, error.message)
