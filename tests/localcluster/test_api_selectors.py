"""Selectors, as text and as objects."""

import pytest

from localcluster.errors import BadRequest
from localcluster.store.selectors import Selector, parse_fields


@pytest.mark.parametrize(
    ("text", "matches", "misses"),
    [
        ("", {}, None),
        ("app=web", {"app": "web"}, {"app": "api"}),
        ("app == web", {"app": "web"}, {}),
        ("app!=web", {}, {"app": "web"}),
        ("app in (web, api)", {"app": "api"}, {"app": "db"}),
        ("app notin (web),tier", {"tier": "1"}, {"app": "web", "tier": "1"}),
        ("!canary", {"app": "web"}, {"canary": ""}),
        ("app.kubernetes.io/managed-by=deployer", {"app.kubernetes.io/managed-by": "deployer"}, {}),
        ("app=", {"app": ""}, {"app": "web"}),
    ],
)
def test_a_label_selector_means_what_it_says(text, matches, misses):
    selector = Selector.parse(text)
    assert selector.matches(matches)
    assert misses is None or not selector.matches(misses)


@pytest.mark.parametrize("text", ["a=b=c", "in (a)", "app in web", "=x", "a,,b", "app=(", "app in (a"])
def test_what_is_no_selector_is_refused(text):
    with pytest.raises(BadRequest):
        Selector.parse(text)


def test_a_label_selector_object_needs_all_its_conditions():
    expression = {"key": "tier", "operator": "NotIn", "values": ["db"]}
    selector = Selector.of({"matchLabels": {"app": "web"}, "matchExpressions": [expression]})
    assert selector.matches({"app": "web"})
    assert not selector.matches({"app": "web", "tier": "db"})


def test_field_selectors_know_only_the_fields_of_their_kind():
    running = parse_fields("Pod", "status.phase=Running,metadata.name!=b")
    assert running({"metadata": {"name": "a"}, "status": {"phase": "Running"}})
    assert not running({"metadata": {"name": "b"}, "status": {"phase": "Running"}})
    with pytest.raises(BadRequest, match=r"field label not supported: status\.color"):
        parse_fields("Pod", "status.color=red")
