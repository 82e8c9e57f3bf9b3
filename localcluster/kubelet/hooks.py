"""Lifecycle hooks: what a container wants done after its start and before its end (API reference, LifecycleHandler)."""

import asyncio
from typing import Any

from localcluster.kubelet import http_get
from localcluster.kubelet.commands import CannotRun
from localcluster.kubelet.probes import Target


async def run(spec: dict[str, Any], name: str, target: Target) -> bool:
    """Runs the hook `postStart` or `preStop` of a container, if it has one. False if it failed."""
    handler = (spec.get("lifecycle") or {}).get(name) or {}
    if handler.get("sleep"):
        await asyncio.sleep(handler["sleep"].get("seconds") or 0)
    if handler.get("exec"):
        try:
            code, _ = await target.run_command(handler["exec"].get("command") or [])
        except CannotRun:
            return False
        return code == 0
    if handler.get("httpGet"):
        if target.port is None:
            return False
        try:
            answer = await http_get.get(handler["httpGet"], target.port)
        except http_get.CannotGet:
            return False
        return 200 <= answer.status < 400
    return True
