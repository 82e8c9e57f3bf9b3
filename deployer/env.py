"""What the environment says, read once. What it leaves out, `settings.env` in Deployer's home may say.

`make up` writes that file, so that `manage.py` run by hand meets the same database as the running server.
"""

import os
import sys
from pathlib import Path

from deployer import settings_file
from deployer.reader import Reader

BASE_DIR = Path(__file__).resolve().parent.parent
# Tests have a database and a Redis of their own: never those of a Deployer that runs from this checkout. Neither do
# types depend on what is set where they are checked.
TESTING = bool({"pytest", "mypy"} & sys.modules.keys())

_home = Reader(os.environ)
HOME = _home.folder("DEPLOYER_HOME", BASE_DIR / ".deployer")
_path = HOME / "settings.env"
FILE = settings_file.Parsed({}, []) if TESTING else settings_file.read(_path)

env = Reader({**FILE.values, **os.environ}, places=dict.fromkeys(FILE.values.keys() - os.environ.keys(), str(_path)))
env.names |= _home.names
env.faults += _home.faults + FILE.faults
