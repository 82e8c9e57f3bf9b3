"""What is to be done about a delivery: facts and an app's wishes in, a decision in words out."""

from dataclasses import dataclass

from releases.models.build import PULL_REQUEST, PUSH
from releases.models.source import NOTHING, PROMOTE
from releases.pipeline.pushes.facts import (
    HEADS,
    TAGS,
    ZEROS,
    Checked,
    Fact,
    Ping,
    PullRequest,
    Push,
    Repository,
    skip_marker,
)

SHORT = 7
BUILT, SUPERSEDED, PUT_OFF = "built", "superseded", "put off"
# When a pull request has commits that were not there before.
FRESH = ("opened", "reopened", "synchronize", "ready_for_review")


@dataclass(frozen=True)
class Wishes:
    """Of an app. `repository_id` None: not known yet; then `repository` (`owner/name`) counts, "" for any."""

    branch: str = "main"
    on_push: str = PROMOTE
    build_tags: bool = False
    build_pull_requests: bool = False
    repository_id: int | None = None
    repository: str = ""


@dataclass(frozen=True)
class Wanted:
    """A build that is to be made. `promote`: its release is to become active by itself."""

    commit: str
    ref: str
    origin: str
    subject: str = ""
    sender: str = ""
    promote: bool = False


@dataclass(frozen=True)
class Decision:
    """`look_at`: the commit whose checks GitHub is to be asked about."""

    words: str
    build: Wanted | None = None
    look_at: str = ""


def decide(
    fact: Fact,
    of: Repository | None,
    wishes: Wishes,
    *,
    newer: str = "",
    waiting: bool = False,
    by_person: bool = False,
) -> Decision:
    """`newer`: what a push that is newer than this one, and known already, made of the same branch (ZEROS: nothing).

    `waiting`: some build's promote waits for the checks of this commit. `by_person`: somebody asks for it by hand.
    """
    if is_foreign(of, wishes):
        return Decision(f"skipped: another repository ({of.name if of else 'unnamed'})")
    if isinstance(fact, Ping):
        return Decision("answered: GitHub reaches Deployer")
    if isinstance(fact, Push):
        return _of_push(fact, wishes, newer)
    if isinstance(fact, PullRequest):
        return _of_pull_request(fact, wishes, by_person=by_person)
    if isinstance(fact, Checked):
        short = fact.commit[:SHORT]
        if waiting:
            return Decision(f"asked GitHub about the checks of {short}", look_at=fact.commit)
        return Decision(f"skipped: nothing waits for the checks of {short}")
    return Decision(f"ignored: {fact.event}")


def is_foreign(of: Repository | None, wishes: Wishes) -> bool:
    """By its number once that is known: a name may change."""
    if of is None:
        return False
    if wishes.repository_id is not None:
        return of.id != wishes.repository_id
    return bool(wishes.repository) and of.name.lower() != wishes.repository.lower()


def _of_push(push: Push, wishes: Wishes, newer: str) -> Decision:
    skipped = _not_asked_for(push, wishes)
    if skipped:
        return Decision(f"skipped: {skipped}")
    if newer == ZEROS:
        return Decision(
            "skipped: the branch was deleted since" if push.ref.startswith(HEADS) else "skipped: tag deleted"
        )
    if newer:
        return Decision(superseded_by(newer))
    # Tags are set on what was pushed before, sometimes long ago: promoting those by themselves would go back in time.
    promote = wishes.on_push == PROMOTE and push.ref.startswith(HEADS)
    subject = push.message.split("\n", 1)[0]
    return Decision(BUILT, Wanted(push.commit, push.ref, PUSH, subject, push.sender, promote))


def _not_asked_for(push: Push, wishes: Wishes) -> str:
    is_tag = push.ref.startswith(TAGS)
    if push.is_deleted:
        return "tag deleted" if is_tag else "branch deleted"
    if is_tag and not wishes.build_tags:
        return "a tag"
    if not is_tag and push.ref != HEADS + wishes.branch:
        return "another branch"
    if wishes.on_push == NOTHING:
        return "a push does nothing here"
    if marker := skip_marker(push.message):
        return f"{marker} in the head commit"
    return ""


def _of_pull_request(request: PullRequest, wishes: Wishes, *, by_person: bool) -> Decision:
    if not wishes.build_pull_requests:
        return Decision("skipped: pull requests are not built here")
    if request.action not in FRESH:
        return Decision(f"ignored: pull_request {request.action[:40]}")
    if request.fork and not by_person:
        return Decision(f"waits for a person: the pull request is from the fork {request.fork}")
    subject = f"#{request.number} {request.title}"
    return Decision(BUILT, Wanted(request.commit, request.ref, PULL_REQUEST, subject, request.sender))


def superseded_by(commit: str) -> str:
    return f"{SUPERSEDED} by {commit[:SHORT]}"
