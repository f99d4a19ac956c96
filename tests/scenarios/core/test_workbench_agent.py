"""An agent with a workbench: tools one after another until the model answers in words (spec: 001 WB-2..10)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hubbub_core import (
    AgentId,
    FunctionCall,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)
from hubbub_core.model_context import BufferedChatCompletionContext, ChatCompletionContext
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool, StaticWorkbench, ToolSchema, Workbench

SYSTEM = SystemMessage(content="You are a helpful AI assistant.")


@dataclass
class Message:
    content: str


class WorkbenchAgent(RoutedAgent):
    def __init__(
        self, model_client: ChatCompletionClient, model_context: ChatCompletionContext, workbench: Workbench
    ) -> None:
        super().__init__("An agent with a workbench")
        self._model_client = model_client
        self._model_context = model_context
        self._workbench = workbench

    @message_handler
    async def handle_user_message(self, message: Message, ctx: MessageContext) -> Message:
        await self._model_context.add_message(UserMessage(content=message.content, source="user"))
        print(f"---------User Message-----------\n{message.content}")
        content = await self._ask(ctx)
        while isinstance(content, list):
            print("---------Function Calls-----------")
            for call in content:
                print(call)
            await self._model_context.add_message(AssistantMessage(content=content, source="assistant"))
            print("---------Function Call Results-----------")
            results = []
            for call in content:
                result = await self._workbench.call_tool(
                    call.name, arguments=json.loads(call.arguments), cancellation_token=ctx.cancellation_token
                )
                results.append(
                    FunctionExecutionResult(
                        call_id=call.id, content=result.to_text(), is_error=result.is_error, name=result.name
                    )
                )
                print(result)
            await self._model_context.add_message(FunctionExecutionResultMessage(content=results))
            content = await self._ask(ctx)
        print(f"---------Final Response-----------\n{content}")
        await self._model_context.add_message(AssistantMessage(content=content, source="assistant"))
        return Message(content)

    async def _ask(self, ctx: MessageContext) -> str | list[FunctionCall]:
        # The list of tools may change between two requests.
        reply = await self._model_client.create(
            [SYSTEM, *(await self._model_context.get_messages())],
            tools=await self._workbench.list_tools(),
            cancellation_token=ctx.cancellation_token,
        )
        return reply.content


class Notebook(StaticWorkbench):
    """Tools that share pages; erasing is offered only while something is written."""

    def __init__(self) -> None:
        self.pages: list[str] = []
        self.life: list[str] = []
        super().__init__(
            [
                FunctionTool(self.write, description="Write a line."),
                FunctionTool(self.erase, description="Erase everything."),
            ]
        )

    def write(self, line: str) -> int:
        self.pages.append(line)
        return len(self.pages)

    def erase(self) -> str:
        if not self.pages:
            raise ValueError("nothing is written")
        self.pages.clear()
        return "empty"

    async def list_tools(self) -> list[ToolSchema]:
        return [tool for tool in await super().list_tools() if self.pages or tool["name"] != "erase"]

    async def start(self) -> None:
        self.life.append("started")

    async def stop(self) -> None:
        self.life.append("stopped")


def write(call_id: str, line: str) -> FunctionCall:
    return FunctionCall(id=call_id, arguments=json.dumps({"line": line}), name="write")


def erase(call_id: str) -> FunctionCall:
    return FunctionCall(id=call_id, arguments="{}", name="erase")


async def test_tools_are_called_in_order_until_the_model_answers(
    runtime: SingleThreadedAgentRuntime, calling: Callable[..., CreateResult], printed: Callable[[], list[str]]
) -> None:
    model = ReplayChatCompletionClient(
        [calling(write("1", "a"), write("2", "b")), calling(erase("3")), calling(erase("4")), "All done."]
    )
    notebook = Notebook()
    async with notebook:
        await WorkbenchAgent.register(
            runtime,
            type="NotebookAgent",
            factory=partial(
                WorkbenchAgent,
                model_client=model,
                model_context=BufferedChatCompletionContext(buffer_size=10),
                workbench=notebook,
            ),
        )
        runtime.start()
        answer = await runtime.send_message(Message("Write, then erase."), AgentId("NotebookAgent", "default"))
        await runtime.stop()

    assert answer == Message("All done.")
    assert notebook.life == ["started", "stopped"]
    assert printed() == [
        "---------User Message-----------",
        "Write, then erase.",
        "---------Function Calls-----------",
        "FunctionCall(id='1', arguments='{\"line\": \"a\"}', name='write')",
        "FunctionCall(id='2', arguments='{\"line\": \"b\"}', name='write')",
        "---------Function Call Results-----------",
        "type='ToolResult' name='write' result=[TextResultContent(type='TextResultContent', content='1')]"
        " is_error=False",
        "type='ToolResult' name='write' result=[TextResultContent(type='TextResultContent', content='2')]"
        " is_error=False",
        "---------Function Calls-----------",
        "FunctionCall(id='3', arguments='{}', name='erase')",
        "---------Function Call Results-----------",
        "type='ToolResult' name='erase' result=[TextResultContent(type='TextResultContent', content='empty')]"
        " is_error=False",
        "---------Function Calls-----------",
        "FunctionCall(id='4', arguments='{}', name='erase')",
        "---------Function Call Results-----------",
        "type='ToolResult' name='erase' result=[TextResultContent(type='TextResultContent',"
        " content='nothing is written')] is_error=True",
        "---------Final Response-----------",
        "All done.",
    ]
    assert [[tool["name"] for tool in call["tools"]] for call in model.create_calls] == [
        ["write"],
        ["write", "erase"],
        ["write"],
        ["write"],
    ]
    assert model.create_calls[-1]["messages"] == [
        SYSTEM,
        UserMessage(content="Write, then erase.", source="user"),
        AssistantMessage(content=[write("1", "a"), write("2", "b")], source="assistant"),
        FunctionExecutionResultMessage(
            content=[
                FunctionExecutionResult(call_id="1", content="1", is_error=False, name="write"),
                FunctionExecutionResult(call_id="2", content="2", is_error=False, name="write"),
            ]
        ),
        AssistantMessage(content=[erase("3")], source="assistant"),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(call_id="3", content="empty", is_error=False, name="erase")]
        ),
        AssistantMessage(content=[erase("4")], source="assistant"),
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(call_id="4", content="nothing is written", is_error=True, name="erase")]
        ),
    ]
