"""deployer.yml: scale ranges, volumes, ports, timers and certificates, and what can't stand side by side."""

import pytest

from releases.pipeline.deployer_yml import parse
from tests.test_deployer_yml import SERVICE, faults, web

TARGETS = "targets: {cpu: 70}"
VOLUME = "name: data, path: /data, size: 10"


def timers(entry, services="services: {web: {}, worker: {}}"):
    return f"{services}\ntimers:\n  nightly: {{{entry}}}\n"


# --- What is right --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        (
            "scale: {count: 2-10, targets: {cpu: 70}}",
            "scale",
            {"count": 2, "max": 10, "targets": {"cpu": 70, "memory": None}, "cpu": 250, "memory": 512},
        ),
        (
            "scale: {count: '1 - 2', targets: {cpu: 1, memory: 100}, cpu: 1}",
            "scale",
            {"count": 1, "max": 2, "targets": {"cpu": 1, "memory": 100}, "cpu": 1, "memory": 512},
        ),
        ("scale: {count: 0}", "scale", {**SERVICE["scale"], "count": 0}),
        (
            "volumes: [{name: data, path: /data/, size: 10}, {name: tmp, path: /data/tmp, size: 1}]",
            "volumes",
            [{"name": "data", "path": "/data", "size": 10}, {"name": "tmp", "path": "/data/tmp", "size": 1}],
        ),
        ("init: sh -c 'echo a'", "initContainer", {"command": ["sh", "-c", "echo a"]}),
        ("init: [a, b c]", "initContainer", {"command": ["a", "b c"]}),
        ("initContainer: {command: a}", "initContainer", {"command": ["a"]}),
        (
            "ports: [9090, {port: 9091, name: metrics, protocol: udp}, {port: 53}, {port: 53, protocol: udp}]",
            "ports",
            [
                {"port": 9090, "name": "port-9090", "protocol": "tcp"},
                {"port": 9091, "name": "metrics", "protocol": "udp"},
                {"port": 53, "name": "port-53", "protocol": "tcp"},
                {"port": 53, "name": "port-53-udp", "protocol": "udp"},
            ],
        ),
        (
            "port: 80\n    domain: [a.example.com]\n    tls: {secret: own.certificate}",
            "tls",
            {"secret": "own.certificate"},
        ),
        ("port: 80\n    ports: [{port: 80, protocol: udp}]", "port", 80),
    ],
)
def test_it_is_stored_written_out(line, key, expected):
    assert parse(web(line))["services"]["web"][key] == expected


def test_a_timer_runs_in_web_or_else_in_the_first_service_an_hour_at_most():
    entry = 'schedule: "0 3 * * *", command: python nightly.py'
    expected = {"schedule": "0 3 * * *", "command": ["python", "nightly.py"], "service": "web", "timeout": 3600}
    assert parse(timers(entry, "services: {api: {}, web: {}}"))["timers"] == {"nightly": expected}
    assert parse(timers(entry, "services: {api: {}}"))["timers"]["nightly"]["service"] == "api"
    assert parse(timers(f"{entry}, service: worker, timeout: 5"))["timers"]["nightly"] == {
        **expected,
        "service": "worker",
        "timeout": 5,
    }


@pytest.mark.parametrize(
    "schedule",
    ["* * * * *", "*/5 0-4,22 1,15 JAN-jul WED", "0  3 * * sun", "59 23 31 12 6", "5/15 * * * *", "0 0 29 2 *"],
)
def test_schedules_that_every_cluster_knows(schedule):
    assert (
        parse(timers(f"schedule: '{schedule}', command: a"))["timers"]["nightly"]["schedule"].split()
        == schedule.split()
    )


def test_services_of_one_domain_each_and_of_claims_that_only_look_alike():
    manifest = parse(
        "services:\n"
        "  a-b: {port: 1, domain: [a.example.com], volumes: [{name: c, path: /c, size: 1}]}\n"
        "  a: {port: 1, domain: [b.example.com], tls: {secret: own}, volumes: [{name: c, path: /c, size: 1}]}\n"
        "  b: {port: 1, domain: [c.example.com], tls: {secret: own}}\n"
    )
    assert list(manifest["services"]) == ["a-b", "a", "b"]


# --- What is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "scale: {count: 10-2, targets: {cpu: 70}}",
            "scale.count: is a range that must rise, from 1 or more to 1000 or less.",
        ),
        (
            "scale: {count: 2-2, targets: {cpu: 70}}",
            "scale.count: is a range that must rise, from 1 or more to 1000 or less.",
        ),
        (
            "scale: {count: 0-2, targets: {cpu: 70}}",
            "scale.count: is a range that must rise, from 1 or more to 1000 or less.",
        ),
        (
            "scale: {count: 2-1001, targets: {cpu: 70}}",
            "scale.count: is a range that must rise, from 1 or more to 1000 or less.",
        ),
        ("scale: {count: two}", "scale.count: is a whole number from 0 to 1000, or a range such as 2-10."),
        ("scale: {count: '3'}", "scale.count: is a whole number from 0 to 1000, or a range such as 2-10."),
        ("scale: {count: true}", "scale.count: is a whole number from 0 to 1000, or a range such as 2-10."),
        (
            "scale: {count: 2-10}",
            "scale: has a range and no targets: {cpu: 70}, for example, says when to add a process.",
        ),
        (
            "scale: {targets: {cpu: 70}}",
            "scale: has targets and no range: count: 2-10, for example, says between how many processes.",
        ),
        ("scale: {count: 2-3, targets: {}}", "scale.targets: has neither cpu nor memory."),
        ("scale: {count: 2-3, targets: {cpu: 0}}", "scale.targets.cpu: input should be greater than or equal to 1."),
        ("scale: {count: 2-3, targets: {cpu: 101}}", "scale.targets.cpu: input should be less than or equal to 100."),
        ("scale: {count: 2-3, targets: {cqu: 50}}", "scale.targets.cqu is not a key here; did you mean cpu?"),
        ("scale: {max: 3}", "scale.max is not a key here."),
        ("volumes: [/data]", "volumes.0: should be a mapping of keys."),
        ("volumes: [{path: /data, size: 1}]", "volumes.0.name is missing."),
        ("volumes: [{name: data, path: data, size: 1}]", "volumes.0.path: "),
        (
            "volumes: [{name: data, path: /, size: 1}]",
            "volumes.0.path: is a folder's absolute path below /, without . and ...",
        ),
        (
            "volumes: [{name: data, path: /a/../b, size: 1}]",
            "volumes.0.path: is a folder's absolute path below /, without . and ...",
        ),
        ("volumes: [{name: data, path: '/a:b', size: 1}]", "volumes.0.path: "),
        (
            "volumes: [{name: data, path: /data, size: 0}]",
            "volumes.0.size: input should be greater than or equal to 1.",
        ),
        ("volumes: [{name: data, path: /data, size: 10Gi}]", "volumes.0.size: input should be a valid integer"),
        ("volumes: [{name: Data, path: /data, size: 1}]", "volumes.0.name: "),
        (
            f"volumes: [{{{VOLUME}}}, {{{VOLUME.replace('/data', '/b')}}}]",
            "volumes.1.name: data is another volume's, too.",
        ),
        (
            f"volumes: [{{{VOLUME}}}, {{name: b, path: /data/, size: 1}}]",
            "volumes.1.path: /data is another volume's, too.",
        ),
        (
            f"volumes: [{{{VOLUME}}}]\n    scale: {{count: 2}}",
            "scale.count: with volumes there is at most one process: two can't write to one volume.",
        ),
        (
            f"volumes: [{{{VOLUME}}}]\n    scale: {{count: 1-2, {TARGETS}}}",
            "scale.count: with volumes there is at most one process: two can't write to one volume.",
        ),
        ("init: ''", "init: is empty."),
        ("initContainer: {}", "initContainer.command is missing."),
        ("initContainer: {comand: a}", "initContainer.comand is not a key here; did you mean command?"),
        ("initContianer: {command: a}", "initContianer is not a key here; did you mean initContainer?"),
        ("ports: 9090", "ports: input should be a valid list."),
        ("ports: [true]", "ports.0: should be a mapping of keys."),
        ("ports: [0]", "ports.0: input should be greater than or equal to 1."),
        ("ports: [{port: 1, protocol: UDP}]", "ports.0.protocol: input should be 'tcp' or 'udp'."),
        ("ports: [{port: 1, name: metrics-of-this-service}]", "ports.0.name: "),
        ("ports: [{port: 1, name: a--b}]", "ports.0.name: "),
        ("ports: [1, {port: 1, name: b}]", "ports.1: 1 is taken."),
        ("ports: [{port: 1, name: a}, {port: 2, name: a}]", "ports.1: the name a is taken."),
        ("ports: [{port: 1, name: http}]", "ports.0: the name http is taken."),
        ("port: 9090\n    ports: [9090]", "ports.0: 9090 is taken."),
        ("port: 9090\n    ports: [80]", "ports.0: 80 is taken: there others reach the service's port."),
        ("tls: {secret: own}", "tls: needs a domain, and the service has none."),
        ("tls: {secret: Own}", "tls.secret: "),
        ("tls: {secert: own}", "tls.secert is not a key here; did you mean secret?"),
        ("port: 1\n    domain: [10.0.0.1]", "domain.0: is a host's name, not its address."),
        ("port: 1\n    domain: [-a.example.com]", "domain.0: "),
        (f"port: 1\n    domain: [{'a' * 64}.example.com]", "domain.0: "),
        ("port: 1\n    domain: [a.example.com, a.example.com]", "domain.1: a.example.com is also a domain of web."),
        ("image: 'a b'", "image: "),
    ],
)
def test_what_can_not_be_is_refused_with_its_line_and_key(line, expected):
    found = faults(web(line))
    assert any(
        fault.startswith(f"deployer.yml line {number}: services.web.{expected}") for fault in found for number in (3, 4)
    ), found


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("command: a", "timers.nightly.schedule is missing."),
        ("schedule: '* * * * *'", "timers.nightly.command is missing."),
        (
            "schedule: '* * * * *', command: a, servcie: web",
            "timers.nightly.servcie is not a key here; did you mean service?",
        ),
        (
            "schedule: '* * * * *', command: a, service: wrker",
            "timers.nightly.service: wrker is not among the services.",
        ),
        ("schedule: '* * * *', command: a", "timers.nightly.schedule: has five fields: "),
        ("schedule: '0 3 * * * *', command: a", "timers.nightly.schedule: has five fields: "),
        ("schedule: '@daily', command: a", "timers.nightly.schedule: has five fields: "),
        ("schedule: '0 0 ? * *', command: a", "timers.nightly.schedule: has a sign "),
        ("schedule: '0 0 L * *', command: a", "timers.nightly.schedule: has a sign "),
        ("schedule: '0 0 * * 1#2', command: a", "timers.nightly.schedule: has a sign "),
        ("schedule: '0 0 * * 7', command: a", "timers.nightly.schedule: calls a Sunday 7: a cluster calls it 0."),
        ("schedule: '0 0 * * 1-7', command: a", "timers.nightly.schedule: calls a Sunday 7: a cluster calls it 0."),
        ("schedule: '60 0 * * *', command: a", "timers.nightly.schedule: is no schedule that ever comes: bad minute."),
        (
            "schedule: '0 0 30 2 *', command: a",
            "timers.nightly.schedule: is no schedule that ever comes: bad day-of-month.",
        ),
        (
            "schedule: '0 0 1W * *', command: a",
            "timers.nightly.schedule: is no schedule that ever comes: bad day-of-month.",
        ),
        ("schedule: '* * * * *', command: a, timeout: 0", "timers.nightly.timeout: input should be greater than"),
    ],
)
def test_a_timer_that_can_not_be_is_refused_with_its_line_and_key(entry, expected):
    [fault] = faults(timers(entry))
    assert fault.startswith(f"deployer.yml line 3: {expected}")


@pytest.mark.parametrize("name", ["t" * 53, "Nightly", "nightly_1", "release"])
def test_a_timer_is_named_so_that_its_jobs_have_names(name):
    [fault] = faults(f"services: {{web: {{}}}}\ntimers:\n  {name}: {{schedule: '* * * * *', command: a}}\n")
    assert fault.startswith(f"deployer.yml line 3: timers.{name}")
    assert parse(f"services: {{web: {{}}}}\ntimers:\n  {'t' * 52}: {{schedule: '* * * * *', command: a}}\n")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (
            "a-b: {volumes: [{name: c, path: /c, size: 1}]}",
            "a: {volumes: [{name: b-c, path: /c, size: 1}]}",
            "services.a.volumes.0: would be stored as a-b-c, as one of a-b is.",
        ),
        (
            "a: {port: 1, domain: [x.example.com]}",
            "b: {port: 1, domain: [y.example.com, x.example.com]}",
            "services.b.domain.1: x.example.com is also a domain of a.",
        ),
        (
            "a: {port: 1, domain: [x.example.com]}",
            "b: {port: 1, domain: [y.example.com], tls: {secret: a-tls}}",
            "services.b.tls.secret: a-tls is where the certificate of a is kept.",
        ),
    ],
)
def test_two_services_have_nothing_of_one_name(first, second, expected):
    assert faults(f"services:\n  {first}\n  {second}\n") == [f"deployer.yml line 3: {expected}"]


def test_what_comes_through_an_alias_is_told_at_a_line_too():
    text = "x-no: &all\n  prt: 80\nservices:\n  web: *all\n  api:\n    <<: *all\n"
    found = faults(text)
    assert "deployer.yml line 1: x-no is not a key here." in found
    assert "deployer.yml line 2: services.web.prt is not a key here; did you mean port?" in found
    assert any("services.api.prt is not a key here" in fault for fault in found)


def test_a_text_that_no_process_could_be_given_is_refused_with_its_line():
    assert faults(web('environment: ["A=b\\0c"]')) == ["deployer.yml line 3: a text with a NUL character."]
