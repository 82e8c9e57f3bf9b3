"""Builds that fail by somebody's fault: in the words of the engine or the registry, with a hint."""

import contextlib
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from releases.clients.images.engine import EngineAddress, problem
from releases.clients.images.plan import Login
from releases.errors import BuildFailed
from tests.docker_engine import Engine, Registry
from tests.images.workshop import TOOLS, Workshop, image, service
from tests.ports import free_port

# bcrypt of `right`, as htpasswd writes it; the registry takes no other kind.
HTPASSWD = "ann:$2b$04$MdeTew1rOl6sN/85tDG57OhOC9nOVI1b8wWyUDes3y5qsEKWBjVwS\n"

FAULTS = {
    "a syntax error": ("FROM scratch\nRUNN make\n", r"parse error .*line 2: unknown instruction: RUNN", "reference"),
    "an empty Dockerfile": ("", "the Dockerfile .*cannot be empty", ""),
    "a step that fails": (TOOLS + "RUN echo on its way; exit 3\n", "code: 3", "output is above"),
    "a command that is not there": (TOOLS + "RUN nosuch\n", "code: 127", "no such command"),
    "a file that is not there": ("FROM scratch\nCOPY nosuch /\n", "nosuch.*(does not exist|not found)", "dockerignore"),
    "a base image that is not there": ("FROM {registry}/nosuch:1\n", "nosuch:1.* not found", "base image"),
    "a registry that is not there": ("FROM 127.0.0.1:1/nosuch\n", "connection refused", "network"),
}  # fmt: skip


def failure(workshop, *given, **options):
    with pytest.raises(BuildFailed) as failed:
        workshop.build(*given, **options)
    assert failed.value.reasons, "without reasons"
    assert not any(name in failed.value.message for name in ("APIError", "HTTPConnectionPool", "docker.errors"))
    return failed.value


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_the_builders_own_words_with_a_hint(either, fault):
    dockerfile, words, hint = FAULTS[fault]
    error = failure(either, either.source(dockerfile.replace("{registry}", either.registry)))
    assert error.message.startswith("web: ")
    assert re.search(words, error.message) and hint in error.message
    if "on its way" in dockerfile:
        assert "on its way" in either.lines


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"target": "nosuch"}, r"target.* nosuch .*a stage|target stage .?nosuch.? could not be found"),
        ({"dockerfile": "Other"}, "the source has no Other"),
        ({"path": "nosuch"}, "there is no such folder"),
        ({"dockerfile": "../Dockerfile"}, "leads out of the source"),
    ],
)
def test_a_section_that_names_what_is_not_there(either, section, words):
    with pytest.raises(BuildFailed, match=words):
        either.build(either.source("FROM scratch AS there\nCOPY busybox /\n"), {"web": service(**section)})


def test_one_that_fails_beside_others_tells_its_last_lines(workshop):
    source = workshop.source(TOOLS, bad=TOOLS + "RUN echo the cause; false\n")
    error = failure(workshop, source, {"web": service(), "bad": service(dockerfile="bad")})
    assert error.message.startswith("bad: ")
    assert "  the cause" in error.reasons


def test_a_context_is_measured_before_it_is_sent(either):
    source = either.source(
        "FROM scratch\nCOPY . /\n", data__large=bytes(3 * 1024**2), _dot_git__pack=bytes(9 * 1024**2)
    )
    error = failure(either, source, context_bytes=4 * 1024**2)
    assert error.message == "web: the context is larger than allowed: 4.9 MiB, the limit is 4.0 MiB."
    assert error.reasons[1:] == [
        "The largest in it: data 3.0 MiB, busybox 1.9 MiB, Dockerfile 0.0 MiB.",
        "Hint: a .dockerignore leaves out what no image needs.",
    ]
    (source / ".dockerignore").write_text("data\n")
    assert either.build(source, context_bytes=4 * 1024**2)


def test_what_is_ignored_is_not_sent_and_history_never(either):
    source = either.source(
        TOOLS + "COPY . /all\nCMD find /all | sort\n",
        _dot_dockerignore="# ours\n*.log\nsecrets\n!secrets/public\nbusybox\n!.git\n",
        app="", a_dot_log="", deep__b_dot_log="", secrets__key="", secrets__public="", _dot_git__config="",
        lib__dot_git__config="", _dot_deployer__token="",
    )  # fmt: skip
    (source / "lib" / ".git").mkdir()
    (source / "lib" / ".git" / "config").touch()
    (source / "link").symlink_to("app")
    (source / ".dockerignore").write_text("# ours\n*.log\nsecrets\n!secrets/public\n!.git\n")
    references = either.build(source, app="ignored")
    seen = set(either.run(references["web"]).split())
    assert {"/all/app", "/all/secrets/public", "/all/deep/b.log", "/all/link", "/all/lib"} <= seen
    assert not {"/all/a.log", "/all/secrets/key", "/all/.git", "/all/lib/.git", "/all/.deployer"} & seen


def test_a_step_that_takes_too_much_memory_is_killed(workshop):
    source = workshop.source(TOOLS + "RUN dd if=/dev/zero of=/dev/null bs=200M count=1\n")
    error = failure(workshop, source, memory_bytes=32 * 1024**2)
    assert "137" in error.message and "more memory" in error.message


# --- At the registry ------------------------------------------------------------------------------------------------


class Locked(Registry):
    """It asks for a login."""

    def command(self):
        file = self.folder / "htpasswd"
        file.write_text(HTPASSWD)
        asks = {"REGISTRY_AUTH_HTPASSWD_REALM": "tests", "REGISTRY_AUTH_HTPASSWD_PATH": str(file)}
        return ["env", *(f"{name}={value}" for name, value in asks.items()), *super().command()]

    def answers(self):
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"http://{self.address}/v2/", trust_env=False).status_code == 401


@pytest.fixture(scope="module")
def locked(registry):
    """The address of a registry that asks for a login."""
    with Locked() as server:
        yield server.address


@pytest.mark.parametrize("password", ["wrong", None])
def test_a_login_that_is_wrong_or_missing(either, locked, password):
    logins = {locked: Login("ann", password)} if password else {}
    error = failure(either, either.source("FROM scratch\nCOPY Dockerfile /\n"), registry=locked, logins=logins)
    assert error.message.startswith("web: push: ") and "wants a login" in error.message
    assert re.search("unauthorized|no basic auth credentials", error.message)


def test_a_login_is_used_for_pushes_base_images_and_digests(either, locked):
    logins = {locked: Login("ann", "right")}
    app = f"base-of-{'buildkit' if either.client else 'engine'}"
    base = either.build(either.source(TOOLS + f"RUN echo {app}\n"), app=app, registry=locked, logins=logins)["web"]
    for found in either.api.images(name=f"{locked}/{app}"):
        either.api.remove_image(found["Id"], force=True)
    source = either.source(f"FROM {base}\nCMD echo on top\n")
    services = {"web": service(), "db": image(f"{locked}/{app}:web.BAAAAAAAAAA")}
    references = either.build(source, services, app="top", registry=locked, logins=logins)
    assert references["db"] == base
    assert either.run(references["web"]) == "on top\n"
    assert not any("right" in line for line in either.lines)


class Answers(BaseHTTPRequestHandler):
    """A registry that greets, has nothing, and answers every push alike."""

    status, body = 0, b""

    def do_GET(self):
        found = self.path == "/v2/"
        self._say(200 if found else 404, b"{}")

    do_HEAD = do_GET

    def do_POST(self):
        self._say(self.status, self.body)

    def _say(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def answering():
    """Starts a registry that answers pushes with this."""
    servers = []

    def start(status, code, message):
        body = b'{"errors": [{"code": "%s", "message": "%s"}]}' % (code.encode(), message.encode())
        handler = type("Handler", (Answers,), {"status": status, "body": body})
        servers.append(ThreadingHTTPServer(("127.0.0.1", free_port()), handler))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"127.0.0.1:{servers[-1].server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "message", "hint"),
    [
        (403, "DENIED", "ann is a guest here", "this login may not"),
        (403, "DENIED", "quota exceeded for project hello", "is full"),
        (404, "NAME_UNKNOWN", "make hello first", "no such repository"),
        (429, "TOOMANYREQUESTS", "plan limit reached", "is full"),
    ],
)
def test_a_registry_that_refuses_is_quoted(either, answering, status, code, message, hint):
    error = failure(
        either, either.source("FROM scratch\nCOPY Dockerfile /\n"), registry=answering(status, code, message)
    )
    assert error.message.startswith("web: push: ")
    assert message in error.message and hint in error.message


def test_a_registry_that_is_gone(either):
    error = failure(either, either.source("FROM scratch\nCOPY Dockerfile /\n"), registry=f"127.0.0.1:{free_port()}")
    assert "connection refused" in error.message and "does not reach the registry" in error.message
    assert error.faultless, "the source is not to blame"


def test_an_address_that_can_be_no_images_name(workshop):
    with pytest.raises(BuildFailed, match="can't be the name of images"):
        workshop.build(workshop.source("FROM scratch\n"), registry="Registry Of Ours")
    assert workshop.lines == []


def test_an_image_that_is_not_there_can_not_be_resolved(workshop):
    error = failure(workshop, workshop.source(None), {"db": image(f"{workshop.registry}/nosuch:1")})
    assert error.message.startswith("db: image: ") and "unknown" in error.message
    assert not error.faultless, "the manifest names it"


# --- At the engine --------------------------------------------------------------------------------------------------


def test_an_engine_that_is_not_there(workshop, tmp_path):
    for host in (f"unix://{tmp_path}/none.sock", f"tcp://127.0.0.1:{free_port()}"):
        workshop.host = host
        error = failure(workshop, workshop.source("FROM scratch\n"))
        assert host in error.message and "DOCKER_HOST" in error.reasons[-1]
        assert re.search("No such file or directory|Connection refused", error.message)
        assert host in problem(EngineAddress(host))


class Small(Engine):
    """Its disk holds 24 MiB."""

    def command(self):
        words = [*super().command()]
        at = words.index("dockerd")
        mounted = f'mkdir {self.folder}/data && mount -t tmpfs -o size=24m none {self.folder}/data && exec "$@"'
        return [*words[:at], "sh", "-c", mounted, "sh", *words[at:]]


def test_an_engine_whose_disk_is_full(docker_host, registry, busybox, tmp_path):
    if os.environ.get("DOCKER_HOST"):
        pytest.skip("the engine is given, and its disk is not ours to fill")
    with Small() as engine:
        workshop = Workshop(engine.host, registry, tmp_path)
        source = workshop.source("FROM scratch\nCOPY large /\n", large=bytes(48 * 1024**2))
        error = failure(workshop, source)
    assert "no space left on device" in error.message and "disk is full" in error.message
    assert error.faultless, "on another engine it would be built"


def test_an_engine_that_works_has_no_problem(workshop):
    assert problem(workshop.engine) == ""
    assert "DOCKER_HOST" in problem(EngineAddress(""))
