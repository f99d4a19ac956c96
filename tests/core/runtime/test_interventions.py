"""Intervention handlers: order, change, drop, refuse, replies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from core_agents import Scripted, Text, add_agent, settle

from hubbub_core import (
    AgentId,
    DefaultInterventionHandler,
    DropMessage,
    MessageContext,
    SingleThreadedAgentRuntime,
    TopicId,
)
from hubbub_core.exceptions import MessageDroppedException


async def echo(agent: Scripted, message: Text, ctx: MessageContext) -> Text:
    return Text(f"{message.content}!")


class Append(DefaultInterventionHandler):
    def __init__(self, text: str) -> None:
        self.text = text

    async def on_send(self, message: Text, *, message_context: MessageContext, recipient: AgentId) -> Any:
        return Text(message.content + self.text)

    async def on_publish(self, message: Text, *, message_context: MessageContext) -> Any:
        return Text(message.content + self.text)

    async def on_response(self, message: Text, *, sender: AgentId, recipient: AgentId | None) -> Any:
        return Text(message.content + self.text)


async def test_handlers_change_messages_and_replies_in_list_order() -> None:
    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Append("a"), Append("b")])
    got: list[str] = []

    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(message.content)

    target = await add_agent(runtime, "echo", echo)
    await add_agent(runtime, "note", note, "news")
    runtime.start()
    reply = await runtime.send_message(Text("x"), target)
    await runtime.publish_message(Text("y"), TopicId("news", "default"))
    await runtime.stop_when_idle()

    assert (reply, got) == (Text("xab!ab"), ["yab"])


@pytest.mark.parametrize("drop", [DropMessage, DropMessage()])
async def test_dropped_reply_is_an_error_for_the_sender(drop: object) -> None:
    class Drop(DefaultInterventionHandler):
        async def on_response(self, message: Any, *, sender: AgentId, recipient: AgentId | None) -> Any:
            return drop

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Drop()])
    target = await add_agent(runtime, "echo", echo)
    runtime.start()

    with pytest.raises(MessageDroppedException, match=r"Drop\.on_response dropped a message of type Text"):
        await runtime.send_message(Text("x"), target)
    await asyncio.wait_for(runtime.stop_when_idle(), 5)


async def test_error_in_on_response_reaches_the_sender() -> None:
    class Refuse(DefaultInterventionHandler):
        async def on_response(self, message: Any, *, sender: AgentId, recipient: AgentId | None) -> Any:
            raise PermissionError(f"{sender} to {recipient}")

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Refuse()])
    target = await add_agent(runtime, "echo", echo)
    runtime.start()

    with pytest.raises(PermissionError, match="echo/default to app/1"):
        await runtime.send_message(Text("x"), target, sender=AgentId("app", "1"))
    await asyncio.wait_for(runtime.stop_when_idle(), 5)


async def test_handler_that_returns_none_warns_and_lets_the_message_pass() -> None:
    class Forgetful(DefaultInterventionHandler):
        async def on_send(self, message: Any, *, message_context: MessageContext, recipient: AgentId) -> Any:
            return None

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Forgetful()])
    target = await add_agent(runtime, "echo", echo)
    runtime.start()

    with pytest.warns(RuntimeWarning, match=r"Forgetful\.on_send returned None; the message goes on unchanged"):
        reply = await runtime.send_message(Text("x"), target)

    assert reply == Text("x!")
    await runtime.stop()


async def test_publish_is_seen_even_if_nobody_subscribes() -> None:
    seen: list[tuple[Any, TopicId | None]] = []

    class Look(DefaultInterventionHandler):
        async def on_publish(self, message: Any, *, message_context: MessageContext) -> Any:
            seen.append((message, message_context.topic_id))
            return message

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Look()])
    runtime.start()
    await runtime.publish_message(Text("x"), TopicId("nobody", "1"))
    await runtime.stop_when_idle()

    assert seen == [(Text("x"), TopicId("nobody", "1"))]


async def test_messages_keep_their_order_behind_an_intervention_that_waits() -> None:
    class SlowFirst(DefaultInterventionHandler):
        async def on_publish(self, message: Text, *, message_context: MessageContext) -> Any:
            if message.content == "0":
                await settle()
            return message

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[SlowFirst()])
    got: list[str] = []

    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(message.content)

    await add_agent(runtime, "note", note, "news")
    runtime.start()
    for number in range(5):
        await runtime.publish_message(Text(str(number)), TopicId("news", "default"))
    await runtime.stop_when_idle()

    assert got == ["0", "1", "2", "3", "4"]


async def test_intervention_may_send_a_message_and_wait_for_the_reply() -> None:
    class Ask(DefaultInterventionHandler):
        runtime: SingleThreadedAgentRuntime

        async def on_send(self, message: Text, *, message_context: MessageContext, recipient: AgentId) -> Any:
            if recipient.type == "judge":
                return message
            verdict = await self.runtime.send_message(message, AgentId("judge", "default"))
            return Text(f"{message.content}, {verdict.content}")

    ask = Ask()
    runtime = ask.runtime = SingleThreadedAgentRuntime(intervention_handlers=[ask])

    async def judge(agent: Scripted, message: Text, ctx: MessageContext) -> Text:
        await asyncio.sleep(0)
        return Text("approved")

    await add_agent(runtime, "judge", judge)
    target = await add_agent(runtime, "echo", echo)
    runtime.start()

    assert await asyncio.wait_for(runtime.send_message(Text("x"), target), 5) == Text("x, approved!")
    await asyncio.wait_for(runtime.stop_when_idle(), 5)


class Denied(BaseException):
    """As some frameworks' refusals, no Exception."""


async def test_refusal_that_is_no_exception_reaches_the_sender_and_harms_nobody_else() -> None:
    class Deny(DefaultInterventionHandler):
        async def on_send(self, message: Text, *, message_context: MessageContext, recipient: AgentId) -> Any:
            if message.content == "denied":
                raise Denied("no")
            return message

        async def on_publish(self, message: Text, *, message_context: MessageContext) -> Any:
            raise Denied("no")

    runtime = SingleThreadedAgentRuntime(intervention_handlers=[Deny()])
    target = await add_agent(runtime, "echo", echo)
    runtime.start()

    await runtime.publish_message(Text("x"), TopicId("news", "default"))
    with pytest.raises(Denied, match="no"):
        await runtime.send_message(Text("denied"), target)
    assert await runtime.send_message(Text("x"), target) == Text("x!")
    await asyncio.wait_for(runtime.stop_when_idle(), 5)
