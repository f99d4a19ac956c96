"""Routing of messages to decorated methods."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from core_agents import Number, Text

from hubbub_core import (
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    event,
    message_handler,
    rpc,
    type_subscription,
)
from hubbub_core.exceptions import CantHandleException


@dataclass
class Special(Text):
    """A subclass: routing goes by the exact type."""


async def send(runtime: SingleThreadedAgentRuntime, cls: type[RoutedAgent], *messages: Any) -> list[Any]:
    """Register a class and send messages to its default instance."""
    await cls.register(runtime, "agent", lambda: cls("an agent"))
    return [await runtime.send_message(message, AgentId("agent", "default")) for message in messages]


async def test_messages_go_to_the_handler_of_their_exact_type(
    runtime: SingleThreadedAgentRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    class Agent(RoutedAgent):
        @message_handler
        async def on_text(self, message: Text, ctx: MessageContext) -> str:
            return f"text {message.content}"

        @message_handler()
        async def on_number(self, message: Number, context: MessageContext) -> str:
            return f"number {message.value}"

    caplog.set_level(logging.INFO, "hubbub_core")

    assert await send(runtime, Agent, Text("a"), Number(1), Special("b")) == ["text a", "number 1", None]
    assert "Unhandled message: Special(content='b')" in caplog.text


async def test_matching_handlers_are_asked_in_alphabetical_order_and_the_first_wins(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    asked: list[str] = []

    def match(name: str, content: str) -> Any:
        def ask(message: Text, ctx: MessageContext) -> bool:
            asked.append(name)
            return message.content.startswith(content)

        return ask

    class Agent(RoutedAgent):
        @message_handler(match=match("c", "x"))
        async def c(self, message: Text, ctx: MessageContext) -> str:
            return "c"

        @message_handler(match=match("a", "xy"))
        async def a(self, message: Text, ctx: MessageContext) -> str:
            return "a"

        @message_handler(match=match("b", "x"))
        async def b(self, message: Text, ctx: MessageContext) -> str:
            return "b"

    assert await send(runtime, Agent, Text("x"), Text("xy"), Text("z")) == ["b", "a", None]
    assert asked == ["a", "b", "a", "a", "b", "c"]


async def test_event_takes_published_and_rpc_takes_direct_messages(runtime: SingleThreadedAgentRuntime) -> None:
    got: list[str] = []

    @type_subscription("news")
    class Agent(RoutedAgent):
        @event
        async def a_published(self, message: Text, ctx: MessageContext) -> None:
            got.append(f"published {message.content}")

        @rpc(match=lambda message, ctx: message.content == "special")
        async def b_direct(self, message: Text, ctx: MessageContext) -> str:
            return f"direct {message.content}"

        @rpc
        async def c_direct(self, message: Text, ctx: MessageContext) -> str:
            return "other"

    assert await send(runtime, Agent, Text("special"), Text("x")) == ["direct special", "other"]
    await runtime.publish_message(Text("special"), TopicId("news", "default"))
    await runtime.stop_when_idle()
    runtime.start()
    assert got == ["published special"]


async def test_unions_none_and_any_are_accepted_as_annotations(runtime: SingleThreadedAgentRuntime) -> None:
    class Agent(RoutedAgent):
        @message_handler
        async def on_both(self, message: Text | Number, ctx: MessageContext) -> str | None:
            return message.content if isinstance(message, Text) else None

        @message_handler
        async def on_rest(self, message: Any, ctx: MessageContext) -> Any:
            return [message]

    assert await send(runtime, Agent, Text("a"), Number(1), 7) == ["a", None, [7]]


async def test_handlers_are_inherited_and_replaced_by_name(runtime: SingleThreadedAgentRuntime) -> None:
    class Base(RoutedAgent):
        @message_handler
        async def on_text(self, message: Text, ctx: MessageContext) -> str:
            return f"base {message.content}"

        @message_handler
        async def on_number(self, message: Number, ctx: MessageContext) -> str:
            return "base number"

    class Derived(Base):
        @message_handler
        async def on_text(self, message: Text, ctx: MessageContext) -> str:
            return "derived " + await super().on_text(message, ctx)

    assert await send(runtime, Derived, Text("a"), Number(1)) == ["derived base a", "base number"]


async def test_strict_handler_refuses_an_undeclared_reply_and_a_lenient_one_warns(
    runtime: SingleThreadedAgentRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    class Agent(RoutedAgent):
        @message_handler
        async def on_text(self, message: Text, ctx: MessageContext) -> str:
            return 5  # type: ignore[return-value] # the slip that is to be caught

        @message_handler(strict=False)
        async def on_number(self, message: Number, ctx: MessageContext) -> str:
            return 6  # type: ignore[return-value] # the slip that is to be logged

    await Agent.register(runtime, "agent", lambda: Agent("an agent"))

    with pytest.raises(ValueError, match=r"on_text is declared to return str, but returned int"):
        await runtime.send_message(Text("a"), AgentId("agent", "default"))
    assert await runtime.send_message(Number(1), AgentId("agent", "default")) == 6
    assert "on_number is declared to return str, but returned int" in caplog.text


async def test_reply_of_a_handler_that_waited_is_checked_too(runtime: SingleThreadedAgentRuntime) -> None:
    class Agent(RoutedAgent):
        @message_handler
        async def on_text(self, message: Text, ctx: MessageContext) -> str:
            await asyncio.sleep(0)
            return 5  # type: ignore[return-value] # the slip that is to be caught

    with pytest.raises(ValueError, match=r"on_text is declared to return str, but returned int"):
        await send(runtime, Agent, Text("a"))


async def test_own_on_message_impl_sees_every_message_and_may_change_the_reply(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    class Agent(RoutedAgent):
        @message_handler
        async def on_text(self, message: Text, ctx: MessageContext) -> str:
            return message.content

    class Counting(Agent):
        seen = 0

        async def on_message_impl(self, message: Any, ctx: MessageContext) -> Any:
            self.seen += 1
            return self.seen, await super().on_message_impl(message, ctx)

    class Derived(Counting):
        pass

    assert await send(runtime, Derived, Text("a"), Number(1)) == [(1, "a"), (2, None)]


async def test_handler_called_directly_with_another_type_refuses_it(runtime: SingleThreadedAgentRuntime) -> None:
    class Agent(RoutedAgent):
        @message_handler
        async def on_text(self, message: Text, ctx: MessageContext) -> str:
            return message.content

        @message_handler
        async def on_number(self, message: Number, ctx: MessageContext) -> str:
            return await self.on_text(message, ctx)  # type: ignore[arg-type] # the slip that is to be caught

    with pytest.raises(CantHandleException, match="on_text takes Text, but was called with Number"):
        await send(runtime, Agent, Number(1))


def test_bad_signatures_are_refused_when_decorating() -> None:
    async def unnamed(self: Any, text: Text, ctx: MessageContext) -> None: ...
    async def unannotated(self: Any, message, ctx: MessageContext) -> None: ...  # type: ignore[no-untyped-def] # the missing annotation is the case
    async def no_return(self: Any, message: Text, ctx: MessageContext): ...  # type: ignore[no-untyped-def] # the missing annotation is the case
    def not_async(self: Any, message: Text, ctx: MessageContext) -> Any: ...
    async def unusable(self: Any, message: 5, ctx: MessageContext) -> None: ...  # type: ignore[valid-type] # the unusable annotation is the case

    refused = {
        "named `message`": unnamed,
        "message parameter not found in the type hints": unannotated,
        "return not found in the type hints": no_return,
        "is not an `async def` method": not_async,
    }
    for text, func in refused.items():
        for decorator in (message_handler, event, rpc):
            with pytest.raises(AssertionError, match=text):
                decorator(func)
    with pytest.raises((AssertionError, TypeError)):
        message_handler(unusable)


async def test_types_local_to_a_function_are_resolved(runtime: SingleThreadedAgentRuntime) -> None:
    @dataclass
    class Local:
        value: int

    class Agent(RoutedAgent):
        @message_handler
        async def on_local(self, message: Local, ctx: MessageContext) -> Local:
            return Local(message.value + 1)

    assert await send(runtime, Agent, Local(1)) == [Local(2)]


async def test_unserializable_message_type_is_refused_at_registration(runtime: SingleThreadedAgentRuntime) -> None:
    class Odd:
        pass

    class Agent(RoutedAgent):
        @message_handler
        async def on_odd(self, message: Odd, ctx: MessageContext) -> None: ...

    with pytest.raises(ValueError, match=r"No serializers found for type .*Odd.*, which Agent handles"):
        await Agent.register(runtime, "agent", lambda: Agent("an agent"))
    # Nothing was registered half way.
    with pytest.raises(LookupError):
        await runtime.send_message(Text("x"), AgentId("agent", "default"))
