"""The folders of persistent volume claims: `volumes/<namespace>/<claim>` in localcluster's home.

They outlive pods and go with their claim. A folder is put aside in one move before it is emptied, so that a claim of
the same name that is made in the next moment finds none of it.
"""

import contextlib
import uuid
from pathlib import Path

from localcluster.kubelet import folders

ASIDE = ".removed"


class Claims:
    """All folders of claims, below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put_aside(self, namespace: str, name: str) -> Path | None:
        """Takes a claim's folder away; gives where it is now, for `folders.remove`. None if there was none.

        A pod may name any claim, so a name may also be none that a claim could have: `../../pods`.
        """
        if not name or name != Path(name).name or name.startswith("."):
            return None
        aside = self.folder / ASIDE / uuid.uuid4().hex
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            (self.folder / namespace / name).rename(aside)
        except FileNotFoundError:
            return None
        return aside

    def sweep(self, known: set[tuple[str, str]]) -> None:
        """Removes what a localcluster that was killed has left: the folders of claims that are gone."""
        if not self.folder.is_dir():
            return
        for namespace in self.folder.iterdir():
            if namespace.name == ASIDE or not namespace.is_dir():
                folders.remove(namespace)
                continue
            for path in namespace.iterdir():
                if (namespace.name, path.name) not in known:
                    folders.remove(path)
            with contextlib.suppress(OSError):  # there are claims of it
                namespace.rmdir()
