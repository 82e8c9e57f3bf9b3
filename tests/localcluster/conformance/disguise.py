"""The recorder's images, commands and seconds, as localcluster can have them, and back."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.localcluster.conformance.recording import Object, Recording

HASTE = 5
"""Deadlines and back-offs are so much shorter here than they were there."""
BACKOFF = 10 / HASTE
"""Seconds of the first crash back-off."""
START, LEAST = 1, 3
"""Seconds more for a Job's deadline, which begins before its pod does, and the fewest: whatever the haste, starting
takes its time."""
PATIENCE = ("progressDeadlineSeconds", "activeDeadlineSeconds")
GRACE = ("terminationGracePeriodSeconds", "deletionGracePeriodSeconds")
DEFAULT_GRACE = 30

_DEMO = Path(__file__).with_name("demo.py")
_PROGRAM = [sys.executable, "-I", "-S", "demo.py"]
_COMMANDS = {"/app/demo": [], "/bin/sleep": ["sleep"]}
_IMAGES = ("localhost:5005/demo:v1", "localhost:5005/demo:v2")


def haste(recording: Recording) -> tuple[str, ...]:
    """The names of the seconds that a scenario waits for to its end, and that are to be made fewer."""
    reasons = {change.object.get("reason") for change in recording.changes}
    conditions = (condition for change in recording.changes for condition in _conditions(change.object))
    if "DeadlineExceeded" in reasons and "Killing" in reasons:  # a program that does not stop when asked to
        return PATIENCE + GRACE
    if any(str(condition.get("reason")).endswith("DeadlineExceeded") for condition in conditions):
        return PATIENCE
    return ()


def _conditions(obj: Object) -> list[Object]:
    return (obj.get("status") or {}).get("conditions") or []


def shortened(value: Any, names: tuple[str, ...]) -> Any:
    """An object with the seconds of these names made fewer; a grace period also where it is left to the default."""
    if isinstance(value, list):
        return [shortened(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    found = {
        key: _fewer(key, inner) if key in names and inner else shortened(inner, names) for key, inner in value.items()
    }
    if set(GRACE) <= set(names) and "containers" in found:
        found.setdefault("terminationGracePeriodSeconds", DEFAULT_GRACE // HASTE)
    return found


def _fewer(name: str, seconds: int) -> int:
    fewer = round(seconds / HASTE)
    return max(LEAST, fewer + START) if name == "activeDeadlineSeconds" else fewer


def hastened(recording: Recording) -> Recording:
    """A recording as if everybody had been in a hurry."""
    names = haste(recording)
    changes = [replace(change, object=shortened(change.object, names)) for change in recording.changes]
    return replace(recording, changes=changes)


class Disguise:
    """Makes the images, and knows what stands for what."""

    def __init__(self, images: Path) -> None:
        self._references = {image: _make(images, image) for image in _IMAGES}

    def put_on(self, body: Object) -> Object:
        """A request of the recorder, as localcluster shall get it."""
        text = json.dumps(body)
        for image, reference in self._references.items():
            text = text.replace(json.dumps(image), json.dumps(reference))
        changed: Object = _each(json.loads(text), _to_program)
        return changed

    def take_off(self, obj: Any) -> Any:
        """What localcluster says, as the recorder would have read it."""
        text = json.dumps(obj)
        for image, reference in self._references.items():
            text = text.replace(reference, image)
        return _each(json.loads(text), _from_program)


def _each(value: Any, change: Any) -> Any:
    """Changes all commands in an object."""
    if isinstance(value, list):
        return [_each(item, change) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: change(inner) if key == "command" else _each(inner, change) for key, inner in value.items()}


def _to_program(command: list[str]) -> list[str]:
    if command[0] not in _COMMANDS:
        return command
    return [*_PROGRAM, *_COMMANDS[command[0]], *command[1:]]


def _from_program(command: list[str]) -> list[str]:
    if command[: len(_PROGRAM)] != _PROGRAM:
        return command
    words = command[len(_PROGRAM) :]
    return ["/bin/sleep", *words[1:]] if words[0] == "sleep" else ["/app/demo", *words]


def _make(images: Path, image: str) -> str:
    """The reference of an image folder with our program in it."""
    digest = hashlib.sha256(image.encode() + _DEMO.read_bytes()).hexdigest()
    root = images / digest / "root"
    root.mkdir(parents=True)
    (root / "demo.py").write_bytes(_DEMO.read_bytes())
    (images / digest / "image.json").write_text(json.dumps({"command": _PROGRAM, "env": {}, "workdir": ""}))
    return f"local/demo@sha256:{digest}"
