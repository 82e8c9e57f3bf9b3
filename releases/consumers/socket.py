"""What every socket of ours has in common: a sign-in that is checked again and again, one task that sends."""

import asyncio
import logging
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404

from releases import policy
from releases.errors import DeployerError, NotAllowed
from releases.policy import Actor
from releases.policy.sessions import actor_now

logger = logging.getLogger(__name__)

CHECK_SECONDS = 15.0

# Close codes. 4xxx are final: the page does not connect again, but loads anew (401) or stays as it is.
SIGNED_OUT, FORBIDDEN, GONE = 4401, 4403, 4404
TRY_AGAIN = 1013


class Socket(AsyncWebsocketConsumer):
    """Accepts, carries `run` until it ends or the browser goes, closes with a code that says why.

    Refused connections are accepted first: a browser is not told why a handshake failed, so it would try for ever.
    """

    # Not the consumer's own channel: opening it needs Redis, and a page is live without (see nudges.py).
    channel_layer_alias = ""

    work: asyncio.Task | None = None

    async def connect(self) -> None:
        await self.accept()
        self.work = asyncio.create_task(self._carry())

    async def disconnect(self, code: int) -> None:
        if self.work is not None and self.work is not asyncio.current_task():
            self.work.cancel()

    async def run(self) -> None:
        """Send what there is to send. `actor` says who watches."""
        raise NotImplementedError

    async def actor(self) -> Actor:
        """Who is signed in now, freshly read. Raises NotAllowed for nobody, or who may not view."""
        return await database_sync_to_async(_actor, thread_sensitive=False)(self.scope)

    async def keep_checking(self) -> None:
        """Ends only by raising NotAllowed: whose session ended or right was taken watches no longer."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self.actor()

    async def _carry(self) -> None:
        code = 1000
        check = asyncio.create_task(self.keep_checking())
        run = asyncio.create_task(self.run())
        try:
            done, _ = await asyncio.wait({check, run}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except NotAllowed:
            code = FORBIDDEN if await self._is_signed_in() else SIGNED_OUT
        except Http404:
            code = GONE
        except DeployerError:
            code = TRY_AGAIN
        except OSError:  # what the server raises when the browser has gone in the middle of a message
            return
        except Exception:
            logger.exception("a websocket at %s broke", self.scope["path"])
            code = TRY_AGAIN
        finally:
            for task in (check, run):
                task.cancel()
            await asyncio.gather(check, run, return_exceptions=True)
        try:
            await self.close(code=code)
        except Exception as error:  # the browser was faster
            logger.debug("closing %s: %s", self.scope["path"], error)

    async def _is_signed_in(self) -> bool:
        try:
            return (await database_sync_to_async(_who, thread_sensitive=False)(self.scope)).person is not None
        except Exception:  # the database is away as well: let it come back and see
            return True


class NothingHere(Socket):
    """Any other address: an answer, not a failure of the server."""

    async def run(self) -> None:
        await self.actor()
        raise Http404


def _actor(scope: dict[str, Any]) -> Actor:
    actor = _who(scope)
    policy.require("view", by=actor)
    return actor


def _who(scope: dict[str, Any]) -> Actor:
    return actor_now(scope["session"])
