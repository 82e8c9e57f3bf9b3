"""Command lines, into which Convox puts variables before it runs them."""

import re
from typing import Any


def command(value: Any) -> Any:
    """`run ${PORT}` → `run $(PORT)`: the cluster puts the process's own variables in."""
    return re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", r"$(\1)", value) if isinstance(value, str) else value
