"""What is in a release: its manifest, and in what it differs from another one."""

from typing import Any, Literal

from ninja import Path, Query, Router
from pydantic import BaseModel, Field

from releases.api.authentication import Request
from releases.api.environment import MASK
from releases.api.errors import documented
from releases.api.lookups import find_app, find_release
from releases.errors import Invalid
from releases.models import Build, Release
from releases.pipeline import differences
from releases.pipeline.deployer_yml.writing import text as as_text

router = Router()


class BuildShort(BaseModel):
    id: str
    commit: str
    subject: str
    description: str
    # The source had changes that are in no commit.
    dirty: bool


class BuildDifference(BaseModel):
    before: BuildShort
    after: BuildShort


class VariableDifference(BaseModel):
    """Values are masked; null: it is not there."""

    name: str
    change: Literal["added", "changed", "removed"]
    before: str | None
    after: str | None


class ImageDifference(BaseModel):
    service: str
    before: str | None
    after: str | None


class ManifestDifference(BaseModel):
    """`where`: a service, or “manifest” for what is of none; `key` “” for a whole service; null: it is not there."""

    where: str
    key: str
    before: Any
    after: Any


class Difference(BaseModel):
    """What `release` changes of `with`."""

    release: str
    other: str = Field(alias="with")
    # Null when both are of one build.
    build: BuildDifference | None
    variables: list[VariableDifference]
    images: list[ImageDifference]
    manifest: list[ManifestDifference]
    # The same as lines of a unified diff of the two manifests in YAML.
    manifest_lines: list[str]


class Manifest(BaseModel):
    """As it was understood, with what it left out filled in."""

    release: str
    manifest: dict[str, Any]
    yaml: str


@router.get("/{release_id}/diff", response={200: Difference, **documented(404)}, by_alias=True)
def diff(request: Request, app_name: Path[str], release_id: str, other: str = Query("", alias="with")) -> Difference:
    """What it changes, compared `with` another release of the app; left out: the active one."""
    app = find_app(app_name, by=request.actor)
    new = find_release(app, release_id)
    if not other and app.active_release_id is None:
        raise Invalid(f"{app.name} has no active release: name the one to compare it with, ?with=….")
    old = find_release(app, other or app.active_release_id or "")
    return Difference(
        **{"with": old.pk},  # a keyword of Python's
        release=new.pk,
        build=_builds(new, old),
        variables=[_variable(each) for each in differences.variables(new, old)],
        images=[ImageDifference(**vars(each)) for each in differences.images(new, old)],
        manifest=[ManifestDifference(**vars(each)) for each in differences.manifest(new, old)],
        manifest_lines=differences.manifest_lines(new, old),
    )


@router.get("/{release_id}/manifest", response={200: Manifest, **documented(404)})
def manifest(request: Request, app_name: Path[str], release_id: str) -> Manifest:
    """As data, and as a `deployer.yml` that says the same."""
    release = find_release(find_app(app_name, by=request.actor), release_id)
    return Manifest(release=release.pk, manifest=release.manifest, yaml=as_text(release.manifest))


def _builds(new: Release, old: Release) -> BuildDifference | None:
    if new.build_id == old.build_id:
        return None
    return BuildDifference(before=_short(old.build), after=_short(new.build))


def _short(build: Build) -> BuildShort:
    return BuildShort(
        id=build.pk, commit=build.commit, subject=build.subject, description=build.description, dirty=build.dirty
    )


def _variable(found: differences.Variable) -> VariableDifference:
    return VariableDifference(
        name=found.name,
        change=found.change,
        before=None if found.change == "added" else MASK,
        after=None if found.change == "removed" else MASK,
    )
