"""A build's images, by the builder that fits the app's cluster."""

from collections.abc import Mapping
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from releases.clients.images import DirectoryBuilder, buildkit, classic
from releases.clients.images.docker_builder import DockerBuilder, Make
from releases.clients.images.engine import EngineAddress, problem
from releases.clients.images.plan import Destination, Limits, labels, recipes
from releases.models import Build
from releases.models.cluster import EMBEDDED
from releases.pipeline.build_log import BuildLog
from releases.pipeline.builder_choice import Facts, choose
from releases.pipeline.registries import Registries, registries_of

WHY_MAX = 300


def make_images(
    build: Build, source: Path, private: Path, services: Mapping[str, dict], log: BuildLog
) -> dict[str, str]:
    """Service → reference by digest. `private`: a folder beside `source`. Raises BuildFailed, Cancelled, Stale."""
    registries = registries_of(build.app)
    if not recipes(services):
        return _given(build, source, private, services, log, registries)
    choice = choose(facts(build, registries))
    columns = {"builder": choice.name, "builder_why": choice.why[:WHY_MAX]}
    Build.objects.filter(pk=build.pk, epoch=build.epoch).update(**columns)
    log.say(f"Builder: {choice.name}: {choice.why}")
    if choice.name == "directory":
        return _from_directories(build, source, services, log)
    make = buildkit.maker(settings.DOCKER_COMMAND) if choice.name == "buildkit" else classic.make
    return _by_engine(build, source, private, services, log, registries, make)


def facts(build: Build, registries: Registries) -> Facts:
    """Asks the engine only where it may be needed."""
    asked = settings.DEPLOYER_BUILDER
    if build.app.cluster.kind == EMBEDDED:
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
            source, app=build.app.name, path=recipe.path, dockerfile_name=recipe.dockerfile, say=log.say
        )
        made |= dict.fromkeys(recipe.services, reference)
    return {name: made[name] for name in services}


def _given(
    build: Build, source: Path, private: Path, services: Mapping[str, dict], log: BuildLog, registries: Registries
) -> dict[str, str]:
    """Nothing has to be made. An engine, where there is one, says which digests the tags have."""
    log.say("Nothing to build: all services name an image")
    images = {name: service["image"] for name, service in services.items()}
    by_tag = [image for image in images.values() if "@sha256:" not in image]
    if not by_tag or build.app.cluster.kind == EMBEDDED:
        return images
    if why_not := problem(engine_address()):
        log.say(f"{', '.join(by_tag)}: by tag, since nobody can be asked for the digest: {why_not}")
        return images
    return _by_engine(build, source, private, services, log, registries, classic.make)


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
    before = build.app.builds.filter(status="succeeded").exclude(pk=build.pk).order_by("-created_at").first()
    now = timezone.now()
    return DockerBuilder(engine_address(), destination, limits(), make=make).build(
        source,
        services,
        private=private,
        labels=labels(app=build.app.name, build=build.pk, revision=build.commit, source=build.repository, created=now),
        previous=before.images if before else {},
        say=log.say,
        check=log.check,
    )
