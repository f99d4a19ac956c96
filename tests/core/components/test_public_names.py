"""The names that the documents list for each submodule of core are there, and `__all__` says what is public."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

DOCUMENTED = {
    "hubbub_core.code_executor": """Alias CodeBlock CodeExecutor CodeResult FunctionWithRequirements
        FunctionWithRequirementsStr Import ImportFromModule with_requirements""",
    "hubbub_core.exceptions": "CantHandleException MessageDroppedException NotAccessibleError UndeliverableException",
    "hubbub_core.logging": """AgentConstructionExceptionEvent DeliveryStage LLMCallEvent LLMStreamEndEvent
        LLMStreamStartEvent MessageDroppedEvent MessageEvent MessageHandlerExceptionEvent MessageKind ToolCallEvent""",
    "hubbub_core.memory": "ListMemory Memory MemoryContent MemoryMimeType MemoryQueryResult UpdateContextResult",
    "hubbub_core.model_context": """BufferedChatCompletionContext ChatCompletionContext ChatCompletionContextState
        HeadAndTailChatCompletionContext TokenLimitedChatCompletionContext UnboundedChatCompletionContext""",
    "hubbub_core.models": """AssistantMessage ChatCompletionClient ChatCompletionTokenLogprob CreateResult FinishReasons
        FunctionExecutionResult FunctionExecutionResultMessage LLMMessage ModelCapabilities ModelFamily ModelInfo
        RequestUsage SystemMessage TopLogprob UserMessage validate_model_info""",
    "hubbub_core.models.cache": "CHAT_CACHE_VALUE_TYPE ChatCompletionCache",
    "hubbub_core.models.replay": "ReplayChatCompletionClient",
    "hubbub_core.tool_agent": """InvalidToolArgumentsException ToolAgent ToolException ToolExecutionException
        ToolNotFoundException tool_agent_caller_loop""",
    "hubbub_core.tools": """BaseStreamTool BaseTool BaseToolWithState CodeExecutionInput CodeExecutionResult
        FunctionTool ImageResultContent ParametersSchema PythonCodeExecutionTool StaticStreamWorkbench StaticWorkbench
        StreamTool TextResultContent Tool ToolOverride ToolResult ToolSchema Workbench""",
    "hubbub_core.utils": "extract_json_from_str schema_to_pydantic_model",
}


@pytest.mark.parametrize("module_name", DOCUMENTED)
def test_documented_names_are_public(module_name: str) -> None:
    module = importlib.import_module(module_name)

    assert set(DOCUMENTED[module_name].split()) - set(module.__all__) == set()
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("module_name", DOCUMENTED)
def test_list_of_public_names_is_a_literal(module_name: str) -> None:
    source = importlib.import_module(module_name).__file__
    assert source is not None

    (names,) = (
        ast.literal_eval(node.value)
        for node in ast.parse(Path(source).read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )

    assert len(names) == len(set(names))
