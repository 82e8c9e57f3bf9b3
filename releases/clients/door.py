"""One request to a cluster's API, and its answer as JSON: raw, without the official client's typed models.

Those cost memory, and validate what a newer cluster may legitimately add.
"""

import json
import math
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import urllib3

from releases.clients.access import Entrance
from releases.clients.answers import Object, error_of, no_kubernetes, status_of, unavailable
from releases.errors import ClusterUnavailable, Refused

TIMEOUT = urllib3.Timeout(connect=3, read=30)
BUSY_PAUSES = (0.1, 0.3, 1.0)
PIECE = 64 * 1024
# What says that its clock is further from ours is no clock.
CLOCKS_APART_SECONDS = 24 * 3600


class Door:
    """Every method may raise ClusterUnavailable (try again) or Refused (it said no).

    `ahead`: seconds by which the cluster's clock is ahead of ours, as its last answer said.
    """

    def __init__(self, entrance: Entrance) -> None:
        self.url, self.pool, self.authorize = entrance
        self.ahead = 0

    def json(self, method: str, path: str, *, query: dict | None = None, **options: Any) -> Object:
        return self.sized(method, path, query=query, **options)[0]

    def sized(
        self, method: str, path: str, *, most: int | None = None, until: float = math.inf, **options: Any
    ) -> tuple[Object, int]:
        """With the bytes that the answer has. Raises Refused when it has more than `most`, ClusterUnavailable when it
        is not all there `until` then, by the monotonic clock."""
        response = self._answered(method, path, **options)
        try:
            data = response.data if most is None else self.beginning(response, most=most + 1, until=until)
            if most is not None and len(data) > most:
                raise Refused(f"The answer is larger than {most // 1024**2} MiB, and was not read.")
            answer = json.loads(data)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self.url, error) from error
        except (ValueError, RecursionError) as error:
            raise no_kubernetes(self.url) from error
        if not isinstance(answer, dict):
            raise no_kubernetes(self.url)
        return answer, len(data)

    def beginning(self, response: urllib3.BaseHTTPResponse, *, most: int, until: float) -> bytes:
        """Of its body. A time-out is for each piece of it: who sends byte after byte would keep us for ever. Raises
        ClusterUnavailable, and what urllib3 does."""
        data = bytearray()
        while piece := response.read1(PIECE, decode_content=True):
            data += piece
            if len(data) >= most:
                response.close()
                break
            if time.monotonic() > until:
                response.close()
                raise ClusterUnavailable(f"The cluster at {self.url} takes too long to answer.")
        return bytes(data[:most])

    def _answered(self, method: str, path: str, *, patient: bool = True, **options: Any) -> urllib3.BaseHTTPResponse:
        """A single request that the cluster was too busy for is sent again a few times: else a procedure of many
        requests would never come through. Not a creation: that may have been done; nor where somebody waits who is not
        `patient`."""
        for pause in () if method == "POST" or not patient else BUSY_PAUSES:
            try:
                return self.open(method, path, **options)
            except ClusterUnavailable as error:
                if not error.answered or (error.retry_after or 0) > pause:
                    raise
                time.sleep(pause)
        return self.open(method, path, **options)

    def open(
        self,
        method: str,
        path: str,
        *,
        query: dict | None = None,
        body: Object | None = None,
        content_type: str = "application/json",
        timeout: urllib3.Timeout = TIMEOUT,
    ) -> urllib3.BaseHTTPResponse:
        """The answer, its body unread."""
        url = f"{self.url}/{path}" + ("?" + urlencode(query) if query else "")
        headers = {"Accept": "application/json", "User-Agent": "deployer"}
        if body is not None:
            headers["Content-Type"] = content_type
        self.authorize(headers)
        try:
            response = self.pool.request(
                method,
                url,
                body=json.dumps(body) if body is not None else None,
                headers=headers,
                timeout=timeout,
                preload_content=False,
                redirect=False,
            )
            self._hear_clock(response.headers.get("Date", ""))
            if response.status >= 300:
                raise error_of(response.status, status_of(response, hidden=_secret(headers)), response.headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self.url, error) from error
        return response

    def _hear_clock(self, date: str) -> None:
        """It has whole seconds, as the times of its objects have."""
        try:
            said = parsedate_to_datetime(date)
            ahead = int((said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()) - int(time.time())
        except (ValueError, TypeError, OverflowError):
            return
        if abs(ahead) < CLOCKS_APART_SECONDS:
            self.ahead = ahead

    def now(self) -> datetime:
        """By the cluster's clock."""
        return datetime.fromtimestamp(time.time() + self.ahead, UTC)


def _secret(headers: dict[str, str]) -> str:
    return headers.get("Authorization", "").rpartition(" ")[2]
