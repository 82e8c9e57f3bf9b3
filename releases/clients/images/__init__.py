"""Make images. Nothing else imports Docker's SDK."""

from releases.clients.images.directory import DirectoryBuilder
from releases.clients.images.procfile import procfile

__all__ = ["DirectoryBuilder", "procfile"]
