"""What one release would change of another, in words."""

import pytest

from releases.pages import compare
from tests import factories

pytestmark = pytest.mark.django_db


def changes(new, old):
    build = factories.build(factories.app())
    made = [factories.release(build.app, manifest=text, build=build) for text in (new, old)]
    return [(change.what, change.words) for change in compare.changes(*made)]


def test_what_has_a_name_is_compared_by_it():
    old = "services: {web: {volumes: [{name: data, path: /data, size: 1}, {name: tmp, path: /tmp, size: 1}]}}"
    volumes = "[{name: tmp, path: /tmp, size: 1}, {name: data, path: /srv, size: 1}]"
    new = f"services: {{web: {{volumes: {volumes}, ports: [9090]}}}}"
    assert changes(new, old) == [
        ("web", "ports port-9090 port none → 9090"),
        ("web", "ports port-9090 protocol none → tcp"),
        ("web", "volumes data path /data → /srv"),
    ]


def test_a_variable_without_a_default_and_one_with_an_empty_one_are_not_the_same_as_none():
    old = "{environment: [KEPT=, GONE=, BARE], services: {web: {}}}"
    new = "{environment: [KEPT, NEEDED, BARE=a], services: {web: {}}}"
    assert changes(new, old) == [
        ("manifest", "environment BARE (required) → a"),
        ("manifest", "environment GONE (empty) → none"),
        ("manifest", "environment KEPT (empty) → (required)"),
        ("manifest", "environment NEEDED none → (required)"),
    ]


def test_a_range_and_a_timer_are_told_as_what_they_are():
    timer = "timers: {nightly: {schedule: '0 3 * * *', command: a b}}"
    found = changes(
        f"services: {{web: {{scale: {{count: 2-5, targets: {{cpu: 70}}}}}}}}\n{timer}", "services: {web: {}}"
    )
    assert ("web", "scale max none → 5") in found and ("web", "scale targets cpu none → 70") in found
    assert ("manifest", "timers nightly schedule none → 0 3 * * *") in found
    assert ("manifest", "timers nightly command none → a b") in found


def test_the_page_of_a_release_shows_all_that_it_is(client):
    text = (factories.MANIFEST.rstrip() + "\n    ports: [{port: 9091, protocol: udp}]\n    init: a b\n").replace(
        "port: 8080", "port: 8080\n    scale: {count: 2-5, targets: {cpu: 70}}\n    domain: [www.example.com]"
    )
    text += "  worker: {volumes: [{name: data, path: /srv/data, size: 3}]}\n"
    text += "timers: {nightly: {schedule: '0 3 * * *', command: c d, service: worker}}\n"
    release = factories.release(factories.app(), manifest=text)
    client.force_login(factories.person("viewer"))
    shown = client.get(release.get_absolute_url()).content.decode()
    for words in (
        "a b",
        "9091/udp",
        "2 to 5 × 250",
        "/srv/data",
        "(data, 3 GiB)",
        "www.example.com",
        "c d",
        "0 3 * * *",
    ):
        assert words in shown, words
