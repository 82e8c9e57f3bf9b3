"""The values that a kubeconfig may hold. Each function raises Invalid, in words that repeat nothing of the value."""

import base64
import binascii
import re
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from releases.errors import Invalid


def text_of(given: dict, key: str) -> str:
    value = given.get(key, "")
    if not isinstance(value, str):
        raise Invalid(f"The kubeconfig's {key} is not a text.")
    return value


def checked_server(address: str) -> str:
    if not address.isprintable() or " " in address or "\\" in address:
        raise Invalid("The kubeconfig's server is not an address.")
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Invalid("The kubeconfig's server is not an address.") from None
    if parts.scheme != "https":
        raise Invalid("The kubeconfig's server is not an https address: the token would be read on the way.")
    if not host:
        raise Invalid("The kubeconfig's server names no host.")
    if "@" in parts.netloc:
        raise Invalid("The kubeconfig's server has a user name in its address.")
    if parts.query or parts.fragment:
        raise Invalid("The kubeconfig's server has a query or a fragment in its address.")
    return address.rstrip("/")


def checked_host(name: str) -> str:
    if name and not re.fullmatch(r"[A-Za-z0-9_.:-]{1,253}", name):
        raise Invalid("The kubeconfig's tls-server-name is not a host's name.")
    return name


def checked_token(token: str) -> str:
    token = token.strip()
    if not re.fullmatch(r"[!-~]*", token):
        raise Invalid("The kubeconfig's token has signs in it that no token has.")
    return token


def _pem(given: dict, key: str) -> str:
    try:
        return base64.b64decode("".join(text_of(given, key).split()), validate=True).decode()
    except (binascii.Error, ValueError):
        raise Invalid(f"The kubeconfig's {key} is not base64 of a PEM text.") from None


def certificates_in(given: dict, key: str) -> str:
    """Those in it, without what people write between them."""
    pem = _pem(given, key)
    try:
        found = x509.load_pem_x509_certificates(pem.encode()) if pem else []
    except ValueError:
        raise Invalid(f"The kubeconfig's {key} is not a certificate.") from None
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in found)


def key_in(given: dict, key: str) -> str:
    if pem := _pem(given, key):
        try:
            load_pem_private_key(pem.encode("ascii"), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise Invalid(f"The kubeconfig's {key} is not a private key without a password.") from None
    return pem


def as_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
