"""What controllers need besides the store: settings, and what only the kubelet knows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Surroundings:
    """Of one localcluster."""

    authority: Path
    """The file with the certificate of the API's authority; it need not be there."""
    first_backoff: float = 10.0
    """Seconds before a Job's failed pod is replaced for the first time; twice as long each further time."""
    cpu_seconds: Callable[[str], float | None] = lambda uid: None
    """The CPU time that a pod (its uid) has used so far, None when that is not known."""
