"""Whether a delivery is from who knows the secret: HMAC-SHA256 over its body as it came."""

import hashlib
import hmac
import re

HEADER = re.compile(r"sha256=([0-9a-f]{64})\Z")
# What a delivery to an app that has no repository, or is none, is measured by: it takes as long to refuse as any other.
NOBODYS = "0" * 64


def fits(secret: str, body: bytes, header: str) -> bool:
    """`header`: GitHub's X-Hub-Signature-256. An empty secret fits nothing. Takes the same time whatever it finds."""
    given = HEADER.match(header)
    expected = hmac.new((secret or NOBODYS).encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, given[1] if given else "") and bool(secret)
