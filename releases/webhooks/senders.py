"""Who sends what no secret of ours has signed. Of one process: several web servers count each for itself."""

import math
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

# Of an address in a minute. A webhook with a wrong secret, of somebody who pushes a lot, stays below.
WRONG_PER_MINUTE = 60
# One that is begun and not ended holds more than its words.
UNFINISHED = 10
KNOWN_SECONDS = 3600.0
ADDRESSES_MAX = 10_000
PREFIX = 64  # of IPv6: one line of a customer's has as many addresses as it likes


@dataclass
class _Sender:
    wrong: float = 0.0  # drains away with time
    at: float = 0.0
    known_until: float = -math.inf


class Senders:
    """`now`: seconds of a clock that never goes back."""

    def __init__(self, *, per_minute: int = WRONG_PER_MINUTE, most: int = ADDRESSES_MAX) -> None:
        self.per_minute, self.most = per_minute, most
        self._senders: dict[str, _Sender] = {}

    def __len__(self) -> int:
        return len(self._senders)

    def was_wrong(self, address: str, *, now: float, weight: int = 1) -> None:
        sender = self._drained(address, now)
        sender.wrong = min(sender.wrong + weight, float(self.per_minute))

    def was_right(self, address: str, *, now: float) -> None:
        self._drained(address, now).known_until = now + KNOWN_SECONDS

    def seconds_to_wait(self, address: str, *, now: float) -> int:
        """Until another wrong one is within the limit; 0: it is now."""
        over = self._drained(address, now).wrong - (self.per_minute - 1)
        return math.ceil(over * 60 / self.per_minute) if over > 0 else 0

    def is_known(self, address: str, *, now: float) -> bool:
        """Whether one of the last hour was signed. Behind a proxy that does not say for whom it speaks, GitHub has the
        address of everybody: who knows a secret is heard, whatever else comes from there."""
        return self._drained(address, now).known_until > now

    def _drained(self, address: str, now: float) -> _Sender:
        key = _network(address)
        sender = self._senders.pop(key, None) or _Sender(at=now)
        if len(self._senders) >= self.most:
            del self._senders[next(iter(self._senders))]  # who has been silent for longest
        self._senders[key] = sender
        sender.wrong = max(0.0, sender.wrong - (now - sender.at) * self.per_minute / 60)
        sender.at = now
        return sender


def _network(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address  # a socket in the file system has none
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(ip_network((known, PREFIX), strict=False))
    return address
