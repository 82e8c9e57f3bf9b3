"""The door: hosts, bodies, upgrades, and no lost request while processes change."""

import asyncio
import sys

from localcluster.door.exchange import HEAD_LIMIT
from tests.localcluster.machinery_fixtures import complete, deployment, service, story, until

UPGRADER = """
import os, socket
server = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    client, _ = server.accept()
    data = client.recv(65536)
    if b"Upgrade: echo" in data or b"upgrade: echo" in data:
        client.sendall(b"HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n")
        while data := client.recv(65536):
            client.sendall(data.upper())
    else:
        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    client.close()
"""


async def ask(world, request: bytes) -> bytes:
    """The whole answer to a request that closes its connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.door_port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    return answer


def get(path: str = "/", host: str = "shop.localhost:8000", more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n".encode()


class Client:
    """A steady client with one keep-alive connection, which counts what goes wrong."""

    def __init__(self, world):
        self.world, self.answers, self.faults, self.over = world, [], [], False

    async def run(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.world.door_port)
        while not self.over:
            writer.write(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
                body = await reader.readexactly(int(length.split(b":")[1]))
            except (OSError, asyncio.IncompleteReadError) as error:
                self.faults.append(repr(error))
                return
            if b" 200 " not in head.split(b"\r\n")[0]:
                self.faults.append(head.decode() + body.decode())
            self.answers.append(body.decode().split(" ")[0])
        writer.close()


@story
async def test_hosts(world):
    assert b" 404 " in await ask(world, get())
    world.apply("Service", service())
    answer = await ask(world, get())
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"No process of shop.localhost:8000 is ready" in answer
    world.apply("Deployment", deployment(world.server, replicas=2))
    await until(lambda: complete(world))
    answers = {(await ask(world, get())).rpartition(b"\r\n")[2] for _ in range(4)}
    assert len(answers) == 2  # in turn
    assert b" 404 " in await ask(world, get(host="other.localhost"))
    assert b" 404 " in await ask(world, get(host="www.example.com"))
    backend = {"service": {"name": "web", "port": {"name": "http"}}}
    paths = {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}
    rules = [{"host": "www.example.com", "http": paths}]
    world.apply("Ingress", {"metadata": {"name": "web"}, "spec": {"rules": rules}})
    assert b" 200 " in await ask(world, get(host="WWW.Example.com:80"))


@story
async def test_bodies_heads_and_broken_requests(world):
    world.apply("Service", service())
    world.apply("Deployment", deployment(world.server))
    await until(lambda: complete(world))
    body = b"x" * 3_000_000
    head = f"POST / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = await ask(world, head.encode() + body)
    assert answer.partition(b"\r\n\r\n")[2] == body
    reader, writer = await asyncio.open_connection("127.0.0.1", world.door_port)
    writer.write(head.replace("Connection: close", "Expect: 100-continue").encode())
    assert (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)).startswith(b"HTTP/1.1 100 ")
    writer.write(body)
    assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    writer.close()
    assert b" 400 " in await ask(world, b"nonsense\r\n\r\n")
    # One byte too many, and all of it is read: an end with something unread could cost the answer.
    assert b" 431 " in await ask(world, get(more=f"X: {'y' * 100_000}\r\n")[: HEAD_LIMIT + 1])
    assert b" 400 " in await ask(world, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    missing = await ask(world, get(host="no.localhost").replace(b"GET", b"HEAD"))
    assert b" 404 " in missing
    assert missing.endswith(b"\r\n\r\n")


@story
async def test_an_upgrade_becomes_a_pipe(world):
    image = world.image("upgrade", {"app.py": UPGRADER}, [sys.executable, "-u", "app.py"])
    world.apply("Service", service())
    world.apply("Deployment", deployment(image))
    await until(lambda: complete(world))
    reader, writer = await asyncio.open_connection("127.0.0.1", world.door_port)
    writer.write(b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"HELLO"
    writer.close()


@story
async def test_a_rolling_update_under_load_loses_nothing(world):
    world.apply("Service", service())
    world.apply("Deployment", deployment(world.server, replicas=3, grace=30))
    await until(lambda: complete(world))
    clients = [Client(world) for _ in range(4)]
    running = [asyncio.create_task(client.run()) for client in clients]
    for version in ("v2", "v3"):
        env = [{"name": "VERSION", "value": version}]
        world.apply("Deployment", deployment(world.server, replicas=3, grace=30, env=env))
        await until(lambda: complete(world) and len(world.pods()) == 3, 45)
    await until(lambda: all(client.answers[-1] == "v3" or client.faults for client in clients))
    for client in clients:
        client.over = True
    await asyncio.gather(*running)
    assert [client.faults for client in clients] == [[], [], [], []]
    assert all({"v1", "v2", "v3"} <= set(client.answers) for client in clients)


@story
async def test_a_request_that_is_being_answered_is_waited_for(world):
    """Even by a program that dies at once on SIGTERM."""
    dies = world.image("dies", {"app.py": DIES}, [sys.executable, "-u", "app.py"])
    world.apply("Service", service())
    world.apply("Deployment", deployment(dies, grace=30))
    await until(lambda: complete(world))
    (work,) = world.folder.glob("home/pods/*/containers/main/work")
    asking = asyncio.create_task(ask(world, get("/slow")))
    await until(lambda: world.machinery.door.busy)
    world.store.delete("Deployment", world.namespace, "web")
    (work / "go").touch()
    assert b"slow" in (await asking).partition(b"\r\n\r\n")[2]
    await until(lambda: not world.pods())


DIES = """
import http.server, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            while not os.path.exists("go"):
                time.sleep(0.02)
            time.sleep(0.5)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"slow")
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
