"""A process whose image can't be had: what of it, where, why. Pure."""

import re
from collections.abc import Iterator

from releases.pipeline import meaning
from releases.pipeline.diagnosis.finding import Finding
from releases.pipeline.diagnosis.of_processes.process import Process
from releases.pipeline.processes import Ailment

BACK_OFF = re.compile(r'^Back-off pulling image "[^"]*"(: (ErrImagePull: )?)?')
COVER = re.compile(r"^rpc error: code = \w+ desc = ")
# What each container runtime says before it comes to the point.
PRELUDE = re.compile(
    r'^(failed to pull and unpack image "[^"]*": |failed to resolve (image|reference "[^"]*"): '
    r"|failed to do request: )+"
)
UNREACHABLE = re.compile(
    r"dial tcp|lookup |no such host|server misbehaving|tls:|x509|certificate|http response to https client"
    r"|connection (refused|reset)|no route to host|network is unreachable|\bEOF\b|time-?out|deadline exceeded",
    re.IGNORECASE,
)


def found(process: Process, ailment: Ailment) -> Iterator[Finding]:
    """What a `pull` ailment is."""
    ailment = _uncovered(process, ailment)
    image = ailment.image or process.spec(ailment.container).get("image") or ""
    words = ailment.message or ailment.reason
    code = _code(ailment, words)
    hint, command = _special(words, process, image) or _remedy(code, process, image)
    yield process.finding(
        code,
        f"{process.name} {_TROUBLES[code].format(image=image or 'its image')}: {PRELUDE.sub('', words)}",
        hint,
        container=process.shown(ailment.container),
        values={"image": image, "registry": registry(image), "reason": ailment.reason, "message": words},
        command=command,
        page=process.known.paths.get("registries", "") if code in REGISTRIES else "",
        since=process.pod["metadata"]["creationTimestamp"],
    )


def registry(image: str) -> str:
    """The registry that an image's name means; "" if the name is none."""
    first, slash, _ = image.partition("/")
    if not image or "//" in image:
        return ""
    return first if slash and (re.search(r"[.:]", first) or first == "localhost") else "docker.io"


_TROUBLES = {
    "image_name_invalid": "names its image {image}, and no image can be called so",
    "image_not_found": "finds no image {image} in its registry",
    "image_denied": "may not pull {image}: its registry refuses",
    "image_wrong_platform": "can't use {image}: it is made for another kind of machine",
    "image_never_pull": "may not pull {image}, and its node does not have it",
    "registry_unreachable": "does not reach the registry of {image}",
    "image_pull_failing": "can't pull {image}",
}
RATE = re.compile(r"too ?many ?requests|rate limit", re.IGNORECASE)
FULL = re.compile(r"no space left on device", re.IGNORECASE)
REGISTRIES = {"image_denied", "registry_unreachable"}


def _uncovered(process: Process, ailment: Ailment) -> Ailment:
    """The message behind a back-off, which some clusters leave out: then the last event has it."""
    words = COVER.sub("", BACK_OFF.sub("", ailment.message))
    if not words and ailment.reason == "ImagePullBackOff":
        for event in reversed(process.events):
            message = event.get("message") or ""
            if event.get("reason") == "Failed" and message.startswith("Failed to pull image"):
                words = COVER.sub("", message.partition('": ')[2])
                break
    return Ailment(ailment.family, ailment.reason, words, ailment.container, ailment.image)


def _code(ailment: Ailment, words: str) -> str:
    told = meaning.without_names(ailment)
    if ailment.reason == "InvalidImageName" or "invalid reference format" in words:
        return "image_name_invalid"
    if ailment.reason == "ErrImageNeverPull" or "never-pull" in told.lower():
        return "image_never_pull"
    if meaning.PULL_MAY_HEAL.search(told):
        return "registry_unreachable" if UNREACHABLE.search(told) else "image_pull_failing"
    if not meaning.is_final(ailment):
        return "image_pull_failing"
    if meaning.PLATFORM.search(told):
        return "image_wrong_platform"
    return "image_denied" if meaning.DENIED.search(told) else "image_not_found"


def _special(words: str, process: Process, image: str) -> tuple[str, str] | None:
    """The same, where the words say more than the code."""
    if RATE.search(words):
        of_it = registry(image) or "its registry"
        hint = f"Wait, and give Deployer a user of {of_it}: who signs in may pull more."
        return hint, "deployer registries list" if process.known.app else ""
    if FULL.search(words):
        node = (process.pod.get("spec") or {}).get("nodeName") or "of this process"
        return f"Make room on the disk of the node {node}: the image of {process.service} does not fit.", ""
    return None


def _remedy(code: str, process: Process, image: str) -> tuple[str, str]:
    """The hint and the command that helps with it."""
    service, app = process.service, process.known.app
    at = f" {registry(image)}" if registry(image) else ""
    listed = "deployer registries list" if app else ""
    return {
        "image_name_invalid": (f"Correct the image of {service} in the manifest: it is no valid name.", ""),
        "image_not_found": (
            f"Check the image of {service}: its name and tag, and that it was pushed to{at or ' its registry'}.",
            f"deployer builds -a {app}" if app else "",
        ),
        "image_denied": (
            f"Give Deployer a user of the registry{at} that may read the image of {service}, or correct its name.",
            listed,
        ),
        "image_wrong_platform": (f"Build the image of {service} for the cluster's kind of machine.", ""),
        "image_never_pull": (f"Let the image of {service} be pulled, or load it onto every node.", ""),
        "registry_unreachable": (
            f"See that the registry{at} runs, and that the cluster's nodes reach it by this name and trust it.",
            listed,
        ),
        "image_pull_failing": (f"Read what the registry{at} answers; promote again once it gives the image.", listed),
    }[code]
