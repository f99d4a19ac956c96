"""Schemas of tools and of answers, whatever they hold, become what the service takes, and nothing of them is lost."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionFunctionToolParam
from openai.types.responses import FunctionTool as ResponseFunction
from openai_replies import example
from pydantic import BaseModel, Field, TypeAdapter, create_model

from hubbub_core.tools import ToolSchema
from hubbub_openai._function_tools import response_function
from hubbub_openai._request import response_format_of
from hubbub_openai._tools import convert_tools

NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,64}", fullmatch=True)
PROPERTIES = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "integer", "array", "object"])},
        optional={"description": st.text(max_size=20), "enum": st.lists(st.text(max_size=5), min_size=1, max_size=3)},
    ),
    max_size=4,
)
PARAMETERS = st.builds(
    lambda properties, strict: {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        **({"additionalProperties": False} if strict else {}),
    },
    PROPERTIES,
    st.booleans(),
)
TOOLS: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"name": NAMES},
    optional={"description": st.text(max_size=20), "parameters": PARAMETERS, "strict": st.booleans()},
)
CHAT_TOOL: TypeAdapter[Any] = TypeAdapter(ChatCompletionFunctionToolParam)


@given(st.lists(TOOLS, max_size=4, unique_by=lambda tool: tool["name"]))
@settings(deadline=None)  # the first example imports what the others have
def test_nothing_of_a_tool_is_lost(tools: list[ToolSchema]) -> None:
    sent = convert_tools(tools)

    for tool, converted in zip(tools, sent, strict=True):
        CHAT_TOOL.validate_python(converted)
        assert {"description": "", "parameters": {"type": "object", "properties": {}}, **tool} == converted["function"]
        function = response_function(tool)
        ResponseFunction.model_validate(function)
        assert {**converted["function"], "strict": tool.get("strict", False), "type": "function"} == function
    json.dumps(sent)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: int = Field(description="to the right")
    label: str | None


FIELDS = st.sampled_from(
    [int, float, str, bool, list[int], Point, list[Point], int | None, Literal["a", "b"], Colour, str | Point]
)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), FIELDS, min_size=1, max_size=5))
@settings(deadline=None)  # the first example imports what the others have
def test_schema_of_a_class_is_strict_and_describes_it(fields: dict[str, Any]) -> None:
    made: dict[str, Any] = {f"f_{name}": (kind, Field(description=name)) for name, kind in fields.items()}
    answer = create_model("Answer", **made)

    form = response_format_of(answer)["json_schema"]

    assert (form["name"], form["strict"]) == ("Answer", True)
    assert list(form["schema"]["properties"]) == list(made)
    for schema in objects(form["schema"]):
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
    answer.model_validate(example(form["schema"]))


def objects(schema: Any) -> list[dict[str, Any]]:
    """Return the schemas of objects in a schema."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    here = [schema] if schema.get("type") == "object" else []
    return here + [found for item in schema.values() for found in objects(item)]
