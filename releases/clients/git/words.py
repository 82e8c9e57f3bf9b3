"""What Git's complaint means, in our words, with nothing in it that is secret."""

import base64
import re
from dataclasses import dataclass

from releases.clients.git.credentials import Credentials, DeployKey, Token
from releases.errors import SourceFailed

WORDS_MAX = 400
USERINFO = re.compile(r"(?<=://)[^/\s@]*@")
NOISE = re.compile(r"^(?:remote: *$|warning: |hint: |Warning: Permanently added)")


@dataclass(frozen=True)
class Meaning:
    """`pattern` in Git's complaint means `message`; {host} and {words} are filled in."""

    pattern: str
    cause: str
    message: str
    hint: str = ""
    passing: bool = False


ASK_FOR_ACCESS = "Is the URL right? A private repository needs a token or a deploy key with the right to read it."
# The first that is found counts: the more particular ones are above.
MEANINGS = [
    Meaning(
        r"could not read (?:Username|Password)",
        "auth_required",
        "{host} asks who we are: the repository is private, or not there.",
        ASK_FOR_ACCESS,
    ),
    Meaning(
        r"Authentication failed|HTTP Basic: Access denied|error: 401",
        "auth_refused",
        "{host} refuses the token.",
        "Has it expired, or been revoked? Give a new one with the right to read the repository.",
    ),
    Meaning(
        r"Permission denied \(|Load key ",
        "auth_refused",
        "{host} refuses the deploy key.",
        "Is its public half among the repository's deploy keys?",
    ),
    Meaning(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED|Host key verification failed|No .* host key is known",
        "host_key",
        "{host} shows another SSH host key than the one that is known for it.",
        "If the server's key was really changed, an administrator removes the old one (docs/sources.md).",
    ),
    Meaning(
        r"error: 403|Access denied|not authorized|access forbidden",
        "auth_refused",
        "{host} forbids it: {words}",
        "The token or key needs the right to read the contents of this repository.",
    ),
    Meaning(
        r"repository '.*' not found|Repository not found|does not appear to be a git repository|error: 404|"
        r"repository .* does not exist|project you were looking for could not be found|not valid: is this a git repo",
        "not_found",
        "There is no such repository, or we may not see it.",
        ASK_FOR_ACCESS,
    ),
    Meaning(
        r"detected dubious ownership",
        "ownership",
        "The repository belongs to another user of the server's machine.",
        "Give it to the user that Deployer runs as, or serve it over HTTPS or SSH.",
    ),
    Meaning(
        r"not our ref|unadvertised object|couldn't find remote ref|no such remote ref|remote did not send all",
        "no_commit",
        "The repository does not have that commit (any more).",
        "Was it removed by a force push, or not pushed yet?",
    ),
    Meaning(
        r"mismatched algorithms|unsupported object format|object-format",
        "object_format",
        "The repository uses SHA-256 object names, which Deployer does not fetch.",
    ),
    Meaning(
        r"Could not resolve host|Name or service not known|Could not resolve proxy",
        "dns",
        "The host {host} can't be found.",
        "Is the name in the URL right? Does this machine's DNS know it?",
        True,
    ),
    Meaning(
        r"certificate|SSL|TLS|gnutls",
        "tls",
        "No secure connection to {host}: {words}",
        "Is its certificate valid for this name, and its authority known to this machine?",
    ),
    Meaning(
        r"Failed to connect|Connection refused|Connection timed out|Connection reset|No route to host|"
        r"Network is unreachable|Operation too slow|Connection closed|Recv failure|Empty reply|Operation timed out|"
        r"kex_exchange_identification|Could not connect",
        "unreachable",
        "{host} does not answer: {words}",
        "Is the server up, and may this machine reach it?",
        True,
    ),
    Meaning(r"error: (?:429|5\d\d)", "server", "{host} is in trouble: {words}", "Try again later.", True),
    Meaning(r"error: 30[1278]", "moved", "The repository has moved.", "Give its new URL."),
    Meaning(r"No space left on device|Disk quota", "disk", "No space is left on this machine's disk.", "", True),
    Meaning(
        r"fsck|index-pack failed|unpack-objects failed|bad object|corrupt|invalid index-pack output",
        "malformed",
        "What the repository sent is not sound: {words}",
        "`git fsck` in the repository names what is wrong.",
    ),
    Meaning(
        r"early EOF|hung up|RPC failed|unexpected disconnect|expected flush|protocol error|bad line length",
        "unreachable",
        "The connection to {host} broke: {words}",
        "Try again.",
        True,
    ),
]


def failure(errors: bytes, *, host: str, credentials: Credentials) -> SourceFailed:
    """What a run of Git that failed with these words on its standard error means."""
    words = clean(errors, credentials)
    for meaning in MEANINGS:
        if re.search(meaning.pattern, words, re.IGNORECASE):
            message = meaning.message.format(host=host or "The repository", words=_short(words))
            return SourceFailed(message, cause=meaning.cause, hint=meaning.hint, passing=meaning.passing)
    return SourceFailed(f"Git failed: {_short(words) or 'without a word'}", cause="unknown")


def clean(errors: bytes, credentials: Credentials) -> str:
    """Git's words without secrets, terminal codes and other signs that no page should show."""
    text = errors.decode(errors="replace").replace("\r", "\n")
    for secret in _secrets(credentials):
        text = text.replace(secret, "[secret]")
    text = USERINFO.sub("", text)
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)


def _secrets(credentials: Credentials) -> list[str]:
    match credentials:
        case Token(value, username):
            return [value, base64.b64encode(f"{username}:{value}".encode()).decode()]
        case DeployKey(private):
            return [line for line in private.splitlines() if line and not line.startswith("-----")]
    return []


def _short(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip() and not NOISE.search(line)]
    return " ".join(lines)[:WORDS_MAX]
