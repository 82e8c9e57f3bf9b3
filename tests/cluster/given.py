"""What the environment gives the cluster tests, and what is missing.

TEST_KUBECONFIG: a kubeconfig file. TEST_REGISTRY: a registry, as both the Docker Engine here and the cluster reach it.
In its place TEST_IMAGES, for a cluster that takes its images from a folder: that folder, as DirectoryBuilder writes it.
TEST_DEPLOYER_KUBECONFIG: one for Deployer alone, with the rights of `deploy/rbac.yaml`; else the tests make an account.
"""

import os
from pathlib import Path


def why_not() -> str:
    """Why the cluster tests can't run; "" if they can."""
    kubeconfig = os.environ.get("TEST_KUBECONFIG")
    missing = [] if kubeconfig else ["TEST_KUBECONFIG (a cluster)"]
    if not os.environ.get("TEST_REGISTRY") and not images():
        missing.append("TEST_REGISTRY (a registry that it pulls from)")
    if missing:
        return f"not set: {' and '.join(missing)}; `make cluster-tests` runs these tests on a cluster of their own"
    if kubeconfig and not Path(kubeconfig).is_file():
        return f"TEST_KUBECONFIG names {kubeconfig}, which is no file"
    return ""


def kubeconfig() -> Path:
    return Path(os.environ["TEST_KUBECONFIG"])


def deployers() -> Path | None:
    """Deployer's own kubeconfig, if there is one."""
    file = os.environ.get("TEST_DEPLOYER_KUBECONFIG")
    return Path(file) if file else None


def images() -> Path | None:
    folder = os.environ.get("TEST_IMAGES")
    return Path(folder) if folder else None
