"""Agent identity and life cycle: types come from code, keys from data (spec: 001 IDENT-1..5, AAR-3..7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubbub_core import AgentId, AgentType, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler


@dataclass
class MyMessageType:
    content: str


@dataclass
class Remark:
    text: str


class MyAgent(RoutedAgent):
    def __init__(self, greeting: str = "received message") -> None:
        super().__init__("MyAgent")
        self.greeting = greeting

    @message_handler
    async def handle_my_message_type(self, message: MyMessageType, ctx: MessageContext) -> None:
        print(f"{self.id.type} {self.greeting}: {message.content}")


class CodeReviewer(RoutedAgent):
    def __init__(self, made: list[str]) -> None:
        super().__init__("Reviews one request")
        made.append(str(self.id))
        self.remarks: list[str] = []

    @message_handler
    async def on_remark(self, message: Remark, ctx: MessageContext) -> list[str]:
        self.remarks.append(message.text)
        return list(self.remarks)


async def test_two_factories_make_agents_of_one_class(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    # The class itself is a factory too (spec: 001 EASY-17).
    assert await MyAgent.register(runtime, "my_agent", MyAgent) == AgentType("my_agent")
    assistant = await MyAgent.register(runtime, "my_assistant", lambda: MyAgent("was told"))
    assert repr(assistant) == "AgentType(type='my_assistant')"

    runtime.start()
    await runtime.send_message(MyMessageType("Hello, World!"), AgentId("my_agent", "default"))
    await runtime.send_message(MyMessageType("Hello, World!"), AgentId(assistant, "default"))
    await runtime.stop()

    assert printed() == ["my_agent received message: Hello, World!", "my_assistant was told: Hello, World!"]


async def test_each_review_request_has_a_reviewer_of_its_own(runtime: SingleThreadedAgentRuntime) -> None:
    made: list[str] = []
    await CodeReviewer.register(runtime, "code_reviewer", lambda: CodeReviewer(made))
    runtime.start()
    assert made == []

    first, second = AgentId("code_reviewer", "request-1"), AgentId("code_reviewer", "request-2")
    replies = [
        await runtime.send_message(Remark("naming"), first),
        await runtime.send_message(Remark("tests"), second),
        await runtime.send_message(Remark("docs"), first),
    ]

    assert replies == [["naming"], ["tests"], ["naming", "docs"]]
    assert made == ["code_reviewer/request-1", "code_reviewer/request-2"]


async def test_an_id_is_type_and_key_around_the_first_slash() -> None:
    agent_id = AgentId.from_str("triage_agent/github.com/microsoft/autogen/issues/1")

    assert agent_id == AgentId("triage_agent", "github.com/microsoft/autogen/issues/1")
    assert str(agent_id) == "triage_agent/github.com/microsoft/autogen/issues/1"
