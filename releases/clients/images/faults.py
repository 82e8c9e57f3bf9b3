"""What an engine or a registry says when it fails, with a hint: its own words, which the person can look up."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from releases.errors import BuildFailed

WORDS_MAX = 1000


class Hint(NamedTuple):
    """`faultless`: what is said is wrong with the engine, the registry or our login there, not with the source."""

    words: str
    pattern: re.Pattern[str]
    faultless: bool


def _hint(words: str, *patterns: str, faultless: bool = False) -> Hint:
    return Hint(words, re.compile("|".join(patterns), re.IGNORECASE), faultless)


# The first that fits is given.
WHILE_BUILDING = (
    _hint(
        "the engine's disk is full; `docker system df` says of what.",
        *("no space left on device", "disk quota exceeded"),
        faultless=True,
    ),
    _hint("the Dockerfile is not written as its reference asks.", "dockerfile parse error"),
    _hint("`target` must name a stage: FROM … AS <name>.", "build target", "target stage"),
    _hint(
        "COPY looks in the folder of `build`, without what .dockerignore leaves out.",
        *("COPY failed", "ADD failed", "failed to compute cache key", "failed to calculate checksum"),
    ),
    _hint("it was killed (SIGKILL): most often it needed more memory than there is.", r"code: 137\b"),
    _hint("the image has no such command.", r"code: 127\b"),
    _hint("the base image is made for another kind of processor.", "exec format error"),
    _hint("its own output is above.", "returned a non-zero code", r"exit code: \d"),
    _hint(
        "the base image is not there, or its registry wants a login that Deployer does not have.",
        *(
            "pull access denied",
            "repository does not exist",
            "manifest unknown",
            r"manifest for \S+ not found",
            r": not found$",
        ),
    ),
    _hint(
        "the registry of a base image wants another login.",
        *("unauthorized", "authentication required", "no basic auth credentials", r"(?<!permission )denied"),
        faultless=True,
    ),
    _hint(
        "the registry of a base image is in trouble, or counts too many requests: a login may help, or some time.",
        *("toomanyrequests", r"unexpected (HTTP )?status:? 5\d\d"),
        faultless=True,
    ),
    _hint(
        "the engine, or a step, does not reach the network; BUILD_NETWORK says which one a step gets.",
        *("no such host", "dial tcp", "connection refused", "i/o timeout", "network is unreachable", "TLS handshake"),
        faultless=True,
    ),
)
AT_THE_REGISTRY = (
    _hint(
        "the registry is full, or its plan is used up: remove old images, or ask whoever runs it.",
        *("quota", "toomanyrequests", "insufficient storage", "no space left", "entity too large", "exceeded"),
        faultless=True,
    ),
    _hint(
        "the registry wants a login: the user name and password that Deployer has are missing or wrong.",
        *("no basic auth credentials", "unauthorized", "authentication required", "incorrect username"),
        faultless=True,
    ),
    _hint("this login may not do that there.", "denied", "forbidden", "insufficient_scope", faultless=True),
    _hint(
        "the registry has no such repository or image; some want a repository made before the first push.",
        *("name unknown", "not found", "does not exist", "manifest unknown"),
    ),
    _hint(
        "it speaks plain HTTP: an engine accepts that on loopback, or where its `insecure-registries` name it.",
        *("HTTP response to HTTPS client", "malformed HTTP response"),
        faultless=True,
    ),
    _hint("the engine does not trust the registry's certificate.", "x509", "certificate", faultless=True),
    _hint(
        "the engine does not reach the registry, or that is in trouble itself.",
        *("dial tcp", "connection refused", "no such host", "i/o timeout", "EOF", "connection reset"),
        r"unexpected (HTTP )?status:? 5\d\d",
        faultless=True,
    ),
)


def building(name: str, words: str, *, tail: Sequence[str] = ()) -> BuildFailed:
    """`name`: the service. `tail`: its last lines, where they don't end the log anyway."""
    return _failed(name, words, WHILE_BUILDING, tail)


def pushing(name: str, words: str) -> BuildFailed:
    """The image is made: what is wrong is the registry's, or our login's there."""
    return _failed(f"{name}: push", words, AT_THE_REGISTRY, (), faultless=True)


def resolving(name: str, words: str) -> BuildFailed:
    return _failed(f"{name}: image", words, AT_THE_REGISTRY, ())


def _failed(
    what: str, words: str, hints: Sequence[Hint], tail: Sequence[str], *, faultless: bool = False
) -> BuildFailed:
    words = " ".join(words.split())[:WORDS_MAX] or "no reason was given"
    found = next((hint for hint in hints if hint.pattern.search(words)), None)
    hint = found.words if found else ""
    message = f"{what}: {words}"
    reasons = [*(["Its last lines:", *(f"  {line}" for line in tail)] if tail else []), message]
    return BuildFailed(
        f"{message} ({hint.rstrip('.')})" if hint else message,
        reasons=[*reasons, *([f"Hint: {hint}"] if hint else [])],
        faultless=faultless or (found is not None and found.faultless),
    )
