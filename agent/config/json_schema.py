"""JSON Schema of the config file, for editors: unknown keys, types, ranges and words; not what the whole file tells."""

from __future__ import annotations

import json

from agent.config.keys import AGENT
from agent.config.schema import Plain

DIALECT = "http://json-schema.org/draft-07/schema#"  # what editors' YAML plug-ins know


def json_schema() -> dict[str, Plain]:
    """The schema as plain values."""
    return {"$schema": DIALECT, "title": "ofa-agent config file", **AGENT.schema()}


def schema_text() -> str:
    """The schema as `check --print-schema` prints it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
