"""The JSON Schema of hub files accepts what runs and refuses what does not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hubbub_core.hub.schema_command import hub_schema

BRIEFING = Path(__file__).resolve().parents[3] / "examples" / "briefing" / "hub.yaml"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = hub_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def briefing() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(BRIEFING.read_text())
    return document


def problems(validator: jsonschema.Draft202012Validator, document: Any) -> list[str]:
    return [error.json_path for error in validator.iter_errors(document)]


def test_example_fits(validator: jsonschema.Draft202012Validator, briefing: dict[str, Any]) -> None:
    assert problems(validator, briefing) == []


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (["agents", "librarian", "config", "top_k"], "many", "$.agents.librarian.config.top_k"),
        (["agents", "librarian", "config", "topk"], 3, "$.agents.librarian.config"),
        (["agents", "librarian", "subscriptions"], "plan", "$.agents.librarian.subscriptions"),
        (["entry", "topics"], "task", "$.entry"),
        (["hub"], 2, "$.hub"),
    ],
)
def test_wrong_value_is_marked_where_it_stands(
    validator: jsonschema.Draft202012Validator, briefing: dict[str, Any], path: list[str], value: Any, where: str
) -> None:
    document = copy.deepcopy(briefing)
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    assert problems(validator, document) == [where]


def test_references_within_the_schema_lead_somewhere() -> None:
    schema = hub_schema()

    def references(value: Any) -> set[str]:
        if isinstance(value, dict):
            own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
            return own.union(*(references(item) for item in value.values()))
        if isinstance(value, list):
            return set().union(*(references(item) for item in value))
        return set()

    assert {ref.removeprefix("#/$defs/") for ref in references(schema)} <= set(schema["$defs"])
