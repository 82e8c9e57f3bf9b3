"""Probes of every kind, and what follows from what they find."""

import asyncio
import ssl
import subprocess
import sys

from tests.localcluster.machinery_fixtures import alive, story, until

SITE = """
import http.server, os, pathlib, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302); self.send_header("Location", "/final"); self.end_headers(); return
        if self.path == "/away":
            self.send_response(302); self.send_header("Location", "http://example.test/"); self.end_headers()
            self.wfile.write(b"elsewhere"); return
        if self.path == "/astray":
            self.send_response(302); self.send_header("Location", "http://127.0.0.1:99999/"); self.end_headers(); return
        if self.path == "/hang":
            import time; time.sleep(30)
        if self.path == "/drop":
            self.close_connection = True; return
        well = self.path == "/final" or self.headers.get("X-Key") == "open sesame"
        self.send_response(200 if well else 404); self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
if pathlib.Path("cert.pem").exists():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("cert.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""
PORTS = [{"name": "http", "containerPort": 8080}]


def site(world, **files):
    return world.image("site", {"site.py": SITE, **files}, [sys.executable, "site.py"])


def http(path, port="http", **more):
    return {"httpGet": {"path": path, "port": port, **more}, "periodSeconds": 1, "failureThreshold": 1}


async def told(world, text):
    await until(lambda: any(text in message for message in world.messages()))


@story
async def test_headers_and_redirects(world):
    headers = [{"name": "X-Key", "value": "open sesame"}]
    world.run("", name="key", image=site(world), ports=PORTS, readinessProbe=http("/door", httpHeaders=headers))
    world.run("", name="moved", image=site(world), ports=PORTS, readinessProbe=http("/moved", port=8080))
    world.run("", name="away", image=site(world), ports=PORTS, readinessProbe=http("/away"))
    await until(lambda: all(world.container(name).get("ready") for name in ("key", "moved", "away")))
    await told(world, "Readiness probe warning: Probe terminated redirects, Response body: elsewhere")


@story
async def test_words_of_failures(world):
    world.run("", name="closed", image=site(world), ports=PORTS, readinessProbe=http("/door"))
    world.run("", name="hang", image=site(world), ports=PORTS, readinessProbe=http("/hang"))
    world.run("", name="drop", image=site(world), ports=PORTS, readinessProbe=http("/drop"))
    world.run("", name="astray", image=site(world), ports=PORTS, readinessProbe=http("/astray"))
    world.run("", name="name", image=site(world), ports=PORTS, readinessProbe=http("/", port="other"))
    world.run("", name="secure", image=site(world), ports=PORTS, readinessProbe=http("/", scheme="HTTPS"))
    grpc = {"grpc": {"port": 8080}, "periodSeconds": 1}
    world.run("", name="grpc", image=site(world), ports=PORTS, readinessProbe=grpc)
    await told(world, "Readiness probe failed: HTTP probe failed with statuscode: 404")
    await told(world, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
    await told(world, '/drop": EOF')
    await told(world, 'failed to parse Location header "http://127.0.0.1:99999/"')
    await told(world, 'Readiness probe errored and resulted in unknown state: strconv.Atoi: parsing "other": invalid')
    await told(world, "http: server gave HTTP response to HTTPS client")
    await told(world, "gRPC probes are not supported")
    shut = ("closed", "hang", "drop", "astray", "name", "secure")
    assert not any(world.container(name)["ready"] for name in (*shut, "grpc"))


@story
async def test_a_certificate_is_not_verified(world):
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/stdout -out /dev/stdout -subj /CN=x -days 1"
    making = asyncio.to_thread(subprocess.run, command.split(), capture_output=True, text=True, check=True)
    pem = (await making).stdout
    assert ssl.PEM_HEADER in pem
    image = site(world, **{"cert.pem": pem})
    world.run("", image=image, ports=PORTS, readinessProbe=http("/final", scheme="HTTPS"))
    await until(lambda: world.container().get("ready"))


@story
async def test_a_command_that_hangs_is_ended_whole(world):
    command = ["sh", "-c", "echo $$ >> pids; sleep 300 & echo $! >> pids; wait"]
    probe = {"exec": {"command": command}, "periodSeconds": 1, "timeoutSeconds": 1}
    world.run("exec sleep 60", readinessProbe=probe)
    await told(world, 'Readiness probe failed: command timed out: "sh -c echo $$ >> pids')
    assert any(message.endswith("timed out after 1s") for message in world.messages())
    noted = await until(lambda: next(world.folder.glob("home/pods/*/containers/main/work/pids"), None))
    first = await until(lambda: len(words := noted.read_text().split()) >= 2 and [int(word) for word in words[:2]])
    await until(lambda: not any(alive(pid) for pid in first))


@story
async def test_commands_run_where_the_program_does(world):
    env = [{"name": "WORD", "value": "sesame"}]
    looks = "echo x >> probes; [ $WORD = sesame ] && [ ${PWD##*/} = deep ]"
    probe = {"exec": {"command": ["sh", "-c", looks]}, "periodSeconds": 1}
    world.run("exec sleep 60", env=env, workingDir="/very/deep", readinessProbe=probe)
    missing = {"exec": {"command": ["no-such-command"]}, "periodSeconds": 1}
    world.run("exec sleep 60", name="missing", readinessProbe=missing)
    await until(lambda: world.container().get("ready"))
    await told(world, 'unable to start container process: exec: "no-such-command": executable file not found in $PATH')
    # Also after a restart of localcluster.
    await world.stop()
    await world.start()
    (work,) = (path for path in world.folder.glob("home/pods/*/containers/main/work") if (path / "very").exists())
    probes = work / "very" / "deep" / "probes"
    before = len(probes.read_text())
    await until(lambda: len(probes.read_text()) >= before + 8)  # four more
    assert world.container()["ready"]
    assert not any(
        "Readiness probe failed" in event["message"]
        for event in world.store.list("Event", world.namespace)
        if event["involvedObject"]["name"] == "main"
    )


@story
async def test_readiness_needs_as_many_successes_as_asked(world):
    count = ["sh", "-c", "echo x >> probes; [ -e well ]"]
    probe = {"exec": {"command": count}, "periodSeconds": 1, "successThreshold": 2, "failureThreshold": 2}
    world.run("touch well; exec sleep 60", readinessProbe=probe)
    await until(lambda: world.container().get("ready"))
    (work,) = world.folder.glob("home/pods/*/containers/main/work")
    assert len((work / "probes").read_text().split()) >= 2
    (work / "well").unlink()
    await until(lambda: not world.container()["ready"])
    unhealthy = [event for event in world.store.list("Event", world.namespace) if event["reason"] == "Unhealthy"]
    assert sum(event["count"] for event in unhealthy) >= 2


@story
async def test_a_failed_liveness_probe_with_its_own_grace(world):
    """Recording liveness-failing: the end itself is never the container's state, and the restart is at once."""
    probe = {
        "exec": {"command": ["test", "!", "-e", "deaf"]},
        "periodSeconds": 1,
        "failureThreshold": 2,
        "terminationGracePeriodSeconds": 1,
    }
    states = []

    def note(_type, kind, obj):
        for status in (obj.get("status") or {}).get("containerStatuses") or [] if kind == "Pod" else []:
            if states[-1:] != [next(iter(status["state"]))]:
                states.append(next(iter(status["state"])))

    world.store.subscribe(note)
    deaf = "trap '' TERM; touch deaf; while :; do sleep 0.05; done"
    world.run(deaf, livenessProbe=probe, terminationGracePeriodSeconds=300)
    await until(lambda: world.container().get("restartCount", 0) >= 1)
    last = world.container()["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (137, "Error")
    assert "Container main failed liveness probe, will be restarted" in world.messages()
    assert "terminated" not in states


@story
async def test_a_container_that_never_starts_up(world):
    command = {"exec": {"command": ["sh", "-c", "echo not yet; exit 1"]}, "timeoutSeconds": 20}
    probe = {**command, "periodSeconds": 1, "failureThreshold": 1}
    never = {"exec": {"command": ["touch", "probed"]}, "periodSeconds": 1}
    world.run("exec sleep 60", startupProbe=probe, livenessProbe=never, readinessProbe=never)
    await until(lambda: world.container().get("restartCount", 0) >= 1)
    assert "Startup probe failed: not yet\n" in world.messages()
    assert "Container main failed startup probe, will be restarted" in world.messages()
    assert not list(world.folder.glob("home/pods/*/containers/main/work/probed"))
