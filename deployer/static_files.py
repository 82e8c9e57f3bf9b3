"""How styles, programs and pictures are served: under names that have a hash of what is in them.

Browsers keep such files for ever. Those of libraries that few pages use (the admin's, the API's documentation) are
not collected, and go by their plain names: packing their megabytes would hold up each first start.
"""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder, FileSystemFinder, get_finders
from django.core.management import call_command
from whitenoise.storage import CompressedManifestStaticFilesStorage

COLLECTED = ".collected"


class Hashed(CompressedManifestStaticFilesStorage):
    """Packed with Brotli and gzip. Until they are collected (in tests, say) files have their plain names."""

    support_js_module_import_aggregation = True

    def stored_name(self, name: str) -> str:
        return self.hashed_files.get(self.hash_key(name), name)


def collect() -> None:
    """Our own files into STATIC_ROOT, unless that was done and none has changed since."""
    root = Path(settings.STATIC_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    stamp, mark = _stamp(), root / COLLECTED
    if mark.is_file() and mark.read_text() == stamp:
        return
    of_libraries = [finder for finder in get_finders() if not isinstance(finder, FileSystemFinder)]
    ignored = sorted(set().union(*map(_folders, of_libraries)))
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=ignored)
    mark.write_text(stamp)


def _folders(finder: BaseFinder) -> set[str]:
    return {path.split("/", 1)[0] for path, _ in finder.list([])}


def _stamp() -> str:
    """Changes with what there is to collect."""
    files = sorted(path for folder in settings.STATICFILES_DIRS for path in Path(folder).rglob("*") if path.is_file())
    facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(repr(facts).encode()).hexdigest()
