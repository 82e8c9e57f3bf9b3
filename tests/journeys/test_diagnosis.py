"""An app whose services fall ill, each in its own way: every door says of what, and what to do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.journeys import moods
from tests.journeys.app import App
from tests.journeys.house import House
from tests.journeys.waiting import until

KEY = "k3y-0f-the-sh0p"
# Service → what befalls it, the finding, what is said of it.
ILLS = {
    "crash": ("print('no queue at redis', flush=True); os._exit(3)", "crash_loop", ["exited with 3"]),
    "signal": ("os.kill(os.getpid(), 11)", "crash_loop", ["SIGSEGV"]),
    "done": ("print('nothing to do', flush=True); os._exit(0)", "completed", ["exited with 0"]),
    "eat": ("kept = []\nwhile True: kept.append(bytearray(1 << 20))", "out_of_memory", ["32"]),
    "once": ("os.remove(sys.argv[1]); print('oops', flush=True); os._exit(4)", "crashed", ["exited with 4"]),
    "leak": ("print(f'refused: {os.environ[\"API_KEY\"]}', flush=True); os._exit(7)", "crash_loop", ["exited with 7"]),
    "stuck": (moods.SICK, "liveness_killed", ["500"]),
    "sick": (moods.SICK, "not_ready", ["500"]),
}
SERVICES_HEAD = ["SERVICE", "DESIRED", "READY", "STATUS"]
PROCESSES_HEAD = ["PROCESS", "SERVICE", "STATUS", "READY", "RESTARTS", "AGE", "HINT"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a file with a service's name tells that service how to feel."""
    return tmp_path_factory.mktemp("told")


@pytest.fixture(scope="module")
def calm(house: House, told: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """Everything runs."""
    app = house.app("moody")
    services = {name: moods.service(told, name) for name in ILLS}
    health = {"path": "/", **moods.CHECK}
    liveness = {"path": "/health", **moods.CHECK, "grace": 2, "failures": 2}
    services["stuck"] = moods.service(told, "stuck", "serves", port=8080, health=health, liveness=liveness)
    health = {"path": "/health", **moods.CHECK}
    services["sick"] = moods.service(told, "sick", "serves", port=8080, health=health)
    assert app.command("env", "set", f"API_KEY={KEY}").status == 0
    app.deployed(moods.source(tmp_path_factory.mktemp("moody"), services))
    yield app
    house.api.delete(f"/apps/{app.name}", params={"confirm": app.name})


@pytest.fixture(scope="module")
def ill(calm: App, told: Path) -> App:
    """All at once."""
    for name, (mood, _, _) in ILLS.items():
        (told / f".{name}").write_text(mood)
        (told / f".{name}").rename(told / name)
    return calm


def first(app: App, service: str) -> dict[str, Any]:
    """The first finding of the service, once it is what befell it, at its worst."""
    wanted = (ILLS[service][1], "warning" if service == "once" else "error")

    def found() -> dict[str, Any] | None:
        findings = app.get("/diagnosis", service=service)["findings"]
        return findings[0] if findings and (findings[0]["code"], findings[0]["severity"]) == wanted else None

    return until(found, f"{wanted} of {service}", tell=lambda: str(app.get("/diagnosis", service=service)["findings"]))


def words(finding: dict[str, Any]) -> list[str]:
    return [line for lines in finding["lines"] for line in lines["lines"]]


def table(text: str, head: list[str]) -> list[list[str]]:
    """The rows below this head, up to a blank line."""
    lines = [line.split() for line in text.splitlines()]
    rows = lines[lines.index(head) + 1 :]
    return rows[: rows.index([]) if [] in rows else None]


def test_while_all_is_well_there_is_nothing_to_say(calm: App) -> None:
    report = calm.get("/diagnosis", all=True)
    assert report["findings"] == [] and report["healthy"] is True
    assert {process["service"] for process in report["processes"]} == set(ILLS)
    told = calm.command("deploy-debug")
    assert told.status == 0, told.all
    assert {(row[0], *row[1:4]) for row in table(told.out, SERVICES_HEAD)} == {
        (name, "1", "1", "running") for name in ILLS
    }


@pytest.mark.parametrize(
    ("service", "line"),
    [("crash", "no queue at redis"), ("done", "nothing to do"), ("once", "oops"), ("leak", "refused: [API_KEY]")],
)
def test_the_last_line_of_what_ended_comes_with_it(ill: App, service: str, line: str) -> None:
    finding = first(ill, service)
    assert line in words(finding), finding["lines"]


# --- The command ----------------------------------------------------------------------------------------------------


def test_the_command_says_so_above_its_tables_and_ends_with_1(ill: App) -> None:
    first(ill, "eat")
    told = ill.command("deploy-debug")
    assert told.status == 1, told.all
    assert told.out.index("exited with 3") < told.out.index("DESIRED") < told.out.index("RESTARTS")
    assert {row[0] for row in table(told.out, SERVICES_HEAD)} == set(ILLS)
    rows = table(told.out, PROCESSES_HEAD)
    assert {"crash", "signal", "done", "eat", "leak"} <= {row[1] for row in rows}, rows


def test_the_command_s_json_is_the_api_s_and_fits_its_schema(ill: App) -> None:
    first(ill, "crash")
    told = ill.command("deploy-debug", "-o", "json", "--service", "crash")
    assert told.status == 1, told.all
    document = ill.house.api.get("/openapi.json").json()
    answer = document["paths"]["/api/apps/{app_name}/diagnosis"]["get"]["responses"]["200"]
    schema = {**answer["content"]["application/json"]["schema"], "components": document["components"]}
    for report in (json.loads(told.out), ill.get("/diagnosis", all=True), ill.get("/diagnosis", checks="overview")):
        jsonschema.validate(report, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**json.loads(told.out), "findings": [{"code": 1}]}, schema)
    assert {finding["subject"]["service"] for finding in json.loads(told.out)["findings"]} == {"crash"}


def test_the_command_s_summary_is_short(ill: App) -> None:
    first(ill, "crash")
    told = ill.command("deploy-debug", "-o", "summary", "--service", "crash")
    assert told.status == 1 and "crash loop" in told.out, told.all
    assert len(told.out.splitlines()) < 15 and "no queue at redis" not in told.out


OPTIONS = {
    "one service": (["--service", "done"], "nothing to do", "crash-"),
    "no previous": (["--service", "once", "--no-previous"], "exited with 4", "(previous)"),
    "its length": (["--service", "crash", "--lines", "1"], "no queue at redis", "working"),
}


@pytest.mark.parametrize("options, there, absent", OPTIONS.values(), ids=OPTIONS)
def test_the_command_shows_what_is_asked_for(ill: App, options: list[str], there: str, absent: str) -> None:
    for service in ("done", "crash", "once"):
        first(ill, service)
    told = ill.command("deploy-debug", *options)
    assert told.status == 1 and there in told.out and absent not in told.out, told.all


def test_the_command_without_events_shows_none(ill: App) -> None:
    first(ill, "crash")
    loud, quiet = (ill.command("deploy-debug", "--service", "crash", *more).out for more in ([], ["--no-events"]))
    assert "EVENTS" in loud and "EVENTS" not in quiet and len(quiet) < len(loud)


@pytest.mark.parametrize("wrong", [("--age", "yesterday"), ("-o", "yaml"), ("--checks", "bogus"), ("--lines", "-1")])
def test_the_command_s_wrong_usage_ends_with_2(calm: App, wrong: tuple[str, str]) -> None:
    told = calm.command("deploy-debug", *wrong)
    assert told.status == 2 and (wrong[0] in told.err or wrong[1] in told.err), told.all


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_a_secret_that_a_crash_prints_is_its_name_in_every_door(ill: App) -> None:
    first(ill, "leak")
    session = ill.house.session().http
    doors = {
        "the API": ill.house.api.get(f"/apps/{ill.name}/diagnosis", params={"service": "leak", "all": True}).text,
        "the command": ill.command("deploy-debug", "--service", "leak").all,
        "the command's JSON": ill.command("deploy-debug", "--service", "leak", "-o", "json").all,
        "the page": session.get(f"/apps/{ill.name}/diagnosis").text,
        "the download as JSON": session.get(f"/apps/{ill.name}/diagnosis.json").text,
        "the download as text": session.get(f"/apps/{ill.name}/diagnosis.txt").text,
    }
    assert {door: KEY in text for door, text in doors.items()} == dict.fromkeys(doors, False)
    assert {door: "refused: [API_KEY]" in text for door, text in doors.items()} == dict.fromkeys(doors, True)


# --- What befell it: last, as some of it must have lasted a while ---------------------------------------------------


@pytest.mark.parametrize("service", ILLS)
def test_each_is_named(ill: App, service: str) -> None:
    finding = first(ill, service)
    assert finding["subject"]["service"] == service and finding["subject"]["name"].startswith(f"{service}-")
    assert all(word in finding["observed"] for word in ILLS[service][2]), finding["observed"]
    assert finding["hint"] and finding["values"] and (finding["command"] or finding["page"]), finding
