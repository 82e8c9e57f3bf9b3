"""Git repositories as people make them, and a real smart HTTP server before them: Git's own `http-backend`."""

import base64
import contextlib
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.ports import free_port

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}


def git(folder: Path, *arguments: str | bytes, given: bytes | None = None) -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, env=ENVIRONMENT, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="replace").strip()


class Origin:
    """A bare repository, filled by plumbing: what `add` would refuse can be in it, too."""

    def __init__(self, folder: Path, name: str = "app.git") -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir(parents=True)
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main")

    def commit(self, files: dict, *, branch: str = "main", message: str = "A commit", parents: bool = True) -> str:
        """Path → content, or (mode, content); 160000 takes a commit's name. Paths may be bytes, folders are made."""
        entries = b"".join(self._entry(path, content) for path, content in files.items())
        index = {**ENVIRONMENT, "GIT_INDEX_FILE": str(self.folder / "index.tests")}
        Path(index["GIT_INDEX_FILE"]).unlink(missing_ok=True)
        adding = ["git", "-C", str(self.folder), "update-index", "-z", "--add", "--index-info"]
        subprocess.run(adding, env=index, input=entries, check=True)
        writing = subprocess.run(
            ["git", "-C", str(self.folder), "write-tree"], env=index, check=True, capture_output=True, text=True
        )
        return self.commit_tree(writing.stdout.strip(), branch=branch, message=message, parents=parents)

    def commit_tree(self, tree: str, *, branch: str = "main", message: str = "A commit", parents: bool = True) -> str:
        """`parents=False` is what a force push does: the branch begins anew."""
        before = git(self.folder, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}") if parents else ""
        commit = git(self.folder, "commit-tree", tree, "-m", message, *(["-p", before] if before else []))
        git(self.folder, "update-ref", f"refs/heads/{branch}", commit)
        return commit

    def history(self, commits: int, branch: str = "main") -> list[str]:
        """So many commits on top of each other, each with a file `a` that has its number; the oldest first."""
        given = "".join(
            f"commit refs/heads/{branch}\ncommitter Ada <ada@example.com> {number} +0000\ndata 1\n.\n"
            f"M 644 inline a\ndata <<END\n{number}\nEND\n\n"
            for number in range(commits)
        )
        git(self.folder, "fast-import", "--quiet", given=given.encode())
        return git(self.folder, "rev-list", "--reverse", branch).splitlines()

    def blob(self, content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        return git(self.folder, "hash-object", "-w", "--stdin", given=data)

    def tree(self, *entries: tuple[str, str, str]) -> str:
        """(mode, object, name) each; unlike `commit` it may hold any name."""
        given = b"".join(
            f"{mode} {'tree' if mode == '40000' else 'blob'} {name}\t{path}\0".encode() for mode, name, path in entries
        )
        return git(self.folder, "mktree", "-z", given=given)

    def _entry(self, path: str | bytes, content) -> bytes:
        mode, content = content if isinstance(content, tuple) else ("100644", content)
        name = content if mode == "160000" else self.blob(content)
        return f"{mode} {name}\t".encode() + os.fsencode(path) + b"\0"


@dataclass
class GitServer:
    """Serves the repositories in `folder`. `token`: who asks must give it; `version_2`: else a server of long ago.

    `moved`: path → where it says that it is now. `asked`: (path, Authorization) of each request.
    `packs`: how many were sent. `stalls`: set it, and packs stop coming half way until it is cleared.
    """

    folder: Path
    port: int
    scheme: str = "http"
    token: str | None = None
    status: int | None = None
    version_2: bool = True
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    packs: int = 0
    stalls: bool = False
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def url(self, name: str = "app.git") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/{name}"


@contextlib.contextmanager
def serving(folder: Path, *, certificate: tuple[Path, Path] | None = None) -> Iterator[GitServer]:
    server = GitServer(folder, free_port(), "https" if certificate else "http")
    http = ThreadingHTTPServer(("127.0.0.1", server.port), _handler(server))
    http.daemon_threads = True
    http.block_on_close = False
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        http.socket = context.wrap_socket(http.socket, server_side=True)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.go_on.set()
    http.shutdown()
    http.server_close()


def _handler(server: GitServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self._body())

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _answer(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            server.asked.append((path, self.headers.get("Authorization")))
            for old, new in server.moved.items():
                if path.startswith(f"/{old}/"):
                    rest = path.removeprefix(f"/{old}") + (f"?{query}" if query else "")
                    return self._end(301, {"Location": new + rest})
            if server.status:
                return self._end(server.status, {})
            if server.token is not None and not self._is_known():
                return self._end(401, {"WWW-Authenticate": 'Basic realm="tests"'})
            self._backend(path, query, body)

        def _is_known(self) -> bool:
            expected = base64.b64encode(f"x-access-token:{server.token}".encode()).decode()
            return self.headers.get("Authorization") == f"Basic {expected}"

        def _backend(self, path: str, query: str, body: bytes) -> None:
            environment = {
                **ENVIRONMENT,
                "GIT_PROJECT_ROOT": str(server.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_ADDR": "127.0.0.1",
            }
            if server.version_2:
                environment["GIT_PROTOCOL"] = self.headers.get("Git-Protocol", "")
            backend = ["git", "http-backend"]
            done = subprocess.run(backend, env=environment, input=body, capture_output=True, check=False)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self._end(int(headers.pop("Status", "200").split()[0]), headers, content, b"PACK" in content)

        def _end(self, status: int, headers: dict, content: bytes = b"", pack: bool = False) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            server.packs += pack
            with contextlib.suppress(OSError):
                if pack and server.stalls:
                    self.wfile.write(content[: len(content) // 2])
                    self.wfile.flush()
                    server.stalled.set()
                    server.go_on.wait(60)
                    content = content[len(content) // 2 :]
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
