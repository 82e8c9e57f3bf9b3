"""docs/diagnostics.md, from the catalogue of what a diagnosis finds."""

from collections.abc import Iterator, Sequence
from typing import Any

HEAD = """\
# Diagnostics

Why is it not running? Deployer asks the cluster and itself, and says what is wrong, why, and what to do: on the page
Diagnose of an app and of a rollout, with `deployer deploy-debug`, and by `GET /api/apps/{app}/diagnosis`
([command.md](command.md) and [api.md](api.md) describe them). A rollout that fails keeps its diagnosis as it was then.

## How to read it

Findings come first, the most important at the top: **begin with the first**, the others often follow from it. Each has

- a **code**, one of those below, and a **severity**;
- **what it is about**: a process, a service, a command, a rollout, the app, the cluster. Equal troubles of several
  processes of a service are one finding, which says how many more there are;
- **what was observed**, in a sentence, and the values as the cluster gave them;
- a **hint**: one action, often with the command or the page that does it;
- what is **likely**: what may explain it and is not certain, such as what this release changed since the last one that
  worked. Nothing is guessed without that word;
- **evidence**: events of the cluster and the last lines that the container wrote, those of its run before if it has
  been started again since.

Behind them stand the services, the processes and the cluster's events. What could not be read is named and not judged.
A process that is only just starting, and a rollout that is on its way, are no findings.

| severity | means |
| --- | --- |
| error | something that is meant to run does not, or will not for long |
| warning | it runs, and something is wrong that hurts now and then, or later |
| info | worth knowing; nothing is wrong |

The severity below is the usual one: what leaves others running, or has passed, is milder.

`deployer deploy-debug` ends with exit status 0 if nothing is wrong (findings of severity info do not count), with 1 if
there are findings, and otherwise as every command does.

**Verdict**: where a finding names one, a rollout that meets it fails with that cause, by the rules of
[rollout.md](rollout.md), which also say how long it waits first. The others end no rollout.

**What is never shown**: the values of variables. They are replaced by `[NAME]` in every event and every line of a log,
also as JSON, addresses and base64 have them; of what a release changed only names are told. As in all logs, two kinds
stay as they are: values of fewer than six characters, which occur everywhere, and defaults, which the manifest shows
itself.

This page is made from the code by `make docs`; Deployer itself shows it at `/help/diagnostics`.
"""


def page(chapters: Sequence[Any]) -> str:
    """The whole text. `chapters`: as `releases.pipeline.diagnosis.catalogue.chapters` gives them."""
    lines = [HEAD, *_contents(chapters)]
    for chapter in chapters:
        lines += [f"## {chapter.heading}", ""]
        for entry in chapter.entries:
            lines += _entry(entry)
    return "\n".join(lines).rstrip("\n") + "\n"


def _contents(chapters: Sequence[Any]) -> Iterator[str]:
    yield from ["## All findings", "", "| code | severity | what it says | verdict |", "| --- | --- | --- | --- |"]
    for chapter in chapters:
        for entry in chapter.entries:
            verdict = f"`{entry.verdict}`" if entry.verdict else ""
            yield f"| [{entry.code}](#{entry.code}) | {entry.severity} | {entry.title} | {verdict} |"
    yield ""


def _entry(entry: Any) -> list[str]:
    verdict = f" · verdict `{entry.verdict}`" if entry.verdict else ""
    return [
        f"### {entry.code}",
        "",
        f"**{entry.title}** · {entry.severity}{verdict}",
        "",
        entry.cause,
        "",
        f"**What to do:** {entry.remedy}",
        "",
    ]
