"""What a model of LlamaIndex may call, and has to call, as the hub's protocol says it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from llama_index.core.llms.llm import LLM
from llama_index.core.tools import BaseTool as ForeignTool
from pydantic import BaseModel

from hubbub_core.models.foreign import ToolChoice, schema_of
from hubbub_core.tools import Tool, ToolSchema

from .tools import schema_tool, to_llama_index_tool


def chosen_tools(tools: Sequence[Tool | ToolSchema], choice: ToolChoice) -> list[Tool | ToolSchema]:
    """Return the tools that the model is given.

    Raises:
        ValueError: Two have one name, or the choice fits none of them.
    """
    names = [schema_of(tool)["name"] for tool in tools]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two tools are named {name!r}; the model could not tell them apart")
    if isinstance(choice, Tool):
        name = choice.schema["name"]
        if name not in names:
            raise ValueError(f"tool_choice references '{name}' but it's not in the provided tools")
        return [tools[names.index(name)]]
    if choice == "required" and not tools:
        raise ValueError("tool_choice 'required' specified but no tools provided")
    if choice not in ("auto", "required", "none"):
        raise ValueError(f"tool_choice is 'auto', 'required', 'none' or a Tool, not {choice!r}")
    return [] if choice == "none" else list(tools)


def foreign_tool_of(tool: Tool | ToolSchema) -> ForeignTool:
    return to_llama_index_tool(tool) if isinstance(tool, Tool) else schema_tool(tool)


def answer_tool(schema: type[BaseModel], others: Sequence[ForeignTool]) -> ForeignTool:
    # Names of generic classes have brackets, which services refuse.
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", schema.__name__)
    if any(other.metadata.name == name for other in others):
        raise ValueError(f"a tool is named {name!r} like the class of the answer; rename one of them")
    return schema_tool(ToolSchema(name=name, description=schema.__doc__ or "The answer."), schema)


def check_can_require(llm: LLM) -> None:
    prepare: Callable[..., Any] = getattr(type(llm), "_prepare_chat_with_tools")  # noqa: B009 # LLM itself has none
    if "tool_required" not in inspect.signature(prepare).parameters:
        raise ValueError(f"{type(llm).__name__} cannot be told that it has to call a tool; LlamaIndex's newer ones can")
