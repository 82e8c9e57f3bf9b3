"""From YAML to plain data, with the line of every key: bounded, whatever somebody wrote."""

from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from releases.errors import ManifestInvalid

SIZE_MAX = 256 * 1024
NODES_MAX = 20_000
# The parser's time grows with the square of the depth; no manifest that means something comes near this.
BRACKETS_MAX = 1000
# No key of a manifest lies deeper.
DEPTH_MAX = 8
FAULTS_SHOWN = 20

Path = tuple[Any, ...]


@dataclass(frozen=True)
class Document:
    """What a file says. `lines`: the path of a key or an entry → its line, from 1."""

    file: str
    values: dict[Any, Any]
    lines: dict[Path, int]

    def place(self, path: Path) -> tuple[Path, int]:
        """How far `path` leads into the file, and the line where that stands."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return path[:length], self.lines[path[:length]]
        return (), 1

    def fault(self, path: Path, message: str) -> str:
        """`deployer.yml line 4: services.web.port: is …`"""
        known, line = self.place(path)
        return f"{self.file} line {line}: {dotted(known) or 'the file'}: {message}."


def dotted(path: Path) -> str:
    return ".".join(part if len(part) <= 100 else part[:99] + "…" for part in map(str, path))


def load(text: str, *, file: str) -> Document:
    """Raises ManifestInvalid: it is no YAML, no mapping, or larger than anything that means something."""
    if len(text.encode(errors="surrogatepass")) > SIZE_MAX:
        raise invalid([f"{file} is larger than {SIZE_MAX // 1024} KiB."])
    if text.count("[") + text.count("{") > BRACKETS_MAX:
        raise invalid([f"{file} has more than {BRACKETS_MAX} brackets."])
    try:
        document = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        key = str(error.problem).partition('"')[2].partition('"')[0]
        raise invalid([f"{file} line {line}: {key} is there twice."]) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise invalid([f"{file} line {line}: not YAML: {error.problem or error.context}."]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise invalid([f"{file} is not YAML: {str(error).splitlines()[0][:200]}"]) from error
    if not isinstance(document, dict):
        raise invalid([f"{file} line 1: a mapping with `services:` was expected."])
    reading = _Reading(file)
    return Document(file, reading.copy(document, (), 1), reading.lines)


def invalid(faults: list[str]) -> ManifestInvalid:
    more = len(faults) - 1
    return ManifestInvalid(faults[0] + (f" (and {more} more)" if more else ""), reasons=faults[:FAULTS_SHOWN])


class _Reading:
    """Copies a document without the parser's own types, so that a few aliases can't become a billion nodes."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.left = NODES_MAX
        self.lines: dict[Path, int] = {}

    def copy(self, node: Any, path: Path, line: int) -> Any:
        self.left -= 1
        if self.left < 0:
            raise invalid([f"{self.file} has more than {NODES_MAX} values."])
        if len(path) <= DEPTH_MAX:
            self.lines[path] = line
        if isinstance(node, dict):
            return {
                self._plain(key, line): self.copy(value, (*path, self._plain(key, line)), _line(node, key, line))
                for key, value in node.items()
            }
        if isinstance(node, list):
            return [self.copy(value, (*path, place), _line(node, place, line)) for place, value in enumerate(node)]
        return self._plain(node, line)

    def _plain(self, value: Any, line: int) -> Any:
        if isinstance(value, bool) or value is None:
            return value
        for kind in (int, float):
            if isinstance(value, kind):
                return kind(value)
        if "\0" in str(value):  # neither a process's environment nor a database takes one
            raise invalid([f"{self.file} line {line}: a text with a NUL character."])
        return str(value)


def _line(node: Any, part: Any, outer: int) -> int:
    """Where `part` of `node` stands; what came through an alias or a merge stands where that does."""
    places = getattr(node, "lc", None)
    try:
        place = places and (places.key(part) if isinstance(node, dict) else places.item(part))
    except (KeyError, IndexError, TypeError):
        place = None
    return place[0] + 1 if place else outer
