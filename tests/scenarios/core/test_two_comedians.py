"""Two comedians of one class, on a local model, until one has had enough (spec: 000 CB-10; 001 LOCAL-4, LOCAL-5)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hubbub_core import (
    AgentId,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    default_subscription,
    message_handler,
)
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import AssistantMessage, ChatCompletionClient, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


@dataclass
class Message:
    content: str


@default_subscription
class Assistant(RoutedAgent):
    def __init__(self, name: str, model_client: ChatCompletionClient) -> None:
        super().__init__("An assistant agent.")
        self._model_client = model_client
        self.name = name
        self.count = 0
        self._system_messages = [SystemMessage(content=f"You are {name}, a comedian.")]
        self._model_context = BufferedChatCompletionContext(buffer_size=5)

    @message_handler
    async def handle_message(self, message: Message, ctx: MessageContext) -> None:
        self.count += 1
        await self._model_context.add_message(UserMessage(content=message.content, source="user"))
        # The model is asked before the agent looks whether it is to stop.
        reply = await self._model_client.create([*self._system_messages, *(await self._model_context.get_messages())])
        print(f"{self.name}: {message.content}")
        if "i need to go" in message.content.lower() or self.count > 2:
            return
        assert isinstance(reply.content, str)
        await self._model_context.add_message(AssistantMessage(content=reply.content, source="assistant"))
        await self.publish_message(Message(reply.content), DefaultTopicId())


async def perform(
    runtime: SingleThreadedAgentRuntime, cathy_jokes: list[str], joe_jokes: list[str]
) -> list[ReplayChatCompletionClient]:
    models = [ReplayChatCompletionClient(cathy_jokes), ReplayChatCompletionClient(joe_jokes)]
    cathy = await Assistant.register(runtime, "cathy", lambda: Assistant("Cathy", models[0]))
    joe = await Assistant.register(runtime, "joe", lambda: Assistant("Joe", models[1]))
    runtime.start()
    await runtime.send_message(
        Message("Joe, tell me a joke."), recipient=AgentId(joe, "default"), sender=AgentId(cathy, "default")
    )
    await asyncio.wait_for(runtime.stop_when_idle(), 10)
    return models


async def test_joe_has_had_enough_at_his_third_turn(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    cathy, joe = await perform(runtime, ["cathy-1", "cathy-2"], ["joe-1", "joe-2", "joe-3"])

    assert printed() == [
        "Joe: Joe, tell me a joke.",
        "Cathy: joe-1",
        "Joe: cathy-1",
        "Cathy: joe-2",
        "Joe: cathy-2",
    ]
    assert (len(cathy.create_calls), len(joe.create_calls)) == (2, 3)
    # Five messages are remembered, besides the system message.
    assert [message.content for message in joe.create_calls[2]["messages"]] == [
        "You are Joe, a comedian.",
        "Joe, tell me a joke.",
        "joe-1",
        "cathy-1",
        "joe-2",
        "cathy-2",
    ]


async def test_farewell_ends_the_show(runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]) -> None:
    cathy, joe = await perform(runtime, ["Bye then."], ["Well, I need to GO."])

    assert printed() == ["Joe: Joe, tell me a joke.", "Cathy: Well, I need to GO."]
    assert (len(cathy.create_calls), len(joe.create_calls)) == (1, 1)
