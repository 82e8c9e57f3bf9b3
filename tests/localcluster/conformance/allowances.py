"""Differences from the recordings that are meant."""

import re
from dataclasses import dataclass

from tests.localcluster.conformance.story import Facet, Story


@dataclass(frozen=True)
class Difference:
    """A regular expression of the scenarios, of the roles, of the facets, and of elements of these facets.

    `recorded` elements do not occur here, or occur as what they become; `ours` do not occur there. What is both is
    chance.
    """

    reason: str
    role: str
    facet: str
    recorded: str | None = None
    becomes: str | None = None
    ours: str | None = None
    scenario: str = ".*"

    def concerns(self, scenario: str) -> bool:
        return re.fullmatch(self.scenario, scenario) is not None

    def facets(self, story: Story) -> list[Facet]:
        trajectories = [one for role, ones in story.roles.items() if re.fullmatch(self.role, role) for one in ones]
        return [facet for one in trajectories for name, facet in one.items() if re.fullmatch(self.facet, name)]


class Allowances:
    """Takes what is listed out of two stories, and notes what was needed."""

    def __init__(self, listed: list[Difference]) -> None:
        self.listed = listed
        self._needed: set[Difference] = set()

    def apply_to_recorded(self, scenario: str, story: Story) -> None:
        for difference in self._of(scenario):
            self._rewrite(story, difference, difference.recorded, difference.becomes)

    def apply_to_ours(self, scenario: str, story: Story) -> None:
        for difference in self._of(scenario):
            self._rewrite(story, difference, difference.ours, None)

    def _of(self, scenario: str) -> list[Difference]:
        return [difference for difference in self.listed if difference.concerns(scenario)]

    def _rewrite(self, story: Story, difference: Difference, pattern: str | None, becomes: str | None) -> None:
        if pattern is None:
            return
        for facet in difference.facets(story):
            if _rewrite(facet, pattern, becomes):
                self._needed.add(difference)

    def needless(self) -> list[Difference]:
        return [difference for difference in self.listed if difference not in self._needed]


def _rewrite(facet: Facet, pattern: str, becomes: str | None) -> bool:
    """Whether there was anything to rewrite."""
    before = list(facet.elements)
    facet.elements.clear()
    for text in before:
        match = re.fullmatch(pattern, text)
        if match is None:
            facet.add(text)
        elif becomes is not None:
            facet.add(match.expand(becomes))
    return facet.elements != before
