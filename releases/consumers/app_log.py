"""What an app's processes write, as it comes.

`/ws/logs/app/<name>?service=&process=&since=` sends frames of JSON: `{"lines": [{"time", "stream", "message"}, …],
"live": false}`: first the last lines (with `since`, an RFC 3339 time: all from then on), then what comes; `live` from
when on nothing is missed. Lines of one process come in the order of their times, which are in nanoseconds: whoever
connects again with a time somewhat before the last one that they have leaves out what they know. `{"words": …,
"final": false}` says why there is nothing to be had; when it is final, the socket is closed for good.
"""

import json
from contextlib import aclosing
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from django.http import Http404

from releases import actions
from releases.consumers.socket import Socket
from releases.errors import ClusterError, DeployerError
from releases.models import App
from releases.policy import Actor

HISTORY_LINES = 1000
# An empty frame this often: whoever is gone is noticed.
QUIET_SECONDS = 15.0


class AppLogConsumer(Socket):
    async def run(self) -> None:
        actor = await self.actor()
        try:
            name, query = self.scope["url_route"]["kwargs"]["name"], self.scope["query_string"]
            wanted = await database_sync_to_async(_wanted, thread_sensitive=False)(name, query, actor)
            await self._tell(wanted)
        except DeployerError as error:
            final = not isinstance(error, ClusterError)
            await self.send(text_data=json.dumps({"words": error.message, "final": final}))
            if final:
                raise Http404 from error
            raise

    async def _tell(self, wanted: actions.AppLog) -> None:
        live = False
        async with aclosing(wanted.parts(QUIET_SECONDS)) as parts:
            async for part in parts:
                live = live or not part
                written = b", ".join(b"{" + said.encoded for said in part).decode()
                await self.send(text_data=f'{{"lines": [{written}], "live": {json.dumps(live)}}}')


def _wanted(name: str, query: bytes, by: Actor) -> actions.AppLog:
    """Raises Http404, DeployerError."""
    app = App.objects.select_related("cluster").filter(name=name).first()
    if app is None:
        raise Http404
    values = parse_qs(query.decode("ascii", "replace"))
    service, process, since = (values.get(key, [""])[0][:300] for key in ("service", "process", "since"))
    lines = None if since else HISTORY_LINES
    return actions.app_log(
        app, by=by, service=service, process=process, since=since, lines=lines, follow=True, passing=True
    )
