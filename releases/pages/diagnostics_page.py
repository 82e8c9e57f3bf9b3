"""Every finding that a diagnosis knows, as a page explains it."""

from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from releases.pages.status import SEVERITY, Status
from releases.pipeline.diagnosis.catalogue import chapters
from releases.pipeline.diagnosis.catalogue.entry import Entry


@dataclass(frozen=True)
class Explained:
    entry: Entry
    status: Status

    @property
    def cause(self) -> SafeString:
        return _as_html(self.entry.cause)

    @property
    def remedy(self) -> SafeString:
        return _as_html(self.entry.remedy)


@dataclass(frozen=True)
class Chapter:
    """`key`: its anchor."""

    heading: str
    key: str
    findings: list[Explained]


def made() -> list[Chapter]:
    return [
        Chapter(
            chapter.heading,
            "about-" + chapter.heading.lower().replace(" ", "-"),
            [Explained(entry, SEVERITY[entry.severity]) for entry in chapter.entries],
        )
        for chapter in chapters.chapters()
    ]


def _as_html(words: str) -> SafeString:
    """The catalogue marks code as Markdown does, with backticks."""
    parts = [
        (format_html("<code>{}</code>", part) if place % 2 else part,) for place, part in enumerate(words.split("`"))
    ]
    return format_html_join("", "{}", parts)
