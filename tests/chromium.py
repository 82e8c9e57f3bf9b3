"""Makes sure that the browser tests have a Chromium; says why if they can't have one. Run by `make test`."""

import os
import shutil

from tests import debian

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str | None:
    """The path of a Chromium of this machine. The environment variable CHROMIUM names another one."""
    named = os.environ.get("CHROMIUM")
    return named if named else next((path for path in map(shutil.which, NAMES) if path), None)


def why_not() -> str:
    """Why there is none, and what would help."""
    if os.geteuid() != 0:
        return "no Chromium on this machine; `apt install chromium` as root provides one"
    if not shutil.which("apt-get"):
        return "no Chromium on this machine, and no apt-get to install one with; CHROMIUM=/path names one"
    return "no Chromium on this machine, and Debian's package could not be installed"


def main() -> None:
    if find():
        return
    if debian.may_install():
        print("Installing Debian's chromium for the browser tests", flush=True)
        debian.install("chromium", "fonts-dejavu-core")
    if not find():
        print(f"The browser tests will be skipped: {why_not()}.", flush=True)


if __name__ == "__main__":
    main()
