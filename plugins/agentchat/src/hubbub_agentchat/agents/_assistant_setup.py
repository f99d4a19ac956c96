"""What an assistant agent is made of: its configuration, and the checks on its tools, handoffs and memories."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, Field, field_validator

from hubbub_agentchat.base import Handoff
from hubbub_core.memory import Memory
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import BaseTool, FunctionTool, StaticStreamWorkbench, Workbench
from hubbub_registry import ComponentModel

DEFAULT_DESCRIPTION: Final = "An agent that provides assistance with ability to use tools."
DEFAULT_SYSTEM_MESSAGE: Final = (
    "You are a helpful AI assistant. Solve tasks using your tools. "
    "Reply with TERMINATE when the task has been completed."
)


class AssistantAgentConfig(BaseModel):
    """Configuration of `AssistantAgent`."""

    name: str
    model_client: ComponentModel
    tools: list[ComponentModel] | None = None
    """Read from configurations of older releases; new ones list their tools in `workbench`."""

    workbench: list[ComponentModel] | None = None
    """AutoGen 0.5 wrote a single one without a list around it."""

    handoffs: list[Handoff | str] | None = None
    model_context: ComponentModel | None = None
    memory: list[ComponentModel] | None = None
    description: str = DEFAULT_DESCRIPTION
    system_message: str | None = None
    model_client_stream: bool = False
    reflect_on_tool_use: bool = False
    tool_call_summary_format: str = "{result}"
    max_tool_iterations: int = Field(default=1, ge=1)
    metadata: dict[str, str] | None = None
    structured_message_factory: ComponentModel | None = None

    @field_validator("workbench", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return value if value is None or isinstance(value, list) else [value]


def checked_memories(memory: Sequence[Memory] | None) -> list[Memory]:
    """Return the memories.

    Raises:
        TypeError: It is no list of memories.
    """
    if memory is None:
        return []
    if isinstance(memory, list) and all(isinstance(found, Memory) for found in memory):
        return list(memory)
    raise TypeError(f"Expected Memory, List[Memory], or None, got {type(memory)}")


def handoffs_by_name(
    handoffs: Sequence[Handoff | str] | None, model_client: ChatCompletionClient
) -> dict[str, Handoff]:
    """Return the handoffs by the names of their tools.

    Raises:
        ValueError: A handoff is of an unsupported type, two have one name, or the model cannot call functions.
    """
    if not handoffs:
        return {}
    if not model_client.model_info["function_calling"]:
        raise ValueError("The model does not support function calling, which is needed for handoffs.")
    found: list[Handoff] = []
    for handoff in handoffs:
        if isinstance(handoff, str):
            found.append(Handoff(target=handoff))
        elif isinstance(handoff, Handoff):
            found.append(handoff)
        else:
            raise ValueError(f"Unsupported handoff type: {type(handoff)}")
    names = [handoff.name for handoff in found]
    if len(set(names)) != len(names):
        raise ValueError(f"Handoff names must be unique: {names}")
    return {handoff.name: handoff for handoff in found}


def make_workbenches(
    tools: Sequence[BaseTool[Any, Any] | Callable[..., Any]] | None,
    workbench: Workbench | Sequence[Workbench] | None,
    handoffs: Mapping[str, Handoff],
    model_client: ChatCompletionClient,
) -> list[Workbench]:
    """Return the workbenches; plain tools become one.

    Raises:
        ValueError: A tool is of an unsupported type, names are not unique, both tools and workbenches are given, or the
            model cannot call functions.
    """
    made: list[BaseTool[Any, Any]] = []
    if tools:
        if not model_client.model_info["function_calling"]:
            raise ValueError("The model does not support function calling.")
        for tool in tools:
            if isinstance(tool, BaseTool):
                made.append(tool)
            elif callable(tool):
                function = getattr(tool, "func", tool)  # the docstring of a functools.partial is that of the class
                made.append(FunctionTool(tool, description=getattr(function, "__doc__", None) or ""))
            else:
                raise ValueError(f"Unsupported tool type: {type(tool)}")
    names = [tool.name for tool in made]
    if len(set(names)) != len(names):
        raise ValueError(f"Tool names must be unique: {names}")
    clashing = [handoff.name for handoff in handoffs.values() if handoff.name in names or handoff.target in names]
    if clashing:
        raise ValueError(
            f"Handoff names must be unique from tool names. Handoff names: {clashing}; tool names: {names}"
        )
    if workbench is not None:
        if made:
            raise ValueError("Tools cannot be used with a workbench.")
        return list(workbench) if isinstance(workbench, Sequence) else [workbench]
    return [StaticStreamWorkbench(made)]
