"""What schemathesis can't know: an answer of many JSON objects, one a line, each as the document has it."""

import json

import jsonschema_rs
import schemathesis
from schemathesis import Case, Response
from schemathesis.checks import CheckContext

NDJSON = "application/x-ndjson"


@schemathesis.check
def each_line_conforms(ctx: CheckContext, response: Response, case: Case) -> None:
    if not response.headers.get("content-type", [""])[0].startswith(NDJSON):
        return
    answers = case.operation.definition.raw["responses"]
    schema = answers[str(response.status_code)]["content"][NDJSON]["schema"]
    document = {"components": case.operation.schema.raw_schema["components"], **schema}
    validator = jsonschema_rs.validator_for(document)
    for line in response.content.decode().splitlines():
        if line:
            assert validator.is_valid(json.loads(line)), f"not as documented: {line}"
