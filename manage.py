#!/usr/bin/env python
"""Django's command line for Deployer."""

import gc
import os
import sys


def main() -> None:
    # What a start makes stays: to look through it for garbage, again and again, would take a quarter of its time.
    gc.set_threshold(50_000, 20)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deployer.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
