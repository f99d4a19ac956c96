"""Two comedians on a local model behind an OpenAI-compatible endpoint (spec: 000 CB-10; 001 LOCAL-1..LOCAL-5)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from openai_server import OpenAIServer, Status, Text

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
from hubbub_openai import OpenAIChatCompletionClient


@dataclass
class Message:
    content: str


def local_client(server: OpenAIServer) -> OpenAIChatCompletionClient:
    """A model that no table knows, described the way that older programs do, with a key that nobody checks."""
    with pytest.warns(DeprecationWarning, match="use model_info instead"):
        return OpenAIChatCompletionClient(
            model="llama3.2:1b",
            api_key="NotRequiredSinceWeAreLocal",
            base_url=server.url,
            model_capabilities={"json_output": False, "vision": False, "function_calling": True},
        )


@default_subscription
class Assistant(RoutedAgent):
    def __init__(self, name: str, model_client: ChatCompletionClient) -> None:
        super().__init__("An assistant agent.")
        self._model_client = model_client
        self.name = name
        self.count = 0
        self._system_messages = [
            SystemMessage(content=f"Your name is {name} and you are a part of a duo of comedians.")
        ]
        self._model_context = BufferedChatCompletionContext(buffer_size=5)

    @message_handler
    async def handle_message(self, message: Message, ctx: MessageContext) -> None:
        self.count += 1
        await self._model_context.add_message(UserMessage(content=message.content, source="user"))
        reply = await self._model_client.create([*self._system_messages, *(await self._model_context.get_messages())])
        print(f"{self.name}: {message.content}")
        if "i need to go" in message.content.lower() or self.count > 2:
            return
        assert isinstance(reply.content, str)
        await self._model_context.add_message(AssistantMessage(content=reply.content, source="assistant"))
        await self.publish_message(Message(reply.content), DefaultTopicId())


async def perform(runtime: SingleThreadedAgentRuntime, client: ChatCompletionClient) -> None:
    cathy = await Assistant.register(runtime, "cathy", lambda: Assistant("Cathy", client))
    joe = await Assistant.register(runtime, "joe", lambda: Assistant("Joe", client))
    runtime.start()
    await runtime.send_message(
        Message("Joe, tell me a joke."), recipient=AgentId(joe, "default"), sender=AgentId(cathy, "default")
    )
    await asyncio.wait_for(runtime.stop_when_idle(), 10)


async def test_two_comedians_on_a_local_model(
    server: OpenAIServer, runtime: SingleThreadedAgentRuntime, capsys: pytest.CaptureFixture[str]
) -> None:
    server.reply(*(Text(text) for text in ("joke-1", "reply-1", "joke-2", "reply-2", "unheard")))
    client = local_client(server)

    await perform(runtime, client)
    await client.close()

    assert capsys.readouterr().out.splitlines() == [
        "Joe: Joe, tell me a joke.", "Cathy: joke-1", "Joe: reply-1", "Cathy: joke-2", "Joe: reply-2",
    ]  # fmt: skip
    assert [request.body["model"] for request in server.requests] == ["llama3.2:1b"] * 5
    # Five messages are remembered, besides the system message.
    assert [message["content"] for message in server.requests[4].messages[1:]] == [
        "Joe, tell me a joke.", "joke-1", "reply-1", "joke-2", "reply-2",
    ]  # fmt: skip


async def test_busy_local_server_is_asked_again(server: OpenAIServer, runtime: SingleThreadedAgentRuntime) -> None:
    server.reply(Status(503), Text("I need to go."))
    client = local_client(server)

    await perform(runtime, client)
    await client.close()

    # One request failed, one was repeated, one is Cathy's last.
    assert len(server.requests) == 3
