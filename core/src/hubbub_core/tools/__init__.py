"""Tools, and the workbenches that hold them."""

from hubbub_core.tools._base import (
    BaseStreamTool,
    BaseTool,
    BaseToolWithState,
    ParametersSchema,
    StreamTool,
    Tool,
    ToolSchema,
)
from hubbub_core.tools._code_execution import CodeExecutionInput, CodeExecutionResult, PythonCodeExecutionTool
from hubbub_core.tools._function_tool import FunctionTool
from hubbub_core.tools._static_workbench import StaticStreamWorkbench, StaticWorkbench
from hubbub_core.tools._workbench import (
    ImageResultContent,
    StreamWorkbench,
    TextResultContent,
    ToolOverride,
    ToolResult,
    Workbench,
)

__all__ = [
    "BaseStreamTool",
    "BaseTool",
    "BaseToolWithState",
    "CodeExecutionInput",
    "CodeExecutionResult",
    "FunctionTool",
    "ImageResultContent",
    "ParametersSchema",
    "PythonCodeExecutionTool",
    "StaticStreamWorkbench",
    "StaticWorkbench",
    "StreamTool",
    "StreamWorkbench",
    "TextResultContent",
    "Tool",
    "ToolOverride",
    "ToolResult",
    "ToolSchema",
    "Workbench",
]
