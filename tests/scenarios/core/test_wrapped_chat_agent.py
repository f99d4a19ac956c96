"""An agent of AgentChat inside an agent of the core, beside a plain one (spec: 000 AG-18; 001 AAR-2..6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.messages import TextMessage
from hubbub_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


@dataclass
class MyMessageType:
    content: str


class MyAgent(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("MyAgent")

    @message_handler
    async def handle_my_message_type(self, message: MyMessageType, ctx: MessageContext) -> None:
        print(f"{self.id.type} received message: {message.content}")


class MyAssistant(RoutedAgent):
    def __init__(self, name: str, model_client: ChatCompletionClient) -> None:
        super().__init__(name)
        self._delegate = AssistantAgent(name, model_client=model_client)

    @message_handler
    async def handle_my_message_type(self, message: MyMessageType, ctx: MessageContext) -> None:
        print(f"{self.id.type} received message: {message.content}")
        response = await self._delegate.on_messages(
            [TextMessage(content=message.content, source="user")], ctx.cancellation_token
        )
        assert isinstance(response.chat_message, TextMessage)
        print(f"{self.id.type} responded: {response.chat_message.content}")


async def test_wrapper_answers_beside_a_plain_agent(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    model = ReplayChatCompletionClient(["Hello! How can I help?"])
    await MyAgent.register(runtime, "my_agent", lambda: MyAgent())
    registered = await MyAssistant.register(runtime, "my_assistant", lambda: MyAssistant("my_assistant", model))
    runtime.start()
    for agent_type in ("my_agent", "my_assistant"):
        await runtime.send_message(MyMessageType("Hello, World!"), AgentId(agent_type, "default"))
    await runtime.stop()

    assert repr(registered) == "AgentType(type='my_assistant')"
    assert printed() == [
        "my_agent received message: Hello, World!",
        "my_assistant received message: Hello, World!",
        "my_assistant responded: Hello! How can I help?",
    ]
    assert model.create_calls[0]["messages"][-1] == UserMessage(content="Hello, World!", source="user")
