"""The public doors of a house: the API, the cluster, an app's address, a signed-in session."""

import base64
import http.client
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

KINDS = {
    "namespaces": "/api/v1/namespaces",
    "secrets": "/api/v1/namespaces/{namespace}/secrets",
    "services": "/api/v1/namespaces/{namespace}/services",
    "pods": "/api/v1/namespaces/{namespace}/pods",
    "events": "/api/v1/namespaces/{namespace}/events",
    "deployments": "/apis/apps/v1/namespaces/{namespace}/deployments",
    "replicasets": "/apis/apps/v1/namespaces/{namespace}/replicasets",
    "jobs": "/apis/batch/v1/namespaces/{namespace}/jobs",
    "ingresses": "/apis/networking.k8s.io/v1/namespaces/{namespace}/ingresses",
}


def cluster_client(kubeconfig: Path) -> httpx.Client:
    """A client of the cluster that a kubeconfig describes, as anybody could have who holds the file."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    return httpx.Client(
        base_url=cluster["server"],
        headers={"Authorization": f"Bearer {user['token']}"},
        verify=ssl.create_default_context(cadata=authority),
        trust_env=False,
        timeout=30,
    )


def path_of(kind: str, namespace: str, name: str = "") -> str:
    return KINDS[kind].format(namespace=namespace) + (f"/{name}" if name else "")


def ask(port: int, host: str, path: str = "/") -> tuple[int, str]:
    """Status and body of one request to an app's address; status 0 when there is no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


class Session:
    """A browser's session without the browser: signed in by a one-time link."""

    def __init__(self, url: str, link: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, follow_redirects=True, trust_env=False, timeout=30)
        page = self.http.get(link)
        form = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert form, f"the sign-in link showed no form: {page.status_code} {page.text[:300]}"
        signed_in = self.http.post(link, data={"csrfmiddlewaretoken": form[1]}, headers={"Referer": link})
        assert signed_in.status_code == 200 and "sign-out" in signed_in.text, signed_in.text[:300]

    @contextmanager
    def websocket(self, path: str) -> Iterator[ClientConnection]:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies.jar)
        address = self.url.replace("http", "ws", 1) + path
        headers, origin = {"Cookie": cookies}, Origin(self.url)
        with connect(address, additional_headers=headers, origin=origin, proxy=None, open_timeout=30) as socket:
            yield socket


def is_gap_free(lines: list[dict[str, Any]], *, after: int = 0) -> bool:
    """Whether the numbers of these lines are after+1, after+2, … without gap or double."""
    return [line["number"] for line in lines] == list(range(after + 1, after + len(lines) + 1))
