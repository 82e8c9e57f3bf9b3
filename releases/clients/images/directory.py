"""Images without Docker: an image is a folder that the local cluster runs from."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from releases.clients import dockerfile
from releases.clients.images.plan import Say
from releases.clients.images.source import context_folder, inside, text
from releases.errors import BuildFailed

DRAFT_SECONDS = 24 * 3600


class DirectoryBuilder:
    """Images as folders `<store>/<sha256>/` with `image.json` and `root/`; the digest covers both."""

    name = "directory"

    def __init__(self, store: Path) -> None:
        self.store = store

    def build(
        self,
        source: Path,
        *,
        app: str,
        path: str,
        dockerfile_name: str,
        say: Say,
        without_command: Sequence[str] = (),
        announce: Callable[[str], None] | None = None,
    ) -> str:
        """The reference `local/<app>@sha256:…` of an image of the folder `path` in `source`.

        `without_command`: services that run what the image says, which it must say then. `say` gets the log, a line at
        a time; `announce` the digest, before it is made or found. Raises BuildFailed.
        """
        context = context_folder(source, path)
        config = _config(context, dockerfile_name, say)
        if without_command and not config["command"]:
            raise BuildFailed(_nothing_to_run(without_command))
        digest = _digest(context, config)
        reference = f"local/{app}@sha256:{digest}"
        if announce:
            announce(f"sha256:{digest}")
        if (self.store / digest).is_dir():
            say(f"There already: {reference}")
            return reference
        self._keep(context, config, digest)
        say(f"Built {reference}")
        return reference

    def _keep(self, context: Path, config: dict, digest: str) -> None:
        """Complete under a name of its own first: a worker killed half way leaves nothing that looks like an image."""
        self.store.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self.store))
        try:
            shutil.copytree(context, draft / "root", symlinks=True)
            (draft / "image.json").write_text(json.dumps(config, indent=1, sort_keys=True))
            draft.rename(self.store / digest)
        except FileExistsError:
            shutil.rmtree(draft)
        except OSError as error:
            shutil.rmtree(draft, ignore_errors=True)
            if not (self.store / digest).is_dir():  # else another build made the same image meanwhile
                # What is copied lies here already: the disk is to blame, and not the source.
                raise BuildFailed(f"The image can't be stored: {_words(error)}.", faultless=True) from error

    def _sweep(self) -> None:
        """What killed workers left; a draft of today may be somebody's who lives."""
        for draft in self.store.glob(".draft-*"):
            if time.time() - draft.stat().st_mtime > DRAFT_SECONDS:
                shutil.rmtree(draft, ignore_errors=True)


def _nothing_to_run(services: Sequence[str]) -> str:
    names = ", ".join(services)
    return f"Nothing says what to run as {names}: name a command in deployer.yml, a Procfile or the Dockerfile's CMD."


def _words(error: OSError) -> str:
    """shutil's own error has no words, but a list of what went wrong: (from, to, words)."""
    first = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror
    return str(first).partition(": ")[0]


def _config(context: Path, dockerfile_name: str, say: Say) -> dict:
    file = inside(context, dockerfile_name)
    if not file.is_file():
        return {"command": None, "env": {}, "workdir": "."}
    found = dockerfile.read(text(file))
    if found.skipped:
        say("No Docker here: the image is the folder as it is, and these lines of the Dockerfile are skipped:")
        for line in found.skipped:
            say(f"  RUN {line}")
    return {"command": found.command, "env": found.env, "workdir": "."}


def _digest(context: Path, config: dict) -> str:
    """SHA-256 over the tree: names, kinds, the executable bit, contents, where links lead; and the configuration."""
    tree = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for folder, folders, files in os.walk(context):
        folders.sort()
        for name in sorted(files + [name for name in folders if (Path(folder) / name).is_symlink()]):
            path = Path(folder) / name
            tree.update(b"\0" + os.fsencode(path.relative_to(context)) + b"\0")
            if path.is_symlink():
                tree.update(b"link " + os.fsencode(path.readlink()))
            else:
                tree.update(b"run " if os.access(path, os.X_OK) and path.stat().st_mode & 0o100 else b"file ")
                with path.open("rb") as content:
                    tree.update(hashlib.file_digest(content, "sha256").digest())
        tree.update(b"\1" + os.fsencode(Path(folder).relative_to(context)))
    return tree.hexdigest()
