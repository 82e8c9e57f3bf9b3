"""What a variable may be called."""

import re

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}\Z")


def name_fault(name: str) -> str:
    """Why that can't be a variable's name, in a sentence; "" for one that can."""
    if not NAME.match(name):
        return f"“{name[:60]}” can't be a variable's name: letters, digits and _, not beginning with a digit."
    if name == "PORT":
        return "PORT is set by Deployer, to the service's port in the manifest."
    return ""
