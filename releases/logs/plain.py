"""A line of a log as it is read: without a terminal's codes, and with nothing in it that misleads the eye."""

import re

# What stands before what a carriage return overwrites is gone, and a terminal shows no more than its last state.
CODES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, erase
    r"|\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles and links, whose own words stay
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC: nothing to be seen
    r"|\x1b[ -/]*[0-~]?"  # any other escape, or the beginning of one
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f]"
)
# They turn what follows around: what one reads would not be what there is.
TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
SHOWN_MAX = 20_000


def plain(message: str) -> str:
    """In the same way as `static/log/words.js`."""
    kept = message.rstrip("\r").rpartition("\r")[2]
    if not kept.isascii() or not kept.isprintable():
        kept = TURNING.sub(lambda found: f"[U+{ord(found[0]):04X}]", CODES.sub("", kept))
    if len(kept) > SHOWN_MAX:
        return f"{kept[:SHOWN_MAX]} [{len(kept) - SHOWN_MAX:,} more characters: the raw log has them]"
    return kept


def has_codes(message: str) -> bool:
    """Whether the browser can show more of it than `plain`."""
    return "\x1b" in message
