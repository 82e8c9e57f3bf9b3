"""What an answer of the server means to who runs the command."""

import difflib
import os
from typing import TYPE_CHECKING, Any

from deployer.command.failure import FAILED, REFUSED, Failure, Unreachable

if TYPE_CHECKING:
    import httpx

# Codes of 503 that pass by themselves; a cluster that is away is an answer.
PASSING = {None, "busy", "database_away"}
# The code of 409 while another request with the same key is still being carried out.
STILL_RUNNING = "in_progress"


def error_of(response: "httpx.Response") -> dict[str, Any]:
    """What is under `error`; empty when the answer does not have our form."""
    try:
        error = response.json()["error"]
        return {
            "code": str(error["code"]),
            "message": str(error["message"]),
            "reasons": list(map(str, error["reasons"])),
        }
    except (ValueError, KeyError, TypeError):
        return {}


def is_passing(response: "httpx.Response") -> bool:
    """Busy, restarting, or a proxy that does not find it: worth another try."""
    if response.status_code in (502, 504):
        return True
    return response.status_code == 503 and error_of(response).get("code") in PASSING


def may_be_done(response: "httpx.Response") -> bool:
    """The database, or what stands between, may have been lost behind the deed."""
    return response.status_code in (502, 504) or error_of(response).get("code") == "database_away"


def wait_of(response: "httpx.Response") -> float:
    """The seconds that the answer asks us to wait; a second if it names none."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else 1.0


def failure_of(url: str, response: "httpx.Response", *, with_token: bool = False) -> Failure:
    """`with_token`: whether the request had one."""
    if response.is_redirect:
        target = response.headers.get("Location", "elsewhere")[:200]
        return Unreachable(f"{url} sends us on to {target}: log in there, if you trust it.")
    error = error_of(response)
    if not error:
        return Unreachable(f"What answers at {url} is no Deployer: it says {response.status_code}.")
    if response.status_code == 401:
        message = "this token is not good, or not any longer." if with_token else error["message"]
        return Failure(f"{url}: {message}", _way_in(url))
    refused = error["code"] == "not_allowed" or response.status_code == 403
    return Failure(*said_once(error), status=REFUSED if refused else FAILED)


def said_once(error: dict[str, Any]) -> list[str]:
    """The message, and of the reasons those that say something else."""
    return list(dict.fromkeys([error["message"], *error.get("reasons", [])]))


def _way_in(url: str) -> str:
    if os.environ.get("DEPLOYER_TOKEN"):
        return "It comes from DEPLOYER_TOKEN, which goes before what `deployer login` remembers."
    return f"Sign in with `deployer login {url}`."


def near_apps(wanted: str, known: list[str]) -> str:
    """What to say to who names an app that isn't there; "" when it is."""
    if wanted in known:
        return ""
    if not known:
        return f"There are no apps yet: `deployer apps create {wanted}` makes one."
    near = difflib.get_close_matches(wanted, known, n=3)
    return f"Did you mean {', '.join(near)}?" if near else "`deployer apps` lists them."
