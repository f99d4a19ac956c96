"""A pipeline of four agents, each publishing to the topic of the next one (spec: 000 DP-05; 001 SEQ-1..3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from hubbub_core import (
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    message_handler,
    type_subscription,
)
from hubbub_core.models import ChatCompletionClient, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient

RULE = "-" * 80


@dataclass
class Message:
    content: str


class Step(RoutedAgent):
    """Asks its model once and hands the answer on."""

    instruction: ClassVar[str]
    question: ClassVar[str]
    next_topic: ClassVar[str]

    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("A step of the pipeline.")
        self._model_client = model_client

    @message_handler
    async def handle(self, message: Message, ctx: MessageContext) -> None:
        prompt = f"{self.question}: {message.content}"
        reply = await self._model_client.create(
            [SystemMessage(content=self.instruction), UserMessage(content=prompt, source=self.id.key)],
            cancellation_token=ctx.cancellation_token,
        )
        assert isinstance(reply.content, str)
        print(f"{RULE}\n{self.id.type}:\n{reply.content}")
        await self.publish_message(Message(reply.content), TopicId(self.next_topic, source=self.id.key))


@type_subscription(topic_type="ConceptExtractorAgent")
class ConceptExtractorAgent(Step):
    instruction = "List features, audience and selling points."
    question = "Product"
    next_topic = "WriterAgent"


@type_subscription(topic_type="WriterAgent")
class WriterAgent(Step):
    instruction = "Write an advertisement."
    question = "Facts"
    next_topic = "FormatProofAgent"


@type_subscription(topic_type="FormatProofAgent")
class FormatProofAgent(Step):
    instruction = "Correct grammar and format."
    question = "Draft"
    next_topic = "User"


@type_subscription(topic_type="User")
class UserAgent(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("Shows the final copy to the user.")

    @message_handler
    async def handle_final_copy(self, message: Message, ctx: MessageContext) -> None:
        print(f"{RULE}\n{self.id.type} received final copy:\n{message.content}")


async def test_each_step_is_fed_the_answer_of_the_step_before(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    model = ReplayChatCompletionClient(
        ["steel; hikers", "Bottle of steal, for hikers", "A bottle of steel for hikers."]
    )
    steps: list[type[Step]] = [ConceptExtractorAgent, WriterAgent, FormatProofAgent]
    for step in steps:
        await step.register(runtime, type=step.__name__, factory=partial(step, model))
    await UserAgent.register(runtime, type="User", factory=UserAgent)
    runtime.start()
    await runtime.publish_message(Message("a steel bottle"), TopicId("ConceptExtractorAgent", source="default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 10)

    assert printed() == [
        *(RULE, "ConceptExtractorAgent:", "steel; hikers"),
        *(RULE, "WriterAgent:", "Bottle of steal, for hikers"),
        *(RULE, "FormatProofAgent:", "A bottle of steel for hikers."),
        *(RULE, "User received final copy:", "A bottle of steel for hikers."),
    ]
    assert [call["messages"] for call in model.create_calls] == [
        [
            SystemMessage(content="List features, audience and selling points."),
            UserMessage(content="Product: a steel bottle", source="default"),
        ],
        [
            SystemMessage(content="Write an advertisement."),
            UserMessage(content="Facts: steel; hikers", source="default"),
        ],
        [
            SystemMessage(content="Correct grammar and format."),
            UserMessage(content="Draft: Bottle of steal, for hikers", source="default"),
        ],
    ]
