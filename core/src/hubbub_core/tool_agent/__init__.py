"""An agent that carries out function calls, and the loop that has a model make them."""

from hubbub_core.tool_agent._caller_loop import tool_agent_caller_loop
from hubbub_core.tool_agent._errors import (
    InvalidToolArgumentsException,
    ToolException,
    ToolExecutionException,
    ToolNotFoundException,
)
from hubbub_core.tool_agent._tool_agent import ToolAgent

__all__ = [
    "InvalidToolArgumentsException",
    "ToolAgent",
    "ToolException",
    "ToolExecutionException",
    "ToolNotFoundException",
    "tool_agent_caller_loop",
]
