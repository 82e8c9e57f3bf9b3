"""Take back what is staged."""

from collections.abc import Collection

from django.db import transaction

from releases import policy
from releases.actions import environment
from releases.errors import WrongState
from releases.models import App
from releases.models.locks import locked
from releases.policy import Actor


def discard_staged(app: App, *, by: Actor, names: Collection[str] = ()) -> list[str]:
    """These, or all: the next build's release gets the active variables, unchanged. Gives the names, in order.

    Where the newest release waits for its promote with what was staged, another one without it takes its place.
    Raises NotAllowed; WrongState when nothing of that is staged.
    """
    with transaction.atomic():
        app = locked(App.objects.all()).get(pk=app.pk)
        policy.require("set_env", by=by, app=app)
        found = sorted(name for name in app.staged if not names or name in names)
        if not found:
            raise WrongState(f"Nothing {'of that ' if names else ''}is staged for {app.name}.")
        active = app.environment()
        back = {name: active[name] for name in found if name in active}
        gone = [name for name in found if name not in active]
        environment.change(app, back, gone, stage=True, by=by, action="discard_staged")
    return found
