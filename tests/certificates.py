"""Certificate authorities and certificates of one's own, also such that nobody should trust; kubeconfigs with them."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """PEM texts."""

    certificate: str
    key: str


class Authority:
    def __init__(self, name: str = "an authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(self._name, self._name, self._key.public_key(), 1, now - 100 * DAY, now + DAY)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        self._certificate = made.sign(self._key, hashes.SHA256())
        self.certificate = _pem(self._certificate)

    def server(self, host: str = "127.0.0.1", *, days: int = 1) -> Pair:
        """For a server at `host`, until `days` from now."""
        name = x509.IPAddress(IPv4Address(host)) if host[0].isdigit() else x509.DNSName(host)
        return self._issue(host, days, x509.SubjectAlternativeName([name]))

    def client(self, *, days: int = 1) -> Pair:
        return self._issue("deployer", days, None)

    def _issue(self, name: str, days: int, extension: x509.ExtensionType | None) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        until = datetime.now(UTC) + days * DAY
        made = x509.CertificateBuilder(
            self._name, _named(name), key.public_key(), x509.random_serial_number(), until - 50 * DAY, until
        )
        if extension:
            made = made.add_extension(extension, critical=False)
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        return Pair(_pem(made.sign(self._key, hashes.SHA256())), _private(key))


def kubeconfig(server: str, *, authority: str = "", token: str = "", client: Pair | None = None) -> str:
    cluster = {"server": server} | ({"certificate-authority-data": base64_of(authority)} if authority else {})
    user = {"token": token} if token else {}
    if client:
        user |= {"client-certificate-data": base64_of(client.certificate), "client-key-data": base64_of(client.key)}
    return json.dumps(document(cluster, user))


def document(cluster: dict, user: dict) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "there",
        "clusters": [{"name": "far", "cluster": cluster}],
        "users": [{"name": "me", "user": user}],
        "contexts": [{"name": "there", "context": {"cluster": "far", "user": "me"}}],
    }


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
