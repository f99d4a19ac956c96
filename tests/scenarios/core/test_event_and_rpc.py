"""One agent with a handler for events and one for requests (spec: 001 API-ROUTED-2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubbub_core import (
    AgentId,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    default_subscription,
    event,
    rpc,
)


@dataclass
class Message:
    content: str


@dataclass
class MessageWithContent:
    content: str


@dataclass
class Response:
    text: str


@default_subscription
class MyAgent(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("I'm a demo agent")

    @event
    async def handle_event_message(self, message: Message, ctx: MessageContext) -> None:
        assert ctx.topic_id is not None
        print(f"{self.id} heard {message.content!r} on {ctx.topic_id}")
        await self.publish_message(MessageWithContent("event handled"), ctx.topic_id)

    @rpc(match=lambda message, ctx: message.content == "special")
    async def handle_special_rpc_message(self, message: MessageWithContent, ctx: MessageContext) -> Response:
        assert ctx.topic_id is None
        print(f"{self.id} was asked {message.content!r}")
        return Response("special indeed")


@default_subscription
class Witness(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("Hears what the agent publishes")

    @event
    async def on_published(self, message: MessageWithContent, ctx: MessageContext) -> None:
        print(f"witness heard {message.content!r} from {ctx.sender} on {ctx.topic_id}")


async def test_event_is_published_on_and_only_the_special_request_is_answered(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    await MyAgent.register(runtime, "my_agent", MyAgent)
    await Witness.register(runtime, "witness", Witness)
    agent = AgentId("my_agent", "default")
    runtime.start()
    await runtime.publish_message(Message("news"), DefaultTopicId())
    await runtime.publish_message(MessageWithContent("special"), DefaultTopicId())
    answers = [
        await runtime.send_message(MessageWithContent("special"), agent),
        await runtime.send_message(MessageWithContent("ordinary"), agent),
        await runtime.send_message(Message("news"), agent),
    ]
    await runtime.stop_when_idle()

    assert answers == [Response("special indeed"), None, None]
    assert sorted(printed()) == [
        "my_agent/default heard 'news' on default/default",
        "my_agent/default was asked 'special'",
        "witness heard 'event handled' from my_agent/default on default/default",
        "witness heard 'special' from None on default/default",
    ]
