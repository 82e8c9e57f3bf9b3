"""What is sent to GitHub, as plain data (docs.github.com/rest: commits/statuses, deployments, apps)."""

from typing import Any, Literal

DESCRIPTION_MAX = 140
CONTEXT_MAX = 255

StatusState = Literal["error", "failure", "pending", "success"]
DeploymentState = Literal["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]
Body = dict[str, Any]


def commit_status(state: StatusState, *, context: str, description: str, url: str) -> Body:
    """The newest one of a context is what GitHub shows beside the commit. `url`: where its Details leads."""
    return {"state": state, "context": context[:CONTEXT_MAX], "description": shortened(description), "target_url": url}


def deployment(
    commit: str, *, environment: str, description: str, payload: Body, production: bool, task: str = "deploy"
) -> Body:
    """Of exactly this commit: GitHub merges nothing into it, and asks no checks, which are ours to ask.

    `payload`: what we know it by again.
    """
    return {
        "ref": commit,
        "task": task,
        "auto_merge": False,
        "required_contexts": [],
        "environment": environment,
        "description": shortened(description),
        "payload": payload,
        "production_environment": production,
    }


def deployment_status(
    state: DeploymentState, *, description: str, log_url: str, environment_url: str = "", environment: str = ""
) -> Body:
    """A success makes the earlier deployments of the environment inactive."""
    body: Body = {
        "state": state,
        "description": shortened(description),
        "log_url": log_url,
        "auto_inactive": state == "success",
    }
    if environment_url:
        body["environment_url"] = environment_url
    if environment:
        body["environment"] = environment
    return body


def installation_token(repository: str, permissions: dict[str, str]) -> Body:
    """For this one repository (its name without the owner), with no more than these permissions."""
    return {"repositories": [repository], "permissions": permissions}


def shortened(description: str) -> str:
    """One line of as many characters as GitHub takes."""
    line = " ".join(description.split())
    return line if len(line) <= DESCRIPTION_MAX else line[: DESCRIPTION_MAX - 1] + "…"
