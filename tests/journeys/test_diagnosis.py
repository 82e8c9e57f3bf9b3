"""An app whose services fall ill, each in its own way: every door says of what, and what to do."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.journeys import moods
from tests.journeys.app import App
from tests.journeys.house import House
from tests.journeys.told import Told
from tests.journeys.waiting import until

KEY = "k3y-0f-the-sh0p"
# Service → what befalls it, the finding, what is said of it.
ILLS = {
    "crash": ("print('no queue at redis', flush=True); os._exit(3)", "crash_loop", ["exited with 3"]),
    "signal": ("os.kill(os.getpid(), 11)", "crash_loop", ["SIGSEGV"]),
    "done": ("print('nothing to do', flush=True); os._exit(0)", "completed", ["exited with 0"]),
    "eat": ("kept = bytearray(1 << 26)", "out_of_memory", ["32"]),  # not more and more: who kills it may be busy
    "once": ("os.remove(sys.argv[1]); print('oops', flush=True); os._exit(4)", "crashed", ["exited with 4"]),
    "leak": ("print(f'refused: {os.environ[\"API_KEY\"]}', flush=True); os._exit(7)", "crash_loop", ["exited with 7"]),
    "stuck": (moods.SICK, "liveness_killed", ["500"]),
    "sick": (moods.SICK, "not_ready", ["500"]),
}
# In its text, or in its JSON.
UNREAD = re.compile(r'^Not read: |"unread": \{\n', re.MULTILINE)
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
    """The first finding of the service, once it is what befell it, at its worst, and said as it should be; all that
    the cluster has to say of it read in time."""
    wanted = (ILLS[service][1], "warning" if service == "once" else "error")

    def found() -> dict[str, Any] | None:
        report = app.get("/diagnosis", service=service)
        finding = report["findings"][0] if report["findings"] and not report["unread"] else None
        # What a check saw last may be that one who is started again does not listen yet.
        said = finding and all(word in finding["observed"] for word in ILLS[service][2])
        return finding if said and (finding["code"], finding["severity"]) == wanted else None

    what = f"{wanted} of {service}"
    return until(found, what, seconds=90, tell=lambda: str(app.get("/diagnosis", service=service)))


def debugged(app: App, *options: str) -> Told:
    """What the command says once the cluster gave all of it in time: for logs a diagnosis waits 2 s."""
    return until(
        lambda: not UNREAD.search((told := app.command("deploy-debug", *options)).out) and told,
        "a whole diagnosis",
        tell=lambda: app.command("deploy-debug", *options).all,
    )


def words(finding: dict[str, Any]) -> list[str]:
    return [line for lines in finding["lines"] for line in lines["lines"]]


def table(text: str, head: list[str]) -> list[list[str]]:
    """The rows below this head, up to a blank line."""
    lines = [line.split() for line in text.splitlines()]
    rows = lines[lines.index(head) + 1 :]
    return rows[: rows.index([]) if [] in rows else None]


def test_while_all_is_well_there_is_nothing_to_say(calm: App) -> None:
    look: Callable[[], dict[str, Any]] = lambda: calm.get("/diagnosis", all=True)  # noqa: E731
    report = until(lambda: (found := look())["healthy"] and found, "health", tell=lambda: str(look()["findings"]))
    assert report["findings"] == [] and report["healthy"] is True
    assert {process["service"] for process in report["processes"]} == set(ILLS)
    told = until(
        lambda: (said := debugged(calm)).status == 0 and said, "exit status 0", tell=lambda: debugged(calm).all
    )
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
    told = debugged(ill)
    assert told.status == 1, told.all
    assert told.out.index("exited with 3") < told.out.index("DESIRED") < told.out.index("RESTARTS")
    assert {row[0] for row in table(told.out, SERVICES_HEAD)} == set(ILLS)
    rows = table(told.out, PROCESSES_HEAD)
    assert {"crash", "signal", "done", "eat", "leak"} <= {row[1] for row in rows}, rows


def test_the_command_s_json_is_the_api_s_and_fits_its_schema(ill: App) -> None:
    first(ill, "crash")
    told = debugged(ill, "-o", "json", "--service", "crash")
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
    told = debugged(ill, "-o", "summary", "--service", "crash")
    assert told.status == 1 and "crash loop" in told.out, told.all
    assert len(told.out.splitlines()) < 15 and "no queue at redis" not in told.out


OPTIONS = {
    "one service": (["--service", "done"], "nothing to do", "crash-"),
    "no previous": (["--service", "once", "--no-previous"], "exited with 4", "(previous)"),
}


@pytest.mark.parametrize("options, there, absent", OPTIONS.values(), ids=OPTIONS)
def test_the_command_shows_what_is_asked_for(ill: App, options: list[str], there: str, absent: str) -> None:
    for service in ("done", "crash", "once"):
        first(ill, service)
    told = debugged(ill, *options)
    assert told.status == 1 and there in told.out and absent not in told.out, told.all


def test_the_command_shows_so_many_lines_of_each_log(ill: App) -> None:
    """Also of the run that has just begun, in the moment in which one looks."""
    first(ill, "crash")
    told = debugged(ill, "--service", "crash", "--lines", "1", "-o", "json")
    report = json.loads(told.out)
    logs = [lines for finding in report["findings"] for lines in finding["lines"]]
    logs += [log for process in report["processes"] for log in process["logs"]]
    assert told.status == 1 and {len(log["lines"]) for log in logs} == {1}, report
    assert words(report["findings"][0]) == ["no queue at redis"], report


def test_the_command_without_events_shows_none(ill: App) -> None:
    first(ill, "crash")
    loud, quiet = (debugged(ill, "--service", "crash", *more).out for more in ([], ["--no-events"]))
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
    assert finding["hint"] and finding["values"] and (finding["command"] or finding["page"]), finding
