"""One-off processes."""

from django.db import transaction

from releases import audit, policy
from releases.errors import Invalid
from releases.logs import Mask
from releases.models import Release
from releases.pipeline import runs
from releases.pipeline.run_course import Course
from releases.policy import Actor

TIMEOUT_DEFAULT, TIMEOUT_MAX = 3600, 24 * 3600
WORDS_MAX, LENGTH_MAX = 500, 32_000
SHOWN = 1000


def run(
    release: Release, command: list[str], *, by: Actor, service: str = "", timeout: int = TIMEOUT_DEFAULT
) -> Course:
    """A process of its own with this release's image and variables, promoted or not: it runs while its output is taken.

    `service`: whose image; by default `web`, else the only one. Raises NotAllowed, Invalid, ClusterError.
    """
    app = release.app
    policy.require("run", by=by, app=app, release=release)
    service = _service(release, service)
    if not 1 <= timeout <= TIMEOUT_MAX:
        raise Invalid(f"A command may take 1 to {TIMEOUT_MAX} s.")
    if not command or not command[0] or len(command) > WORDS_MAX or sum(map(len, command)) > LENGTH_MAX:
        raise Invalid(f"A command has 1 to {WORDS_MAX} words, and at most {LENGTH_MAX} characters.")
    if any("\0" in word for word in command):
        raise Invalid("A command holds no NUL.")
    made = runs.create(release, service, command, timeout=timeout)
    try:
        with transaction.atomic():
            shown = Mask.of(release).hide(" ".join(command))[:SHOWN]
            audit.record("run", by=by, app=app, subject=release.pk, service=service, command=shown, process=made.name)
    except Exception:
        runs.remove(made)  # what nobody can be told of must not be done
        raise
    return Course(made)


def _service(release: Release, wanted: str) -> str:
    services = list(release.manifest["services"])
    if not wanted:
        wanted = "web" if "web" in services or len(services) != 1 else services[0]
    if wanted not in services:
        raise Invalid(f"{release.pk} has no service {wanted[:60]}: it has {', '.join(services)}.")
    return wanted
