"""`deployer clusters`, as an administrator runs it against a real server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority, kubeconfig
from tests.odd_server import OddServer, kubernetes
from tests.web_server import WebServer

AUTHORITY = Authority()
TOKEN = "a-token-that-nobody-may-see"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("home"))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def far() -> Iterator[OddServer]:
    with kubernetes(AUTHORITY) as made:
        yield made


@pytest.fixture
def text(far: OddServer) -> str:
    return kubeconfig(far.url, authority=AUTHORITY.certificate, token=TOKEN)


def test_a_cluster_is_added_tested_used_and_removed(server: WebServer, text: str, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    added = server.command("clusters", "add", "far", "--kubeconfig", str(file), "--storage-class", "fast")
    assert (added.returncode, added.stdout.splitlines()[0]) == (0, "Adding far... OK"), added.stderr
    tested = server.command("clusters", "test", "far")
    assert tested.returncode == 0 and "✓ Kubernetes v1.31.4\n" in tested.stdout
    assert "✓ create namespaces\n" in tested.stdout
    listed = server.command("clusters").stdout.splitlines()
    assert listed[0].split() == ["CLUSTER", "KIND", "VERSION", "STATE", "APPS", "PROBLEM"]
    assert listed[1].split() == ["far", "kubeconfig", "v1.31.4", "reachable", "0"]
    assert server.command("clusters", "list", "-q").stdout == "far\nlocal\n"
    shown = server.command("clusters", "info", "far")
    assert "fast" in shown.stdout and "v1.31.4" in shown.stdout
    document = json.loads(server.command("clusters", "info", "far", "--json").stdout)
    assert document["storage_class"] == "fast"
    assert json.loads(server.command("clusters", "--json").stdout)[0] == document
    assert server.command("clusters", "change", "far", "--storage-class", "").returncode == 0
    assert json.loads(server.command("clusters", "info", "far", "--json").stdout)["storage_class"] == ""

    assert server.command("apps", "create", "shop", "--cluster", "far").returncode == 0
    assert "far (v1.31.4)" in server.command("apps", "info", "shop").stdout
    refused = server.command("clusters", "remove", "far", "--yes")
    assert refused.returncode == 3 and "Apps live in far: shop" in refused.stderr
    server.behind("App.objects.all().delete()")
    assert server.command("clusters", "remove", "far", typed="near\n").returncode == 1
    assert server.command("clusters", "remove", "far", typed="far\n").returncode == 0
    assert server.command("clusters", "-q").stdout == "local\n"
    assert TOKEN not in added.stdout + tested.stdout + shown.stdout


def test_a_kubeconfig_comes_from_stdin_too_and_a_bad_one_is_refused_in_words(server: WebServer, text: str) -> None:
    several = json.loads(text)
    several["contexts"].append({"name": "else", "context": several["contexts"][0]["context"]})
    asked = server.command("clusters", "add", "near", "--kubeconfig", "-", typed=json.dumps(several))
    assert asked.returncode == 1 and "Choose a context: there, else." in asked.stderr
    given = ("clusters", "add", "near", "--kubeconfig", "-", "--context", "else", "--json")
    assert json.loads(server.command(*given, typed=json.dumps(several)).stdout)["name"] == "near"
    for bad, words in [
        (text.replace('"token"', '"tokenFile"'), "tokenFile: it names a file"),
        ("", "is empty"),
        ("x" * 300_000, "larger than 256 KiB"),
    ]:
        refused = server.command("clusters", "add", "bad", "--kubeconfig", "-", typed=bad)
        assert refused.returncode == 1 and words in refused.stderr and TOKEN not in refused.stderr
    assert "bad" not in server.command("clusters", "-q").stdout
    assert server.command("clusters", "remove", "near", "-y").returncode == 0


def test_what_is_asked_for_wrongly_is_usage(server: WebServer, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert server.command("clusters", "add", "far").returncode == 2
    assert server.command("clusters", "add", "far", "--in-cluster", "--kubeconfig", "-").returncode == 2
    assert server.command("clusters", "change", "local").returncode == 2
    assert server.command("clusters", "info", "a/b").returncode == 2
    missing = server.command("clusters", "add", "far", "--kubeconfig", str(tmp_path / "none"))
    assert missing.returncode == 1 and "No such file" in missing.stderr
    binary = server.command("clusters", "add", "far", "--kubeconfig", str(tmp_path / "binary"))
    assert binary.returncode == 1 and "not text" in binary.stderr


def test_a_cluster_that_is_away_fails_its_test(server: WebServer) -> None:
    tested = server.command("clusters", "test", "local")
    assert tested.returncode == 1 and "can't be read" in tested.stderr and "DEPLOYER_KUBECONFIG" in tested.stderr
    assert "can't be read" in server.command("clusters", "info", "local").stdout
