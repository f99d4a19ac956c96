"""The first programs of the runtime's reference (spec: 001 API-STR-4, API-STR-5, API-INTV-11; 000 L19210)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hubbub_core import (
    AgentId,
    AgentType,
    DefaultInterventionHandler,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    default_subscription,
    event,
    message_handler,
)
from hubbub_core.models import UserMessage


@dataclass
class MyMessage:
    content: str


class MyAgent(RoutedAgent):
    @message_handler
    async def handle_my_message(self, message: MyMessage, ctx: MessageContext) -> None:
        print(f"Received message: {message.content}")


@default_subscription
class MySubscribedAgent(MyAgent):
    """The same handler, reached through the default topic."""


class MyModelAgent(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("My core agent")

    # The context parameter may have any name.
    @event
    async def handler(self, message: UserMessage, context: MessageContext) -> None:
        print(f"Event received from {message.source}: {message.content}")


async def test_direct_message_is_received(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    await MyAgent.register(runtime, "my_agent", lambda: MyAgent("My agent"))
    runtime.start()
    reply = await runtime.send_message(MyMessage("Hello, world!"), recipient=AgentId("my_agent", "default"))
    await runtime.stop()

    assert (reply, printed()) == (None, ["Received message: Hello, world!"])


async def test_published_message_is_received(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    await MySubscribedAgent.register(runtime, "my_agent", lambda: MySubscribedAgent("My agent"))
    runtime.start()
    await runtime.publish_message(MyMessage("Hello, world!"), DefaultTopicId())
    await runtime.stop_when_idle()

    assert printed() == ["Received message: Hello, world!"]


async def test_factory_alone_adds_no_subscription(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    for agent_type in ("my_agent", "my_other_agent"):
        registered = await runtime.register_factory(
            agent_type, lambda: MySubscribedAgent("My agent"), expected_class=MySubscribedAgent
        )
        assert registered == AgentType(agent_type)
    runtime.start()
    await runtime.publish_message(MyMessage("to all"), DefaultTopicId())
    await runtime.send_message(MyMessage("to one"), AgentId("my_agent", "default"))
    await runtime.stop_when_idle()

    assert printed() == ["Received message: to one"]


async def test_message_of_a_model_is_a_message_of_the_runtime(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    await MyModelAgent.register(runtime, "my_agent", lambda: MyModelAgent())
    runtime.start()
    # Every agent also listens to the topics named after its type.
    await runtime.publish_message(UserMessage(content="Hi", source="ann"), DefaultTopicId("my_agent:"))
    await runtime.stop_when_idle()

    assert printed() == ["Event received from ann: Hi"]


async def test_intervention_puts_direct_messages_into_capitals(printed: Callable[[], list[str]]) -> None:
    class Loud(DefaultInterventionHandler):
        async def on_send(self, message: Any, *, message_context: MessageContext, recipient: AgentId) -> Any:
            return MyMessage(message.content.upper()) if isinstance(message, MyMessage) else message

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Loud()])
    await MySubscribedAgent.register(runtime, "my_agent", lambda: MySubscribedAgent("My agent"))
    runtime.start()
    await runtime.send_message(MyMessage("hello"), AgentId("my_agent", "default"))
    await runtime.publish_message(MyMessage("hello"), DefaultTopicId())
    await runtime.stop_when_idle()

    assert printed() == ["Received message: HELLO", "Received message: hello"]
