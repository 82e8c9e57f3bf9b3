"""The catalogue as people read it: by what it is about, the most important first. Pure."""

from typing import NamedTuple

from releases.pipeline.diagnosis.catalogue import ENTRIES, entry
from releases.pipeline.diagnosis.catalogue.entry import Entry

# From the process outwards.
HEADINGS = (
    entry.IMAGES,
    entry.STARTING,
    entry.RUNNING,
    entry.PLACE,
    entry.REFUSED,
    entry.COMMANDS,
    entry.SERVICES,
    entry.RELEASES,
    entry.AROUND,
)


class Chapter(NamedTuple):
    heading: str
    entries: tuple[Entry, ...]


def chapters() -> list[Chapter]:
    """Each entry is in exactly one."""
    found = [Chapter(heading, tuple(each for each in ENTRIES if each.about == heading)) for heading in HEADINGS]
    return [chapter for chapter in found if chapter.entries]
