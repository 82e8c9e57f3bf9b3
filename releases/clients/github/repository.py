"""One repository on GitHub: its branches and checks, and what we tell it of builds and rollouts."""

from dataclasses import dataclass
from urllib.parse import quote

from releases.clients.github.bodies import Body
from releases.clients.github.checks import Checks, judge
from releases.clients.github.door import Door

PAGE = 100


@dataclass(frozen=True)
class About:
    """`id` stays when the repository is renamed or given to another owner; `name` is `owner/name` now."""

    id: int
    name: str
    default_branch: str
    private: bool
    clone_url: str


class Repository:
    """`name`: `owner/name`. All methods raise GitHubError, and GitHubUnavailable where trying again may help."""

    def __init__(self, door: Door, name: str) -> None:
        self.door, self.path = door, "/repos/" + quote(name)

    @staticmethod
    def by_id(door: Door, number: int) -> About:
        """Whatever it is called now."""
        return _about(door.get(f"/repositories/{number}"))

    def about(self) -> About:
        """Also by a name that it had before."""
        return _about(self.door.get(self.path))

    def head(self, branch: str) -> str:
        """The commit that the branch leads to."""
        return self.door.get(f"{self.path}/git/ref/heads/{quote(branch)}")["object"]["sha"]

    def checks(self, commit: str, *, without: str) -> Checks:
        """Of all pages; those whose name begins with `without` are left out."""
        at = f"{self.path}/commits/{commit}"
        return judge(
            self.door.pages(f"{at}/status", "statuses", per_page=PAGE),
            self.door.pages(f"{at}/check-suites", "check_suites", per_page=PAGE),
            self.door.pages(f"{at}/check-runs", "check_runs", per_page=PAGE, filter="latest"),
            without=without,
        )

    def set_status(self, commit: str, status: Body) -> None:
        """`status`: bodies.commit_status."""
        self.door.post(f"{self.path}/statuses/{commit}", status, repeatable=True)

    def find_deployment(self, deployment: Body) -> int | None:
        """The number of the one that was made from this body before, if it was: known by its payload."""
        wanted = {"sha": deployment["ref"], "environment": deployment["environment"], "task": deployment["task"]}
        for found in self.door.get(f"{self.path}/deployments", per_page=PAGE, **wanted):
            if found["payload"] == deployment["payload"]:
                return found["id"]
        return None

    def create_deployment(self, deployment: Body) -> int:
        """`deployment`: bodies.deployment. Gives its number.

        Where GitHub does not answer it may have been made all the same: `find_deployment` knows.
        """
        return self.door.post(f"{self.path}/deployments", deployment, repeatable=False)["id"]

    def set_deployment_status(self, deployment: int, status: Body) -> None:
        """`status`: bodies.deployment_status."""
        self.door.post(f"{self.path}/deployments/{deployment}/statuses", status, repeatable=True)


def _about(answer: dict) -> About:
    return About(answer["id"], answer["full_name"], answer["default_branch"], answer["private"], answer["clone_url"])
