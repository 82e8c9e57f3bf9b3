"""deployer.yml: what it may say, its defaults, and a clear answer for each thing that is wrong."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.errors import ManifestInvalid
from releases.pipeline import deployer_yml
from releases.pipeline.deployer_yml import Manifest, Service, parse, without_file


def faults(text):
    with pytest.raises(ManifestInvalid) as invalid:
        parse(text)
    assert invalid.value.reasons, "no reason was given"
    assert invalid.value.message.startswith(invalid.value.reasons[0])
    return invalid.value.reasons


def web(*lines):
    """A manifest whose service `web` has these keys, from line 3 on."""
    return "services:\n  web:\n" + "".join(f"    {line}\n" for line in lines)


# --- What is right --------------------------------------------------------------------------------------------------

SERVICE = {
    "build": {"path": ".", "dockerfile": "Dockerfile", "target": None, "args": {}},
    "image": None,
    "command": None,
    "initContainer": None,
    "port": None,
    "ports": [],
    "health": None,
    "liveness": None,
    "scale": {"count": 1, "max": None, "targets": None, "cpu": 250, "memory": 512},
    "environment": {},
    "volumes": [],
    "deployment": {
        "minimum": 100,
        "maximum": 125,
        "verify": None,
        "deadline": None,
        "pull": None,
        "start": None,
        "exits": None,
    },
    "domain": [],
    "tls": None,
    "sticky": False,
    "termination": {"grace": 30},
}


def test_the_least_manifest_has_every_default_written_out():
    assert parse("services: {web: {}}") == {
        "services": {"web": SERVICE},
        "release": None,
        "timers": {},
        "deployment": {"strategy": "rolling", "deadline": 600},
        "environment": {},
    }


def test_the_design_example_is_understood_but_for_what_is_not_there_yet():
    manifest = parse(
        """
services:
  web:
    build: .
    command: python app.py
    port: 8080
    health: {path: /health, interval: 5, timeout: 4, grace: 5}
    liveness: {path: /live, interval: 10, failures: 3}
    scale: {count: 3, cpu: 250, memory: 512}
    environment: [SECRET_KEY, LOG_LEVEL=info]
    deployment: {minimum: 100, maximum: 125, verify: 0}
    domain: [www.example.com]
    sticky: true
    termination: {grace: 30}
  worker:
    build: .
    command: python worker.py
release: {command: python migrate.py, service: web, timeout: 300}
deployment: {strategy: rolling, deadline: 600}
environment: [SENTRY_DSN=]
"""
    )
    assert manifest["services"]["web"] == {
        **SERVICE,
        "command": ["python", "app.py"],
        "port": 8080,
        "health": {"path": "/health", "interval": 5, "timeout": 4, "grace": 5},
        "liveness": {"path": "/live", "interval": 10, "timeout": 5, "grace": 10, "failures": 3},
        "scale": {**SERVICE["scale"], "count": 3},
        "environment": {"SECRET_KEY": None, "LOG_LEVEL": "info"},
        "deployment": {**SERVICE["deployment"], "verify": 0},
        "domain": ["www.example.com"],
        "sticky": True,
    }
    assert manifest["release"] == {"command": ["python", "migrate.py"], "service": "web", "timeout": 300}
    assert manifest["environment"] == {"SENTRY_DSN": ""}


@pytest.mark.parametrize(
    ("short", "section", "expected"),
    [
        ("build: api", "build", {"path": "api", "dockerfile": "Dockerfile", "target": None, "args": {}}),
        ("port: 80\n    health: /up", "health", {"path": "/up", "interval": 5, "timeout": 4, "grace": 5}),
        ("command: sh -c 'echo \"a b\" $X'", "command", ["sh", "-c", 'echo "a b" $X']),
        ("command: [a, 'b c']", "command", ["a", "b c"]),
        ("environment: [A, B=, C=x=y]", "environment", {"A": None, "B": "", "C": "x=y"}),
        ("image: registry.host/x@sha256:abc", "build", None),
    ],
)
def test_short_forms_mean_the_long_ones(short, section, expected):
    assert parse(web(short))["services"]["web"][section] == expected


def test_the_release_command_runs_in_web_or_else_in_the_first_service():
    assert parse("services: {api: {}, web: {}}\nrelease: {command: a}")["release"]["service"] == "web"
    assert parse("services: {zeta: {}, api: {}}\nrelease: {command: a}")["release"]["service"] == "zeta"


def test_a_source_without_a_manifest_has_one_service_on_port_8080():
    manifest = without_file({"web": None})
    assert manifest["services"] == {"web": {**SERVICE, "port": 8080}}
    manifest = without_file({"web": ["a"], "worker": ["b", "c"]})
    assert {name: (service["command"], service["port"]) for name, service in manifest["services"].items()} == {
        "web": (["a"], 8080),
        "worker": (["b", "c"], None),
    }


# --- What is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (web("prot: 80"), "deployer.yml line 3: services.web.prot is not a key here; did you mean port?"),
        (web("xyzzy: 1"), "deployer.yml line 3: services.web.xyzzy is not a key here."),
        ("servces: {web: {}}", "deployer.yml line 1: servces is not a key here; did you mean services?"),
        (
            web("scale:", "  coutn: 2"),
            "deployer.yml line 4: services.web.scale.coutn is not a key here; did you mean count?",
        ),
        (
            web("deployment: {maximun: 150}"),
            "deployer.yml line 3: services.web.deployment.maximun is not a key here; did you mean maximum?",
        ),
        (
            "services: {web: {}}\ndeployment:\n  stratgy: rolling\n",
            "deployer.yml line 3: deployment.stratgy is not a key here; did you mean strategy?",
        ),
        (
            "services: {web: {}}\nrelease:\n  command: a\n  timout: 3\n",
            "deployer.yml line 4: release.timout is not a key here; did you mean timeout?",
        ),
        (
            web("build:", "  dockerfil: x"),
            "deployer.yml line 4: services.web.build.dockerfil is not a key here; did you mean dockerfile?",
        ),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_nearest_name(text, expected):
    assert expected in faults(text)


@pytest.mark.parametrize(
    ("line", "begins"),
    [
        ("port: eighty", "deployer.yml line 3: services.web.port: input should be a valid integer"),
        ("port: '80'", "deployer.yml line 3: services.web.port: input should be a valid integer"),
        ("port: true", "deployer.yml line 3: services.web.port: input should be a valid integer"),
        ("port: 8.5", "deployer.yml line 3: services.web.port: input should be a valid integer"),
        ("port: 0", "deployer.yml line 3: services.web.port: input should be greater than or equal to 1"),
        ("port: 65536", "deployer.yml line 3: services.web.port: input should be less than or equal to 65535"),
        ("sticky: 1", "deployer.yml line 3: services.web.sticky: input should be a valid boolean"),
        ("scale: {count: -1}", "deployer.yml line 3: services.web.scale.count: is a whole number from 0 to 1000, or a"),
        ("scale: 3", "deployer.yml line 3: services.web.scale: "),
        ("command: ''", "deployer.yml line 3: services.web.command: is empty."),
        ("command: []", "deployer.yml line 3: services.web.command: "),
        (
            'command: "it\'s"',
            "deployer.yml line 3: services.web.command: can't be split into words: No closing quotation.",
        ),
        (
            "environment: A=1",
            "deployer.yml line 3: services.web.environment: is a list of NAME (required) or NAME=default.",
        ),
        (
            "environment: [1]",
            "deployer.yml line 3: services.web.environment: is a list of NAME (required) or NAME=default.",
        ),
        ("domain: ['not a host']", "deployer.yml line 3: services.web.domain"),
        ("health: [1]", "deployer.yml line 3: services.web.health: "),
        ("image: {}", "deployer.yml line 3: services.web.image: input should be a valid string."),
    ],
)
def test_a_wrong_type_is_named_with_its_line_and_key(line, begins):
    found = faults(web(line))
    assert any(fault.startswith(begins) for fault in found), found


def test_the_same_service_twice_is_refused_with_the_second_line():
    assert faults("services:\n  web: {}\n  worker: {}\n  web: {}\n") == ["deployer.yml line 4: web is there twice."]


def test_the_same_key_twice_is_refused_too():
    assert faults(web("port: 80", "port: 81")) == ["deployer.yml line 4: port is there twice."]


@pytest.mark.parametrize(
    "text", ["services: {}", "services:\n", "services: []", "services: web", "deployment: {deadline: 3}"]
)
def test_no_services_are_refused(text):
    assert all(fault.startswith("deployer.yml line 1: services") for fault in faults(text))


def test_missing_services_are_called_missing():
    assert faults("environment: []") == ["deployer.yml line 1: services is missing."]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- web\n", "just words", "42", "null", "---\n", "~"])
def test_what_is_no_mapping_is_refused(text):
    assert faults(text) == ["deployer.yml line 1: a mapping with `services:` was expected."]


@pytest.mark.parametrize(
    ("text", "line"),
    [("services:\n  web: {\n", 3), ("services:\n\tweb: {}\n", 2), ("services: {web: {}}\n  x: y\n", 2), ("a: *b", 1)],
)
def test_what_is_no_yaml_is_refused_with_its_line(text, line):
    [fault] = faults(text)
    assert fault.startswith(f"deployer.yml line {line}: not YAML: ")


@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {}}\n---\nservices: {web: {}}\n",
        "a: \x00",
        "%YAML 9.9\n",
        "\ufeff\ufeffx",
        "a: !!python/object:os.system {}",
    ],
)
def test_yaml_that_is_strange_has_a_clear_answer(text):
    assert all(fault.startswith("deployer.yml ") for fault in faults(text))


@pytest.mark.parametrize("name", ["Web", "web_1", "-web", "web-", "1web", "w" * 41, "''", "wéb", "w b"])
def test_a_service_is_named_like_a_dns_label(name):
    [fault] = faults(f"services:\n  ok: {{}}\n  {name}: {{}}\n")
    assert fault.startswith("deployer.yml line 3: services.") and " can't be a name: " in fault


@pytest.mark.parametrize("key", ["1", "true", "null", "1.5", "2026-01-01"])
def test_a_key_that_is_no_text_is_refused(key):
    assert faults(f"services:\n  {key}: {{}}\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            web("build: .", "image: x"),
            "deployer.yml line 4: services.web.image: is there beside build: it is one or the other.",
        ),
        (web("health: /up"), "deployer.yml line 3: services.web.health: needs a port, and the service has none."),
        (web("liveness: /up"), "deployer.yml line 3: services.web.liveness: needs a port, and the service has none."),
        (
            web("ports: [9090]", "domain: [a.example.com]"),
            "deployer.yml line 4: services.web.domain: needs a port, and the service has none.",
        ),
        (
            web("deployment: {minimum: 100, maximum: 100}"),
            "deployer.yml line 3: services.web.deployment: has minimum 100 and maximum 100: "
            "nothing could ever be replaced.",
        ),
        (
            web("init: a", "initContainer: {command: b}"),
            "deployer.yml line 3: services.web.init: is the short form of initContainer: one of them is enough.",
        ),
    ],
)
def test_what_does_not_fit_together_says_so(text, expected):
    assert faults(text) == [expected]


def test_a_release_command_of_no_service_is_refused():
    [fault] = faults("services: {web: {}}\nrelease: {command: a, service: wbe}\n")
    assert fault == "deployer.yml line 2: release.service: wbe is not among the services."


@pytest.mark.parametrize("strategy", ["blue-green", "canary", "Rolling", "", "1"])
def test_a_strategy_that_is_not_there_is_refused_by_name(strategy):
    [fault] = faults(f"services: {{web: {{}}}}\ndeployment:\n  strategy: '{strategy}'\n")
    assert fault == "deployer.yml line 3: deployment.strategy: input should be 'rolling' or 'immediate'."


def test_all_faults_are_told_at_once_up_to_twenty():
    many = faults(web(*[f"wrong-{n}: 1" for n in range(30)]))
    assert len(many) == 20 and len(set(many)) == 20
    with pytest.raises(ManifestInvalid, match=r"and 29 more"):
        parse(web(*[f"wrong-{n}: 1" for n in range(30)]))


def test_a_wrong_service_is_told_on_its_own_line_not_on_its_neighbours():
    found = faults("services:\n  web:\n    port: 80\n  worker:\n    prot: 81\n")
    assert found == ["deployer.yml line 5: services.worker.prot is not a key here; did you mean port?"]


def test_variables_have_names_that_a_shell_knows():
    for name in ("1A", "A-B", "", "A B", "Ü"):
        [fault] = faults(web(f"environment: ['{name}=1']"))
        assert fault.startswith("deployer.yml line 3: services.web.environment")


# --- What is hostile ------------------------------------------------------------------------------------------------


def test_a_file_that_is_too_large_is_refused_unread():
    assert faults("#" * (deployer_yml.SIZE_MAX + 1)) == ["deployer.yml is larger than 256 KiB."]


def test_a_billion_laughs_are_refused_before_they_are_laughed():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert faults("\n".join(lines)) == ["deployer.yml has more than 20000 values."]


def test_a_mapping_that_holds_itself_is_refused():
    assert faults("services: &a\n  web: *a\n")


@pytest.mark.timeout(20)
def test_depth_is_refused():
    for text in (
        "[" * 2000,
        "- " * 5000,
        "a: " + "[" * 300 + "]" * 300,
        "services: " + "{a: " * 3000 + "1" + "}" * 3000,
    ):
        assert faults(text)


def test_merge_keys_of_a_billion_are_refused():
    lines = ["a0: &a0 {k0: 1, k1: 2}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}x: 1}}" for n in range(1, 25)]
    assert faults("\n".join(lines))


def test_what_it_says_can_always_be_written_down():
    for text in (web(r'"\uD800": 1'), web(r'command: "a \uDFFF"'), 'services: {"\\uD800": {}}'):
        try:
            manifest = parse(text)
        except ManifestInvalid as invalid:
            manifest = invalid.reasons
        str(manifest).encode()


@given(st.text(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_text_is_a_manifest_or_has_a_reason_why_not(text):
    try:
        parse(text)
    except ManifestInvalid as invalid:
        assert invalid.reasons


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_KEYS = st.sampled_from([*Manifest.model_fields, *Service.model_fields, "web", "path"])
_TREES = st.recursive(_LEAVES, lambda tree: st.lists(tree, max_size=3) | st.dictionaries(_KEYS, tree, max_size=4))


@given(st.dictionaries(_KEYS, _TREES, max_size=4))
@settings(max_examples=150, deadline=None)
def test_any_tree_is_a_manifest_or_has_a_reason_why_not(tree):
    import json

    try:
        parse(json.dumps(tree))
    except ManifestInvalid as invalid:
        assert all(fault.startswith("deployer.yml ") for fault in invalid.reasons)
