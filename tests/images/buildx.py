"""`docker buildx`, or a stand-in where it is not installed: a program that takes buildx's arguments and speaks its
plain progress, but lets Docker's own client of before version 23 build, which has BuildKit without buildx.

So BuildKit itself is the real one; what is not is the program in front of it.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DIGEST = re.compile(r"digest: (sha256:[0-9a-f]{64})")
FROM_BUILDX = {"--progress", "--metadata-file", "--cache-to"}
ALONE = {"--push"}


def command() -> list[str]:
    """The words that come before `buildx`."""
    found = [str(Path(place) / "docker") for place in os.get_exec_path()]
    clients = [client for client in found if os.access(client, os.X_OK)]
    for client in clients:
        if subprocess.run([client, "buildx", "version"], capture_output=True, check=False).returncode == 0:
            return [client]
    for client in clients:
        if _major(client) < 23:
            return [shutil.which("python3") or sys.executable, str(Path(__file__)), client]
    message = "there is neither `docker buildx` here nor a Docker client of before version 23"
    pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)


def _major(client: str) -> int:
    said = subprocess.run([client, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"version (\d+)", said)
    return int(found.group(1)) if found else 1000


def main() -> int:
    client, word, action, *given = sys.argv[1:]
    assert word == "buildx"
    if action == "version":
        print("github.com/docker/buildx v0.0.0 stand-in")
        return 0
    options, mine = [], {}
    words = iter(given)
    for word in words:
        if word in ALONE:
            continue
        if word in FROM_BUILDX:
            mine[word] = next(words)
        elif word == "--cache-from":
            options += [word, next(words).removeprefix("type=registry,ref=")]
        else:
            options.append(word)
    tags = [options[number + 1] for number, word in enumerate(options) if word == "--tag"]
    code = _build([client, "build", "--progress", "plain", "--build-arg", "BUILDKIT_INLINE_CACHE=1", *options])
    digest = ""
    for tag in tags if code == 0 else ():
        done = subprocess.run([client, "push", tag], capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"ERROR: failed to push {tag}: {done.stderr.strip()}", flush=True)
            return 1
        digest = DIGEST.search(done.stdout).group(1)
        print(f"#99 pushing {tag} with docker 0.1s done", flush=True)
    if digest:
        Path(mine["--metadata-file"]).write_text(json.dumps({"containerimage.digest": digest, "image.name": tags[0]}))
    return code


def _build(words: list[str]) -> int:
    child = subprocess.Popen(
        words, env={**os.environ, "DOCKER_BUILDKIT": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    last = b""
    for line in child.stdout:
        last = line if line.strip() else last
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    if child.wait():
        print(f"ERROR: {last.decode(errors='replace').strip()}", flush=True)
    return child.returncode


if __name__ == "__main__":
    sys.exit(main())
