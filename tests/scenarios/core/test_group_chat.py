"""A group chat: a manager whose model picks the speaker, an illustrator with an image tool, a user who approves.

Spec: 000 DP-06..12; 001 GC-2..13.
"""

from __future__ import annotations

import asyncio
import json
import string
from collections.abc import Callable
from uuid import uuid4

import pytest
from PIL import Image as PILImage
from pydantic import BaseModel

from hubbub_core import (
    ClosureAgent,
    ClosureContext,
    DefaultTopicId,
    FunctionCall,
    Image,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    message_handler,
)
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool

GROUP = "group_chat"
DESCRIPTIONS = {
    "Writer": "writes the text",
    "Illustrator": "draws",
    "Editor": "plans and reviews",
    "User": "decides",
}


class GroupChatMessage(BaseModel):
    body: UserMessage


class RequestToSpeak(BaseModel):
    pass


class BaseGroupChatAgent(RoutedAgent):
    """A participant that follows the chat and speaks through its model when asked to."""

    def __init__(self, description: str, model_client: ChatCompletionClient, system_message: str) -> None:
        super().__init__(description)
        self._model_client = model_client
        self._system_message = SystemMessage(content=system_message)
        self._history: list[LLMMessage] = []

    @message_handler
    async def handle_message(self, message: GroupChatMessage, ctx: MessageContext) -> None:
        self._history += [_transfer(message.body.source), message.body]

    @message_handler
    async def handle_request_to_speak(self, message: RequestToSpeak, ctx: MessageContext) -> None:
        self._history.append(_transfer(self.id.type))
        reply = await self._model_client.create(
            [self._system_message, *self._history], cancellation_token=ctx.cancellation_token
        )
        assert isinstance(reply.content, str)
        self._history.append(AssistantMessage(content=reply.content, source=self.id.type))
        await self._say(reply.content)

    async def _say(self, content: str | list[str | Image]) -> None:
        await self.publish_message(
            GroupChatMessage(body=UserMessage(content=content, source=self.id.type)), DefaultTopicId(type=GROUP)
        )


def _transfer(speaker: str) -> UserMessage:
    return UserMessage(content=f"The floor goes to {speaker}.", source="system")


class IllustratorAgent(BaseGroupChatAgent):
    """Draws with a tool instead of speaking: its handler replaces the inherited one of the same name."""

    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("Illustrator", model_client, "Draw for the text.")
        self._tool = FunctionTool(self._image_gen, name="generate_image", description="Make an image.")

    async def _image_gen(self, character_appearance: str, style_attributes: str, setting: str, prompt: str) -> str:
        assert (setting, prompt) == ("pond", "a frog in a pond")
        return Image.from_pil(PILImage.new("RGB", (64, 32), character_appearance)).to_base64()

    @message_handler
    async def handle_request_to_speak(self, message: RequestToSpeak, ctx: MessageContext) -> None:
        reply = await self._model_client.create(
            [self._system_message, *self._history, _transfer(self.id.type)],
            tools=[self._tool],
            extra_create_args={"tool_choice": "required"},
            cancellation_token=ctx.cancellation_token,
        )
        assert isinstance(reply.content, list)
        images: list[str | Image] = []
        for call in reply.content:
            result = await self._tool.run_json(json.loads(call.arguments), ctx.cancellation_token)
            image = Image.from_base64(self._tool.return_value_as_string(result))
            images.append(Image.from_pil(image.image.resize((256, 256))))
        await self._say(images)


class UserAgent(RoutedAgent):
    @message_handler
    async def handle_message(self, message: GroupChatMessage, ctx: MessageContext) -> None:
        """The user has seen it."""

    @message_handler
    async def handle_request_to_speak(self, message: RequestToSpeak, ctx: MessageContext) -> None:
        text = await asyncio.to_thread(input, "Your turn: ")
        await self.publish_message(
            GroupChatMessage(body=UserMessage(content=text, source=self.id.type)), DefaultTopicId(type=GROUP)
        )


class GroupChatManager(RoutedAgent):
    def __init__(self, participants: dict[str, str], model_client: ChatCompletionClient) -> None:
        super().__init__("Group chat manager")
        self._participants = participants
        self._model_client = model_client
        self._history: list[UserMessage] = []
        self._previous: str | None = None

    @message_handler
    async def handle_message(self, message: GroupChatMessage, ctx: MessageContext) -> None:
        body = message.body
        self._history.append(body)
        if body.source == "User" and _approves(body.content):
            return
        roles = [f"{name}: {what}" for name, what in self._participants.items() if name != self._previous]
        prompt = "\n".join(["Who speaks next?", *roles, "So far:", *map(_line, self._history)])
        reply = await self._model_client.create(
            [SystemMessage(content=prompt)], cancellation_token=ctx.cancellation_token
        )
        assert isinstance(reply.content, str)
        for name in self._participants:
            if name.lower() in reply.content.lower():
                self._previous = name
                await self.publish_message(RequestToSpeak(), DefaultTopicId(type=name))
                return
        raise ValueError(f"Invalid role selected: {reply.content}")


def _approves(content: str | list[str | Image]) -> bool:
    return isinstance(content, str) and content.lower().strip(string.punctuation).endswith("approve")


def _line(message: UserMessage) -> str:
    if isinstance(message.content, str):
        return f"{message.source}: {message.content}"
    parts = ["[Image]" if isinstance(part, Image) else part for part in message.content]
    return f"{message.source}: {' '.join(parts)}"


class Models:
    """The scripted models of one chat."""

    def __init__(self, selected: list[str], drawn: CreateResult) -> None:
        self.manager = ReplayChatCompletionClient(selected)
        self.writer = ReplayChatCompletionClient(["A frog sat by a pond.", "The frog has leapt."])
        self.editor = ReplayChatCompletionClient(["Now show the frog."])
        self.illustrator = ReplayChatCompletionClient([drawn])


async def register_chat(runtime: SingleThreadedAgentRuntime, models: Models) -> None:
    await BaseGroupChatAgent.register(
        runtime, "Editor", lambda: BaseGroupChatAgent("Editor", models.editor, "Plan the text.")
    )
    await BaseGroupChatAgent.register(
        runtime, "Writer", lambda: BaseGroupChatAgent("Writer", models.writer, "Write the text.")
    )
    await IllustratorAgent.register(runtime, "Illustrator", lambda: IllustratorAgent(models.illustrator))
    await UserAgent.register(runtime, "User", lambda: UserAgent("User"))
    manager = await GroupChatManager.register(
        runtime, "group_chat_manager", lambda: GroupChatManager(DESCRIPTIONS, models.manager)
    )
    for name in DESCRIPTIONS:
        await runtime.add_subscription(TypeSubscription(topic_type=name, agent_type=name))
        await runtime.add_subscription(TypeSubscription(topic_type=GROUP, agent_type=name))
    await runtime.add_subscription(TypeSubscription(topic_type=GROUP, agent_type=manager.type))


async def follow(runtime: SingleThreadedAgentRuntime) -> list[tuple[str, UserMessage]]:
    """Return what is said in all chats and by whom, as it comes."""
    said: list[tuple[str, UserMessage]] = []

    async def listen(_agent: ClosureContext, message: GroupChatMessage, ctx: MessageContext) -> None:
        said.append((str(ctx.sender), message.body))

    await ClosureAgent.register_closure(
        runtime, "observer", listen, subscriptions=lambda: [TypeSubscription(GROUP, "observer")]
    )
    return said


async def test_manager_gives_the_floor_until_the_user_approves(
    runtime: SingleThreadedAgentRuntime,
    calling: Callable[..., CreateResult],
    typed: Callable[[dict[str, list[str]]], list[str]],
) -> None:
    prompts = typed({"Your turn: ": ["Make it shorter.", "I like it: APPROVE!"]})
    arguments = {
        "character_appearance": "green",
        "style_attributes": "ink",
        "setting": "pond",
        "prompt": "a frog in a pond",
    }
    models = Models(
        ["Writer", "user", "I choose the EDITOR.", "Illustrator", "Writer", "User"],
        calling(FunctionCall(id="1", arguments=json.dumps(arguments), name="generate_image")),
    )
    await register_chat(runtime, models)
    said = await follow(runtime)
    session = str(uuid4())
    runtime.start()
    await runtime.publish_message(
        GroupChatMessage(body=UserMessage(content="Tell of a frog.", source="User")), TopicId(GROUP, session)
    )
    await asyncio.wait_for(runtime.stop_when_idle(), 10)

    drawing = said[4][1]
    assert isinstance(drawing.content, list)
    (image,) = drawing.content
    assert isinstance(image, Image)
    assert (image.image.size, image.image.getpixel((128, 128))) == ((256, 256), (0, 128, 0))
    assert [(speaker, body.content) for speaker, body in said] == [
        ("None", "Tell of a frog."),
        (f"Writer/{session}", "A frog sat by a pond."),
        (f"User/{session}", "Make it shorter."),
        (f"Editor/{session}", "Now show the frog."),
        (f"Illustrator/{session}", [image]),
        (f"Writer/{session}", "The frog has leapt."),
        (f"User/{session}", "I like it: APPROVE!"),
    ]
    assert prompts == ["Your turn: ", "Your turn: "]

    # The writer has followed everything, also while it was silent, and spoken as itself.
    assert models.writer.create_calls[1]["messages"] == [
        SystemMessage(content="Write the text."),
        *(_transfer("User"), UserMessage(content="Tell of a frog.", source="User")),
        *(_transfer("Writer"), AssistantMessage(content="A frog sat by a pond.", source="Writer")),
        *(_transfer("User"), UserMessage(content="Make it shorter.", source="User")),
        *(_transfer("Editor"), UserMessage(content="Now show the frog.", source="Editor")),
        *(_transfer("Illustrator"), drawing),
        _transfer("Writer"),
    ]
    (drawn,) = models.illustrator.create_calls
    assert [tool.name for tool in drawn["tools"]] == ["generate_image"]
    assert drawn["extra_create_args"] == {"tool_choice": "required"}
    # The manager sees a placeholder for the image, and does not offer the floor to whoever has just spoken.
    assert [call["messages"] for call in models.manager.create_calls][4] == [
        SystemMessage(
            content="\n".join(
                [
                    "Who speaks next?",
                    "Writer: writes the text",
                    "Editor: plans and reviews",
                    "User: decides",
                    "So far:",
                    "User: Tell of a frog.",
                    "Writer: A frog sat by a pond.",
                    "User: Make it shorter.",
                    "Editor: Now show the frog.",
                    "Illustrator: [Image]",
                ]
            )
        )
    ]
    assert len(models.manager.create_calls) == 6


async def test_two_chats_on_one_runtime_share_nothing(
    runtime: SingleThreadedAgentRuntime,
    calling: Callable[..., CreateResult],
    typed: Callable[[dict[str, list[str]]], list[str]],
) -> None:
    typed({"Your turn: ": ["approve", "approve"]})
    models = Models(["Writer", "User", "Writer", "User"], calling())
    await register_chat(runtime, models)
    said = await follow(runtime)
    for session in ("first", "second"):
        runtime.start()
        await runtime.publish_message(
            GroupChatMessage(body=UserMessage(content=f"{session} task", source="Boss")), TopicId(GROUP, session)
        )
        await asyncio.wait_for(runtime.stop_when_idle(), 10)

    assert [(speaker, body.content) for speaker, body in said] == [
        ("None", "first task"),
        ("Writer/first", "A frog sat by a pond."),
        ("User/first", "approve"),
        ("None", "second task"),
        ("Writer/second", "The frog has leapt."),
        ("User/second", "approve"),
    ]
    assert models.writer.create_calls[1]["messages"] == [
        SystemMessage(content="Write the text."),
        *(_transfer("Boss"), UserMessage(content="second task", source="Boss")),
        _transfer("Writer"),
    ]


async def test_name_of_nobody_is_an_error(
    runtime: SingleThreadedAgentRuntime, calling: Callable[..., CreateResult]
) -> None:
    await register_chat(runtime, Models(["the dog"], calling()))
    said = await follow(runtime)
    runtime.start()
    await runtime.publish_message(
        GroupChatMessage(body=UserMessage(content="Tell of a frog.", source="User")), TopicId(GROUP, "s")
    )

    with pytest.raises(ValueError, match=r"\AInvalid role selected: the dog\Z"):
        await runtime.stop_when_idle()
    assert len(said) == 1
