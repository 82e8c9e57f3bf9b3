"""Who did it, in the words of who looks: `you` to oneself.

Several people may look at one drawing of a live part. In it the names of people are marked, and only what is sent to
one of them says `you`.
"""

import re

from releases.models.lifecycle import Authored
from releases.policy import Actor

# No name has these in it: people's are letters, digits and a few signs.
_MARKED = re.compile("\x02([0-9]+)\x03(.*?)\x04", re.DOTALL)


def name_of(row: Authored, name: str, *, to: Actor) -> str:
    """`name`, which is how the history calls who made `row`; or `you`; or, in a drawing for several, marked."""
    if row.by_id is None:
        return name
    if to.person is None:
        return f"\x02{row.by_id}\x03{name}\x04"
    return "you" if row.by_id == to.person.pk else name


def read_by(person_id: int, html: str) -> str:
    """A drawing for several, as one of them reads it."""
    return _MARKED.sub(lambda found: "you" if int(found[1]) == person_id else found[2], html)
