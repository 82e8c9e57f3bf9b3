"""How often one may ask: each token, each person with a session, and each address of people that we don't know.

Counted in Redis by the minute, for all web servers together. Redis holds nothing that a request can't do without: while
it is away, nobody is refused.
"""

import logging
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja.throttling import BaseThrottle
from redis import Redis, RedisError

from releases.api.errors import CODES, TOO_OFTEN, error
from releases.models import Person, Token

logger = logging.getLogger(__name__)
WINDOW_SECONDS = 60
# A Redis that does not answer must not slow down each request.
PATIENCE_SECONDS, AWAY_SECONDS = 0.5, 5.0


@dataclass(frozen=True)
class Usage:
    """Of the present minute: `used` of `limit` requests; a new one begins in `reset` seconds."""

    limit: int
    used: int
    reset: int

    @property
    def is_within(self) -> bool:
        return self.used <= self.limit

    def tell(self, response: Any) -> None:
        """The headers of draft-ietf-httpapi-ratelimit-headers-03, and Retry-After with a refusal."""
        response["RateLimit-Limit"] = str(self.limit)
        response["RateLimit-Remaining"] = str(max(0, self.limit - self.used))
        response["RateLimit-Reset"] = str(self.reset)
        if response.status_code == 429 and "Retry-After" not in response:
            response["Retry-After"] = str(self.reset)


def refused() -> HttpResponse:
    return error(429, CODES[429], TOO_OFTEN)


class Throttle(BaseThrottle):
    """Asked by ninja once it is known who asks."""

    def allow_request(self, request: HttpRequest) -> bool:
        usage = count(request)
        return usage is None or usage.is_within


def count(request: HttpRequest) -> Usage | None:
    """Count this request, once; None where nothing is counted. Kept as `request.usage` for the answer's headers."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Token):
        who, limit = f"token:{auth.pk}", settings.API_REQUESTS_PER_MINUTE
    elif isinstance(auth, Person):
        who, limit = f"person:{auth.pk}", settings.API_REQUESTS_PER_MINUTE
    else:
        who, limit = f"address:{request.META.get('REMOTE_ADDR', '')}", settings.API_REQUESTS_PER_MINUTE_UNKNOWN
    usage = _counter(settings.RQ_QUEUES["webhooks"]["URL"]).count(who, limit) if limit else None
    request.usage = usage  # type: ignore[attr-defined]
    return usage


def tell(request: HttpRequest, response: HttpResponse) -> None:
    """What is left, in the headers of `response`."""
    usage: Usage | None = getattr(request, "usage", None)
    if usage is not None:
        usage.tell(response)


class Counter:
    """Of one Redis; shared by all threads."""

    def __init__(self, url: str) -> None:
        self.redis = Redis.from_url(url, socket_connect_timeout=PATIENCE_SECONDS, socket_timeout=PATIENCE_SECONDS)
        self.away_until = 0.0

    def count(self, who: str, limit: int) -> Usage | None:
        """One more by `who` in this minute, atomically; None while Redis is away."""
        if time.monotonic() < self.away_until:
            return None
        minute, second = divmod(int(time.time()), WINDOW_SECONDS)
        key = f"deployer:rate:{who}:{minute}"
        try:
            with self.redis.pipeline(transaction=True) as both:
                both.incr(key)
                both.expire(key, 2 * WINDOW_SECONDS)
                used = both.execute()[0]
        except RedisError as error:
            self.away_until = time.monotonic() + AWAY_SECONDS
            logger.warning("requests are not counted: %s", error)
            return None
        return Usage(limit=limit, used=used, reset=WINDOW_SECONDS - second)


@lru_cache(maxsize=8)
def _counter(url: str) -> Counter:
    return Counter(url)
