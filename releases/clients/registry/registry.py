"""What we ask of a registry, by the OCI distribution specification (sections 3, end-1 to end-9)."""

import json
from collections.abc import Iterator

from releases.clients.images.plan import Login
from releases.clients.registry import answers
from releases.clients.registry.door import Answer, Door, Policy
from releases.errors import RegistryError

# An index before the manifests that it lists: the digest of what a cluster pulls by that tag.
MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
TAG_PAGES_MAX = 100
API = "registry/2."


class Registry:
    """The one at `address` (`host[:port][/path]`, checked). `name`s are of repositories below that.

    Every method raises RegistryError.
    """

    def __init__(self, address: str, login: Login | None = None, *, policy: Policy | None = None) -> None:
        self.door = Door(address, login, policy or Policy())

    @property
    def url(self) -> str:
        return f"{self.door.scheme}://{self.door.where.server}"

    def greet(self) -> None:
        """That it is a registry, and takes our login."""
        answer = self.door.ask("GET", "/v2/")
        if answer.status == 404 or (answer.succeeded and not _is_registry(answer)):
            why = "it answers with a web page" if answers.is_page(answer.headers) else "it has no /v2/"
            raise answers.no_api(self.door.where.server, answer.status, why)
        self._succeeded(answer)

    def digest(self, name: str, tag: str) -> str | None:
        """The digest that `tag` has now; None if there is no such tag or repository."""
        answer = self._of(name, "HEAD", f"manifests/{tag}", "pull", {"Accept": MANIFESTS})
        if answer.status == 404:
            return None
        return self._succeeded(answer).headers.get("docker-content-digest") or None

    def tags(self, name: str) -> list[str]:
        """All tags of the repository; none if there is no such repository."""
        return [tag for page in self._tag_pages(name) for tag in page]

    def delete(self, name: str, digest: str) -> bool:
        """Delete the manifest with all its tags; its layers go when the registry collects its garbage. False if it was
        not there. The cause `unsupported` means that the registry allows no deletions."""
        answer = self._of(name, "DELETE", f"manifests/{digest}", "pull,delete")
        if answer.status == 404 and self._is_unknown(answer):
            return False
        self._succeeded(answer)
        return True

    def begin_push(self, name: str) -> bool:
        """Begin an upload and cancel it, to see whether that may be done. Nothing of it is left; False if the registry
        knows no cancelling, and forgets the upload by itself later."""
        answer = self._succeeded(self._of(name, "POST", "blobs/uploads/", "pull,push"))
        upload = answer.headers.get("location", "")
        if not upload:
            return False
        try:
            return self.door.ask("DELETE", upload, scope=self._scope(name, "pull,push")).succeeded
        except RegistryError:  # some let nobody cancel who may not delete
            return False

    def _tag_pages(self, name: str) -> Iterator[list[str]]:
        path = "tags/list?n=1000"
        for _ in range(TAG_PAGES_MAX):
            answer = self._of(name, "GET", path, "pull")
            if answer.status == 404:
                return
            self._succeeded(answer)
            try:
                found = json.loads(answer.body)["tags"] or []
                yield [str(tag) for tag in found]
            except (ValueError, KeyError, TypeError) as error:
                words = "its list of tags can't be read"
                raise answers.no_api(self.door.where.server, answer.status, words) from error
            following = _next(answer)
            if not following:
                return
            path = following
        raise answers.no_api(self.door.where.server, 200, "its list of tags has no end")

    def _of(self, name: str, method: str, path: str, actions: str, headers: dict[str, str] | None = None) -> Answer:
        repository = self.door.where.repository(name)
        address = path if path.startswith(("/", "http:", "https:")) else f"/v2/{repository}/{path}"
        return self.door.ask(method, address, scope=self._scope(name, actions), headers=headers)

    def _scope(self, name: str, actions: str) -> str:
        return f"repository:{self.door.where.repository(name)}:{actions}"

    def _succeeded(self, answer: Answer) -> Answer:
        if not answer.succeeded:
            raise self.door.refusal(answer)
        return answer

    def _is_unknown(self, answer: Answer) -> bool:
        """That of an image; any other 404 is of an address which nobody answers for."""
        return self.door.refusal(answer).cause == "not_found"


def _is_registry(answer: Answer) -> bool:
    """Most say so by a header; those that don't at least answer with JSON."""
    if answer.headers.get("docker-distribution-api-version", "").lower().startswith(API):
        return True
    return not answers.is_page(answer.headers)


def _next(answer: Answer) -> str:
    """The address of the next page (RFC 8288); "" without one."""
    link = answer.headers.get("link", "")
    return link.partition("<")[2].partition(">")[0] if 'rel="next"' in link.replace("rel=next", 'rel="next"') else ""
