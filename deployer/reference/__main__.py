"""Writes docs/command.md, docs/api.md and docs/diagnostics.md; with --check it only says whether they are current."""

import os
import sys
from pathlib import Path

from deployer.reference import api, command, diagnostics

DOCS = Path(__file__).resolve().parents[2] / "docs"


def pages() -> dict[Path, str]:
    """The whole text of each page. The settings of Django must be known."""
    import django

    django.setup()
    from releases.api import api as served
    from releases.pipeline.diagnosis.catalogue.chapters import chapters

    # Whatever it is served under, the document speaks of /api.
    document = served.get_openapi_schema(path_prefix="/api/")
    return {
        DOCS / "command.md": command.page(),
        DOCS / "api.md": api.page(document),
        DOCS / "diagnostics.md": diagnostics.page(chapters()),
    }


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deployer.settings")
    stale = {
        path: text for path, text in pages().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        if "--check" in sys.argv[1:]:
            print(f"docs/{path.name} is not what the code says: `make docs` writes it.", file=sys.stderr)
        else:
            path.write_text(text, encoding="utf-8")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
