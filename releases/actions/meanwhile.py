"""Two people who change variables at once: who comes second is told, and overwrites nothing unawares."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from django.utils.crypto import salted_hmac

from releases.errors import Invalid, WrongState
from releases.models import App, Release


@dataclass(frozen=True)
class Seen:
    """What somebody knew when they began: the IDs of the releases that a change starts from, and a staged one; and
    what was staged, by name, as keyed fingerprints. "" where there was no release."""

    now: str
    staged_from: str
    staged: dict[str, str]

    @classmethod
    def of(cls, app: App, now: Release | None, staged_from: Release | None) -> Self:
        return cls(
            now.pk if now else "",
            staged_from.pk if staged_from else "",
            {name: _fingerprint(name, value) for name, value in app.staged.items()},
        )

    def as_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self | None:
        """None for nothing. Raises Invalid for what `as_text` never gave."""
        try:
            seen = cls(**json.loads(text)) if text else None
        except (ValueError, TypeError, RecursionError) as error:
            raise Invalid("What this page was drawn from can't be read: load it anew.") from error
        if seen and not (isinstance(seen.now, str) and isinstance(seen.staged_from, str) and _texts(seen.staged)):
            raise Invalid("What this page was drawn from can't be read: load it anew.")
        return seen


def refuse(app: App, seen: Seen, wanted: Mapping[str, str | None], base: Release | None, *, stage: bool) -> None:
    """Raises WrongState if one of `wanted` (None: to be unset) is neither what was seen nor what is wanted."""
    before = seen.staged_from if stage else seen.now
    faults = [*_by_release(app, seen, wanted, base, before), *_by_staging(app, seen, wanted)]
    if faults:
        names = ", ".join(dict.fromkeys(name for name, _ in faults))
        reasons = [words for _, words in faults]
        words = f"Somebody else changed {names} meanwhile: nothing was done. What you typed is kept."
        raise WrongState(words, reasons=[words, *reasons])


def known(app: App, seen: Seen | None) -> dict[str, str]:
    """The values that were to be seen then."""
    staged = {name: value for name, value in app.staged.items() if value is not None}
    return staged | (_env_of(app, seen.now) if seen else app.environment())


def _env_of(app: App, release_id: str) -> dict[str, str]:
    found = Release.objects.filter(app=app, pk=release_id).only("env").first() if release_id.isalnum() else None
    return found.env if found else {}


def _by_release(
    app: App, seen: Seen, wanted: Mapping[str, str | None], base: Release | None, before: str
) -> list[tuple[str, str]]:
    if base is None or base.pk == before:
        return []
    then = _env_of(app, before)
    moved = [
        name
        for name in wanted
        if base.env.get(name) not in (then.get(name), wanted[name])
        and seen.staged.get(name) != _fingerprint(name, base.env.get(name))
    ]
    whose = f"{base.pk} ({base.description}, by {base.by_label})"
    return [(name, f"{name} {'has another value' if name in base.env else 'is no more'} in {whose}.") for name in moved]


def _by_staging(app: App, seen: Seen, wanted: Mapping[str, str | None]) -> list[tuple[str, str]]:
    moved = [
        name
        for name in wanted
        if name in app.staged
        and app.staged[name] != wanted[name]
        and seen.staged.get(name) != _fingerprint(name, app.staged[name])
    ]
    return [(name, f"{name} is staged with another value since.") for name in moved]


def _fingerprint(name: str, value: str | None) -> str:
    """Tells values apart to nobody but us."""
    return salted_hmac("releases.seen", json.dumps([name, value]), algorithm="sha256").hexdigest()[:20]


def _texts(mapping: object) -> bool:
    return isinstance(mapping, dict) and all(isinstance(each, str) for each in mapping.values())
