"""Every object of every manifest is one that a cluster takes, the oldest that we support and the newest."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from releases.errors import ManifestInvalid
from releases.models import App, Build, Cluster, Release
from releases.pipeline import deployer_yml, manifests
from releases.pipeline.deployer_yml import Manifest, faults
from tests import factories, kubernetes_schemas
from tests.kubernetes_schemas import VERSIONS

EXAMPLE = Path(__file__).parents[1] / "examples/every-key/deployer.yml"
KINDS = [
    ("Secret", 1),
    ("PersistentVolumeClaim", 1),
    ("Service", 2),
    ("Deployment", 3),
    ("CronJob", 1),
    ("Ingress", 1),
    ("HorizontalPodAutoscaler", 1),
    ("PodDisruptionBudget", 3),
    ("Job", 1),
    ("Namespace", 1),
]


def objects_of(text, *, issuer="", storage_class="", env=None):
    """All that a release of this manifest makes in a cluster; nothing is stored."""
    manifest = deployer_yml.parse(text)
    cluster = Cluster(name="local", ingress_class="nginx", certificate_issuer=issuer, storage_class=storage_class)
    app = App(name="hello", cluster=cluster)
    build = Build(id="BAAAAAAAAAA", app=app)
    images = dict.fromkeys(manifest["services"], factories.IMAGE)
    release = Release(id="RAAAAAAAAAA", app=app, build=build, manifest=manifest, images=images, env=env or {})
    made = manifests.render(release, installation="here")
    if manifest["release"]:
        made.append(manifests.release_job(release, number=7, installation="here", epoch="7.1"))
    return [*made, manifests.namespace(app.namespace, app.name, installation="here")]


# --- The example that uses every key --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["issuer", "plain"])
def of_the_example(request):
    given = {"issuer": "letsencrypt", "storage_class": "fast"} if request.param == "issuer" else {}
    return objects_of(EXAMPLE.read_text(), env={"MOTTO": "steady"}, **given)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("kind", "count"), KINDS)
def test_the_example_gives_objects_that_are_valid(of_the_example, kind, count, version):
    found = [obj for obj in of_the_example if obj["kind"] == kind]
    assert len(found) == count
    for obj in found:
        kubernetes_schemas.check(obj, version)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("issuer", ["letsencrypt", ""])
def test_domains_of_any_length_give_a_valid_ingress(issuer, version):
    longest = ".".join(["x" * 61] * 4 + ["a-1"])
    hosts = {"www.example.com": "web", "*.example.com": "web", longest: "worker", f"*.{longest[2:]}": "web"}
    cluster = Cluster(name="local", ingress_class="nginx", certificate_issuer=issuer)
    made = manifests.own_domains(App(name="hello", cluster=cluster), hosts, installation="here")
    kubernetes_schemas.check(made, version)
    assert [rule["host"] for rule in made["spec"]["rules"]] == sorted(hosts)
    names = {entry["secretName"] for entry in made["spec"].get("tls", [])}
    assert len(names) == (len(hosts) if issuer else 0)
    assert all(len(name) <= 253 and re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name) for name in names)


def test_no_kind_of_the_example_is_left_out(of_the_example):
    assert {obj["kind"] for obj in of_the_example} == {kind for kind, _ in KINDS}


def keys_used(model, value):
    """(section, key) of every key that `value`, as written in the file, uses."""
    for name, annotation in faults.names(model).items():
        if name not in value:
            continue
        yield model.__name__, name
        for section, steps in faults.sections(annotation):
            for inner in leaves(value[name], steps):
                if isinstance(inner, dict):
                    yield from keys_used(section, inner)


def leaves(value, steps):
    if steps == 0:
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    return [leaf for part in inner for leaf in leaves(part, steps - 1)]


def all_keys(model, seen=frozenset()):
    for name, annotation in faults.names(model).items():
        yield model.__name__, name
        for section, _ in faults.sections(annotation):
            yield from all_keys(section)


def test_the_example_uses_every_key():
    used = set(keys_used(Manifest, YAML(typ="safe").load(EXAMPLE.read_text())))
    assert set(all_keys(Manifest)) - used == set()
    assert len(used) > 50  # the walk went down into the sections


# --- Any manifest ---------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["web", "worker", "a", "a-b", "b-c", "c", "n" * 40])
WORDS = st.lists(st.text("ab ü$'", min_size=1, max_size=4), min_size=1, max_size=3)
PATHS = st.sampled_from(["/", "/up", "/a/b?c=1"])


def some(keys):
    """A section with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


def number(least, most):
    return st.integers(least, most)


CHECK = {"path": PATHS, "interval": number(1, 60), "timeout": number(1, 60), "grace": number(0, 60)}
RANGES = st.builds(
    lambda least, more, targets: {"count": f"{least}-{least + more}", "targets": targets},
    number(1, 9),
    number(1, 9),
    st.sampled_from([{"cpu": 1}, {"memory": 100}, {"cpu": 50, "memory": 50}]),
)
SERVICES = some(
    {
        "command": WORDS,
        "init": WORDS,
        "port": st.sampled_from([1, 80, 8080, 65535]),
        "ports": st.lists(
            number(1, 65535) | st.fixed_dictionaries({"port": number(1, 99), "protocol": st.just("udp")}), max_size=3
        ),
        "health": some(CHECK),
        "liveness": some({**CHECK, "failures": number(1, 9)}).map(lambda check: {"path": "/", **check}),
        "scale": RANGES | st.fixed_dictionaries({"count": number(0, 1)}),
        "environment": st.lists(st.sampled_from(["A", "B=", "C=x=y", "_D=ü"]), max_size=3),
        "volumes": st.lists(
            st.fixed_dictionaries(
                {"name": NAMES, "path": st.sampled_from(["/data", "/var/a"]), "size": number(1, 65536)}
            ),
            max_size=2,
        ),
        "deployment": some({"minimum": number(0, 100), "maximum": number(101, 300), "verify": number(0, 9)}),
        "domain": st.lists(st.sampled_from(["a.example.com", "*.b.example.com", "x-1.y"]), max_size=2),
        "sticky": st.booleans(),
        "tls": st.fixed_dictionaries({"secret": st.sampled_from(["own", "web-tls", "a.b"])}),
        "termination": st.fixed_dictionaries({"grace": number(0, 9)}),
    }
)


def coherent(service):
    """Without what would be refused beside the rest: most of these manifests shall be accepted."""
    if "port" not in service:
        service = {key: value for key, value in service.items() if key not in ("health", "liveness", "domain")}
    if not service.get("domain"):
        service = {key: value for key, value in service.items() if key != "tls"}
    return {**service, "scale": {}} if service.get("volumes") else service


TIMERS = st.fixed_dictionaries(
    {"schedule": st.sampled_from(["* * * * *", "*/5 1-5 1,15 * MON-FRI", "0 3 29 2 *"]), "command": WORDS},
    optional={"timeout": number(1, 9999)},
)
MANIFESTS = st.fixed_dictionaries(
    {"services": st.dictionaries(NAMES, SERVICES.map(coherent), min_size=1, max_size=3)},
    optional={
        "release": st.fixed_dictionaries({"command": WORDS}, optional={"timeout": number(1, 99)}),
        "timers": st.dictionaries(st.sampled_from(["nightly", "t" * 52, "web"]), TIMERS, max_size=2),
        "deployment": some({"strategy": st.sampled_from(["rolling", "immediate"]), "deadline": number(1, 999)}),
    },
)


@given(manifest=MANIFESTS, issuer=st.sampled_from(["", "letsencrypt"]), version=st.sampled_from(VERSIONS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_whatever_is_accepted_gives_objects_that_are_valid(manifest, issuer, version):
    try:
        made = objects_of(json.dumps(manifest), issuer=issuer)
    except ManifestInvalid as invalid:
        assert all(fault.startswith("deployer.yml line 1: ") for fault in invalid.reasons)
        return
    seen = {(obj["kind"], obj["metadata"]["name"]) for obj in made}
    assert len(seen) == len(made), "two objects of one kind and name"
    for obj in made:
        kubernetes_schemas.check(obj, version)
