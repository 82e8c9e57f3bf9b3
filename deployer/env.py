"""What the environment says, read once. What it leaves out, `settings.env` in Deployer's home may say.

`make up` writes that file, so that `manage.py` run by hand meets the same database as the running server.
"""

import os
import sys
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("DEPLOYER_HOME") or BASE_DIR / ".deployer").absolute()

TESTING = "pytest" in sys.modules

env = environ.Env()
# Tests have a database and a Redis of their own: never those of a Deployer that runs from this checkout.
if not TESTING and (HOME / "settings.env").is_file():
    environ.Env.read_env(HOME / "settings.env")
