"""Tools and the choice among them, in the forms that the hub and LangChain's models give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel

from hubbub_core import CancellationToken
from hubbub_core.models.foreign import ToolChoice
from hubbub_core.tools import BaseTool, Tool, ToolSchema

from .tools import HubTool


class _NamedTool(BaseTool[BaseModel, Any]):
    """Stands for a tool of which only the schema is known here: what a client is told that has to be called."""

    def __init__(self, schema: ToolSchema) -> None:
        super().__init__(BaseModel, object, schema["name"], schema.get("description", ""))
        self._schema = schema

    @property
    def schema(self) -> ToolSchema:
        return self._schema

    async def run(self, args: BaseModel, cancellation_token: CancellationToken) -> Any:
        raise TypeError(f"{self.name!r} is run by LangChain, not by the model's client")


def openai_tool(tool: Any, strict: bool | None) -> dict[str, Any]:
    """Return a tool in the form of OpenAI, which LangChain's models and agents exchange.

    Raises:
        ValueError: It is one of a vendor's own tools.
    """
    if isinstance(tool, HubTool):
        tool = tool.hub_tool
    # A class of tools has the members of a tool, too.
    if not isinstance(tool, type) and isinstance(tool, Tool):
        schema: dict[str, Any] = {"parameters": {"type": "object", "properties": {}}, **tool.schema}
        return {"type": "function", "function": schema}
    converted = convert_to_openai_tool(tool, strict=strict)
    if converted.get("type") != "function" or "function" not in converted:
        raise ValueError(
            f"the tool {converted.get('name') or converted.get('type')!r} is one of a vendor's own, which the hub's "
            "clients do not take; pass it in the client's own options"
        )
    return converted


def hub_schema(tool: Mapping[str, Any]) -> ToolSchema:
    """Return the schema of a tool in the form of OpenAI."""
    function = tool["function"]
    schema = ToolSchema(name=function["name"], description=function.get("description", ""))
    parameters: Any = {"type": "object", "properties": {}, **function.get("parameters", {})}
    schema["parameters"] = parameters
    if function.get("strict") is not None:
        schema["strict"] = function["strict"]
    return schema


def hub_choice(choice: Any, schemas: Sequence[ToolSchema]) -> ToolChoice:
    """Return a choice of LangChain in the hub's words.

    Raises:
        ValueError: It names none of the tools, or is in no form that is known.
    """
    match choice:
        case "auto":
            return "auto"
        case "any" | "required" | True:
            return "required"
        case "none" | False:
            return "none"
        case str():
            name = choice
        case {"type": "function", "function": {"name": str(name)}}:
            pass
        case Tool():
            name = choice.name
        case _:
            raise ValueError(f"tool_choice {choice!r} is in no form that LangChain's models have in common")
    for schema in schemas:
        if schema["name"] == name:
            return _NamedTool(schema)
    known = ", ".join(schema["name"] for schema in schemas) or "there are none"
    raise ValueError(f"tool_choice {name!r} names no tool of this call; its tools: {known}")


def functions_of(tools: Sequence[Tool | ToolSchema | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the schemas of tools with all that a model's service asks for.

    Raises:
        ValueError: Two tools have the same name.
    """
    functions: list[dict[str, Any]] = []
    for tool in tools:
        function: dict[str, Any] = {
            "description": "",
            "parameters": {"type": "object", "properties": {}},
            **(tool.schema if isinstance(tool, Tool) else tool),
        }
        if not function.get("strict"):
            function.pop("strict", None)  # what is not asked for need not be understood by the model's service
        if any(other["name"] == function["name"] for other in functions):
            raise ValueError(f"two tools are named {function['name']!r}; the model could not tell them apart")
        functions.append(function)
    return functions


def langchain_choice(choice: ToolChoice, names: Sequence[str]) -> str | None:
    """Return the choice in LangChain's words; None for its default, the model's own choice.

    Raises:
        ValueError: It names none of the tools, or there are none.
    """
    if isinstance(choice, Tool):
        name = choice.schema["name"]
        if name not in names:
            raise ValueError(f"tool_choice references '{name}' but it's not in the provided tools")
        return name
    if choice == "required":
        if not names:
            raise ValueError("tool_choice 'required' specified but no tools provided")
        return "any"
    if choice not in ("auto", "none"):
        raise ValueError(f"tool_choice is 'auto', 'required', 'none' or a Tool, not {choice!r}")
    return None
