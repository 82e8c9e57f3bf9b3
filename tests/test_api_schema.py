"""The API does what its document says, and says all that it does."""

import json
import re

import pytest
from django.test import Client
from django.test.utils import override_settings

from tests import api_schema

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document():
    return Client().get("/api/openapi.json").json()


@pytest.fixture(scope="module")
def operations(document):
    return [operation for methods in document["paths"].values() for operation in methods.values()]


@pytest.mark.timeout(300)
def test_what_is_sent_at_random_is_answered_as_documented():
    """Some two thousand requests: each limit of each operation, well formed and not."""
    with api_schema.server() as server:
        done = api_schema.run(server, examples=1, seed=1, captured=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > 1500, done.stdout


def test_the_document_is_of_the_version_that_it_should_be(document):
    assert document["openapi"].startswith("3.1")


def test_each_operation_has_a_name_of_its_own_and_words(operations):
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names) > 60
    for operation in operations:
        assert re.fullmatch(r"[a-z][a-z_]*", operation["operationId"])
        assert operation["summary"] and operation.get("description"), operation["operationId"]


def test_each_operation_tells_every_answer_that_it_can_give(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            expected = {"400", "401", "403", "422", "429", "503"} | ({"404"} if "{" in path else set())
            assert method in METHODS and expected <= set(operation["responses"]), (method, path)
            assert "RateLimit-Remaining" in operation["responses"]["429"]["headers"]
            assert "Retry-After" in operation["responses"]["429"]["headers"]


def test_what_takes_a_name_for_itself_says_so(document):
    named = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Idempotency-Key" and {"409", "422"} <= set(operation["responses"])
    }
    assert named == {"create_build", "create_release", "promote", "rollback"}


@override_settings(DEBUG=False)
def test_the_documentation_needs_nothing_from_elsewhere():
    page = Client().get("/api/docs")
    html = page.content.decode()
    assert page.status_code == 200
    content = page["Content-Security-Policy"]
    assert "default-src 'self'" in content and "unsafe" not in content
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert addresses and all(address.startswith("/static/") for address in addresses)
    for address in addresses:
        assert Client().get(address).status_code == 200, address
    # What a browser would have to run is in files; the only script in the page is data.
    assert re.findall(r"<script(?![^>]*\bsrc=)([^>]*)>", html) == [' type="application/json" id="swagger-settings"']
    assert not re.search(r"<style|\son\w+=|\sstyle=", html)
    settings = json.loads(re.search(r'id="swagger-settings">(.*?)</script>', html, re.S)[1])
    assert settings["url"] == "/api/openapi.json"
