"""Names, tools and the choice among them, as the wire has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from hubbub_core.tools import Tool, ToolSchema

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_FORBIDDEN = re.compile(r"[^a-zA-Z0-9_-]")

ToolChoice = Tool | Literal["auto", "required", "none"]


def assert_valid_name(name: str) -> str:
    """Return `name` if the service takes it as the name of a tool or of an author (newer N-290).

    Raises:
        ValueError: It has other characters than ASCII letters, digits, `_` and `-`, or not 1 to 64 of them.
    """
    if not _NAME.match(name):
        raise ValueError(
            f"Invalid name: {name!r}. Names of tools and of message sources are 1 to 64 of the characters "
            "A-Z, a-z, 0-9, _ and -.",
        )
    return name


def normalize_name(name: str) -> str:
    """Return a name that came from a model with forbidden characters replaced by `_`, cut at 64 (newer N-290)."""
    return _FORBIDDEN.sub("_", name)[:64]


def tool_schema(tool: Tool | ToolSchema) -> ToolSchema:
    """Return the schema of a tool, which may be given as one."""
    return tool.schema if isinstance(tool, Tool) else tool


def convert_tools(tools: Sequence[Tool | ToolSchema]) -> list[dict[str, Any]]:
    """Return the request's `tools`.

    Raises:
        ValueError: A name is not valid, or two tools have the same one.
    """
    converted: list[dict[str, Any]] = []
    seen: set[str] = set()
    for tool in tools:
        schema = tool_schema(tool)
        name = assert_valid_name(schema["name"])
        if name in seen:
            raise ValueError(f"two tools are named {name!r}; the model could not tell them apart")
        seen.add(name)
        function: dict[str, Any] = {
            "name": name,
            "description": schema.get("description", ""),
            "parameters": dict(schema.get("parameters", {"type": "object", "properties": {}})),
        }
        if "strict" in schema:
            function["strict"] = schema["strict"]
        converted.append({"type": "function", "function": function})
    return converted


def convert_tool_choice(tool_choice: ToolChoice, tools: Sequence[dict[str, Any]]) -> str | dict[str, Any]:
    """Return the request's `tool_choice` for `tools`, which are in the request's form (newer N-286, N-287).

    Raises:
        ValueError: A tool is forced that is not among `tools`, or some tool although there is none.
    """
    if isinstance(tool_choice, str):
        if tool_choice not in ("auto", "required", "none"):
            raise ValueError(f"tool_choice is 'auto', 'required', 'none' or a Tool, not {tool_choice!r}")
        if tool_choice == "required" and not tools:
            raise ValueError("tool_choice 'required' specified but no tools provided")
        return tool_choice
    if not isinstance(tool_choice, Tool):
        raise ValueError(f"tool_choice is 'auto', 'required', 'none' or a Tool, not {tool_choice!r}")
    if not tools:
        raise ValueError("tool_choice specified but no tools provided")
    name = tool_choice.schema["name"]
    if all(tool["function"]["name"] != name for tool in tools):
        raise ValueError(f"tool_choice references '{name}' but it's not in the provided tools")
    return {"type": "function", "function": {"name": name}}
