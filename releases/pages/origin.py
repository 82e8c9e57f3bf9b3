"""Where a build's source came from: in words, with links for those who host it."""

from dataclasses import dataclass

from releases.models import Build
from releases.models.build import GIT, PULL_REQUEST, PUSH, RECONCILER, UPLOAD
from releases.pipeline import repositories

WORDS = {
    UPLOAD: "an upload",
    GIT: "the repository, at a person's wish",
    PUSH: "",  # whoever made it says so: “push by ada”
    PULL_REQUEST: "",
    RECONCILER: "the branch, found by comparing: no delivery told of the push",
}
HEADS, TAGS = "refs/heads/", "refs/tags/"


@dataclass(frozen=True)
class Origin:
    """`web`, `commit_url`: pages of the host, "" where none is known. `ref`: as people say it."""

    words: str
    web: str
    commit_url: str
    ref: str


def origin(build: Build) -> Origin:
    web = web_address(build.repository)
    is_github = bool(repositories.github_name(build.repository))
    commit_url = f"{web}/commit/{build.commit}" if web and is_github and build.commit else ""
    return Origin(WORDS.get(build.origin, build.origin), web, commit_url, shown_ref(build.ref))


def shown_ref(ref: str) -> str:
    if ref.startswith(TAGS):
        return f"tag {ref.removeprefix(TAGS)}"
    if ref.startswith("refs/pull/"):
        return "pull request #" + ref.split("/")[2]
    return ref.removeprefix(HEADS)


def web_address(repository: str) -> str:
    """Where people look at it: known for https, and for GitHub."""
    if repository.startswith("https://"):
        return repository.removesuffix("/").removesuffix(".git")
    name = repositories.github_name(repository)
    return f"https://{repositories.github_host()}/{name}" if name else ""
