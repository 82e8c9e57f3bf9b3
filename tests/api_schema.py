"""`python -m tests.api_schema [--examples N] [--seed S]`: schemathesis against a server of its own, all checks on.

The server has a cluster and an app with a history, so that what is asked for is there. What is random is so by the seed
alone.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests import clusters
from tests.web_server import ROOT, WebServer

# What is asked for by name is there; names that are not are tried as well, as wrong ones.
CONFIG = """
[parameters]
"path.app_name" = "shop"
"path.build_id" = "BAAAAAAAAAA"
"path.release_id" = "RAAAAAAAAAA"
"path.number" = 1
"path.cluster_name" = "local"
"path.username" = "vera"
"path.service" = "web"
"query.follow" = false

# Well formed is not yet meaningful: a password that is too simple, a registry that is not there, the name of a request
# that was another one's. These operations may say 422 to what their schema lets pass; the others may not.
[[operations]]
include-operation-id = MEANING
checks.positive_data_acceptance.expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
"""
MEANING = [
    "add_domain",
    "app_log",
    "change_app",
    "change_cluster",
    "change_environment",
    "change_person",
    "change_registry",
    "create_app",
    "create_build",
    "create_cluster",
    "create_person",
    "create_registry",
    "create_release",
    "create_token",
    "delete_app",
    "diagnosis",
    "lock_app",
    "promote",
    "replace_environment",
    "restart",
    "rollback",
    "run",
    "scale",
    "set_source",
    "use_registry",
]
WORLD = """
from releases.pipeline import deployer_yml
from releases.pipeline.diagnosis import Report
manifest = deployer_yml.parse("services: {web: {command: python app.py, port: 8080}}")
images = {"web": "local/shop@sha256:" + "0" * 64}
by = policy.actor_for(Person.objects.get(username="ann"))
Person.objects.create_person("vera", role="viewer")
local = {"kind": "embedded", "is_default": True, **by.columns()}
cluster = Cluster.objects.get_or_create(name="local", defaults=local)[0]
shop = App.objects.create(name="shop", cluster=cluster, rollouts_made=1, **by.columns())
build = Build.objects.create(id="BAAAAAAAAAA", app=shop, status="succeeded", manifest=manifest, **by.columns())
release = Release.objects.create(
    id="RAAAAAAAAAA", app=shop, build=build, manifest=manifest, images=images, env={"COLOUR": "red"}, **by.columns()
)
stored = Report("shop", "2026-03-18T14:31:10Z").as_json()
rollout = Rollout.objects.create(
    app=shop, number=1, release=release, status="succeeded", diagnosis=stored, **by.columns()
)
App.objects.filter(pk=shop.pk).update(active_release=release)
for owner in (build, rollout):
    logs.append(owner, [Line("system/deployer", f"line {number}") for number in range(3)])
"""


@contextlib.contextmanager
def server() -> Iterator[WebServer]:
    """One with an app, a cluster, and no limit of requests; no worker."""
    with tempfile.TemporaryDirectory(prefix="deployer-schema-") as folder:
        home = Path(folder)
        (home / "cluster").mkdir()
        cluster = clusters.started(home / "cluster")
        web = WebServer(home)
        try:
            web.environment |= {
                "DEPLOYER_KUBECONFIG": str(cluster.kubeconfig),
                "DJANGO_SETTINGS_MODULE": "tests.quick_settings",
                "LOG_LEVEL": "ERROR",
                "API_REQUESTS_PER_MINUTE": "0",
                "API_REQUESTS_PER_MINUTE_UNKNOWN": "0",
            }
            web.behind(WORLD)
            web.start()
            yield web
        finally:
            web.close()
            cluster.stop()


def run(
    web: WebServer, *, examples: int, seed: int, more: Sequence[str] = (), captured: bool = False
) -> subprocess.CompletedProcess[str]:
    """Requests until each operation has had so many examples. It exits with 0 where nothing was found."""
    config = web.home / "schemathesis.toml"
    config.write_text(CONFIG.replace("MEANING", str(MEANING)))
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(config)]
    command += ["run", f"{web.url}/api/openapi.json", "--header", f"Authorization: Bearer {web.token}"]
    command += ["--checks", "all", "--max-examples", str(examples), "--seed", str(seed), "--continue-on-failure"]
    command += ["--generation-database", "none", "--no-color", "--request-timeout", "20"]
    command += ["--suppress-health-check", "all", "--workers", "2", *more]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.api_schema_hooks"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=captured, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.api_schema", description=__doc__)
    parser.add_argument("--examples", type=int, default=125, help="of each operation, beside all limits of its values")
    parser.add_argument("--seed", type=int, default=1)
    wanted, more = parser.parse_known_args()
    with server() as web:
        status = run(web, examples=wanted.examples, seed=wanted.seed, more=more).returncode
    sys.exit(status)


if __name__ == "__main__":
    main()
