"""What stays on an engine between builds: its cache, bounded, and nothing else of ours.

The engine caches each step as an image. Those of a stage that is no image in the end, or of a build that failed, hang
in the air: nobody could tell them from anybody else's. So the last of each stage is tagged, one set per app and
service; the next build replaces the set, and what is not part of it goes.
"""

import contextlib
import time
from collections.abc import Sequence

from docker.errors import APIError

from releases.clients.images.engine import Engine, auth_config
from releases.clients.images.plan import BUILD_LABEL, Destination, Login, Recipe

# No registry has this name (RFC 2606): these are never pushed.
PLACE = "cache.invalid"
SWEEP_SECONDS = 3600


def cache_from(engine: Engine, reference: str, login: Login | None) -> list[str]:
    """What to name to the builder, given the reference of the app's previous image. Raises APIError without it.

    The engine that made the image has its steps, and finds them by itself; any other pulls it, and must be told.
    """
    if not engine.images(name=reference, quiet=True):
        for event in engine.pull(reference, stream=True, decode=True, auth_config=auth_config(login)):
            if "error" in event:
                raise APIError(str(event["error"]))
    return [] if engine.inspect_image(reference).get("Parent") else [reference]


def replace_tips(engine: Engine, destination: Destination, recipe: Recipe, tips: Sequence[str]) -> None:
    """Tags the tips of this build's stages; removes those of the build before that are no part of it."""
    repository = f"{PLACE}/{destination.app}"
    before = _tagged(engine, repository, f"{recipe.name}.")
    for number, tip in enumerate(filter(None, tips)):
        with contextlib.suppress(APIError):  # the engine's owner may have removed it
            engine.tag(tip, repository, f"{recipe.name}.{number}", force=True)
    after = _tagged(engine, repository, f"{recipe.name}.")
    stages = sum(1 for tip in tips if tip)
    for tag, image in before.items():
        if int(tag.rpartition(".")[2]) >= stages:
            _remove(engine, tag)
        elif after.get(tag) != image:
            _remove(engine, image)


def remove_older(engine: Engine, destination: Destination, recipe: Recipe) -> None:
    """Local tags of the app's earlier builds: the registry has them, and this build's image has what they cached."""
    mine = {destination.by_tag(service) for service in recipe.services}
    for service in recipe.services:
        for tag in _tagged(engine, destination.repository, f"{service}."):
            if tag not in mine:
                _remove(engine, tag)


def forget(engine: Engine, app: str) -> None:
    """The whole cache of an app."""
    for tag in _tagged(engine, f"{PLACE}/{app}", ""):
        _remove(engine, tag)


def sweep(engine: Engine) -> None:
    """Images of builds that lost their tag, as when another build got it: those that carry our label."""
    for image in engine.images(filters={"dangling": True, "label": BUILD_LABEL}):
        if time.time() - image["Created"] > SWEEP_SECONDS:  # a younger one may be about to get its tag
            _remove(engine, image["Id"])


def _tagged(engine: Engine, repository: str, prefix: str) -> dict[str, str]:
    """Tag → ID of the images in `repository` whose tag begins with `prefix`, in order of the tags."""
    found = ((tag, image["Id"]) for image in engine.images(name=repository) for tag in image["RepoTags"] or ())
    return {tag: image for tag, image in sorted(found) if tag.startswith(f"{repository}:{prefix}")}


def _remove(engine: Engine, image: str) -> None:
    """With the steps that nothing else needs. Not one that something runs from or builds on."""
    with contextlib.suppress(APIError):
        engine.remove_image(image)
