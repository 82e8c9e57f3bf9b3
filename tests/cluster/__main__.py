"""`python -m tests.cluster ARGUMENTS OF PYTEST`: the cluster tests, on the cluster of TEST_KUBECONFIG.

When that is not set they run on a localcluster that is started for them, through the same door; Deployer has the rights
of `deploy/rbac.yaml` there.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from deployer.home import write_private
from tests.authorizing import Authorizer, granted
from tests.faults.proxy import Proxy
from tests.localcluster.running import Cluster
from tests.ports import free_port


def main() -> int:
    if os.environ.get("TEST_KUBECONFIG"):
        return run({})
    print("TEST_KUBECONFIG is not set: the cluster tests run on a localcluster of their own.", flush=True)
    with tempfile.TemporaryDirectory(prefix="cluster-tests-") as folder:
        cluster = Cluster(Path(folder), free_port(), free_port(), backoff=1)
        cluster.start()
        try:
            return run_on(cluster)
        finally:
            cluster.stop()


def run_on(cluster: Cluster) -> int:
    """The local cluster knows no rights: somebody before it does."""
    restricted = cluster.folder / "restricted"
    proxy = Proxy(cluster.kubeconfig, cluster.folder / "home" / "credentials")
    proxy.start()
    try:
        proxy.trouble = Authorizer(granted(), upstream=proxy.upstream, trust=proxy.trust)
        write_private(restricted, proxy.kubeconfig())
        return run(
            {
                "TEST_KUBECONFIG": str(cluster.kubeconfig),
                "TEST_IMAGES": str(cluster.folder / "images"),
                "TEST_DEPLOYER_KUBECONFIG": str(restricted),
            }
        )
    finally:
        proxy.stop()


def run(settings: dict[str, str]) -> int:
    """pytest's exit status."""
    command = [sys.executable, "-m", "pytest", "tests/cluster", "-m", "cluster", *sys.argv[1:]]
    process = subprocess.Popen(command, env=os.environ | settings)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # it got the same Ctrl-C, and cleans up
            continue


if __name__ == "__main__":
    sys.exit(main())
