"""A tool and a model of LangChain inside an agent of LlamaIndex, in the runtime of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from llama_index.core.agent.workflow import FunctionAgent
from pydantic import Field

from hubbub_core import AgentId, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentResult, AgentTask
from hubbub_core.models import AssistantMessage, FunctionExecutionResult, FunctionExecutionResultMessage
from hubbub_registry import adapt

# LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect")


class Calculating(GenericFakeChatModel):
    """Calls the tool that it is given, then says what the tool said."""

    messages: Iterator[AIMessage | str] = iter(())
    tools: list[Any] = Field(default_factory=list)

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, AIMessage]:
        self.tools.extend(tools)
        return self

    def _stream(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        said = messages[-1]
        if isinstance(said, ToolMessage):
            yield ChatGenerationChunk(message=AIMessageChunk(content=f"It is {said.content}."))
            return
        chunk = {"name": "add", "args": '{"a": 2}', "id": "c", "index": 0, "type": "tool_call_chunk"}
        yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=[chunk]))


async def test_a_llama_index_agent_calls_a_langchain_tool_on_a_langchain_model() -> None:
    called: list[tuple[int, int]] = []

    @tool
    def add(a: int, b: int = 1) -> int:
        """Add two numbers."""
        called.append((a, b))
        return a + b

    model: BaseChatModel = Calculating(profile={"max_input_tokens": 10_000})
    agent = FunctionAgent(
        name="adder",
        tools=[adapt(add, to="llama_index.core.tools.types.BaseTool")],
        llm=adapt(model, to="llama_index.core.llms.llm.LLM"),
    )
    runtime = SingleThreadedAgentRuntime()
    await adapt(agent).register(runtime, "adder")
    runtime.start()

    result = await runtime.send_message(AgentTask.from_text("2 and 1?"), AgentId("adder", "default"))

    await runtime.stop_when_idle()
    assert isinstance(result, AgentResult)
    assert called == [(2, 1)]
    assert result.messages[1:] == [
        FunctionExecutionResultMessage(
            content=[FunctionExecutionResult(content="3", name="add", call_id="c", is_error=None)]
        ),
        AssistantMessage(content="It is 3.", source="adder"),
    ]
