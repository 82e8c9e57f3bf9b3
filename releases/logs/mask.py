"""Values of variables don't belong into logs: each is replaced by its name."""

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from typing import Self
from urllib.parse import quote

from releases.models import Release

# Shorter ones (`1`, `true`, `info`) occur everywhere, and hiding them would make a log unreadable.
SHORTEST = 6


class Mask:
    """Replaces the values of an environment by `[NAME]`, the longest first."""

    def __init__(self, *envs: Mapping[str, str], public: Iterable[str] = ()) -> None:
        """`public`: values that the manifest itself shows, as defaults; they stay."""
        shown = set(public)
        pairs = [pair for env in envs for pair in env.items()]
        self.names = {value: name for name, value in pairs if len(value) >= SHORTEST and value not in shown}
        for value, name in list(self.names.items()):
            for written in _written(value):
                if len(written) >= SHORTEST:
                    self.names.setdefault(written, name)
        self._know(self.names)

    def _know(self, names: Mapping[str, str]) -> None:
        self.values = sorted(names, key=len, reverse=True)
        self.pattern = re.compile("|".join(map(re.escape, self.values)))

    def hide(self, text: str) -> str:
        if not any(map(text.__contains__, self.values)):  # most lines: much quicker than the pattern
            return text
        return self.pattern.sub(lambda found: f"[{self.names[found.group()]}]", text)

    def hide_part(self, text: str) -> str:
        """Of a text that was cut off, at its beginning or end: a part of a value may stand there."""
        text = self.hide(text)
        for value, name in self.names.items():
            if text[:SHORTEST] not in value and text[-SHORTEST:] not in value:
                continue  # most do: a value may be long, and there may be many of both
            for length in range(min(len(value) - 1, len(text)), SHORTEST - 1, -1):
                if text.startswith(value[-length:]):
                    text = f"[{name}]{text[length:]}"
                if text.endswith(value[:length]):
                    text = f"{text[:-length]}[{name}]"
        return text

    def narrowed(self, texts: Iterable[str]) -> Self:
        """One that hides the same in these texts, and is quick where they are many: few values stand in them."""
        everything = "\0".join(texts)
        narrow = copy(self)
        narrow._know({value: name for value, name in self.names.items() if value in everything})
        return narrow

    @classmethod
    def of(cls, *releases: Release | None) -> Self:
        """For everything that may appear while these releases run."""
        present = [release for release in releases if release is not None]
        public = {value for release in present for value in _defaults(release.manifest)}
        return cls(*(release.env for release in present), public=public)


def _written(value: str) -> Iterator[str]:
    """How else programs write it: line by line, in a JSON log, in an address, in base64."""
    yield from value.splitlines()
    for ascii_only in (True, False):
        yield json.dumps(value, ensure_ascii=ascii_only)[1:-1]
    for safe in ("", "/"):
        yield quote(value, safe=safe, errors="replace")
    for encode in (b64encode, urlsafe_b64encode):
        yield from _in_base64(value.encode(errors="replace"), encode)


def _in_base64(value: bytes, encode: Callable[[bytes], bytes]) -> Iterator[str]:
    """Its own signs, wherever it stands in what was encoded: three bytes become four signs, so there are three ways.

    Of a sign that it shares with what stands before or behind it nobody learns more than a few bits.
    """
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        whole = 8 * (before + len(value)) // 6
        yield encode(bytes(before) + value).decode()[shared:whole]


def _defaults(manifest: dict) -> set[str]:
    declared = [manifest["environment"], *(service["environment"] for service in manifest["services"].values())]
    return {value for environment in declared for value in environment.values() if value}
