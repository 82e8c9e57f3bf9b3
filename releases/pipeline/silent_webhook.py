"""An admission webhook that does not answer: the cluster says 500 then, as if it were away, and means no. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from releases.pipeline.meaning import PATIENCE_SECONDS

WORDS = "failed calling webhook"
SPELL = timedelta(seconds=45)  # longer than any pause between two tries


@dataclass
class Silence:
    """Since when one keeps silent, as far as this worker knows. After a while without it, it begins anew."""

    since: datetime | None = None
    last: datetime | None = None

    def is_refusal(self, message: str, now: datetime) -> bool:
        """Whether it has lasted so long that waiting on is no use."""
        if WORDS not in message:
            return False
        if self.since is None or self.last is None or now - self.last > SPELL:
            self.since = now
        self.last = now
        return now - self.since >= timedelta(seconds=PATIENCE_SECONDS)
