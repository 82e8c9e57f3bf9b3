"""Comma-separated values as RFC 4180 has them, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

# Tells a spreadsheet that the text is UTF-8: without it some take it for the letters of their own country.
MARK = "\ufeff"
# A cell that begins so is a formula to a spreadsheet; a description is written by whoever pushes.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Each cell as it is; one that a spreadsheet would calculate has an apostrophe before it."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue()


def harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
