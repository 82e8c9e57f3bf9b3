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
        ("size>3,size<9", {"size": "5"}, {"size": "9"}),
        ("a in (,b)", {"a": ""}, {"a": "c"}),
    ],
)
def test_a_label_selector_means_what_it_says(text, matches, misses):
    selector = Selector.parse(text)
    assert selector.matches(matches)
    assert misses is None or not selector.matches(misses)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=b=c", "found '=', expected: ',' or 'end of string'"),
        ("in (a)", "unable to parse requirement: found '(', expected: in, notin, =, ==, !=, gt, lt"),
        ("app in web", "unable to parse requirement: found 'web' expected: '('"),
        ("=x", "found '=', expected: !, identifier, or 'end of string'"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("app=(", "unable to parse requirement: found '(', expected: identifier"),
        ("app in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("a/b/c=d", 'unable to parse requirement: key: Invalid value: "a/b/c": '),
        ("a=-", 'unable to parse requirement: values[0][a]: Invalid value: "-": a valid label must be'),
        ("a>b", "operators, the value must be an integer"),
    ],
)
def test_what_is_no_selector_is_refused_in_the_servers_words(text, words):
    with pytest.raises(BadRequest) as refused:
        Selector.parse(text)
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("kind", "text", "matches"),
    [
        ("Pod", "spec.nodeName=a,status.phase!=Failed", {"spec": {"nodeName": "a"}, "status": {"phase": "Running"}}),
        ("Pod", "spec.hostNetwork=false", {"spec": {}}),
        ("Node", "spec.unschedulable==true", {"spec": {"unschedulable": True}}),
        ("Job", "status.successful=2", {"status": {"succeeded": 2}}),
        (
            "Event",
            "involvedObject.name=x,source=kubelet",
            {"involvedObject": {"name": "x"}, "source": {"component": "kubelet"}},
        ),
        ("ConfigMap", "metadata.name!=a", {"metadata": {"name": "b"}}),
        ("Secret", "type=Opaque,", {"type": "Opaque"}),
    ],
)
def test_a_field_selector_means_what_it_says(kind, text, matches):
    assert parse_fields(kind, text)(matches)
    assert not parse_fields(kind, text)({"metadata": {"name": "a"}, "spec": {"hostNetwork": True}})


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("Pod", "spec.x=1", "field label not supported: spec.x"),
        ("ConfigMap", "data.x=1", '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"'),
        ("Job", "spec.x=1", 'field label "spec.x" not supported for Job'),
        ("Pod", "spec.nodeName", "invalid selector: 'spec.nodeName'; can't understand 'spec.nodeName'"),
    ],
)
def test_a_field_that_nobody_selects_by_is_refused(kind, text, words):
    with pytest.raises(BadRequest) as refused:
        parse_fields(kind, text)
    assert refused.value.message == words
