"""`deployer registries`, as an administrator runs it against a real server and a real registry."""

import json
from collections.abc import Iterator

import pytest

from tests.docker_fixtures import private_registry as private_registry
from tests.registries import PASSWORD, USER, WithPassword
from tests.web_server import WebServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    server = WebServer(tmp_path_factory.mktemp("home"))
    server.start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def guarded(private_registry: str) -> Iterator[str]:
    with WithPassword() as made:
        yield made.address


def test_a_registry_is_added_tested_chosen_changed_and_removed(server: WebServer, guarded: str) -> None:
    run = server.command
    added = run("registries", "add", "ours", guarded, "-u", USER, "--password-stdin", typed=PASSWORD + "\n")
    assert (added.returncode, added.stdout.splitlines()[0]) == (0, "Adding ours... OK"), added.stderr
    tested = run("registries", "test", "ours")
    assert tested.returncode == 0 and f"✓ It takes the login of {USER}\n✓ We may push\n" in tested.stdout, tested.stderr
    listed = run("registries").stdout.splitlines()
    assert listed[0].split() == ["REGISTRY", "ADDRESS", "USER", "DEFAULT", "STATE", "PROBLEM"]
    assert listed[1].split() == ["ours", guarded, USER, "yes", "reachable"]
    shown = run("registries", "info", "ours")
    assert guarded in shown.stdout and PASSWORD not in shown.stdout + added.stdout + tested.stdout
    document = json.loads(run("registries", "info", "ours", "--json").stdout)
    assert document["has_password"] and json.loads(run("registries", "--json").stdout) == [document]

    changed = run("registries", "change", "ours", "--password-stdin", typed="another")
    assert (changed.returncode, changed.stdout) == (0, "Changing ours... OK\n"), changed.stderr
    failed = run("registries", "test", "ours")
    assert failed.returncode == 1 and "does not know us (401)" in failed.stderr and "password" in failed.stderr

    assert run("apps", "create", "shop").returncode == 0
    assert run("registries", "use", "ours", "-a", "shop").returncode == 0
    refused = run("registries", "remove", "ours", "-y")
    assert refused.returncode == 3 and "images of shop go there" in refused.stderr
    assert run("registries", "use", "-a", "shop").stdout == "Choosing the default registry... OK\n"
    assert run("registries", "remove", "ours", typed="other\n").returncode == 1
    assert run("registries", "remove", "ours", typed="ours\n").returncode == 0
    assert run("registries", "list", "-q").stdout == ""


def test_what_is_asked_for_wrongly_is_said(server: WebServer) -> None:
    assert server.command("registries", "change", "ours").returncode == 2
    assert server.command("registries", "info", "a/b").returncode == 2
    for typed, words in (("", "No password came in"), ("x" * 70_000, "too long")):
        wrong = server.command("registries", "add", "x", "x.example", "-u", "ann", "--password-stdin", typed=typed)
        assert wrong.returncode == 1 and words in wrong.stderr
    wrong = server.command("registries", "add", "x", "https://x.example")
    assert wrong.returncode == 1 and "no scheme" in wrong.stderr
