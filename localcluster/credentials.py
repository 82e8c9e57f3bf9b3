"""The certificate authority, the bearer token and the kubeconfig of one cluster."""

import base64
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_LIFETIME = timedelta(days=3650)
_RENEWED_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Credentials:
    """What the server shows and asks for. The paths are PEM files; `authority` is the CA certificate in PEM."""

    certificate: Path
    key: Path
    authority: str
    token: str


def prepare(home: Path) -> Credentials:
    """Reads the credentials in `home`, or makes new ones where they are missing, damaged or about to expire."""
    folder = home / "credentials"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_usable(folder / "server.crt", folder / "server.key", folder / "ca.crt"):
        _make_certificates(folder)
    token = folder / "token"
    if not token.is_file() or len(token.read_text().strip()) < 32:
        write_private(token, secrets.token_urlsafe(32))
    authority = (folder / "ca.crt").read_text()
    return Credentials(folder / "server.crt", folder / "server.key", authority, token.read_text().strip())


def write_kubeconfig(path: Path, port: int, credentials: Credentials) -> None:
    """Writes a kubeconfig (JSON, which is YAML) for the server on a port of 127.0.0.1, whole or not at all."""
    name = "localcluster"
    authority = base64.b64encode(credentials.authority.encode()).decode()
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "clusters": [{"name": name, "cluster": cluster}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
        "users": [{"name": name, "user": {"token": credentials.token}}],
    }
    write_private(path, json.dumps(config, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, and puts it in place in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)


def _is_usable(certificate: Path, key: Path, authority: Path) -> bool:
    try:
        leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(authority.read_bytes()))
    except Exception:  # whatever is wrong with the files, new ones mend it
        return False
    fresh = leaf.not_valid_after_utc - datetime.now(UTC) > _RENEWED_BEFORE
    return fresh and leaf.public_key() == private.public_key()


def _make_certificates(folder: Path) -> None:
    """A new authority, whose key is forgotten at once, and the server's certificate signed by it."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("localcluster authority")
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key(), authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    server = (
        _builder(_name("localcluster"), authority_name, server_key.public_key(), authority_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(names, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_private(folder / "ca.crt", authority.public_bytes(serialization.Encoding.PEM).decode())
    write_private(folder / "server.key", private.decode())
    write_private(folder / "server.crt", server.public_bytes(serialization.Encoding.PEM).decode())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
