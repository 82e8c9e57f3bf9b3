"""What a diagnosis looks like in a terminal: of written reports, and of a server that gives them."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from deployer.diagnosis_text import lines
from releases.pipeline.diagnosis import Lines, Report
from tests import diagnoses, odd_api
from tests.diagnoses import AT, CRASHED, HOSTILE
from tests.odd_api import Answer, Odd
from tests.web_server import as_from_a_shell

DIAGNOSIS = "GET /api/apps/shop/diagnosis"
CRASH_LOOP = replace(diagnoses.crash_loop(), at=AT)
COLOUR = re.compile(r"\x1b\[\d+m")


def sent(report: Report) -> dict[str, Any]:
    """As it comes over the wire."""
    return json.loads(json.dumps(report.as_json()))


# --- The text -------------------------------------------------------------------------------------------------------


def test_a_finding_says_what_was_seen_what_to_do_and_what_shows_it() -> None:
    said = lines(sent(CRASH_LOOP), url="https://deployer.example.com")
    found = said[said.index("") + 1 :]
    assert found[: found.index("")] == [
        f"✕ error: crash loop: process {CRASHED} and 1 other of worker, container main",
        "  It exited with 1 after 2 s, for the fifth time, and waits 80 s for the next try.",
        '  exitCode 1 · restartCount 5 · waiting {"reason": "CrashLoopBackOff"}',
        "  Began 19s ago.",
        "  Also worker-5d9c7-b7c2k.",
        "  → Set QUEUE_URL and promote again.",
        "    Likely: QUEUE_URL is in RZYXWVUTSRQ, which worked, and is not among this release's variables.",
        "    $ deployer env set QUEUE_URL=… -a shop",
        "    https://deployer.example.com/apps/shop/env",
        f"    0s ago  Warning  BackOff  Pod/{CRASHED}  7 times",
        "      Back-off restarting failed container main",
        f"    LOGS {CRASHED} main (previous)",
        "      Traceback (most recent call last):",
        '        File "worker.py", line 3, in <module>',
        "      KeyError: 'QUEUE_URL'",
    ]


def test_under_the_findings_come_tables_logs_that_no_finding_has_shown_and_events() -> None:
    crashed, *others = CRASH_LOOP.processes
    begun_anew = replace(crashed, logs=(*crashed.logs, Lines(CRASHED, "main", False, ("Starting.",))))
    text = "\n".join(lines(sent(replace(CRASH_LOOP, processes=(begun_anew, *others)))))
    first, counts = text.splitlines()[:2]
    assert first == "shop · cluster local · release RZYXWVUTSRQ · rollout 3 · 2026-03-18 14:31:10Z"
    assert counts == "1 error"
    tables = [
        "SERVICE  DESIRED  READY  STATUS\nweb      4        4      running\nworker   2        0      failing\n",
        f"PROCESS             SERVICE  STATUS      READY  RESTARTS  AGE  HINT\n{CRASHED}  worker   crash-loop  0/1",
        f"\nLOGS {CRASHED} main (current)\n  Starting.",
        "\nEVENTS\n0s ago  Warning  BackOff",
    ]
    places = [text.index(table) for table in tables]
    assert places == sorted(places) and places[0] > text.index("KeyError")
    assert text.count("KeyError") == 1


def test_a_summary_has_a_line_for_each_finding_and_the_tables() -> None:
    said = lines(sent(diagnoses.many()), summary=True)
    assert said[1] == "2 errors, 1 warning, 1 note"
    findings = said[said.index("") + 1 :][:4]
    assert [line.split()[:2] for line in findings] == [
        ["✕", "error"],
        ["✕", "error"],
        ["!", "warning"],
        ["i", "info"],
    ]
    assert findings[1] == (
        "✕ error    web-745f845dc-rzl2q and 57 others: unschedulable → Ask for less memory, or add a node."
    )
    text = "\n".join(said)
    assert "SERVICE  DESIRED" in text and "500 (autoscaled)" in text and "PROCESS " in text
    assert not {"LOGS", "EVENTS", "Traceback"} & set(re.findall(r"\w+", text))
    assert "Not shown: 300 further processes, 4960 older events, 2 further findings." in said
    assert "Not read: HorizontalPodAutoscaler (forbidden: autoscaling)" in said


def test_a_rollout_is_more_than_its_number_and_what_has_no_value_is_not_told() -> None:
    subject, values = {"kind": "rollout", "name": "7"}, {"step": "rolling", "previous": "", "first": None}
    finding = {"code": "rollout_failed", "severity": "warning", "subject": subject, "values": values}
    report = {"findings": [{**finding, "observed": "It failed.", "hint": "Mend it."}]}
    assert "! warning  rollout 7: rollout failed → Mend it." in lines(report, summary=True)
    assert "  step rolling" in lines(report)


def test_health_is_said_and_what_is_only_worth_knowing_does_not_count_against_it() -> None:
    assert lines(sent(diagnoses.healthy()))[1] == "✓ Nothing is wrong."
    many = diagnoses.many()
    noted = replace(diagnoses.healthy(), findings=many.findings[-1:])
    assert lines(sent(noted))[1] == "✓ Nothing is wrong. 1 note"


def test_init_containers_have_a_table_of_their_own() -> None:
    said = lines(sent(diagnoses.many()))
    assert any(re.fullmatch(r"PROCESS +INIT CONTAINER +STATUS +RESTARTS +REASON", line) for line in said)
    assert "web-745f845dc-00000  migrate         failing  3         It exited with 3." in said


@pytest.mark.parametrize("width", [40, 72, 120])
@pytest.mark.parametrize("summary", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, summary: bool) -> None:
    report = sent(diagnoses.crash_loop())
    report["processes"], report["services"] = [], []  # what can't be cut is as wide as it is: names
    for line in lines(report, width=width, summary=summary):
        assert len(line) <= width or line.lstrip().startswith(("$", "/", "LOGS")), line


def test_the_last_column_of_a_table_ends_where_the_terminal_does() -> None:
    for line in lines(sent(diagnoses.many()), width=100, summary=True):
        assert len(line) <= 100, line


@pytest.mark.parametrize("coloured", [False, True])
def test_nothing_that_anybody_wrote_steers_the_terminal(coloured: bool) -> None:
    report = sent(diagnoses.many())
    odd = HOSTILE + "\x1b]0;title\x07\x9b2J\r\n\u202efdp.exe\x00"
    for finding in report["findings"]:
        finding |= {"observed": odd, "hint": odd, "likely": odd, "command": odd, "page": odd, "others": [odd]}
        finding["values"] = {odd: odd}
        finding["subject"] |= {"name": odd, "service": odd, "container": odd}
    for process in report["processes"]:
        process |= {
            "process": odd,
            "hint": odd,
            "logs": [{"process": odd, "container": odd, "previous": True, "lines": [odd]}],
        }
    report["events"] = [{"object": odd, "reason": odd, "message": odd, "type": odd, "count": 1, "last": odd}]
    report["unread"], report["omitted"] = {odd: odd}, {odd: 1}
    for summary in (False, True):
        text = "".join(lines(report, coloured=coloured, summary=summary, width=100))
        bare = COLOUR.sub("", text) if coloured else text
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", bare)
        assert coloured == ("\x1b[31m" in text)


def test_whatever_a_stored_report_lacks_is_not_missed() -> None:
    assert lines({}) and lines({"app": "shop", "at": "long ago"})[0].startswith("shop · ")


# --- The command ----------------------------------------------------------------------------------------------------

Said = subprocess.CompletedProcess[str]


@pytest.fixture
def odd() -> Iterator[Odd]:
    with odd_api.serving() as odd:
        yield odd


@pytest.fixture
def run(odd: Odd, tmp_path: Path) -> Callable[..., Said]:
    return lambda *arguments: odd.command("deploy-debug", "-a", "shop", *arguments, cwd=tmp_path)


def answer(report: Report) -> Answer:
    return 200, sent(report), {}


def test_it_ends_with_1_where_something_is_wrong_and_with_0_where_nothing_is(
    odd: Odd, run: Callable[..., Said]
) -> None:
    odd.answers = {DIAGNOSIS: [answer(CRASH_LOOP)]}
    said = run()
    assert said.returncode == 1 and "\x1b" not in said.stdout and said.stderr == ""
    assert said.stdout.splitlines() == lines(sent(CRASH_LOOP), url=odd.url)
    assert run("-o", "summary").stdout.count("Set QUEUE_URL") == 1
    odd.answers = {DIAGNOSIS: [answer(replace(diagnoses.healthy(), findings=diagnoses.many().findings[-1:]))]}
    assert run().returncode == 0


def test_json_is_the_answer_itself(odd: Odd, run: Callable[..., Said]) -> None:
    odd.answers = {DIAGNOSIS: [answer(CRASH_LOOP)]}
    for words in (("--json",), ("-o", "json"), ("--output", "json")):
        said = run(*words)
        assert said.returncode == 1 and json.loads(said.stdout) == sent(CRASH_LOOP)


def test_the_options_are_what_the_server_is_asked_for(odd: Odd, run: Callable[..., Said]) -> None:
    odd.answers = {DIAGNOSIS: [answer(diagnoses.healthy())]}
    run()
    run("-s", "web,worker", "-c", "overview,init", "-A", "60", "-n", "5", "--all", "--no-events", "--no-previous")
    plain, chosen = ({key: value[0] for key, value in parse_qs(query).items()} for query in odd.queries)
    assert plain == {
        "checks": "overview,init,services",
        "age": "300",
        "lines": "200",
        "all": "false",
        "events": "true",
        "previous": "true",
    }
    assert chosen == {
        "service": "web,worker",
        "checks": "overview,init",
        "age": "60",
        "lines": "5",
        "all": "true",
        "events": "false",
        "previous": "false",
    }


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (("-c", "bogus"), "There is no check “bogus”: overview, init, services."),
        (("-o", "yaml"), "yaml"),
        (("-n", "-1"), "--lines"),
        (("-A", "soon"), "--age"),
        (("5",), "--watch"),
        (("--watch", "0"), "SECONDS"),
    ],
)
def test_wrong_usage_is_2_and_nobody_is_asked(odd: Odd, run: Callable[..., Said], words: Any, about: str) -> None:
    said = run(*words)
    assert said.returncode == 2 and about in said.stderr and not odd.asked


@pytest.mark.parametrize(
    ("status", "code", "ends"), [(422, "invalid", 2), (404, "not_found", 2), (403, "not_allowed", 3), (401, "x", 2)]
)
def test_1_is_kept_for_findings(odd: Odd, run: Callable[..., Said], status: int, code: str, ends: int) -> None:
    error = {"error": {"code": code, "message": "So it is.", "reasons": []}}
    odd.answers = {DIAGNOSIS: [(status, error, {})], "GET /api/apps": [(200, {"items": [], "next": None}, {})]}
    assert run().returncode == ends


def test_no_server_is_4(odd: Odd, run: Callable[..., Said]) -> None:
    odd.answers = {DIAGNOSIS: [(200, b"<html>somebody else</html>", {})]}
    assert run().returncode == 4


def watching(odd: Odd, home: Path, *words: str, **streams: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deployer.cli", "deploy-debug", "-a", "shop", "--watch", "0.5", *words]
    root = Path(__file__).parents[1]
    env = odd.environment(home) | {"TERM": "xterm"}
    return subprocess.Popen(command, cwd=root, env=env, text=True, preexec_fn=as_from_a_shell, **streams)


def test_a_watch_is_ended_by_ctrl_c(odd: Odd, tmp_path: Path) -> None:
    away: Answer = (503, b"", {})
    said = [answer(diagnoses.crash_loop()), away, answer(diagnoses.crash_loop()), away, answer(diagnoses.healthy())]
    odd.answers = {DIAGNOSIS: said}
    process = watching(odd, tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    seen = [line.rstrip("\n") for line in iter(process.stdout.readline, "✓ Nothing is wrong.\n")]
    assert "-" * 40 in seen and "1 error" in seen
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err and err.count("was lost") == 2


def test_on_a_terminal_it_is_drawn_in_place_as_much_as_there_is_room_for(odd: Odd, tmp_path: Path) -> None:
    odd.answers = {DIAGNOSIS: [answer(diagnoses.many())]}
    side, other = pty.openpty()
    process = watching(odd, tmp_path, stdin=other, stdout=other, stderr=other)
    os.close(other)
    screen = ""
    while screen.count("more lines") < 2:
        assert select.select([side], [], [], 60)[0], screen
        screen += os.read(side, 65536).decode(errors="replace").replace("\r\n", "\n")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    os.close(side)
    drawn = screen.split("\x1b[H")[1].removesuffix("\x1b[J")
    assert drawn.count("\n") == 23 and "\x1b[31m✕ error" in drawn  # of 24 lines
