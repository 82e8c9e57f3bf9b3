"""One request to a cluster's API, and its answer as JSON: raw, without the official client's typed models.

Those cost memory, and validate what a newer cluster may legitimately add.
"""

import json
import time
from typing import Any
from urllib.parse import urlencode

import urllib3

from releases.clients.access import Entrance
from releases.clients.answers import Object, error_of, no_kubernetes, status_of, unavailable
from releases.errors import ClusterUnavailable

TIMEOUT = urllib3.Timeout(connect=3, read=30)
BUSY_PAUSES = (0.1, 0.3, 1.0)


class Door:
    """Every method may raise ClusterUnavailable (try again) or Refused (it said no)."""

    def __init__(self, entrance: Entrance) -> None:
        self.url, self.pool, self.authorize = entrance

    def json(self, method: str, path: str, *, query: dict | None = None, **options: Any) -> Object:
        response = self._answered(method, path, query=query, **options)
        try:
            answer = json.loads(response.data)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self.url, error) from error
        except (ValueError, RecursionError) as error:
            raise no_kubernetes(self.url) from error
        if not isinstance(answer, dict):
            raise no_kubernetes(self.url)
        return answer

    def _answered(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        """A single request that the cluster was too busy for is sent again a few times: else a procedure of many
        requests would never come through. Not a creation: that may have been done."""
        for pause in () if method == "POST" else BUSY_PAUSES:
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
            if response.status >= 300:
                raise error_of(response.status, status_of(response, hidden=_secret(headers)), response.headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unavailable(self.url, error) from error
        return response


def _secret(headers: dict[str, str]) -> str:
    return headers.get("Authorization", "").rpartition(" ")[2]
