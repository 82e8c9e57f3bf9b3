"""Read a convox.yml as it is: what means the same here is taken, and all else is named.

The format: docs.convox.com/configuration/convox-yml and docs.convox.com/reference/primitives/app/service.
"""

from typing import Any

from releases.pipeline import deployer_yml
from releases.pipeline.convox_yml import services, timers
from releases.pipeline.convox_yml.reading import Reading
from releases.pipeline.deployer_yml import text

FILE = "convox.yml"

LEFT = {
    "appSettings": "settings of Convox itself",
    "balancers": "only the domains of services are served to the outside",
    "configs": "files are part of the image, or values of variables",
    "labels": "labels are Deployer's own",
    "params": "parameters of Convox itself",
    "resources": "databases and the like are not made by Deployer: set the variables that say where they are",
}


def parse(content: str) -> tuple[dict[str, Any], list[str]]:
    """The manifest, in the shape of deployer.yml, and a line for each thing that was left out or taken otherwise.

    Raises ManifestInvalid, with the lines of convox.yml, for what is taken and can't be.
    """
    document = text.load(content, file=FILE)
    reading, given = Reading(document), document.values
    taken: dict[str, Any] = {key: given[key] for key in ("services", "timers") if given.get(key) is not None}
    if given.get("environment") is not None:
        taken["environment"] = services.environment(reading, ("environment",), given["environment"])
    left: set[str] = set()
    if isinstance(taken.get("services"), dict):
        all_of_them, taken["services"] = taken["services"], services.read(reading, taken["services"])
        left = {str(name) for name in all_of_them if name not in taken["services"]}
        if not taken["services"]:
            reading.refuse(("services",), "there is none that can run here")
    if isinstance(taken.get("timers"), dict):
        taken["timers"] = timers.read(reading, taken["timers"], without=left)
    reading.leave_rest((), given, ("services", "timers", "environment"), LEFT)
    if reading.faults:
        raise text.invalid(reading.faults)
    return deployer_yml.checked(reading.translated(taken)), reading.notes
