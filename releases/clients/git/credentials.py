"""Who we are to a Git server: a token or a deploy key, never in a URL, an argument list or a file on a disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from releases.errors import SourceFailed

TOKEN_MAX = 4096


@dataclass(frozen=True)
class Token:
    """A password for HTTPS. `username` is what the server wants beside it; most take any, GitHub `x-access-token`."""

    value: str = field(repr=False)
    username: str = "x-access-token"

    def __post_init__(self) -> None:
        for text in (self.value, self.username):
            if not text or len(text) > TOKEN_MAX or not text.isprintable():
                raise _wrong("The token or its user name is empty, too long, or has a line break in it.")


@dataclass(frozen=True)
class DeployKey:
    """A private key for SSH. `known_hosts`: the server's public keys, in OpenSSH's format, where they are known."""

    private: str = field(repr=False)
    known_hosts: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "private", _as_openssh_has_it(self.private))


def _as_openssh_has_it(text: str) -> str:
    """The same key in OpenSSH's own format: web forms change line ends, and not every OpenSSH reads every format."""
    text = text.replace("\r\n", "\n").strip() + "\n"
    load = serialization.load_ssh_private_key if "OPENSSH PRIVATE KEY" in text else serialization.load_pem_private_key
    try:
        key = load(text.encode(), password=None)
        formats = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        return key.private_bytes(*formats).decode()
    except TypeError as error:
        raise _wrong(
            "The deploy key is protected by a passphrase, which nobody would be there to type: make one without."
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong(
            "The deploy key is no private key that OpenSSH reads: paste the whole file, first and last line, too."
        ) from error


Credentials = Token | DeployKey | None


@contextmanager
def in_memory(secret: str) -> Iterator[str]:
    """A path where programs of this user can read `secret` until the end of the block, or of this process."""
    # ssh closes what it inherits, so it opens ours by our number; the key is on no disk and dies with us.
    descriptor = os.memfd_create("deploy-key", os.MFD_CLOEXEC)
    try:
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, secret.encode())
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _wrong(message: str) -> SourceFailed:
    return SourceFailed(message, cause="credentials")
