"""What one database holds moves to another as docs/database.md says: dumped, and loaded into empty tables."""

from datetime import datetime
from typing import Any

import pytest
from django.core.management import call_command

from releases import actions, logs
from releases.logs import Line
from releases.models import App, AuditEntry, Build, Cluster, LogLine, Person, Release, Rollout, Token
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "value-that-nobody-may-read"
TABLES = (App, AuditEntry, Build, Cluster, LogLine, Person, Release, Rollout, Token)


def content() -> dict[str, list[dict[str, Any]]]:
    """Every row, as our own code reads it; times to the millisecond, as dumps have them."""
    return {
        table.__name__: [
            {field.attname: _coarse(getattr(row, field.attname)) for field in table._meta.concrete_fields}
            for row in table.objects.order_by("pk")
        ]
        for table in TABLES
    }


def _coarse(value: Any) -> Any:
    return value.replace(microsecond=value.microsecond // 1000 * 1000) if isinstance(value, datetime) else value


def test_everything_moves_and_nothing_is_plain_on_the_way(tmp_path):
    by = factories.actor("administrator")
    factories.cluster("far", kind="kubeconfig", kubeconfig=SECRET)
    app = factories.app(by=by, staged={"A": SECRET, "GONE": None})
    factories.active(app, by=by, env={"TOKEN": SECRET, "TEXT": "encrypted:this is plain"})
    rollout = actions.promote(factories.release(app, env={"TOKEN": SECRET}), by=by, note="before the move")
    rollout.write(objects_applied=[{"data": SECRET}], baseline={"web": {"desired": 2}}, progress={"a": [1, None]})
    logs.append(rollout, [Line("build", f"line {number}", source_key=f"uid {number}") for number in range(50)])
    _, secret = Token.issue(by.person, name="before")
    before = content()

    dump = tmp_path / "deployer.jsonl"
    call_command("dumpdata", "releases", format="jsonl", output=str(dump), verbosity=0)
    assert SECRET not in dump.read_text()
    call_command("flush", interactive=False, verbosity=0)
    assert not App.objects.exists()
    call_command("loaddata", str(dump), verbosity=0)

    assert content() == before
    assert Cluster.objects.get(name="far").kubeconfig.open() == SECRET
    assert Token.find(secret) is not None
    # Life goes on: the next numbers are free.
    mine = Rollout.objects.get(pk=rollout.pk)
    assert logs.append(mine, [Line("build", "line 50"), Line("build", "line 1", source_key="uid 1")]) == 51
    assert factories.release(factories.app("later")).pk
    mine.transition("cancelled")
    assert actions.promote(factories.release(mine.app), by=by).number == 3
