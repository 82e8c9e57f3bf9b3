"""kubectl on a running localcluster, as a person types it."""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.localcluster.running import Cluster

SUPPORTED = {31, 32, 33, 35, 36, 37}
"""Minor versions: within one of 1.32 and of 1.36."""

PROGRAM = """
trap 'exit 0' TERM
echo "started $GREETING"
echo again
[ "$CRASH" ] && exit 1
sleep 600 & wait
"""

_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def why_not() -> str:
    """Why the kubectl of this machine can't be used; empty if it can."""
    if not shutil.which("kubectl"):
        return "kubectl is not installed"
    said = subprocess.run(["kubectl", "version", "--client", "-o", "json"], capture_output=True, text=True, timeout=20)
    version = json.loads(said.stdout)["clientVersion"]
    minor = int(re.sub(r"\D.*", "", version["minor"]))
    return "" if minor in SUPPORTED else f"kubectl is {version['gitVersion']}, not within one minor of 1.32 or 1.36"


def make_image(cluster: Cluster, script: str = PROGRAM) -> str:
    """The reference of an image whose command is a shell script."""
    content = {"command": ["sh", "-c", script], "env": {}, "workdir": "."}
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    folder = cluster.folder / "images" / digest
    (folder / "root").mkdir(parents=True, exist_ok=True)
    (folder / "image.json").write_text(json.dumps(content))
    return f"local/shop@sha256:{digest}"


@dataclass
class Shell:
    """Runs kubectl in one namespace."""

    cluster: Cluster
    namespace: str
    folder: Path

    def __call__(self, line: str, *, status: int = 0, given: Any = None, **environment: str) -> str:
        """What a command line writes on both streams. Its exit status must be `status`; `given` is its input: text, or
        an object."""
        text = given if isinstance(given, str) or given is None else json.dumps(given)
        done = subprocess.run(
            self.command(line),
            env=self.environment(**environment),
            input=text,
            capture_output=True,
            text=True,
            timeout=40,
            cwd=self.folder,
        )
        said = _COLOUR.sub("", done.stdout + done.stderr)
        assert done.returncode == status, f"kubectl {line} ended with {done.returncode}: {said}"
        return said

    def start(self, line: str) -> subprocess.Popen[str]:
        """A command that goes on; its output is a pipe."""
        return subprocess.Popen(
            self.command(line),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
        )

    def json(self, line: str) -> Any:
        return json.loads(self(f"{line} -o json"))

    def rows(self, line: str) -> list[list[str]]:
        """The cells of a table, with its head; told apart by the places where its columns begin."""
        lines = self(line).rstrip("\n").split("\n")
        starts = [found.start() for found in re.finditer(r"\S+( \S+)*", lines[0])]
        return [[text[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)] for text in lines]

    def until(self, line: str, fact: str, seconds: float = 40.0) -> str:
        """Repeats a command until a text is in what it writes."""
        deadline = time.monotonic() + seconds
        while fact not in (said := self(line)):
            assert time.monotonic() < deadline, f"kubectl {line} never said {fact}: {said}"
            time.sleep(0.05)
        return said

    def command(self, line: str) -> list[str]:
        return ["kubectl", f"--namespace={self.namespace}", *shlex.split(line)]

    def environment(self, **more: str) -> dict[str, str]:
        own = {"KUBECONFIG": str(self.cluster.kubeconfig), "HOME": str(self.cluster.folder), "KUBE_EDITOR": "false"}
        return {**os.environ, **own, **more}
