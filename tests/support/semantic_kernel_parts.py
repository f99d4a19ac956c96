"""A tool, a model and an agent of Semantic Kernel, for `framework_parts`; its environment may not have them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from typing import Any, ClassVar

from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.chat_completion_client_base import ChatCompletionClientBase
from semantic_kernel.connectors.ai.function_call_choice_configuration import FunctionCallChoiceConfiguration
from semantic_kernel.contents import (
    ChatHistory,
    ChatMessageContent,
    FunctionCallContent,
    FunctionResultContent,
    StreamingChatMessageContent,
)
from semantic_kernel.contents.utils.author_role import AuthorRole
from semantic_kernel.functions import KernelFunction, KernelPlugin, kernel_function

from hubbub_registry import adapt

TOOL = "semantic_kernel.functions.kernel_function.KernelFunction"
MODEL = "semantic_kernel.connectors.ai.chat_completion_client_base.ChatCompletionClientBase"
PLUGIN = "tools"
"""The plugin that an agent has its tool in."""


class CallingService(ChatCompletionClientBase):
    """A chat completion service that calls one tool, then says what the tool said."""

    SUPPORTS_FUNCTION_CALLING: ClassVar[bool] = True

    tool_name: str
    arguments: dict[str, Any]

    def _update_function_choice_settings_callback(self) -> Callable[[Any, Any, Any], None]:
        def show(shown: FunctionCallChoiceConfiguration, settings: Any, kind: Any) -> None:
            names = [function.fully_qualified_name for function in shown.available_functions or []]
            assert self.tool_name in names, f"the model was shown {names}"

        return show

    async def _inner_get_chat_message_contents(
        self, chat_history: ChatHistory, settings: Any
    ) -> list[ChatMessageContent]:
        said = chat_history.messages[-1].items[-1]
        if isinstance(said, FunctionResultContent):
            return [ChatMessageContent(role=AuthorRole.ASSISTANT, content=f"The tool says: {said.result}")]
        call = FunctionCallContent(id="c1", name=self.tool_name, arguments=json.dumps(self.arguments))
        return [ChatMessageContent(role=AuthorRole.ASSISTANT, items=[call])]

    async def _inner_get_streaming_chat_message_contents(
        self, chat_history: ChatHistory, settings: Any, function_invoke_attempt: int = 0
    ) -> AsyncGenerator[list[StreamingChatMessageContent], Any]:
        (message,) = await self._inner_get_chat_message_contents(chat_history, settings)
        items: Any = list(message.items)
        yield [StreamingChatMessageContent(role=AuthorRole.ASSISTANT, choice_index=0, items=items)]


def service(tool_name: str, arguments: dict[str, Any]) -> CallingService:
    """Make a chat completion service."""
    fields: dict[str, Any] = {"ai_model_id": "calling", "tool_name": tool_name, "arguments": arguments}
    return CallingService(**fields)


def function(method: Callable[..., Any]) -> KernelFunction:
    """Make a kernel function that belongs to no plugin."""
    return KernelFunction.from_method(kernel_function(method))


def agent(tool: Any, model: Any) -> ChatCompletionAgent:
    """Make an agent on a tool and a model of anybody."""
    plugin = KernelPlugin(PLUGIN, functions=[adapt(tool, to=TOOL)])
    return ChatCompletionAgent(name="worker", plugins=[plugin], service=adapt(model, to=MODEL))
