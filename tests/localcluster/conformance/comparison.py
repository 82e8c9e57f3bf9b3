"""Two stories side by side: what differs, in which object, in which facet."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.localcluster.conformance.story import Facet, Rule, Story, Trajectory

Step = tuple[str, str]


@dataclass(frozen=True)
class Mismatch:
    """A facet that differs; the elements of both sides, and for sets only those that the other has not."""

    role: str
    facet: str
    recorded: tuple[str, ...]
    ours: tuple[str, ...]


Differs = Callable[[Facet | None, Facet | None], bool]


def compare(recorded: Story, ours: Story) -> list[Mismatch]:
    """All mismatches."""
    return list(_mismatches(recorded, ours, _differs))


def missing(recorded: Story, ours: Story) -> list[Mismatch]:
    """What was recorded and has not (yet) happened here."""
    return list(_mismatches(recorded, ours, _lacks))


def _mismatches(recorded: Story, ours: Story, differs: Differs) -> Iterator[Mismatch]:
    for role in [*recorded.roles, *(role for role in ours.roles if role not in recorded.roles)]:
        for one, other in _pairs(recorded.roles.get(role, []), ours.roles.get(role, []), differs):
            if one is None or other is None:
                if one is not None or differs is _differs:
                    yield Mismatch(role, "existence", _exists(one), _exists(other))
            else:
                for facet in _facets(one, other, differs):
                    yield _mismatch(role, facet, one.get(facet), other.get(facet))


def _exists(trajectory: Trajectory | None) -> tuple[str, ...]:
    return () if trajectory is None else ("exists",)


def _pairs(
    recorded: list[Trajectory], ours: list[Trajectory], differs: Differs
) -> Iterator[tuple[Trajectory | None, Trajectory | None]]:
    """Those that play the same role are interchangeable: the most alike belong together."""
    costs = sorted(
        (len(_facets(one, other, differs)), i, j) for i, one in enumerate(recorded) for j, other in enumerate(ours)
    )
    free_recorded, free_ours = set(range(len(recorded))), set(range(len(ours)))
    for _, i, j in costs:
        if i in free_recorded and j in free_ours:
            free_recorded.remove(i)
            free_ours.remove(j)
            yield recorded[i], ours[j]
    yield from ((recorded[i], None) for i in sorted(free_recorded))
    yield from ((None, ours[j]) for j in sorted(free_ours))


def _facets(one: Trajectory, other: Trajectory, differs: Differs) -> list[str]:
    names = [*one, *(name for name in other if name not in one)]
    return [name for name in names if differs(one.get(name), other.get(name))]


def _mismatch(role: str, name: str, recorded: Facet | None, ours: Facet | None) -> Mismatch:
    one, other = recorded.elements if recorded else [], ours.elements if ours else []
    if (recorded or ours or Facet(Rule.SET)).rule is Rule.SET:
        one, other = [text for text in one if text not in other], [text for text in other if text not in one]
        return Mismatch(role, name, tuple(sorted(one)), tuple(sorted(other)))
    return Mismatch(role, name, tuple(_once(one)), tuple(_once(other)))


def _differs(recorded: Facet | None, ours: Facet | None) -> bool:
    one, other, rule = _sides(recorded, ours)
    if rule is Rule.SET:
        return set(one) != set(other)
    if rule is Rule.PREFIX:
        return any(left != right for left, right in zip(one, other, strict=False))
    return steps(one, rule) != steps(other, rule)


def _lacks(recorded: Facet | None, ours: Facet | None) -> bool:
    one, other, rule = _sides(recorded, ours)
    if rule is Rule.SET:
        return not set(one) <= set(other)
    if rule is Rule.PREFIX:
        return False
    return not set(steps(one, rule)) <= set(steps(other, rule))


def _sides(recorded: Facet | None, ours: Facet | None) -> tuple[list[str], list[str], Rule]:
    rule = (recorded or ours or Facet(Rule.SET)).rule
    return (recorded.elements if recorded else []), (ours.elements if ours else []), rule


def steps(elements: list[str], rule: Rule) -> list[Step]:
    """Each step from one element to the next, once, in order of first occurrence."""
    if rule is Rule.TURNS:
        elements = _turning_points(elements)
    return list(dict.fromkeys(pairwise(["", *elements])))


def _turning_points(numbers: list[str]) -> list[str]:
    found: list[str] = []
    for number in numbers:
        if len(found) > 1 and (int(found[-1]) > int(found[-2])) == (int(number) > int(found[-1])):
            found[-1] = number
        else:
            found.append(number)
    return found


def _once(elements: list[str]) -> Iterable[str]:
    """A loop's first turn, and how it goes on."""
    shown, known = elements[:1], set()
    for step in pairwise(elements):
        if step not in known:
            known.add(step)
            shown.append(step[1])
    return shown
