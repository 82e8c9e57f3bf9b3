"""A part of a page that is swapped as one."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from releases.pages import whose

# A browser counts seconds and minutes by itself: a section whose times alone have moved on is not drawn again.
_TIMES = re.compile(r"(<time\b[^>]*>)[^<]*")


@dataclass(frozen=True)
class Section:
    """The element with the ID `name`. `parts`: elements in it that may be swapped by themselves, rows of a table say;
    then it is swapped whole only when others than these are in it, or in another order."""

    name: str
    html: str
    parts: Sequence["Section"] = ()

    @cached_property
    def digest(self) -> int:
        said = "\n".join(part.name for part in self.parts) if self.parts else _TIMES.sub(r"\1", self.html)
        return zlib.crc32(said.encode())


def read_by(person_id: int, sections: Sequence[Section]) -> list[Section]:
    """Of a drawing for several what one of them reads."""
    return [
        replace(each, html=whose.read_by(person_id, each.html), parts=read_by(person_id, each.parts))
        for each in sections
    ]


def changed(sections: Sequence[Section], shown: Mapping[str, int]) -> list[Section]:
    """Those that are not as `shown` (name → digest) any more: whole, or the parts of them."""
    found = []
    for section in sections:
        if shown.get(section.name) != section.digest:
            found.append(section)
        else:
            found += [part for part in section.parts if shown.get(part.name) != part.digest]
    return found


def digests(sections: Sequence[Section]) -> dict[str, int]:
    return {each.name: each.digest for section in sections for each in (section, *section.parts)}
