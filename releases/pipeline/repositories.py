"""From an app's source to its repository: who we are there, and what the installation allows."""

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from django.conf import settings

from releases.clients import git, github
from releases.clients.git import references
from releases.clients.git.process import Stop, never
from releases.errors import GitHubError, SourceFailed
from releases.models import Source

API_OF_GITHUB = "api.github.com"


def repository_of(source: Source, *, stop: Stop = never) -> git.Repository:
    """Raises SourceFailed. `stop` is called several times a second; what it raises ends the work."""
    return opened(source.url, credentials=credentials_of(source), stop=stop)


def opened(url: str, *, credentials: git.Credentials = None, stop: Stop = never) -> git.Repository:
    """The repository at `url`; nothing is asked of it yet. Raises SourceFailed where it may not be."""
    limits = git.Limits(
        max_bytes=settings.SOURCE_MAX_BYTES,
        max_files=settings.SOURCE_MAX_FILES,
        fetch_bytes=settings.GIT_FETCH_BYTES,
        seconds=settings.GIT_FETCH_SECONDS,
    )
    return git.Repository(
        url,
        cache=Path(settings.DEPLOYER_GIT_CACHE),
        credentials=credentials,
        policy=git.Policy(transports=settings.GIT_TRANSPORTS, networks=settings.GIT_NETWORKS),
        limits=limits,
        cache_bytes=settings.GIT_CACHE_BYTES,
        stop=stop,
    )


def checked_ref(ref: str) -> str:
    """The same. Raises SourceFailed where no branch or tag can have this name."""
    return references.checked_ref(ref)


def credentials_of(source: Source) -> git.Credentials:
    """What was given for it; else a token of the GitHub App, where that is installed there. Raises SourceFailed."""
    try:
        if source.deploy_key:
            return git.DeployKey(source.deploy_key.open(), source.known_hosts)
        if source.token:
            return git.Token(source.token.open(), source.token_username or "x-access-token")
    except InvalidToken as error:
        raise SourceFailed(
            "The stored token or deploy key can't be read: the key that encrypted it is gone.",
            cause="credentials",
            hint="Give it again on the app's source.",
        ) from error
    if not github_name(source.url) or not source.url.startswith("http"):
        return None
    try:
        token = _installation_token(source, github.FETCHING)
    except GitHubError as error:
        if error.status == 404:
            return None  # not installed there: it may be public
        passing = error.code == "github_unavailable"
        raise SourceFailed(error.message, cause="github", passing=passing) from error
    return git.Token(token) if token else None


def github_name(url: str) -> str:
    """`owner/name` of a repository on GitHub (of GITHUB_API_URL); "" of any other."""
    rest = ""
    parts = urlsplit(url) if "://" in url else None
    if parts is None:
        user_and_host, _, rest = url.partition(":")
        host = user_and_host.rpartition("@")[2]
    else:
        host, rest = parts.hostname or "", parts.path
    name = rest.strip("/").removesuffix(".git")
    return name if host.lower() == github_host() and name.count("/") == 1 else ""


def github_of(source: Source) -> github.Repository | None:
    """Its repository on GitHub for the API, if it is there and we are somebody there. Raises GitHubError."""
    name = source.repository_name or github_name(source.url)
    if not github_name(source.url):
        return None
    try:
        token = source.token.open() or _installation_token(source, github.REPORTING)
    except InvalidToken as error:
        raise GitHubError("The stored token can't be read: the key that encrypted it is gone.") from error
    if not token:
        return None
    return github.Repository(github.Door(lambda: token, url=settings.GITHUB_API_URL), name)


def has_github_app() -> bool:
    return bool(settings.GITHUB_APP_ID and settings.GITHUB_APP_PRIVATE_KEY)


def github_host() -> str:
    host = (urlsplit(settings.GITHUB_API_URL).hostname or "").lower()
    return "github.com" if host == API_OF_GITHUB else host


def _installation_token(source: Source, permissions: dict[str, str]) -> str:
    """ "" where Deployer is no GitHub App. Raises GitHubError, 404 where the App is not installed there."""
    if not has_github_app():
        return ""
    name = source.repository_name or github_name(source.url)
    app = _github_app(settings.GITHUB_APP_ID, settings.GITHUB_APP_PRIVATE_KEY, settings.GITHUB_API_URL)
    installation = source.installation_id
    if installation is None:
        installation = app.installation_of(name)
        Source.objects.filter(pk=source.pk, url=source.url).update(installation_id=installation)
        source.installation_id = installation
    try:
        return app.token(installation, name, permissions)
    except GitHubError as error:
        if error.status == 404:  # installed anew since: the next time asks which it is
            Source.objects.filter(pk=source.pk).update(installation_id=None)
        raise


@lru_cache(maxsize=4)
def _github_app(app_id: str, private_key: str, url: str) -> github.App:
    """One for the process: it keeps its tokens."""
    return github.App(app_id, private_key, url=url)
