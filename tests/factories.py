"""Makes what tests start from: people, apps with a history, archives; and runs things at the same time."""

import io
import itertools
import tarfile
import threading
from collections.abc import Callable, Mapping
from typing import Any

from django.db import connections

from releases import policy
from releases.models import App, Build, Cluster, Person, Release, Rollout
from releases.pipeline import deployer_yml
from releases.policy import Actor

PASSWORD = "a long walk in the rain"
MANIFEST = """
services:
  web:
    command: python app.py
    port: 8080
    health: /health
"""
IMAGE = "local/hello@sha256:" + "1" * 64
_counter = itertools.count(1)


def person(role: str = "deployer", name: str = "") -> Person:
    return Person.objects.create_person(name or f"{role}-{next(_counter)}", role=role, password=PASSWORD)


def actor(role: str = "deployer", name: str = "") -> Actor:
    return policy.actor_for(person(role, name))


def cluster(name: str = "local", **columns: Any) -> Cluster:
    """The one of DEPLOYER_KUBECONFIG, made if it is not there; or another, as `columns` say."""
    given = {"kind": "embedded", "is_default": name == "local", **policy.SYSTEM.columns(), **columns}
    return Cluster.objects.get_or_create(name=name, defaults=given)[0]


def app(name: str = "", *, by: Actor = policy.SYSTEM, **columns: Any) -> App:
    columns["cluster"] = columns.get("cluster") or cluster()
    return App.objects.create(name=name or f"app-{next(_counter)}", **by.columns(), **columns)


def build(of: App, *, by: Actor = policy.SYSTEM, status: str = "succeeded", **columns: Any) -> Build:
    return Build.objects.create(app=of, status=status, **by.columns(), **columns)


def release(
    of: App,
    *,
    by: Actor = policy.SYSTEM,
    manifest: str = MANIFEST,
    env: Mapping[str, str] | None = None,
    **columns: Any,
) -> Release:
    parsed = deployer_yml.parse(manifest)
    return Release.objects.create(
        app=of,
        build=columns.pop("build", None) or build(of, by=by),
        manifest=parsed,
        images=dict.fromkeys(parsed["services"], IMAGE),
        env=dict(env or {}),
        description=columns.pop("description", "build 0a1b2c3d4e say hello"),
        **by.columns(),
        **columns,
    )


def rollout(of: Release, *, by: Actor = policy.SYSTEM, status: str = "queued", **columns: Any) -> Rollout:
    number = columns.pop("number", of.app.rollouts.count() + 1)
    App.objects.filter(pk=of.app_id).update(rollouts_made=number)
    return Rollout.objects.create(app=of.app, number=number, release=of, status=status, **by.columns(), **columns)


def active(of: App, **given: Any) -> Release:
    """A release of `of` that was rolled out with success."""
    made = release(of, **given)
    rollout(made, status="succeeded")
    App.objects.filter(pk=of.pk).update(active_release=made)
    of.refresh_from_db()
    return made


def tar_gz(files: Mapping[str, str | bytes] | None = None, *members: tarfile.TarInfo) -> io.BytesIO:
    """An archive of `files` (name → content), then of bare `members`."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in (files or {}).items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
        for member in members:
            archive.addfile(member)
    target.seek(0)
    return target


def member(name: str, kind: bytes = tarfile.REGTYPE, **attributes: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in attributes.items():
        setattr(made, key, value)
    return made


def together(*functions: Callable[[], Any]) -> list[Any]:
    """Each in a thread of its own, begun in the same instant; what each gave, or the exception that it raised."""
    start = threading.Barrier(len(functions))
    results: list[Any] = [None] * len(functions)

    def run(place: int, function: Callable[[], Any]) -> None:
        try:
            start.wait(30)
            results[place] = function()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread never came back"
    return results
