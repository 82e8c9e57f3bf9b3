"""Who is let in, and what happens to requests that nobody should send."""

import contextlib
import gzip
import json
import socket
import ssl
import stat
import subprocess

import pytest

from tests.localcluster.conftest import Cluster, config_map
from tests.ports import free_port


def test_without_the_token_there_is_nothing_to_see(cluster):
    for header, status in (("", 403), ("Bearer wrong", 401), ("Basic abc", 403), ("Bearer", 403)):
        with cluster.client(authorization=header) as stranger:
            for path in ("/api/v1/secrets", "/apis", "/openapi/v3", "/api/v1/namespaces/default/secrets/x", "/metrics"):
                refused = stranger.get(path)
                assert refused.status_code == status, path
                assert refused.json()["reason"] == ("Unauthorized" if status == 401 else "Forbidden")
            assert stranger.get("/readyz").text == "ok"


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}, {"host": ""}])
def test_web_pages_are_refused_even_with_the_token(cluster, headers):
    with cluster.client(**headers) as page:
        assert page.get("/api/v1/secrets").status_code in (400, 403)
        assert page.get("/version").status_code in (400, 403)


def test_the_certificate_is_of_its_own_authority(cluster):
    with pytest.raises(ssl.SSLError), socket.create_connection(("127.0.0.1", cluster.port)) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def test_files_are_private(cluster):
    assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600
    home = cluster.folder / "home"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for name in ("token", "server.key"):
        assert stat.S_IMODE((home / "credentials" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "objects.sqlite").stat().st_mode) == 0o600


DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
URL = "/api/v1/namespaces/default/configmaps"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
BOMB = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)
)


@pytest.mark.parametrize(
    ("method", "url", "content_type", "body", "status"),
    [
        ("POST", URL, "application/json", b"", 400),
        ("POST", URL, "application/json", b"[]", 400),
        ("POST", URL, "application/json", b'"text"', 400),
        ("POST", URL, "application/json", b"\xff\xfe", 400),
        ("POST", URL, "application/json", b'{"metadata": 5}', 400),
        ("POST", URL, "application/json", b'{"metadata": {"name": 5}}', 400),
        ("POST", URL, "application/json", b'{"metadata": {"name": "a"}, "data": []}', 400),
        ("POST", URL, "application/json", b'{"metadata": {"name": "a"}, "data": {"k": NaN}}', 400),
        ("POST", URL, "application/json", b'{"metadata": {}}', 400),
        ("POST", URL, "application/json", b'{"metadata": {"name": "../../etc"}}', 422),
        ("POST", URL, "application/json", b'{"metadata": {"name": "\\ud800"}}', 422),
        ("POST", URL, "application/json", b'{"metadata": {"name": "a", "managedFields": [5]}}', 400),
        ("POST", URL, "application/json", DEEP, 400),
        ("POST", URL, "application/json", b'{"metadata": {"name": "a"}, "data": {"k": 1e999}}', 400),
        ("POST", URL, "application/json", b'{"metadata": {"generation": ' + b"9" * 9000 + b"}}", 400),
        ("POST", URL, "application/json", b'{"metadata": {"name": "a\x00b"}}', 400),
        ("POST", URL, "application/json", b'{"metadata": {"name": "a\\u0000b"}}', 422),
        ("POST", URL, "application/json", b'{"metadata": {"name": "' + b"a" * 5000 + b'"}}', 422),
        ("POST", URL, "application/json", '{"metadata": {"name": "a"}}'.encode("utf-16"), 400),
        ("POST", URL, "application/json", gzip.compress(b'{"metadata": {"name": "a"}}', mtime=0), 400),
        (
            "POST",
            URL,
            "application/json",
            b'{"metadata": {"name": "a"}, "data": {"k": "' + b"x" * 1_600_000 + b'"}}',
            413,
        ),
        (
            "POST",
            URL,
            "application/json",
            json.dumps({"data": dict.fromkeys(map(str, range(60_000)), "")}).encode(),
            413,
        ),
        ("POST", URL, "application/yaml", b"[" * 100_000, 400),
        ("POST", URL, "application/yaml", b"- a\n" * 400_000, 400),
        ("POST", URL, "application/yaml", b"!!python/object:os.system {}", 400),
        ("PATCH", f"{URL}/none?fieldManager=a", APPLY, BOMB, 400),
        ("PATCH", f"{URL}/none?fieldManager=a", APPLY, b"{" * 3000, 400),
        ("PATCH", f"{URL}/none?fieldManager=a%0A", APPLY, b"{}", 422),
        ("PATCH", f"{URL}/none?force=true", MERGE, b"{}", 422),
        ("POST", f"{URL}?dryRun=Some", "application/json", b"{}", 422),
        ("POST", f"{URL}?fieldValidation=Odd", "application/json", b"{}", 422),
        ("DELETE", "/api/v1/namespaces/default", "", b"", 403),
        ("DELETE", "/api/v1/namespaces", "", b"", 405),
        ("GET", "/api/v1/namespaces/default/pods/..%2f..%2fsecrets", "", b"", 404),
        ("GET", "/", "", b"", 200),
        ("POST", URL, "application/json", b"{" + b" " * 4_000_000 + b"}", 413),
        ("POST", URL, "application/yaml", BOMB, 400),
        ("POST", URL, "text/plain", b"hello", 415),
        ("POST", URL, "application/vnd.kubernetes.protobuf", b"k8s\x00\xff\xff\xff", 415),
        ("PATCH", f"{URL}/none", MERGE, b"{}", 404),
        ("PATCH", f"{URL}/none", "application/json", b"{}", 415),
        ("PATCH", f"{URL}/none", APPLY, b"{}", 422),
        ("PATCH", f"{URL}/none?fieldManager=a", APPLY, b"a: b: c", 400),
        ("PATCH", f"{URL}/none?fieldManager=a", APPLY, b"5", 400),
        ("PATCH", f"{URL}/none?fieldManager=" + "a" * 200, APPLY, b"{}", 422),
        ("DELETE", f"{URL}/none", "application/json", b'{"preconditions": 5}', 400),
        ("DELETE", f"{URL}/none?gracePeriodSeconds=x", "application/json", b"", 400),
        ("GET", f"{URL}?limit=x", "", b"", 400),
        ("GET", f"{URL}?continue=%00", "", b"", 400),
        ("GET", f"{URL}?labelSelector=%3D%3D", "", b"", 400),
        ("GET", f"{URL}?fieldSelector=data.x%3D1", "", b"", 400),
        ("GET", f"{URL}/a%2Fb", "", b"", 404),
        ("GET", f"{URL}/a/b/c/d", "", b"", 404),
        ("GET", "/api/v1/namespaces//configmaps", "", b"", 404),
        ("GET", "/apis/none/v1/x", "", b"", 404),
        ("GET", "/nowhere", "", b"", 404),
        ("POST", "/api/v1/configmaps", "application/json", b"{}", 405),
        ("PUT", URL, "application/json", b"{}", 405),
        ("TRACE", URL, "", b"", 405),
    ],
)
def test_no_request_breaks_it(api, method, url, content_type, body, status):
    answer = api.request(method, url, content=body, headers={"content-type": content_type} if content_type else {})
    assert answer.status_code == status, answer.text[:500]
    if status >= 400 and url != "/apis/none/v1/x" and url != "/nowhere":
        assert answer.json()["kind"] == "Status"
    assert api.get("/readyz").text == "ok"


def test_garbage_instead_of_http_is_survived(cluster, api):
    for garbage in (b"\x00" * 100, b"GET /\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x" * 200_000):
        with socket.create_connection(("127.0.0.1", cluster.port)) as plain:
            secure = cluster.trust().wrap_socket(plain, server_hostname="127.0.0.1")
            with contextlib.suppress(ConnectionError):  # it may be cut off before all of it is said
                secure.sendall(garbage)
            secure.close()
    assert api.get("/healthz").text == "ok"


def test_a_port_in_use_and_a_home_in_use_are_one_clear_line(cluster, tmp_path):
    taken = Cluster(tmp_path, cluster.port, free_port())
    done = subprocess.run(taken.command(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == f"localcluster: cannot listen on port {cluster.port}: Address already in use\n"
    assert not taken.kubeconfig.exists()
    twin = Cluster(cluster.folder, free_port(), free_port())
    done = subprocess.run(twin.command(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "another localcluster runs in" in done.stderr


def test_a_huge_annotation_is_refused(api, namespace):
    body = config_map()
    body["metadata"]["annotations"] = {"note": "x" * 300_000}
    refused = api.post(f"/api/v1/namespaces/{namespace}/configmaps", json=body)
    assert refused.status_code == 422 and "Too long" in refused.json()["message"]
