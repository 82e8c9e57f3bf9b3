"""The processes of a diagnosis, each drawn by itself."""

from django.template.loader import render_to_string

from releases.models import App
from releases.pages.diagnosis.shown import Shown
from releases.pages.section import Section


def parts_of(app: App, said: Shown | None) -> list[Section]:
    """Live, one that writes is drawn anew, not all of them. None of what was not looked at."""
    if said is None:
        return []
    of_all = [Section("diagnosed-count", render_to_string("live/_diagnosed_count.html", {"app": app, "said": said}))]
    for process in said.processes:
        html = render_to_string("live/_diagnosed_process.html", {"app": app, "process": process})
        of_all.append(Section(process.key, html))
    return of_all
