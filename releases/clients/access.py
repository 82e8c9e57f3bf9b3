"""How a cluster's API is reached: a kubeconfig file, a kubeconfig's text, or the service account of our own pod."""

import hashlib
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import urllib3

from releases.clients import kubeconfig
from releases.errors import ClusterUnavailable

CONNECTIONS = 32


class Entrance(NamedTuple):
    """An open access. `authorize` adds to a request's headers what shows who we are; raises ClusterUnavailable."""

    url: str
    pool: urllib3.PoolManager
    authorize: Callable[[dict[str, str]], None]


@dataclass(frozen=True)
class KubeconfigFile:
    """A file of this machine's operator: it may name other files, and programs that give credentials."""

    path: str

    @property
    def place(self) -> str:
        return f"file {self.path}"

    def stamp(self) -> str:
        """Changes with the file. Raises ClusterUnavailable when there is none."""
        try:
            known = Path(self.path).stat()
        except (OSError, ValueError) as error:
            raise ClusterUnavailable(
                f"The cluster's kubeconfig can't be read: {_words(error)}.", hint=KUBECONFIG_HINT
            ) from error
        return f"{known.st_mtime_ns} {known.st_ino} {known.st_size}"

    def enter(self) -> Entrance:
        """Raises ClusterUnavailable."""
        # Dear to load, and only for whoever reads such a file.
        from kubernetes import config
        from kubernetes.client import ApiClient, Configuration

        configuration = type.__call__(Configuration)
        configuration.retries = False
        configuration.connection_pool_maxsize = CONNECTIONS
        try:
            config.load_kube_config(self.path, client_configuration=configuration, persist_config=False)
            client = ApiClient(configuration)
        except Exception as error:  # the loader trusts the file to be well-formed, and fails in any way when it isn't
            raise ClusterUnavailable(
                f"The cluster's kubeconfig can't be read: {error}"[:500], hint=KUBECONFIG_HINT
            ) from error

        def authorize(headers: dict[str, str]) -> None:
            try:
                client.update_params_for_auth(headers, [], ["BearerToken"], None, None, None)
            except Exception as error:  # its credentials may come from a program
                raise ClusterUnavailable(
                    f"The kubeconfig's credentials can't be had: {error}"[:500], hint=KUBECONFIG_HINT
                ) from error

        return Entrance(configuration.host.rstrip("/"), client.rest_client.pool_manager, authorize)


KUBECONFIG_HINT = "DEPLOYER_KUBECONFIG names the file: see that it is there, readable and whole."


@dataclass(frozen=True)
class KubeconfigText:
    """A kubeconfig that somebody gave us, as `kubeconfig.extract` left it. `place`: whose it is, for sharing."""

    place: str
    text: str = field(repr=False)

    def stamp(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def enter(self) -> Entrance:
        """Raises ClusterUnavailable."""
        try:
            credentials = kubeconfig.read(self.text)
            context = _tls(credentials.certificate_authority)
            if credentials.client_certificate:
                _show_certificate(context, credentials.client_certificate, credentials.client_key)
        except (kubeconfig.Invalid, OSError) as error:
            raise ClusterUnavailable(
                f"The cluster's kubeconfig can't be used: {_words(error)}", hint="Give the cluster its kubeconfig anew."
            ) from error

        def authorize(headers: dict[str, str]) -> None:
            if credentials.token:
                headers["Authorization"] = f"Bearer {credentials.token}"

        return Entrance(credentials.server, _pool(context, credentials.tls_server_name), authorize)


@dataclass(frozen=True)
class ServiceAccount:
    """What Kubernetes gives to each pod: a folder with `token` and `ca.crt`, and the API's address."""

    folder: str
    host: str
    port: str

    @property
    def place(self) -> str:
        return "service account"

    def stamp(self) -> str:
        """Changes with the certificate authority and the address. Raises ClusterUnavailable.

        Of the authority only its text tells: the file is written anew with each new token.
        """
        if not self.host:
            raise ClusterUnavailable(
                "Deployer does not run in a cluster: KUBERNETES_SERVICE_HOST is not set.", hint=IN_CLUSTER_HINT
            )
        try:
            authority = Path(self.folder, "ca.crt").read_bytes()
        except (OSError, ValueError) as error:
            raise ClusterUnavailable(
                f"The service account's ca.crt can't be read: {_words(error)}.", hint=IN_CLUSTER_HINT
            ) from error
        return f"{self.folder} {self.host} {self.port} {hashlib.sha256(authority).hexdigest()}"

    def enter(self) -> Entrance:
        """Raises ClusterUnavailable."""
        try:
            context = _tls(Path(self.folder, "ca.crt").read_text())
        except (OSError, ValueError, TypeError) as error:  # TypeError: it is not ASCII
            raise ClusterUnavailable(
                f"The service account's ca.crt can't be used: {_words(error)}", hint=IN_CLUSTER_HINT
            ) from error
        host = f"[{self.host}]" if ":" in self.host else self.host
        return Entrance(f"https://{host}:{self.port}", _pool(context), self._authorize)

    def _authorize(self, headers: dict[str, str]) -> None:
        """The token is renewed under us every hour or so, hence read each time."""
        try:
            token = Path(self.folder, "token").read_text().strip()
        except (OSError, ValueError) as error:
            raise ClusterUnavailable(
                f"The service account's token can't be read: {_words(error)}", hint=IN_CLUSTER_HINT
            ) from error
        headers["Authorization"] = f"Bearer {token}"


IN_CLUSTER_HINT = "See that the pod has a service account whose token is mounted (automountServiceAccountToken)."

Access = KubeconfigFile | KubeconfigText | ServiceAccount


def _pool(context: ssl.SSLContext, server_name: str = "") -> urllib3.PoolManager:
    named: dict[str, Any] = {"server_hostname": server_name, "assert_hostname": server_name} if server_name else {}
    return urllib3.PoolManager(maxsize=CONNECTIONS, retries=False, ssl_context=context, **named)


def _tls(certificate_authority: str) -> ssl.SSLContext:
    """Trusts this authority alone, or those of this machine when none is given."""
    return ssl.create_default_context(cadata=certificate_authority or None)


def _show_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """The library reads files only: this one is ours alone, and gone at once."""
    with tempfile.NamedTemporaryFile("w", prefix="deployer-") as both:
        both.write(f"{certificate}\n{key}\n")
        both.flush()
        context.load_cert_chain(both.name, password=_no_password)


def _no_password() -> str:
    """Else the library would ask at the terminal."""
    return ""


def _words(error: Exception) -> str:
    if isinstance(error, kubeconfig.Invalid):
        return error.message
    if isinstance(error, ssl.SSLError):
        return error.reason or "its certificates don't fit"
    return getattr(error, "strerror", None) or type(error).__name__
