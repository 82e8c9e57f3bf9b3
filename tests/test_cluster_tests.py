"""The cluster tests' own means: the account that they make for Deployer, what they clean up, when they are skipped."""

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import account, given, leftovers
from tests.cluster.kube import Kube, current, kubeconfig_text
from tests.ports import free_port

Object = dict[str, Any]
RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Scribe:
    """Stands for a cluster: writes down every request, and answers what it was told to, or the request's own body."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Object]] = []
        self.answers: dict[tuple[str, str], tuple[int, Object]] = {}
        self.port = free_port()
        scribe = self

        class Handler(BaseHTTPRequestHandler):
            def do(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
                scribe.asked.append((self.command, self.path, body))
                status, answer = scribe.answers.get((self.command, self.path), (200, body))
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = do

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def changes(self, method: str) -> list[str]:
        return [path for asked, path, _ in self.asked if asked == method]


@pytest.fixture
def scribe() -> Iterator[Scribe]:
    scribe = Scribe()
    yield scribe
    scribe.server.shutdown()
    scribe.server.server_close()


@pytest.fixture
def kubeconfig(scribe: Scribe, tmp_path: Path) -> Path:
    file = tmp_path / "kubeconfig"
    file.write_text(kubeconfig_text({"server": f"http://127.0.0.1:{scribe.port}"}, {"token": "administrator's"}))
    return file


def test_an_account_is_made_of_deploy_rbac_yaml_and_goes_again(scribe: Scribe, kubeconfig: Path) -> None:
    tokens = "/api/v1/namespaces/ct-1/serviceaccounts/ct-1/token"
    scribe.answers["POST", tokens] = (201, {"status": {"token": "deployer's"}})
    with (
        pytest.raises(KeyboardInterrupt),
        account.granted(Kube(kubeconfig), kubeconfig, "ct-1") as text,
    ):
        user = yaml.safe_load(text)["users"][0]["user"]
        assert user == {"token": "deployer's"} and str(scribe.port) in text
        raise KeyboardInterrupt
    accounts = "/api/v1/namespaces/ct-1/serviceaccounts"
    roles, bindings = f"{RBAC}/clusterroles", f"{RBAC}/clusterrolebindings"
    assert scribe.changes("POST") == ["/api/v1/namespaces", accounts, roles, bindings, tokens]
    assert scribe.changes("DELETE") == [f"{bindings}/ct-1", f"{roles}/ct-1", "/api/v1/namespaces/ct-1"]
    [role, binding] = [body for _, path, body in scribe.asked if path in (roles, bindings)]
    granted = [document for document in yaml.safe_load_all(account.RIGHTS.read_text()) if "rules" in document]
    assert role["rules"] == granted[0]["rules"] and role["metadata"]["name"] == binding["roleRef"]["name"] == "ct-1"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "ct-1", "namespace": "ct-1"}]


def test_half_an_account_goes_again(scribe: Scribe, kubeconfig: Path) -> None:
    scribe.answers["POST", f"{RBAC}/clusterrolebindings"] = (403, {"message": "no"})
    with pytest.raises(AssertionError, match="403"), account.granted(Kube(kubeconfig), kubeconfig, "ct-1"):
        raise RuntimeError("it was given")
    assert scribe.changes("DELETE") == [f"{RBAC}/clusterroles/ct-1", "/api/v1/namespaces/ct-1"]


def test_only_old_leftovers_of_ours_are_removed(scribe: Scribe, kubeconfig: Path) -> None:
    def made(name: str, hours: float, **metadata: Any) -> Object:
        stamp = (datetime.now(UTC) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"metadata": {"name": name, "creationTimestamp": stamp, **metadata}}

    ours, marked = {leftovers.INSTALLATION: "cluster-tests-1"}, {leftovers.MARK: "yes"}
    namespaces = [
        made("old", 2, annotations=ours),
        made("marked", 2, labels=marked),
        made("young", 0.5, annotations=ours),
        made("theirs", 9, annotations={leftovers.INSTALLATION: "production"}),
        made("kube-system", 99),
    ]
    listed = {"metadata": {"resourceVersion": "1"}}
    scribe.answers["GET", "/api/v1/namespaces"] = (200, {**listed, "items": namespaces})
    scribe.answers["GET", f"{RBAC}/clusterroles"] = (200, {**listed, "items": [made("role", 2, labels=marked)]})
    scribe.answers["GET", f"{RBAC}/clusterrolebindings"] = (403, {"message": "no"})
    leftovers.sweep(Kube(kubeconfig))
    assert scribe.changes("DELETE") == [
        "/api/v1/namespaces/old",
        "/api/v1/namespaces/marked",
        f"{RBAC}/clusterroles/role",
    ]


def test_a_kubeconfig_s_files_become_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("authority")
    (tmp_path / "token").write_text("secret\n")
    cluster = {"server": "https://c", "certificate-authority": "ca.crt"}
    document = yaml.safe_load(kubeconfig_text(cluster, {"tokenFile": str(tmp_path / "token")}))
    document["contexts"].append({"name": "other", "context": {"cluster": "nowhere", "user": "nobody"}})
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document))
    encoded = base64.b64encode(b"authority").decode()
    inlined = {"server": "https://c", "certificate-authority-data": encoded}
    assert current(tmp_path / "kubeconfig") == (inlined, {"token": "secret"})


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ([], "not set: TEST_KUBECONFIG (a cluster) and TEST_REGISTRY"),
        (["TEST_KUBECONFIG"], "not set: TEST_REGISTRY"),
        (["TEST_REGISTRY"], "not set: TEST_KUBECONFIG"),
        (["TEST_KUBECONFIG", "TEST_REGISTRY"], "which is no file"),
    ],
    ids=["nothing", "a cluster", "a registry", "a cluster that is none"],
)
def test_they_say_why_they_are_skipped(monkeypatch: pytest.MonkeyPatch, names: list[str], missing: str) -> None:
    for name in ("TEST_KUBECONFIG", "TEST_REGISTRY", "TEST_IMAGES"):
        monkeypatch.delenv(name, raising=False)
    for name in names:
        monkeypatch.setenv(name, "/nowhere")
    assert missing in given.why_not()
