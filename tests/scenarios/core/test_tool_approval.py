"""A human approves each tool call, by an intervention handler (spec: 000 CB-03; 001 APPROVE-1..7)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hubbub_core import (
    AgentId,
    AgentType,
    CancellationToken,
    DefaultInterventionHandler,
    FunctionCall,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)
from hubbub_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tool_agent import ToolAgent, ToolException, tool_agent_caller_loop
from hubbub_core.tools import PythonCodeExecutionTool, Tool, ToolSchema

SYSTEM = SystemMessage(content="You are a helpful AI assistant.")
CALL = FunctionCall(id="1", arguments=json.dumps({"code": "print('Hello, ' + 'World!')"}), name="CodeExecutor")


@dataclass
class Message:
    content: str


class InterpreterExecutor(CodeExecutor):
    """Runs each block in a Python process of its own."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        (block,) = code_blocks
        self.log.append(block.language)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", block.code, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        assert process.returncode is not None
        return CodeResult(exit_code=process.returncode, output=output.decode())

    async def start(self) -> None:
        self.log.append("start")

    async def stop(self) -> None:
        self.log.append("stop")

    async def restart(self) -> None:
        """Nothing lives between two blocks."""


class ToolUseAgent(RoutedAgent):
    """Has its tool calls carried out by the tool agent of its own key."""

    def __init__(
        self,
        description: str,
        system_messages: list[SystemMessage],
        model_client: ChatCompletionClient,
        tool_schema: list[ToolSchema],
        tool_agent_type: AgentType,
    ) -> None:
        super().__init__(description)
        self._system_messages: list[LLMMessage] = [*system_messages]
        self._model_client = model_client
        self._tool_schema = tool_schema
        self._tool_agent_id = AgentId(type=tool_agent_type, key=self.id.key)

    @message_handler
    async def handle_user_message(self, message: Message, ctx: MessageContext) -> Message:
        session = [*self._system_messages, UserMessage(content=message.content, source="User")]
        generated = await tool_agent_caller_loop(
            self,
            tool_agent_id=self._tool_agent_id,
            model_client=self._model_client,
            input_messages=session,
            tool_schema=self._tool_schema,
            cancellation_token=ctx.cancellation_token,
        )
        assert isinstance(generated[-1].content, str)
        return Message(generated[-1].content)


class ToolInterventionHandler(DefaultInterventionHandler):
    """Lets a function call pass when the human says y."""

    async def on_send(self, message: Any, *, message_context: MessageContext, recipient: AgentId) -> Any:
        if isinstance(message, FunctionCall):
            print(f"Call of {message.name} for {recipient} with {message.arguments}")
            answer = await asyncio.to_thread(input, "Execute? (y/n): ")
            if answer.strip().lower() != "y":
                raise ToolException(content="User denied tool execution.", call_id=message.id, name=message.name)
        return message


@pytest.mark.parametrize(
    ("answer", "result", "executed"),
    [
        (
            " Y ",
            FunctionExecutionResult(content="Hello, World!\n", call_id="1", is_error=False, name="CodeExecutor"),
            ["start", "python", "stop"],
        ),
        (
            "n",
            FunctionExecutionResult(
                content="Error: User denied tool execution.", call_id="1", is_error=True, name="CodeExecutor"
            ),
            ["start", "stop"],
        ),
        (
            "",
            FunctionExecutionResult(
                content="Error: User denied tool execution.", call_id="1", is_error=True, name="CodeExecutor"
            ),
            ["start", "stop"],
        ),
    ],
)
async def test_tool_runs_only_when_the_human_says_yes(
    answer: str,
    result: FunctionExecutionResult,
    executed: list[str],
    calling: Callable[..., CreateResult],
    typed: Callable[[dict[str, list[str]]], list[str]],
    printed: Callable[[], list[str]],
) -> None:
    prompts = typed({"Execute? (y/n): ": [answer]})
    executor = InterpreterExecutor()
    tools: list[Tool] = [PythonCodeExecutionTool(executor=executor)]
    model = ReplayChatCompletionClient([calling(CALL), "That was it."])
    runtime = SingleThreadedAgentRuntime(intervention_handlers=[ToolInterventionHandler()])
    tool_agent_type = await ToolAgent.register(
        runtime, "tool_executor_agent", lambda: ToolAgent(description="Tool Executor Agent", tools=tools)
    )
    registered = await ToolUseAgent.register(
        runtime,
        "tool_enabled_agent",
        lambda: ToolUseAgent("Tool Use Agent", [SYSTEM], model, [tool.schema for tool in tools], tool_agent_type),
    )
    async with executor:
        runtime.start()
        response = await runtime.send_message(Message("Greet the world."), AgentId("tool_enabled_agent", "default"))
        await runtime.stop()
    await model.close()

    assert repr(registered) == "AgentType(type='tool_enabled_agent')"
    assert response == Message("That was it.")
    assert prompts == ["Execute? (y/n): "]
    assert printed() == [f"Call of CodeExecutor for tool_executor_agent/default with {CALL.arguments}"]
    assert executor.log == executed
    # The model is told how it went.
    assert model.create_calls[1]["messages"] == [
        SYSTEM,
        UserMessage(content="Greet the world.", source="User"),
        AssistantMessage(content=[CALL], source="assistant"),
        FunctionExecutionResultMessage(content=[result]),
    ]
