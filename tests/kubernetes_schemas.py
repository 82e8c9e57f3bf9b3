"""Whether a cluster would take an object: by the schema of a version, strictly, and by rules that no schema says."""

import copy
import functools

import jsonschema
import kubernetes_validate
import referencing
from kubernetes_validate import utils

from localcluster.store import defaults, validation

# The oldest that is supported, and the newest that there is a schema of.
VERSIONS = ("1.30", kubernetes_validate.latest_version())


def check(obj, version):
    """Raises jsonschema.ValidationError; localcluster.errors.Invalid."""
    _validator(version, obj["kind"], obj["apiVersion"]).validate(obj)
    whole = copy.deepcopy(obj)
    defaults.fill(obj["kind"], whole)
    validation.check(obj["kind"], whole)


@functools.cache
def _validator(version, kind, api_version):
    """Kept: reading the definitions takes longer than all else."""
    group, _, number = api_version.rpartition("/")
    named = "-".join(filter(None, [kind.lower(), group.partition(".")[0], number]))
    schema = utils.schema_contents(f"{_folder(version)}/{named}.json", version)
    registry = _resource(schema) @ (_resource(_definitions(version)) @ referencing.Registry())
    return jsonschema.Draft202012Validator(schema, registry=registry)


@functools.cache
def _definitions(version):
    return utils.schema_contents(f"{_folder(version)}/_definitions.json", version)


def _folder(version):
    [whole] = [known for known in utils.all_versions() if known == version or known.startswith(f"{version}.")][:1]
    return f"kubernetes-json-schema/v{whole}-local-strict"


def _resource(contents):
    return referencing.Resource.from_contents(contents)
