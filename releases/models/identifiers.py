"""The IDs that people read out to each other: `B` or `R` and ten capital letters."""

import secrets
import string


def new_build_id() -> str:
    return _new("B")


def new_release_id() -> str:
    return _new("R")


def _new(letter: str) -> str:
    return letter + "".join(secrets.choice(string.ascii_uppercase) for _ in range(10))
