"""Which builder is used, and why: a rule over facts."""

import pytest

from releases.errors import BuildFailed
from releases.pipeline.builder_choice import Facts, choose

REGISTRY = "registry.example/team"
BUILDX = "github.com/docker/buildx v0.14.0"


@pytest.mark.parametrize(
    ("facts", "name", "why"),
    [
        (Facts(embedded=True), "directory", "embedded"),
        (Facts(embedded=True, registry=REGISTRY, buildx=BUILDX, asked="buildkit"), "directory", "embedded"),
        (Facts(embedded=False, registry=REGISTRY), "docker", "docker buildx is not installed"),
        (Facts(embedded=False, registry=REGISTRY, buildx=BUILDX), "buildkit", "docker buildx is installed"),
        (Facts(embedded=False, registry=REGISTRY, buildx=BUILDX, asked="buildkit"), "buildkit", "buildx is installed"),
        (Facts(embedded=False, registry=REGISTRY, buildx=BUILDX, asked="docker"), "docker", "DEPLOYER_BUILDER asks"),
    ],
)
def test_a_builder_is_chosen_for_a_reason(facts, name, why):
    choice = choose(facts)
    assert choice.name == name and why in choice.why
    assert facts.embedded or choice.why.endswith(f"pushes to {REGISTRY}")


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (Facts(embedded=False), ["no registry"]),
        (Facts(embedded=False, registry=REGISTRY, engine="the engine is gone."), ["the engine is gone"]),
        (Facts(embedded=False, registry=REGISTRY, asked="buildkit"), ["docker buildx is not installed"]),
        (Facts(embedded=False, engine="gone", asked="buildkit"), ["no registry", "gone", "docker buildx"]),
    ],
)
def test_what_is_missing_is_said_all_at_once(facts, missing):
    with pytest.raises(BuildFailed) as failed:
        choose(facts)
    assert len(failed.value.reasons) == len(missing) and failed.value.faultless
    assert all(words in reason for words, reason in zip(missing, failed.value.reasons, strict=True))
    assert all(words in failed.value.message for words in missing)
