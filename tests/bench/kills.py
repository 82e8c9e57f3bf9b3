"""kill -9 of all workers, once in each of many deploys, at a random moment of build or rollout."""

import random
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.figures import show, title
from tests.journeys import sources
from tests.journeys.app import App
from tests.journeys.doors import is_gap_free
from tests.journeys.house import House
from tests.journeys.processes import WORKERS
from tests.journeys.told import Told, finished

EARLIEST = 0.4  # seconds: the command has started and packed by then
LATEST = 0.85  # of what a deploy usually takes
FILES = 1_500  # so that the build is not over in a blink


@dataclass(frozen=True)
class Outcome:
    """`stage`: what the deploy was at when its workers were killed; `seconds`: how long all of it took."""

    stage: str
    faults: list[str]
    seconds: float


def measure(house: House, folder: Path, *, kills: int, seed: int) -> None:
    title(f"{kills} deploys, all workers killed once in each (seed {seed})")
    moments = random.Random(seed)
    app = house.app("kills")
    usual = min(_deploy(app, _source(folder, f"usual-{number}")).seconds for number in range(4))
    outcomes = []
    for number in range(1, kills + 1):
        moment = moments.uniform(EARLIEST, LATEST * usual)
        outcome = _killed(app, _source(folder, f"v{number}"), f"v{number}", moment)
        outcomes.append(outcome)
        verdict = "; ".join(outcome.faults) or "right"
        words = f"killed after {moment:.2f} s ({outcome.stage}), over after {outcome.seconds:5.2f} s: {verdict}"
        print(f"  {number:>3}. {words}", flush=True)
    hit = [outcome.seconds - usual for outcome in outcomes if not outcome.stage.endswith("succeeded")]
    show("a deploy without a kill", f"{usual:.2f} s")
    show("ended right", f"{sum(not outcome.faults for outcome in outcomes)} of {kills}", target="all")
    show("hit before it was over", f"{len(hit)} of {kills}")
    show("seconds that a hit costs, median", f"{median(hit or [0]):.2f} s")
    show("seconds that a hit costs, worst", f"{max(hit or [0]):.2f} s")
    show("logs with a gap or a double", str(sum(not is_gap_free(lines) for lines in app.all_logs())), target="0")


def _killed(app: App, source: Path, version: str, moment: float) -> Outcome:
    before = len(app.get("/rollouts", limit=200)["items"])
    begun = time.monotonic()
    command = app.house.start_command("deploy", str(source), "-a", app.name)
    time.sleep(moment)
    stage = _stage(app, before)
    app.house.kill(*WORKERS)
    try:
        told = finished(command, begun)
    except AssertionError as error:
        return Outcome(stage, [str(error).splitlines()[0]], time.monotonic() - begun)
    return Outcome(stage, _faults(app, told, version, before), told.seconds)


def _stage(app: App, before: int) -> str:
    rollout = app.get("/rollouts", limit=1)["items"][0]
    if rollout["number"] > before:
        return f"rollout {rollout['status']}"
    build = app.get("/builds", limit=1)["items"][0]
    return "upload" if build["finished"] else f"build {build['status']}"


def _faults(app: App, told: Told, version: str, before: int) -> list[str]:
    rollouts = app.get("/rollouts", limit=200)["items"]
    faults = []
    if told.status:
        faults.append(f"exit status {told.status}: {told.err.strip().splitlines()[:1]}")
    if len(rollouts) != before + 1 or rollouts[0]["status"] != "succeeded":
        faults.append(f"{len(rollouts) - before} rollouts, the newest {rollouts[0]['status']}")
    if not is_gap_free(app.log(f"/rollouts/{rollouts[0]['number']}")):
        faults.append("its log has a gap")
    if f"version {version} " not in app.ask()[1]:
        faults.append(f"the app answers {app.ask()[1][:60]!r}")
    return faults


def _deploy(app: App, source: Path) -> Told:
    told = app.deploy(source)
    if told.status:
        raise RuntimeError(told.all)
    return told


def _source(folder: Path, version: str) -> Path:
    source = sources.serving(folder / version, version)
    for number in range(FILES):
        (source / f"module_{number}.py").write_text(f"# {version} {number}\n" * 50)
    return source
