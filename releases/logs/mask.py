"""Values of variables don't belong into logs: each is replaced by its name."""

import re
from collections.abc import Iterable, Mapping
from typing import Self

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
        # A value of several lines is written line by line.
        for value, name in list(self.names.items()):
            for part in value.splitlines():
                if len(part) >= SHORTEST:
                    self.names.setdefault(part, name)
        longest_first = sorted(self.names, key=len, reverse=True)
        self.pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def hide(self, text: str) -> str:
        return self.pattern.sub(lambda found: f"[{self.names[found.group()]}]", text) if self.pattern else text

    @classmethod
    def of(cls, *releases: Release | None) -> Self:
        """For everything that may appear while these releases run."""
        present = [release for release in releases if release is not None]
        public = {value for release in present for value in _defaults(release.manifest)}
        return cls(*(release.env for release in present), public=public)


def _defaults(manifest: dict) -> set[str]:
    declared = [manifest["environment"], *(service["environment"] for service in manifest["services"].values())]
    return {value for environment in declared for value in environment.values() if value}
