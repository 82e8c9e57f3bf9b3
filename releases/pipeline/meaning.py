"""From what the cluster says to what it means: may it heal, which cause, what to do. Pure.

The texts are those of kubelets, containerd, CRI-O, Docker and registries of several versions; what is recognised as
final ends a rollout at once, anything else is given the time of ROLLOUT.md's table.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from releases.pipeline import rights
from releases.pipeline.processes import Ailment

PATIENCE_SECONDS = 60  # with errors that may heal by themselves
QUOTA_SECONDS = 20

PULL_FINAL = re.compile(
    r"not found|denied|authoriz|forbidden|no basic auth|authentication required|incorrect username"
    r"|no match for platform|no matching manifest|does not match the specified platform|cannot be used on this platform"
    r"|no image found in (manifest list|image index)|manifest unknown|name unknown|repository does not exist"
    r"|invalid reference format|never-pull",
    re.IGNORECASE,
)
PULL_MAY_HEAL = re.compile(
    r"dial tcp|lookup |no such host|server misbehaving|tls:|x509|certificate|http response to https client"
    r"|connection (refused|reset)|no route to host|network is unreachable|broken pipe|\bEOF\b"
    r"|time-?out|deadline exceeded|context canceled|temporar|unavailable|internal server error|bad gateway"
    r"|too ?many ?requests|rate limit|qps exceeded|(?<![\w:./-])(429|5\d\d)(?![\w/-])",
    re.IGNORECASE,
)
DENIED = re.compile(r"denied|authori[sz]|forbidden|auth", re.IGNORECASE)
PLATFORM = re.compile(r"platform|no matching manifest|architecture", re.IGNORECASE)
CONFIG_FINAL = re.compile(
    r'(secrets?|configmaps?) "[^"]*" not found|couldn\'t find key|non-?existent (secret|config|key)', re.IGNORECASE
)
START_FINAL = re.compile(
    r"no such file|executable file .*not found|not found in \$?PATH|permission denied|exec format"
    r"|is a directory|not a directory",
    re.IGNORECASE,
)
# What a process needs that nobody made.
LOST = re.compile(r'serviceaccount "([^"]+)" not found|no PriorityClass with name (\S+) was found')
# What a container needs besides its program, and can't have: nothing of it is about the program.
MOUNT = re.compile(r"\berror mounting|\bto rootfs at|mount a directory onto a file|failed to mount", re.IGNORECASE)
WORKING_FOLDER = re.compile(r"\bchdir to cwd", re.IGNORECASE)
# How programs say that a variable is not set: Python's and Ruby's own errors, and people in plain words.
NAME = r"""["'`]?\b([A-Z][A-Z0-9_]{2,})\b["'`]?"""
UNSET = re.compile(
    rf"(?:KeyError|key not found): *{NAME}"
    rf"|{NAME} +(?:(?:is|was|must be|has to be) +)?(?:not +)?(?:set|unset|missing|required|defined|undefined|given)\b"
    rf"|(?i:missing|required|undefined|unset)\b[^A-Z]{{0,40}}{NAME}"
)
NO_RIGHT = re.compile(r'is forbidden: User "[^"]*" cannot ')
TASK = {"pull": "pull its image", "config": "be configured", "start": "start"}


@dataclass(frozen=True)
class Refusal:
    """Why no process may be created. `final`: at once; else after `seconds` without a new process."""

    cause: str
    seconds: float
    hint: str


def patience(ailment: Ailment, *, pull: float | None, start: float | None) -> float:
    """Seconds that this ailment may last before it dooms; `pull` and `start` as the manifest sets them."""
    if ailment.family == "pull":
        if is_final(ailment):
            return 0
        if pull is not None:
            return pull
        return 0 if ailment.reason == "ImagePullBackOff" else PATIENCE_SECONDS
    if is_final(ailment):
        return 0
    return PATIENCE_SECONDS if start is None else start


def is_final(ailment: Ailment) -> bool:
    """Whether waiting can't help."""
    if ailment.family == "config":
        return bool(CONFIG_FINAL.search(ailment.message))
    if ailment.family == "start":
        return bool(START_FINAL.search(ailment.message))
    if ailment.reason in ("InvalidImageName", "ErrImageNeverPull"):
        return True
    words = without_names(ailment)
    return bool(PULL_FINAL.search(words)) and not PULL_MAY_HEAL.search(words)


def hint(ailment: Ailment, service: str, *, command: str = "") -> str:
    """What to do, in one sentence. `command`: what is run, where that is not the command of a service."""
    program = command or f"the command of {service}"
    words = without_names(ailment) if ailment.family == "pull" else ailment.message
    if ailment.family == "config":
        if "nonroot" in words.lower() or "non-root" in words.lower():
            return f"Let the image of {service} run as a numbered user other than root."
        return f"Check the Secrets and keys that {service} refers to."
    if ailment.family == "start":
        if special := start_hint(words, service):
            return special
        if "exec format" in words.lower():
            return f"The program of {service} was built for another kind of machine: build it for the cluster's."
        if "permission denied" in words.lower():
            return f"{program[0].upper()}{program[1:]} may not be executed: check its permissions in the image."
        if not START_FINAL.search(words):
            return f"Read the cluster's message: it says why the program of {service} can't begin."
        return f"Check {program}: it must exist in the image and be executable."
    if not is_final(ailment):
        return f"Check that the cluster reaches the registry of {service}'s image, then promote again."
    if ailment.reason == "InvalidImageName" or "invalid reference" in words:
        return f"Correct the image of {service} in the manifest: it is no valid name."
    if PLATFORM.search(words):
        return f"Build the image of {service} for the cluster's kind of machine."
    if DENIED.search(words):
        return f"Check that the image of {service} exists and that the cluster may read its registry."
    return f"Check the image of {service} in the manifest, and whether the cluster may read its registry."


def start_hint(words: str, service: str) -> str:
    """Of what keeps a program from starting though nothing is wrong with it; "" of all else."""
    if MOUNT.search(words):
        return f"Correct what {service} mounts: a file can be mounted on a file only, a directory on a directory."
    if WORKING_FOLDER.search(words):
        return f"Let the user that {service} runs as enter its working directory in the image."
    if "init was oom-killed" in words.lower():
        return f"Raise scale.memory of {service} in the manifest: it is too little even to start."
    if "no command specified" in words.lower():
        return f"Give {service} a command in the manifest: its image names none."
    return ""


def refusal(words: str, *, hopeless: bool) -> Refusal:
    """What stops new processes, from the cluster's words. `hopeless`: no room can come of itself."""
    if "failed calling webhook" in words:
        return Refusal("admission", PATIENCE_SECONDS, "An admission webhook of the cluster does not answer.")
    if re.search(r"admission webhook|denied (the )?request|violates PodSecurity|ValidatingAdmissionPolicy", words):
        return Refusal("admission", 0, "The cluster's admission rules forbid these processes: the message says why.")
    if re.search(r"is forbidden: \[?(maximum|minimum|.* max limit)", words):
        return Refusal("admission", 0, "Keep scale.cpu and scale.memory within the limits of the namespace.")
    if "being terminated" in words:
        return Refusal("deleted", 0, "The app's namespace is being deleted: promote again once it is gone.")
    if re.search(r"(exceeded|failed) quota", words):
        hint = "Raise the namespace's quota, or make room: scale something down."
        return Refusal("quota", 0 if hopeless else QUOTA_SECONDS, hint)
    if lost := LOST.search(words):
        what = "service account" if lost[1] else "priority class"
        hint = f"Create the {what} {lost[1] or lost[2]}, or take it out of what changes the app's processes."
        return Refusal("refused", PATIENCE_SECONDS, hint)
    return Refusal("refused", PATIENCE_SECONDS, "The cluster refuses to create processes: its message says why.")


def sentence(words: str) -> str:
    """The cluster's own words, so that others can follow them."""
    return words if words.endswith((".", "!", "?", "…")) else f"{words}."


def cut(words: str, most: int) -> str:
    """In one line of at most so many signs."""
    words = " ".join(words.split())
    return words if len(words) <= most else words[: most - 1] + "…"


def denied_hint(words: str) -> str:
    """What to do when the cluster refuses what we ask for; "" where its own words must do."""
    return rights.HINT if NO_RIGHT.search(words) else ""


def place_hint(words: str, service: str) -> str:
    """What to do about a process that finds no place, from the scheduler's words."""
    if re.search(r"persistentvolumeclaim|volume", words, re.IGNORECASE):
        return f"Check the volumes of {service} and the cluster's storage class: one can't be had, or not on that node."
    if "Insufficient" in words or not re.search(
        r"affinity|selector|taint|topology|cordon|unschedulable|Too many", words
    ):
        return f"Lower scale.cpu or scale.memory of {service}, or add a node."
    return f"Add a node that {service} may run on, or free one: what it asks for is not what keeps it out."


def exit_hint(ended_reason: str, code: int, service: str) -> str:
    if ended_reason == "OOMKilled":
        return f"Raise scale.memory of {service} in the manifest, or find what uses the memory."
    if ended_reason == "Unknown":
        return f"Look at the node of {service}, if this happens again: it was not {service} that ended."
    if code == 0:
        return f"{service} must keep running in the foreground: its command ended as if its work were done."
    if code in (126, 127):
        return f"Check the command of {service}: the shell could not find or execute it."
    if code == 137:
        return f"Something killed {service} from outside: a health check, the node, or what it started."
    return f"Look at the last lines that it wrote: {service} must keep running."


def unset_variable(line: str, known: Collection[str]) -> str:
    """The name of the variable that a program's last line misses, if it is none of those `known`; else ""."""
    found = UNSET.search(line)
    name = next(filter(None, found.groups()), "") if found else ""
    return "" if name in known else name


def unset_hint(line: str, known: Collection[str]) -> str:
    """The same as a sentence, which says more than any general hint; or ""."""
    name = unset_variable(line, known)
    return f"{name} is not among this release's variables." if name else ""


def without_names(ailment: Ailment) -> str:
    """The message without what people named: an image may be called `denied`, a registry's port be 503."""
    words = ailment.message
    image = ailment.image
    if re.search(r"[:/@]", image):
        words = words.replace(image, " ")
        repository = re.sub(r"(@[\w:.-]+|:[\w.-]+)$", "", image.split("@")[0])
        if "/" in repository:
            words = re.sub(rf"(?:[\w.:-]+/)*{re.escape(repository)}(?:[:@][\w.-]+(?::\w+)?)?", " ", words)
    return re.sub(r'https?://[^\s"]+|\\?"[^"]*"', " ", words)
