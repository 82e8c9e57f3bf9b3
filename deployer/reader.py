"""Reads settings and collects what is wrong with them, so that all of it is said at once.

A value that is wrong counts as its default until then. Values of secrets are never repeated.
"""

import math
import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class SettingsWrong(SystemExit):
    """Ends a program whose settings are wrong, with one message: a stack of calls would help nobody."""

    def __init__(self, faults: list[str]) -> None:
        what = "1 setting is wrong" if len(faults) == 1 else f"{len(faults)} settings are wrong"
        self.faults = faults
        super().__init__("\n".join([f"Deployer can't start: {what}.", *(f"  {fault}" for fault in faults), ABOUT]))


ABOUT = "docs/settings.md describes all settings."


class Reader:
    """`values`: name → text. `places`: where those come from that are not of the environment, for the message."""

    def __init__(self, values: Mapping[str, str], *, places: Mapping[str, str] | None = None) -> None:
        self.values, self.places = values, places or {}
        self.names: set[str] = set()
        self.faults: list[str] = []

    def done(self) -> None:
        """Raises SettingsWrong."""
        if self.faults:
            raise SettingsWrong(self.faults)

    def wrong(self, name: str, words: str, *, example: str, secret: bool = False) -> None:
        """Note that `name` `words` (“is no number”)."""
        value = self.values.get(name)
        shown = f"={_short(value)}" if value and not secret else ""
        place = f" ({self.places[name]})" if name in self.places else ""
        self.faults.append(f"{name}{shown}{place} {words}. Example: {name}={example}")

    # --- Kinds of values --------------------------------------------------------------------------------------------

    def text(
        self,
        name: str,
        default: str = "",
        *,
        fits: Callable[[str], bool] = lambda value: True,
        expected: str = "",
        example: str = "",
        secret: bool = False,
    ) -> str:
        """As it is given; an empty one counts as none. `expected`: what it is not, where it doesn't fit."""
        value = self._given(name)
        if value and not fits(value):
            self.wrong(name, f"is not {expected}", example=example, secret=secret)
            return default
        return value or default

    def words(self, name: str, default: Collection[str] = ()) -> list[str]:
        """Separated by commas."""
        value = self._given(name)
        return [word for part in value.split(",") if (word := part.strip())] if value else list(default)

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._given(name)
        if value.lower() in TRUE + FALSE:
            return value.lower() in TRUE if value else default
        self.wrong(name, "is neither true nor false", example=str(not default).lower())
        return default

    def number(self, name: str, default: float, *, above: float = 0) -> float:
        """Of seconds, say: finite, and more than `above`."""
        value = self._given(name)
        if not value:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number) and number > above:
            return number
        self.wrong(name, f"is not a number above {above:g}", example=f"{default:g}")
        return default

    def whole(self, name: str, default: int, *, least: int = 1) -> int:
        value = self._given(name)
        if not value:
            return default
        if re.fullmatch(r"-?\d{1,18}", value, re.ASCII) and int(value) >= least:
            return int(value)
        self.wrong(name, f"is not a whole number of at least {least}", example=str(default))
        return default

    def url(self, name: str, default: str = "", *, schemes: Collection[str], example: str, secret: bool = False) -> str:
        """Without a slash at its end."""
        expected = f"an address that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}"

        def fits(value: str) -> bool:
            return _is_url(value, schemes)

        return self.text(name, default, fits=fits, expected=expected, example=example, secret=secret).rstrip("/")

    def folder(self, name: str, default: Path) -> Path:
        """One that can be written to, or made."""
        path = Path(self._given(name) or default).absolute()
        if problem := unwritable(path):
            self.wrong(name, f"can't be written to: {problem}", example="/var/lib/deployer")
        return path

    def _given(self, name: str) -> str:
        self.names.add(name)
        return self.values.get(name, "").strip()


def unwritable(path: Path) -> str:
    """Why nothing can be written to a folder, which need not be there yet; "" if it can."""
    try:
        present = next(folder for folder in (path, *path.parents) if folder.exists())
        if not present.is_dir():
            return f"{present} is not a folder"
    except OSError as error:
        return str(error.strerror)
    return "" if os.access(present, os.W_OK | os.X_OK) else f"permission denied in {present}"


def _is_url(value: str, schemes: Collection[str]) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _short(value: str) -> str:
    printable = value if value.isprintable() else repr(value)
    return printable if len(printable) <= 60 else f"{printable[:57]}…"
