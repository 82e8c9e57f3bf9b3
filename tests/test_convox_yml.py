"""convox.yml, read as it is: what is taken, what is named as left out and why, and what is wrong at its own line."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from releases.errors import ManifestInvalid
from releases.pipeline import convox_yml
from tests.test_deployer_yml import SERVICE

PLAIN = {**SERVICE, "health": {"path": "/", "interval": 5, "timeout": 4, "grace": 5}}


def web(*lines):
    """A convox.yml whose service `web` has these keys, from line 3 on."""
    return "services:\n  web:\n" + "".join(f"    {line}\n" for line in lines)


def read(text):
    """The service `web`, and what was noted."""
    manifest, notes = convox_yml.parse(text)
    return manifest["services"]["web"], notes


def faults(text):
    with pytest.raises(ManifestInvalid) as invalid:
        convox_yml.parse(text)
    return invalid.value.reasons


# --- What is taken --------------------------------------------------------------------------------------------------

APP = """
environment:
  - COMPANY=Acme
  - DOCS_URL
services:
  web:
    build:
      manifest: Dockerfile.web
      path: ./web
      args: [FLAVOR=plain]
    command: bin/web -p ${PORT}
    environment: [SESSION_SECRET, LOG_LEVEL=info, "*"]
    health: {path: /check, interval: 10}
    liveness: {path: /live, failureThreshold: 5, timeout: 3}
    initContainer: {command: bin/prepare}
    port: 3000
    ports: [5001, {port: 5002, protocol: UDP}, 5003/udp, "5004"]
    scale: {count: 1-3, cpu: 128, memory: 256, targets: {cpu: 50, memory: 80}}
    domain: www.example.com, Example.com
    deployment: {minimum: 50, maximum: 200}
    sticky: true
    termination: {grace: 45}
    internal: false
    agent: false
  worker:
    image: awesome/worker:1
    singleton: true
timers:
  cleanup:
    schedule: "0 3 * * ? *"
    command: bin/cleanup ${COMPANY}
    service: worker
"""


def test_what_means_the_same_is_taken_and_there_is_nothing_to_say():
    manifest, notes = convox_yml.parse(APP)
    assert notes == []
    assert manifest["environment"] == {"COMPANY": "Acme", "DOCS_URL": None}
    assert manifest["services"]["web"] == {
        "build": {"path": "./web", "dockerfile": "Dockerfile.web", "target": None, "args": {"FLAVOR": "plain"}},
        "image": None,
        "command": ["bin/web", "-p", "$(PORT)"],
        "initContainer": {"command": ["bin/prepare"]},
        "port": 3000,
        "ports": [
            {"port": 5001, "name": "port-5001", "protocol": "tcp"},
            {"port": 5002, "name": "port-5002-udp", "protocol": "udp"},
            {"port": 5003, "name": "port-5003-udp", "protocol": "udp"},
            {"port": 5004, "name": "port-5004", "protocol": "tcp"},
        ],
        "health": {"path": "/check", "interval": 10, "timeout": 9, "grace": 10},
        "liveness": {"path": "/live", "interval": 5, "timeout": 3, "grace": 10, "failures": 5},
        "scale": {"count": 1, "max": 3, "targets": {"cpu": 50, "memory": 80}, "cpu": 128, "memory": 256},
        "environment": {"SESSION_SECRET": None, "LOG_LEVEL": "info"},
        "volumes": [],
        "deployment": {**SERVICE["deployment"], "minimum": 50, "maximum": 200},
        "domain": ["www.example.com", "example.com"],
        "tls": None,
        "sticky": True,
        "termination": {"grace": 45},
    }
    assert manifest["services"]["worker"] == {
        **SERVICE,
        "build": None,
        "image": "awesome/worker:1",
        "deployment": {**SERVICE["deployment"], "minimum": 0, "maximum": 100},
    }
    assert manifest["timers"] == {
        "cleanup": {
            "schedule": "0 3 * * *",
            "command": ["bin/cleanup", "$(COMPANY)"],
            "service": "worker",
            "timeout": 3600,
        }
    }
    assert (manifest["release"], manifest["deployment"]) == (None, {"strategy": "rolling", "deadline": 600})


def test_a_service_that_says_nothing_is_one_process_from_its_dockerfile():
    assert convox_yml.parse("services: {web: }") == (
        {
            "services": {"web": SERVICE},
            "release": None,
            "timers": {},
            "deployment": {"strategy": "rolling", "deadline": 600},
            "environment": {},
        },
        [],
    )


@pytest.mark.parametrize(
    ("lines", "key", "expected"),
    [
        (["scale: 3"], "count", 3),
        (["scale: '3'"], "count", 3),
        (["scale: {count: 2-2}"], "count", 2),
        (["scale: {count: {min: 2, max: 2}}"], "count", 2),
        (["scale: {count: {min: 2, max: 4}, targets: {cpu: 5}}"], "max", 4),
        (["scale: 0"], "count", 0),
    ],
)
def test_a_scale_in_all_its_forms(lines, key, expected):
    service, notes = read(web(*lines))
    assert (service["scale"][key], notes) == (expected, [])


@pytest.mark.parametrize("port", ["3000", "'3000'", "http:3000", "{port: 3000}", "{port: 3000, scheme: http}"])
def test_a_port_in_all_its_forms_and_the_check_that_is_meant_where_none_is_given(port):
    service, notes = read(web(f"port: {port}"))
    assert service == {**PLAIN, "port": 3000}
    assert notes == ["convox.yml line 2: services.web: no health is given, so / is asked, as Convox does."]


def test_a_check_that_is_switched_off_is_off():
    service, notes = read(web("port: 80", "health: {disable: true}"))
    assert service["health"] is None
    [note] = notes
    assert note.startswith("convox.yml line 4: services.web.health: disabled, so ")


# --- What is left out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "lacks", "note"),
    [
        (["xyzzy: 1"], {}, "line 3: services.web.xyzzy is left out: Deployer has no such key."),
        (["prot: 80"], {}, "line 3: services.web.prot is left out: Deployer has no such key (did you mean port?)."),
        (["resources: [database]"], {}, "line 3: services.web.resources is left out: databases and the like "),
        (
            ["volumes: [/data]"],
            {"volumes": []},
            "line 3: services.web.volumes is left out: a volume is written {name, ",
        ),
        (["privileged: true"], {}, "line 3: services.web.privileged is left out: no process has privileges."),
        (["init: true"], {"initContainer": None}, "line 3: services.web.init is left out: no init program "),
        (["timeout: 60"], {}, "line 3: services.web.timeout is left out: "),
        (["test: make test"], {}, "line 3: services.web.test is left out: Deployer runs no tests."),
        (["tls: {redirect: true}"], {"tls": None}, "line 3: services.web.tls is left out: whether HTTP is redirected "),
        (
            ["health: /", "port: 80", "domain: ${HOST}"],
            {"domain": []},
            "line 5: services.web.domain is left out: ${HOST} is a variable of the environment: write the host itself.",
        ),
        (
            ["health: /", "port: 80", "domain: ['${HOST}', a.example.com]"],
            {"domain": ["a.example.com"]},
            "line 5: services.web.domain is left out: ${HOST} is a variable",
        ),
        (
            ["health: /", "port: 80", "internal: true", "domain: a.example.com"],
            {"domain": []},
            "line 6: services.web.domain is left out: everybody could ask, and internal says otherwise.",
        ),
        (
            ["health: /", "port: 80", "whitelist: 10.0.0.0/8", "domain: a.example.com"],
            {"domain": []},
            "line 6: services.web.domain is left out: everybody could ask, and whitelist says otherwise.",
        ),
        (
            ["domain: a.example.com"],
            {"domain": []},
            "line 3: services.web.domain is left out: the service has no port.",
        ),
        (["health: /check"], {"health": None}, "line 3: services.web.health is left out: the service has no port."),
        (
            ["port: https:3000"],
            {"port": 3000, "health": None},
            "line 3: services.web.port: requests come in plain HTTP, not in https.",
        ),
        (
            ["port: {scheme: https, port: 3000}", "liveness: {path: /live}"],
            {"port": 3000, "liveness": None},
            "line 4: services.web.liveness is left out: a check speaks plain HTTP, and the port https.",
        ),
        (["port: grpc:5551"], {"port": 5551}, "line 3: services.web.port: requests come in plain HTTP, not in grpc."),
        (
            ["liveness: {interval: 5}"],
            {"liveness": None},
            "line 3: services.web.liveness is left out: it has no path, so nothing is asked.",
        ),
        (
            ["health: /", "port: 1", "liveness: {path: /, successThreshold: 2}"],
            {},
            "line 5: services.web.liveness.successThreshold is left out: a cluster allows no other than 1.",
        ),
        (
            ["deployment: {minimum: 25, maximum: 75}"],
            {"deployment": {**SERVICE["deployment"], "minimum": 25}},
            "line 3: services.web.deployment.maximum is left out: below 100 ",
        ),
        (
            ["deployment: {minimum: 100, maximum: 100}"],
            {"deployment": SERVICE["deployment"]},
            "line 3: services.web.deployment is left out: with 100 and 100 nothing could ever be replaced.",
        ),
        (
            ["scale: 3-10"],
            {"scale": {**SERVICE["scale"], "count": 3}},
            "line 3: services.web.scale: a range without a target of cpu or memory, so there are 3.",
        ),
        (
            ["scale: {count: 0-3, targets: {cpu: 50}}"],
            {"scale": {**SERVICE["scale"], "max": 3, "targets": {"cpu": 50, "memory": None}}},
            "line 3: services.web.scale.count: an autoscaler keeps at least 1.",
        ),
        (
            ["scale: {count: 2, targets: {cpu: 50}}"],
            {"scale": {**SERVICE["scale"], "count": 2}},
            "line 3: services.web.scale.targets is left out: the number of processes is fixed.",
        ),
        (
            ["scale: {count: 1-2, targets: {cpu: 50, requests: 200}}"],
            {},
            "line 3: services.web.scale.targets.requests is left out: a target is a share of cpu or memory.",
        ),
        (["scale: {gpu: 1}"], {}, "line 3: services.web.scale.gpu is left out: "),
        (["scale: {limit: {memory: 9}}"], {}, "line 3: services.web.scale.limit is left out: memory is limited to "),
        (
            ["build: {path: ., args: [A=1, TOKEN]}"],
            {"build": {**SERVICE["build"], "args": {"A": "1"}}},
            "line 3: services.web.build.args is left out: TOKEN: a value of the environment.",
        ),
        (
            ["initContainer: {image: busybox, command: a}"],
            {"initContainer": None},
            "line 3: services.web.initContainer.command is left out: it runs in another image.",
        ),
        (
            ["environment: ['URL=https://${HOST}', A=1]"],
            {"environment": {"A": "1"}},
            "line 3: services.web.environment is left out: URL: a value with a variable in it.",
        ),
    ],
)
def test_what_means_something_else_is_named_with_its_line_and_the_reason(lines, lacks, note):
    service, notes = read(web(*lines))
    assert any(line.startswith(f"convox.yml {note}") for line in notes), notes
    assert {key: service[key] for key in lacks} == lacks


@pytest.mark.parametrize("key", ["resources", "balancers", "labels", "configs", "appSettings", "params", "zebra"])
def test_what_belongs_to_convox_is_named(key):
    _, notes = read(f"{key}: {{a: b}}\nservices: {{web: }}\n")
    [note] = notes
    assert note.startswith(f"convox.yml line 1: {key} is left out: ")


def test_an_agent_is_left_out_whole_and_its_timers_with_it():
    manifest, notes = convox_yml.parse(
        "services:\n  web:\n  metrics: {agent: true, image: x}\n"
        "timers:\n  flush: {schedule: '* * * * *', command: a, service: metrics}\n"
    )
    assert list(manifest["services"]) == ["web"] and manifest["timers"] == {}
    assert notes == [
        "convox.yml line 3: services.metrics is left out: it is an agent, a process on every node, "
        "which Deployer does not run.",
        "convox.yml line 5: timers.flush is left out: its service metrics is.",
    ]


def test_what_is_special_about_a_timer_is_named():
    entry = (
        "{schedule: '* * * * *', command: a, service: web, concurrency: Allow, parallelCount: 2, annotations: [a=b]}"
    )
    _, notes = convox_yml.parse(f"services: {{web: }}\ntimers:\n  often: {entry}\n")
    assert [note.partition(" is left out")[0] for note in notes] == [
        "convox.yml line 3: timers.often.concurrency",
        "convox.yml line 3: timers.often.parallelCount",
        "convox.yml line 3: timers.often.annotations",
    ]


def test_what_is_left_out_is_told_in_the_order_of_the_file_and_not_without_end():
    _, notes = read(web(*[f"unknown-{number}: 1" for number in range(300)]))
    assert len(notes) == 201 and notes[-1] == "convox.yml: 100 more of the kind."
    assert notes[0].startswith("convox.yml line 3: ") and notes[199].startswith("convox.yml line 202: ")


# --- What is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["port: eighty"], "convox.yml line 3: services.web.port: input should be a valid integer"),
        (["port: 70000"], "convox.yml line 3: services.web.port: input should be less than or equal to 65535."),
        (["scale: many"], "convox.yml line 3: services.web.scale: is a whole number from 0 to 1000, or a range "),
        (["scale:", "  cpu: lots"], "convox.yml line 4: services.web.scale.cpu: input should be a valid integer"),
        (['command: "it\'s"'], "convox.yml line 3: services.web.command: can't be split into words: "),
        (["build: {}", "image: x"], "convox.yml line 4: services.web.image: is there beside build: "),
        (["health: check", "port: 80"], "convox.yml line 3: services.web.health: "),
        (
            ["health: /", "port: 80", "liveness:", "  path: /", "  failureThreshold: 1000"],
            "convox.yml line 7: services.web.liveness.failures: input should be less than or equal to 100.",
        ),
        (["environment: A=1"], "convox.yml line 3: services.web.environment: is a list of NAME "),
        (["image: '${IMAGE}'"], "convox.yml line 3: services.web.image: a variable of the environment is in it: "),
        (["ports: [a/udp]"], "convox.yml line 3: services.web.ports.0"),
        (["termination: {grace: 9999}"], "convox.yml line 3: services.web.termination.grace: input should be less "),
    ],
)
def test_what_is_wrong_in_what_is_taken_is_told_at_its_line(lines, expected):
    found = faults(web(*lines))
    assert any(fault.startswith(expected) for fault in found), found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "convox.yml line 1: a mapping with `services:` was expected."),
        ("services: {", "convox.yml line 1: not YAML: "),
        ("environment: []", "convox.yml line 1: services is missing."),
        ("services:\n  agent: {agent: true}\n", "convox.yml line 1: services: there is none that can run here."),
        ("services: false\ntimers: {a: {command: b}}", "convox.yml line 1: services: should be a mapping of keys."),
        ("services: [web]", "convox.yml line 1: services: should be a mapping of keys."),
        ("services: {web: 3}", "convox.yml line 1: services.web: should be a mapping of keys."),
        ("services: {Web_1: }", "convox.yml line 1: services.Web_1 can't be a name: "),
        ("services: {web: }\ntimers: {a: {command: b}}", "convox.yml line 2: timers.a.schedule is missing."),
        ("services: {web: }\ntimers: {a: {service: []}}", "convox.yml line 2: timers.a.schedule is missing."),
        ("services: {web: }\ntimers: {a: 3}", "convox.yml line 2: timers.a: should be a mapping of keys."),
        (
            "services: {web: }\ntimers: {a: {command: b, schedule: '* * * * *', service: c}}",
            "convox.yml line 2: timers.a.service: c is not among the services.",
        ),
    ],
)
def test_a_file_that_is_no_convox_yml_is_told_so(text, expected):
    assert faults(text)[0].startswith(expected)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "1-3", "${A}", "/a", "b=c"])
_WORDS = """services timers environment web build command deployment domain health initContainer liveness port ports
scale count targets cpu min max path manifest args agent internal singleton image sticky termination grace volumes tls
schedule service concurrency failureThreshold interval"""
_KEYS = st.sampled_from(_WORDS.split())
_TREES = st.recursive(_LEAVES, lambda tree: st.lists(tree, max_size=2) | st.dictionaries(_KEYS, tree, max_size=4))


@given(*[st.dictionaries(_KEYS, _TREES, max_size=most) for most in (3, 6, 4)])
@settings(max_examples=150, deadline=None)
def test_any_tree_is_read_or_has_a_reason_why_not(tree, service, timer):
    try:
        convox_yml.parse(json.dumps({"services": {"web": service}, "timers": {"web": timer}} | tree))
    except ManifestInvalid as invalid:
        assert all(fault.startswith("convox.yml ") for fault in invalid.reasons)
