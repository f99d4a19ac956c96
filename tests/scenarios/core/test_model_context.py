"""An agent that remembers the conversation in a model context (spec: 000 CX-01..04; 001 CTX-1..4; part 3 L21773)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hubbub_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
from hubbub_core.model_context import (
    BufferedChatCompletionContext,
    ChatCompletionContext,
    UnboundedChatCompletionContext,
)
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient

SYSTEM = SystemMessage(content="You are a helpful AI assistant.")


@dataclass
class Message:
    content: str


class SimpleAgentWithContext(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient, model_context: ChatCompletionContext) -> None:
        super().__init__("A simple agent")
        self._model_client = model_client
        self._model_context = model_context

    @message_handler
    async def handle_user_message(self, message: Message, ctx: MessageContext) -> Message:
        await self._model_context.add_message(UserMessage(content=message.content, source="user"))
        # The system message stays outside of the context, so that it is never pushed out.
        reply = await self._model_client.create(
            [SYSTEM, *(await self._model_context.get_messages())], cancellation_token=ctx.cancellation_token
        )
        assert isinstance(reply.content, str)
        await self._model_context.add_message(
            AssistantMessage(content=reply.content, thought=reply.thought, source=self.metadata["type"])
        )
        return Message(reply.content)


class ReasoningModelContext(UnboundedChatCompletionContext):
    """Shows the model no thoughts of earlier turns."""

    async def get_messages(self) -> list[LLMMessage]:
        messages = await super().get_messages()
        for message in messages:
            if isinstance(message, AssistantMessage):
                message.thought = None
        return messages


def user(content: str) -> UserMessage:
    return UserMessage(content=content, source="user")


def assistant(content: str) -> AssistantMessage:
    return AssistantMessage(content=content, source="simple_agent_context")


async def converse(
    runtime: SingleThreadedAgentRuntime,
    model: ChatCompletionClient,
    make_context: Callable[[], ChatCompletionContext],
    *questions: str,
) -> list[str]:
    await SimpleAgentWithContext.register(
        runtime, "simple_agent_context", lambda: SimpleAgentWithContext(model, make_context())
    )
    runtime.start()
    agent_id = AgentId("simple_agent_context", "default")
    answers = [(await runtime.send_message(Message(question), agent_id)).content for question in questions]
    await runtime.stop()
    await model.close()
    return answers


async def test_follow_up_question_is_asked_with_what_was_said_before(runtime: SingleThreadedAgentRuntime) -> None:
    model = ReplayChatCompletionClient(["Space Needle, Pike Place.", "The Space Needle."])

    answers = await converse(
        runtime,
        model,
        lambda: BufferedChatCompletionContext(buffer_size=5),
        "What is fun in Seattle?",
        "What did you mention first?",
    )

    assert answers == ["Space Needle, Pike Place.", "The Space Needle."]
    assert [call["messages"] for call in model.create_calls] == [
        [SYSTEM, user("What is fun in Seattle?")],
        [
            SYSTEM,
            user("What is fun in Seattle?"),
            assistant("Space Needle, Pike Place."),
            user("What did you mention first?"),
        ],
    ]


async def test_buffer_forgets_the_oldest_but_never_the_system_message(runtime: SingleThreadedAgentRuntime) -> None:
    model = ReplayChatCompletionClient(["1", "2", "3", "4"])

    await converse(runtime, model, lambda: BufferedChatCompletionContext(buffer_size=5), "a", "b", "c", "d")

    assert model.create_calls[3]["messages"] == [
        SYSTEM,
        user("b"),
        assistant("2"),
        user("c"),
        assistant("3"),
        user("d"),
    ]


async def test_reasoning_model_does_not_see_its_earlier_thoughts(runtime: SingleThreadedAgentRuntime) -> None:
    thoughtful = CreateResult(
        finish_reason="stop", content="42", usage=RequestUsage(0, 0), cached=False, thought="What is six by nine?"
    )
    model = ReplayChatCompletionClient([thoughtful, "I cannot say."])

    await converse(runtime, model, ReasoningModelContext, "The answer?", "Why?")

    assert model.create_calls[1]["messages"] == [SYSTEM, user("The answer?"), assistant("42"), user("Why?")]
