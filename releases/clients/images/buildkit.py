"""One image by BuildKit: `docker buildx build` as a child process (docs.docker.com/reference/cli/docker/buildx/build).

The child has an environment of its own, with the logins in a private folder, and ends with whoever started it.
"""

import base64
import codecs
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from releases.clients.images import faults, lifeline
from releases.clients.images.buildkit_words import Words
from releases.clients.images.context import stream
from releases.clients.images.engine import EngineAddress
from releases.clients.images.lines import Lines
from releases.clients.images.order import Order
from releases.clients.images.plan import Login
from releases.clients.images.side_by_side import Stopped, Work
from releases.errors import BuildFailed

VERSION_SECONDS = 10
PIECE = 64 * 1024
DOCKER_HUB = "https://index.docker.io/v1/"


def version(docker: Sequence[str], engine: EngineAddress) -> str:
    """What `docker buildx version` says; "" where there is none."""
    try:
        done = subprocess.run(
            [*docker, "buildx", "version"],
            env=environment(engine, None),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def maker(docker: Sequence[str]) -> Callable[[Order, Work], str]:
    """`docker`: the command."""
    return lambda order, work: make(order, work, docker=docker)


def make(order: Order, work: Work, *, docker: Sequence[str]) -> str:
    """Build and push: the digest. Raises BuildFailed; Stopped when it is cut, and then nothing of it goes on."""
    private = order.private / order.name
    private.mkdir(mode=0o700)
    metadata = private / "metadata.json"
    _write_secret(private / "config.json", json.dumps(configuration(order.destination.logins)))
    words = Words()
    with _child([*docker, *arguments(order, metadata)], environment(order.engine, private), work) as child:
        feeder = _Feeder(order, child, work)
        for line in _lines(child):
            work.say(*words.take(line))
        code = child.wait()
        feeder.thread.join()
    if feeder.error:
        raise feeder.error
    digest = _digest(metadata) if code == 0 else ""
    if not digest:
        raise _fault(order, words, code)
    work.say(f"Pushed {order.destination.by_digest(digest)}")
    return digest


def arguments(order: Order, metadata: Path) -> list[str]:
    """Of `docker`. The context comes by standard input."""
    recipe, limits = order.recipe, order.limits
    options = {
        "--file": [recipe.dockerfile],
        "--tag": order.tags,
        "--label": [f"{name}={value}" for name, value in order.labels.items()],
        "--build-arg": [f"{name}={value}" for name, value in recipe.args.items()],
        "--target": [recipe.target] if recipe.target else [],
        "--network": [limits.network] if limits.network else [],
        "--platform": [limits.platform] if limits.platform else [],
        "--cache-from": [f"type=registry,ref={order.previous}"] if order.previous else [],
        "--cache-to": ["type=inline"],
        "--metadata-file": [str(metadata)],
    }
    given = [word for option, values in options.items() for value in values for word in (option, value)]
    return ["buildx", "build", "--progress", "plain", "--push", *given, "-"]


def environment(engine: EngineAddress, private: Path | None) -> dict[str, str]:
    home = str(private) if private else "/nonexistent"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "DOCKER_CONFIG": home,
        # Else what is pushed is an index with attestations beside the image, and its digest is the index's.
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        **engine.environment(),
    }


def configuration(logins: Mapping[str, Login]) -> dict:
    """Docker's config.json with these logins, by host."""
    auths = {}
    for address, login in logins.items():
        host = address.partition("/")[0]
        pair = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
        auths[DOCKER_HUB if host == "docker.io" else host] = {"auth": pair}
    return {"auths": auths}


@contextlib.contextmanager
def _child(command: Sequence[str], env: Mapping[str, str], work: Work) -> Iterator[subprocess.Popen[bytes]]:
    """A group of processes that is gone when this is left, or this process is."""
    ours, theirs = os.pipe()
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", lifeline.__file__, str(ours), *command],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(ours,),
            start_new_session=True,
        )
        try:
            work.on_stop(lambda: _kill(child))
            yield child
        finally:
            _kill(child)
            child.wait()
            for pipe in (child.stdin, child.stdout):
                with contextlib.suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]
    finally:
        os.close(ours)
        os.close(theirs)


def _kill(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


class _Feeder:
    """Sends the context while the output is read."""

    def __init__(self, order: Order, child: subprocess.Popen[bytes], work: Work) -> None:
        self.error: BuildFailed | None = None
        self._order, self._child, self._work = order, child, work
        self.thread = threading.Thread(target=self._feed, name="context", daemon=True)
        self.thread.start()

    def _feed(self) -> None:
        assert self._child.stdin
        try:
            with self._child.stdin as pipe:
                for piece in stream(self._order.context, self._work.go_on):
                    pipe.write(piece)
        except OSError:
            return  # it has ended, and says why itself
        except Stopped:
            return
        except BuildFailed as error:
            self.error = error
            _kill(self._child)


def _lines(child: subprocess.Popen[bytes]) -> Iterator[str]:
    assert child.stdout
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    lines = Lines(terminal=False)
    while piece := os.read(child.stdout.fileno(), PIECE):
        yield from lines.take(decoder.decode(piece))
    yield from lines.end()


def _digest(metadata: Path) -> str:
    try:
        found = json.loads(metadata.read_bytes())["containerimage.digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return found if isinstance(found, str) and found.startswith("sha256:") else ""


def _fault(order: Order, words: Words, code: int) -> BuildFailed:
    said = words.fault or (f"docker buildx ended with {code}" if code else "docker buildx named no digest")
    if "failed to push" in said or "error pushing" in said:
        return faults.pushing(order.name, said)
    return faults.building(order.name, said, tail=() if order.alone else words.tail)


def _write_secret(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
