"""A disk of this machine that is full is said in words, and no commit is blamed for it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.factories import tar_gz

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import json, sys
from pathlib import Path
from releases.clients.archive import unpack
from releases.clients.images import DirectoryBuilder
from releases.errors import BuildFailed

small, upload, source = map(Path, sys.argv[1:])
found = {}

def tell(name, write):
    try:
        write()
    except BuildFailed as error:
        found[name] = [error.message, error.faultless]

store = DirectoryBuilder(small / "images")
tell("image", lambda: store.build(source, app="a", path=".", dockerfile_name="Dockerfile", say=str))
left = [path.name for path in (small / "images").iterdir()]
(small / "source").mkdir()
tell("upload", lambda: unpack(upload, small / "source", max_bytes=10**8, max_files=10))
print(json.dumps([found, left]))
"""


@pytest.fixture
def alone():
    """The words that run a command in a mount namespace of its own, with a disk of 256 KiB at `$1`."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        pytest.fail("CI is root") if os.environ.get("CI") else pytest.skip("mounting a small disk needs root")
    mounted = 'mount -t tmpfs -o size=256k none "$1" && shift && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", mounted, "sh"]


def test_a_disk_that_is_full_is_no_fault_of_the_source(alone, tmp_path):
    small, source, upload = (tmp_path / name for name in ("small", "source", "upload.tar.gz"))
    small.mkdir()
    source.mkdir()
    (source / "large").write_bytes(bytes(1024**2))
    upload.write_bytes(tar_gz({"large": bytes(1024**2)}).getvalue())
    words = [*alone, str(small), sys.executable, "-c", PROGRAM, *map(str, (small, upload, source))]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    found, left = json.loads(done.stdout)
    assert found == {
        "image": ["The image can't be stored: [Errno 28] No space left on device.", True],
        "upload": ["The source archive can't be unpacked: [Errno 28] No space left on device.", True],
    }
    assert left == [], "half an image was left behind"
