"""Mismatches as people read them: object by object, recorded | ours."""

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from textwrap import wrap

from tests.localcluster.conformance.comparison import Mismatch

WIDTH = 76


def report(scenario: str, mismatches: Iterable[Mismatch]) -> str:
    lines = [f"{scenario} does not go as recorded"]
    for role, group in groupby(mismatches, key=lambda mismatch: mismatch.role):
        for mismatch in group:
            lines += [
                "",
                f"{role}, {mismatch.facet}",
                _row(" ", "recorded", "ours"),
                _row(" ", "-" * WIDTH, "-" * WIDTH),
            ]
            lines += _side_by_side(mismatch.recorded, mismatch.ours)
    return "\n".join(lines)


def _side_by_side(recorded: tuple[str, ...], ours: tuple[str, ...]) -> Iterator[str]:
    matcher = SequenceMatcher(None, recorded, ours, autojunk=False)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        for left, right in zip_longest(recorded[start:end], ours[other_start:other_end], fillvalue=""):
            rows = zip_longest(wrap(left, WIDTH), wrap(right, WIDTH), fillvalue="")
            yield from (_row(" " if tag == "equal" else "≠", *row) for row in rows)


def _row(mark: str, left: str, right: str) -> str:
    return f"{mark} {left:<{WIDTH}} | {right}".rstrip()
