"""Steady load on an app's public address."""

import http.client
import threading
import time
from dataclasses import dataclass, field
from typing import Self

CONNECTIONS = 4
PAUSE_SECONDS = 0.01


@dataclass
class Load:
    """Four connections that are kept alive and ask again and again, from `with` to its end.

    `lost` says what became of each request without a good answer; `seconds` how long each good one took.
    """

    port: int
    host: str
    bodies: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(CONNECTIONS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(30)

    @property
    def answered(self) -> int:
        return len(self.seconds)

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.over.wait(PAUSE_SECONDS):
            begun = time.monotonic()
            try:
                connection.request("GET", "/", headers={"Host": self.host})
                answer = connection.getresponse()
                body = answer.read().decode()
            except (OSError, http.client.HTTPException) as error:
                self.lost.append(f"{type(error).__name__}: {error}")
                connection.close()
                continue
            if answer.status == 200:
                self.seconds.append(time.monotonic() - begun)
                self.bodies[body] = self.bodies.get(body, 0) + 1
            else:
                self.lost.append(f"{answer.status} {body[:100]}")
        connection.close()
