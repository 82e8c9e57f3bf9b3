"""Names of branches, tags and commits: which are taken, and which commit one means."""

import re
from dataclasses import dataclass

from releases.errors import SourceFailed

COMMIT = re.compile(r"[0-9a-f]{40}")
SHORT_COMMIT = re.compile(r"[0-9a-f]{7,39}")
REF_MAX = 255
# git-check-ref-format(1), without `@` alone, and without a hyphen that Git could take for an option.
FORBIDDEN = re.compile(r"^-|^/|/$|\.$|//|\.\.|@\{|[\x00-\x20\x7f~^:?*\[\\]|(^|/)\.|\.lock(/|$)|^@$")
HEADS, TAGS = "refs/heads/", "refs/tags/"


@dataclass(frozen=True)
class Point:
    """A commit, and the full name of what led to it; empty where it was asked for by its own name."""

    commit: str
    ref: str = ""


def checked_ref(ref: str) -> str:
    """The same. Raises SourceFailed where Git could not have such a name."""
    if not ref or len(ref) > REF_MAX or FORBIDDEN.search(ref) or not ref.isprintable():
        raise SourceFailed(f"{ref[:100]!r} is no name of a branch, tag or commit.", cause="ref")
    return ref


def checked_commit(commit: str) -> str:
    if not COMMIT.fullmatch(commit):
        raise SourceFailed(f"{commit[:100]!r} is no whole name of a commit: 40 digits.", cause="ref")
    return commit


def read(listing: bytes) -> dict[str, str]:
    """Full name → object, from what `git ls-remote` prints. Names that nobody could ask for are left out."""
    found = {}
    for line in listing.decode(errors="replace").splitlines():
        name, _, ref = line.partition("\t")
        if COMMIT.fullmatch(name) and ref.isprintable():
            found[ref] = name
    return found


def heads(refs: dict[str, str]) -> dict[str, str]:
    """Branch → commit."""
    return {ref.removeprefix(HEADS): commit for ref, commit in refs.items() if ref.startswith(HEADS)}


def point(asked: str, refs: dict[str, str]) -> Point:
    """What `asked` means: HEAD, a full name, a branch, a tag, or the beginning of a commit that one of them leads to.

    Raises SourceFailed.
    """
    if not refs:
        raise SourceFailed(
            "The repository is empty: it has no commit yet.", cause="empty", hint="Push a commit to it first."
        )
    for ref in (asked, HEADS + asked, TAGS + asked):
        # An annotated tag is an object of its own; ^{} is the commit behind it.
        commit = refs.get(ref + "^{}") or refs.get(ref)
        if commit:
            return Point(commit, ref)
    if SHORT_COMMIT.fullmatch(asked):
        return _beginning(asked, refs)
    raise SourceFailed(
        f"The repository has no branch or tag {asked}.", cause="no_ref", hint="Is its name right, and was it pushed?"
    )


def _beginning(asked: str, refs: dict[str, str]) -> Point:
    found = {commit: ref.removesuffix("^{}") for ref, commit in refs.items() if commit.startswith(asked)}
    if len(found) == 1:
        return Point(*next(iter(found.items())))
    raise SourceFailed(
        f"Which commit {asked} is can't be asked of a repository from afar.",
        cause="no_ref",
        hint="Give all 40 digits of its name.",
    )
