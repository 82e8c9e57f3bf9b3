"""The steps of a build and how long each took, read off the lines of its log as they are said: every builder says the
same ones. Pure."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

KEPT = 80
NAME_MAX = 160
SOURCE = "Source"
# Bounded and without a way back: there are lines of many thousand letters.
_IMAGE = r"(?:(?P<image>[a-z][a-z0-9-]{0,62}+): )?"
_STEP = re.compile(rf"{_IMAGE}(?P<name>Step \d{{1,4}}/\d{{1,4}} : .+|Pushing [^\s:/]+[:/]\S+)", re.DOTALL)
_IMAGE_BEGINS = re.compile(rf"{_IMAGE}(?P<name>Building [^\s].* from .+)", re.DOTALL)
_IMAGE_ENDS = re.compile(rf"{_IMAGE}(?:Pushed|Built|There already:) ")
_SOURCE_ENDS = ("Builder: ", "Nothing to build")


class Steps:
    """`rows`: `{"name", "image", "at", "seconds"}` in the order of their beginnings, `seconds` None of what goes on.

    Images are made side by side, each with one step at a time. What a program prints in the words of a step counts as
    one: that is nobody's harm.
    """

    def __init__(self, now: datetime, hide: Callable[[str], str] = str) -> None:
        self.rows: list[dict[str, Any]] = []
        self.hide = hide
        self.changed = False
        self._open: dict[str, dict[str, Any]] = {}
        self._begin(SOURCE, SOURCE, "", now)

    def take(self, message: str, now: datetime) -> None:
        """A line of the log."""
        if message.startswith(_SOURCE_ENDS):
            self._end(SOURCE, now)
        elif step := _STEP.match(message):
            self._begin(step["image"] or "", step["name"], step["image"] or "", now)
        elif (image := _IMAGE_BEGINS.match(message)) and (image["image"] or "") not in self._open:
            self._begin(image["image"] or "", image["name"], image["image"] or "", now)
        elif over := _IMAGE_ENDS.match(message):
            self._end(over["image"] or "", now)

    def end(self, now: datetime) -> None:
        """The build is over: so is all that went on."""
        for key in list(self._open):
            self._end(key, now)

    def _begin(self, key: str, name: str, image: str, now: datetime) -> None:
        self._end(SOURCE, now)
        self._end(key, now)
        if len(self.rows) >= KEPT:
            return
        name = self.hide(" ".join(name.split()))
        name = name if len(name) <= NAME_MAX else name[: NAME_MAX - 1] + "…"
        self._open[key] = {"name": name, "image": image, "at": now.isoformat(), "seconds": None}
        self.rows.append(self._open[key])
        self.changed = True

    def _end(self, key: str, now: datetime) -> None:
        if step := self._open.pop(key, None):
            step["seconds"] = round(max(0.0, (now - datetime.fromisoformat(step["at"])).total_seconds()), 1)
            self.changed = True
