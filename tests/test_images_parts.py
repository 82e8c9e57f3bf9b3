"""The parts of builds that need no engine: names, labels, lines, BuildKit's words, several things at once."""

import threading
from datetime import UTC, datetime

import pytest

from releases.clients.images import buildkit, faults
from releases.clients.images.buildkit_words import Words
from releases.clients.images.context import gather
from releases.clients.images.engine import EngineAddress
from releases.clients.images.lines import LINE_MAX, Lines
from releases.clients.images.order import Order
from releases.clients.images.plan import (
    Destination,
    Limits,
    Login,
    Recipe,
    label_dockerfile,
    labels,
    login_for,
    recipes,
)
from releases.clients.images.push import Progress, without_tag
from releases.clients.images.side_by_side import Stopped, side_by_side
from releases.errors import BuildFailed

SECTION = {"path": ".", "dockerfile": "Dockerfile", "target": None, "args": {}}


def test_services_of_one_build_are_one_recipe():
    api = {**SECTION, "path": "api", "args": {"A": "1"}}
    services = {
        "web": {"image": None, "build": SECTION},
        "db": {"image": "postgres:16", "build": None},
        "api": {"image": None, "build": api},
        "worker": {"image": None, "build": dict(SECTION)},
    }
    assert recipes(services) == [Recipe(("web", "worker")), Recipe(("api",), path="api", args={"A": "1"})]


def test_names_of_images():
    destination = Destination("registry.example:5000/team/", "shop", "BABCDEFGHIJ")
    assert destination.by_tag("web") == "registry.example:5000/team/shop:web.BABCDEFGHIJ"
    assert destination.by_digest("sha256:1") == "registry.example:5000/team/shop@sha256:1"
    assert without_tag("host:5000/a/b:tag") == "host:5000/a/b"
    assert without_tag("postgres:16") == without_tag("postgres") == "postgres"


def test_labels_that_nobody_knows_are_left_out_and_values_can_not_escape():
    found = labels(app="a", build="B", revision="", source="", created=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert found == {
        "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
        "org.opencontainers.image.version": "B",
        "deployer.app": "a",
        "deployer.build": "B",
    }
    hostile = label_dockerfile("sha256:1", {"a": 'x"\nRUN evil $HOME \\', "b": "y"})
    assert hostile == 'FROM sha256:1\nLABEL "a"="x\\" RUN evil \\$HOME \\\\" "b"="y"\n'


def test_each_registry_gets_its_own_login():
    one, two, hub = Login("one", "1"), Login("two", "2"), Login("hub", "3")
    logins = {"r.example/team": one, "r.example/team/sub": two, "docker.io": hub}
    assert login_for("r.example/team/shop:1", logins) == one
    assert login_for("r.example/team/sub/shop", logins) == two
    assert login_for("r.example/teamwork", logins) == one  # of the same host: it may help, and goes nowhere else
    assert login_for("postgres:16", logins) == login_for("library/postgres", logins) == hub
    assert login_for("other.example/team/shop", logins) is None
    assert "3" not in repr(logins["docker.io"])


# --- Lines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        (["one\ntwo\n"], ["one", "two"]),
        (["on", "e\ntw", "o"], ["one", "two"]),
        (["10%\r", "50%\r100%\r\n"], ["100%"]),
        (["\x1b[91merror\n\x1b[0m", "next\n"], ["error", "next"]),
        (["\x1b[31mred\x1b[0m\n"], ["\x1b[31mred\x1b[0m"]),
        (["\n\n"], ["", ""]),
        ([], []),
    ],
)
def test_pieces_become_lines(pieces, lines):
    taken = Lines()
    assert [line for piece in pieces for line in taken.take(piece)] + taken.end() == lines


def test_a_line_without_end_is_cut_into_pieces_of_bounded_length():
    taken = Lines()
    lines = [line for _ in range(100) for line in taken.take("x" * 1000)] + taken.end()
    assert max(map(len, lines)) == LINE_MAX and sum(map(len, lines)) == 100_000


def test_a_bar_that_is_drawn_for_ever_takes_no_room():
    taken = Lines()
    assert [line for number in range(10_000) for line in taken.take(f"{number} of 10000\r")] == []
    assert taken.take("done\n") == ["done"]


# --- BuildKit -------------------------------------------------------------------------------------------------------

PLAIN = """\
#0 building with "default" instance using docker driver

#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 192B done
#1 DONE 0.0s

#2 [internal] load metadata for registry.example/base:1
#2 DONE 0.3s

#4 [builder 1/3] FROM registry.example/base:1@sha256:0123
#4 CACHED

#5 [builder 2/3] RUN make
#5 0.131 compiling

#6 [linux/amd64 stage-1 2/2] RUN test
#6 0.040 testing

#5 [builder 2/3] RUN make
#5 1.133 10%\r100%
#5 DONE 1.2s

#7 exporting to image
#7 exporting layers 0.0s done
#7 writing image sha256:0123 done
#7 pushing layer 0123 1.0MB / 2.0MB
#7 pushing layer 0123 2.0MB / 2.0MB 0.4s done
#7 DONE 0.5s
"""


def test_buildkits_words_read_like_the_engines():
    words = Words()
    assert [said for line in PLAIN.split("\n") for said in words.take(line)] == [
        "Step 1/3 : FROM registry.example/base:1@sha256:0123 (builder)",
        " ---> Using cache",
        "Step 2/3 : RUN make (builder)",
        "compiling",
        "Step 2/2 : RUN test (linux/amd64 stage-1)",
        "testing",
        "Step 2/3 : RUN make (builder)",
        "100%",
        "pushing layer 0123 2.0MB / 2.0MB 0.4s done",
    ]
    assert words.fault == ""


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (
            ["#5 ERROR: short", "------", "ERROR: failed to build: failed to solve: dockerfile parse error on line 2"],
            "dockerfile parse error on line 2",
        ),
        (["#5 ERROR: process did not complete: exit code: 3"], "process did not complete: exit code: 3"),
        (["unknown flag: --nosuch", "", "See 'docker --help'."], "See 'docker --help'."),
    ],
)
def test_buildkits_failure_is_found(lines, fault):
    words = Words()
    for line in lines:
        words.take(line)
    assert words.fault == fault


def test_buildkits_arguments_hold_no_secret(tmp_path):
    (tmp_path / "Dockerfile").touch()
    recipe = Recipe(("web", "worker"), target="last", args={"A": "1"})
    order = Order(
        engine=EngineAddress("tcp://engine:2376", "/certificates"),
        destination=Destination("r.example/team", "shop", "BUILD", {"r.example/team": Login("ann", "hunter22")}),
        limits=Limits(network="host", platform="linux/amd64"),
        recipe=recipe,
        context=gather(tmp_path, recipe, max_bytes=1000),
        private=tmp_path,
        labels={"deployer.app": "shop"},
        previous="r.example/team/shop@sha256:1",
    )
    words = " ".join(buildkit.arguments(order, tmp_path / "metadata"))
    assert words == (
        "buildx build --progress plain --push --file Dockerfile --tag r.example/team/shop:web.BUILD"
        " --tag r.example/team/shop:worker.BUILD --label deployer.app=shop --build-arg A=1 --target last"
        " --network host --platform linux/amd64 --cache-from type=registry,ref=r.example/team/shop@sha256:1"
        f" --cache-to type=inline --metadata-file {tmp_path}/metadata -"
    )
    environment = buildkit.environment(order.engine, tmp_path)
    assert set(environment) == {
        "PATH", "HOME", "DOCKER_CONFIG", "BUILDX_NO_DEFAULT_ATTESTATIONS",
        "DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH",
    }  # fmt: skip
    assert "hunter22" not in str(environment)
    assert buildkit.configuration(order.destination.logins) == {"auths": {"r.example": {"auth": "YW5uOmh1bnRlcjIy"}}}


def test_without_buildx_there_is_no_version(tmp_path):
    assert buildkit.version(["/nonexistent/docker"], EngineAddress("unix:///none")) == ""
    assert buildkit.version(["false"], EngineAddress("unix:///none")) == ""


# --- A push's progress ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "words", "faultless"),
    [
        (faults.building, "write /bin/x: no space left on device", True),
        (faults.building, "Get https://reg.example/v2/: dial tcp 10.0.0.1:443: i/o timeout", True),
        (faults.building, "Head https://reg.example/v2/base: unauthorized: authentication required", True),
        (faults.building, "toomanyrequests: You have reached your pull rate limit", True),
        (faults.building, "COPY failed: file not found in build context", False),
        (faults.building, "open /x: permission denied", False),
        (faults.building, "The command '/bin/sh -c df' returned a non-zero code: 1", False),
        (faults.building, "manifest for reg.example/base:9 not found", False),
        (faults.pushing, "whatever it says", True),
        (faults.resolving, "received unexpected HTTP status: 503 Service Unavailable", True),
        (faults.resolving, "toomanyrequests: You have reached your pull rate limit", True),
        (faults.resolving, "manifest unknown", False),
    ],
)
def test_what_is_no_fault_of_the_source_is_told_apart(told, words, faultless):
    assert told("web", words).faultless is faultless


def test_a_slow_push_is_told_every_ten_seconds():
    progress = Progress(0.0)
    events = [
        ({"id": "a", "status": "Pushing", "progressDetail": {"current": tick * 1024**2, "total": 100 * 1024**2}}, tick)
        for tick in range(1, 26)
    ]
    events.append(({"id": "a", "status": "Pushed"}, 26))
    events += [({"id": "b", "status": f"Retrying in {left} seconds"}, 27) for left in (5, 4, 3)]
    assert [line for event, now in events for line in progress.take(event, float(now))] == [
        "Pushing: 10.0 MiB of 100.0 MiB in 1 layers",
        "Pushing: 20.0 MiB of 100.0 MiB in 1 layers",
        "a: Pushed (100.0 MiB)",
        "b: Retrying in 5 seconds",
    ]


# --- Side by side ---------------------------------------------------------------------------------------------------


def test_no_more_run_at_once_than_allowed_and_results_keep_their_order():
    running, most, lock = 0, 0, threading.Lock()
    meet = threading.Barrier(2)

    def doing(number):
        def do(work):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            meet.wait(30)  # two are in here at the same time
            work.say(f"said {number}")
            with lock:
                running -= 1
            return number

        return do

    said: list[str] = []
    doings = [doing(number) for number in range(6)]
    assert side_by_side(doings, limit=2, say=said.append, check=lambda: None) == [0, 1, 2, 3, 4, 5]
    assert most == 2 and sorted(said) == [f"said {number}" for number in range(6)]


def test_the_first_failure_stops_the_others_and_all_it_said_is_said_before():
    began, ended = threading.Event(), threading.Event()

    def lasting(work):
        work.on_stop(ended.set)
        began.set()
        ended.wait(30)
        work.go_on()

    def failing(work):
        began.wait(30)
        work.say(*(f"line {number}" for number in range(100)))
        raise BuildFailed("no")

    said: list[str] = []
    with pytest.raises(BuildFailed, match="no"):
        side_by_side([lasting, failing], limit=2, say=said.append, check=lambda: None)
    assert ended.is_set() and len(said) == 100


def test_who_talks_without_end_does_not_keep_the_caller_from_looking():
    looks = 0

    def check():
        nonlocal looks
        looks += 1
        if looks == 3:
            raise KeyError("enough")

    ended = threading.Event()

    def talking(work):
        try:
            while True:
                work.say("and another thing")
        except Stopped:
            ended.set()
            raise

    with pytest.raises(KeyError):
        side_by_side([talking], limit=1, say=lambda line: None, check=check)
    assert ended.wait(30)
