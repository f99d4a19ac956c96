"""Messages: fields, conversions, JSON round trips, structured messages, the factory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from chat_scripts import PNG
from pydantic import BaseModel, TypeAdapter, ValidationError

from hubbub_agentchat import messages
from hubbub_agentchat.base import Response, TaskResult
from hubbub_agentchat.messages import (
    AgentEvent,
    BaseAgentEvent,
    BaseChatMessage,
    BaseMessage,
    BaseTextChatMessage,
    ChatMessage,
    CodeExecutionEvent,
    CodeGenerationEvent,
    HandoffMessage,
    MemoryQueryEvent,
    MessageFactory,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    SelectSpeakerEvent,
    StopMessage,
    StructuredMessage,
    StructuredMessageFactory,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    ToolCallSummaryMessage,
    UserInputRequestedEvent,
)
from hubbub_agentchat.messages._events import SelectorEvent
from hubbub_core import FunctionCall, Image
from hubbub_core.code_executor import CodeBlock, CodeResult
from hubbub_core.memory import MemoryContent
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    RequestUsage,
    UserMessage,
)

CALL = FunctionCall(id="1", arguments='{"a": 1}', name="add")
RESULT = FunctionExecutionResult(content="2", name="add", call_id="1", is_error=False)
MEMORIES = [MemoryContent(content="fact", mime_type="text/plain")]

CHAT: list[BaseChatMessage] = [
    TextMessage(content="hello", source="a"),
    StopMessage(content="stop", source="a"),
    HandoffMessage(
        content="over",
        source="a",
        target="b",
        context=[
            AssistantMessage(content=[CALL], source="a", thought="hm"),
            FunctionExecutionResultMessage(content=[RESULT]),
        ],
    ),
    ToolCallSummaryMessage(content="2", source="a", tool_calls=[CALL], results=[RESULT]),
    MultiModalMessage(content=["look", Image.from_base64(PNG)], source="a"),
]
EVENTS: list[BaseAgentEvent] = [
    ToolCallRequestEvent(content=[CALL], source="a", models_usage=RequestUsage(1, 2)),
    ToolCallExecutionEvent(content=[RESULT], source="a"),
    MemoryQueryEvent(content=MEMORIES, source="a"),
    UserInputRequestedEvent(request_id="r1", source="a"),
    ModelClientStreamingChunkEvent(content="he", source="a", full_message_id="m1"),
    ThoughtEvent(content="hm", source="a"),
    SelectSpeakerEvent(content=["b"], source="manager"),
    CodeGenerationEvent(
        retry_attempt=0, content="code", code_blocks=[CodeBlock(code="1", language="python")], source="a"
    ),
    CodeExecutionEvent(retry_attempt=1, result=CodeResult(exit_code=0, output="1"), source="a"),
]


class Answer(BaseModel):
    text: str
    score: int = 0


def names(items: list[Any]) -> list[str]:
    return [type(item).__name__ for item in items]


@pytest.mark.parametrize("message", [*CHAT, *EVENTS], ids=lambda message: type(message).__name__)
def test_every_message_comes_back_from_json_through_the_factory(message: BaseChatMessage | BaseAgentEvent) -> None:
    data = json.loads(json.dumps(message.dump()))

    loaded = MessageFactory().create(data)

    assert type(loaded) is type(message)
    assert loaded.dump() == message.dump()
    assert loaded.id == message.id
    assert loaded.created_at == message.created_at


@pytest.mark.parametrize("message", [*CHAT, *EVENTS], ids=lambda message: type(message).__name__)
def test_dumps_begin_with_the_common_fields_in_documented_order(message: BaseChatMessage | BaseAgentEvent) -> None:
    data = message.dump()

    assert list(data)[:5] == ["id", "source", "models_usage", "metadata", "created_at"]
    assert data["type"] == type(message).__name__


def test_ids_are_version_4_uuids_and_differ() -> None:
    ids = [TextMessage(content="", source="a").id for _ in range(100)]

    assert len(set(ids)) == 100
    pattern = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(pattern.fullmatch(found) for found in ids)


def test_given_id_and_metadata_are_kept() -> None:
    message = TextMessage(content="", source="a", id="mine", metadata={"k": "v"})

    loaded = TextMessage.load(message.dump())

    assert (loaded.id, loaded.metadata) == ("mine", {"k": "v"})


def test_metadata_default_is_not_shared() -> None:
    first, second = TextMessage(content="", source="a"), TextMessage(content="", source="a")

    first.metadata["k"] = "v"

    assert second.metadata == {}


def test_created_at_is_now_in_utc() -> None:
    created_at = TextMessage(content="", source="a").created_at

    assert created_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - created_at) < timedelta(minutes=1)


@pytest.mark.parametrize("abstract", [BaseMessage, BaseChatMessage, BaseAgentEvent, BaseTextChatMessage])
def test_bases_cannot_be_instantiated_without_their_methods(abstract: type[BaseMessage]) -> None:
    if abstract is BaseTextChatMessage:
        # It implements all conversions, so a subclass needs nothing more than a type.
        assert issubclass(abstract, BaseChatMessage)
        return
    with pytest.raises(TypeError, match="abstract"):
        abstract(source="a")


def test_text_messages_convert_to_their_content() -> None:
    for message in CHAT[:4]:
        assert isinstance(message, BaseTextChatMessage)
        assert message.to_text() == message.to_model_text() == message.content
        assert message.to_model_message() == UserMessage(content=message.content, source="a")


def test_events_as_text() -> None:
    texts = {type(event).__name__: event.to_text() for event in EVENTS}

    assert texts == {
        "ToolCallRequestEvent": str([CALL]),
        "ToolCallExecutionEvent": str([RESULT]),
        "MemoryQueryEvent": str(MEMORIES),
        "UserInputRequestedEvent": "",
        "ModelClientStreamingChunkEvent": "he",
        "ThoughtEvent": "hm",
        "SelectSpeakerEvent": "['b']",
        "CodeGenerationEvent": "code",
        "CodeExecutionEvent": "1",
    }


def test_multi_modal_message_as_text() -> None:
    image = Image.from_base64(PNG)
    message = MultiModalMessage(content=["look", image, "here"], source="a")

    assert message.to_text() == "look\n<image>\nhere"
    assert message.to_text(iterm=True) == f"look\n\033]1337;File=inline=1:{image.to_base64()}\a\n\nhere"
    assert message.to_model_text() == "look [image]here"
    assert message.to_model_text(image_placeholder="(pic)") == "look (pic)here"
    assert message.to_model_text(image_placeholder=None) == f"look {image.to_base64()}here"
    assert message.to_model_message() == UserMessage(content=["look", image, "here"], source="a")


def test_user_input_event_takes_no_content() -> None:
    with pytest.raises(ValidationError):
        UserInputRequestedEvent(request_id="1", source="a", content="text")


def test_unions_tell_the_class_by_type() -> None:
    chat: TypeAdapter[Any] = TypeAdapter(ChatMessage)
    events: TypeAdapter[Any] = TypeAdapter(AgentEvent)

    assert names([chat.validate_python(message.dump()) for message in CHAT]) == names(CHAT)
    assert names([events.validate_python(event.dump()) for event in EVENTS]) == names(EVENTS)


def test_structured_message() -> None:
    message = StructuredMessage[Answer](content=Answer(text="yes", score=3), source="a")

    assert message.type == "StructuredMessage[Answer]"
    assert message.dump()["type"] == "StructuredMessage[Answer]"
    assert message.dump()["content"] == {"text": "yes", "score": 3}
    assert message.to_text() == message.to_model_text() == '{"text":"yes","score":3}'
    loaded = StructuredMessage[Answer].load(message.dump())
    assert isinstance(loaded.content, Answer)
    assert loaded == message


def test_format_string_writes_the_text_but_not_the_model_message() -> None:
    message = StructuredMessage[Answer](
        content=Answer(text="yes", score=3), source="a", format_string="{text} ({score})"
    )

    assert message.to_text() == message.to_model_text() == "yes (3)"
    assert message.to_model_message() == UserMessage(content='{"text":"yes","score":3}', source="a")


def test_structured_message_factory_survives_its_configuration() -> None:
    factory = StructuredMessageFactory(input_model=Answer, format_string="{text}")

    model = factory.dump_component()
    loaded = StructuredMessageFactory.load_component(json.loads(model.model_dump_json()))

    assert model.provider == "hubbub_agentchat.messages.StructuredMessageFactory"
    assert model.component_type == "structured_message"
    assert model.config["content_model_name"] == "Answer"
    message = loaded.StructuredMessage(
        content=loaded.ContentModel(text="yes", score=1), source="a", format_string=loaded.format_string
    )
    assert message.type == "StructuredMessage[Answer]"
    assert message.to_text() == "yes"


def test_schema_wins_over_model_and_names_the_class() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}

    unnamed = StructuredMessageFactory(json_schema=schema, input_model=Answer)
    named = StructuredMessageFactory(json_schema=schema, content_model_name="Number")

    assert unnamed.ContentModel.__name__ == "GeneratedContentModel"
    assert named.ContentModel.__name__ == "Number"
    assert named.ContentModel.model_validate({"n": 1}).model_dump() == {"n": 1}


def test_structured_message_factory_needs_a_schema_or_a_model() -> None:
    with pytest.raises(ValueError, match="neither was given"):
        StructuredMessageFactory()


class Ping(BaseTextChatMessage):
    type: Literal["Ping"] = "Ping"


def test_factory_learns_custom_types_once() -> None:
    factory = MessageFactory()

    assert not factory.is_registered(Ping)
    factory.register(Ping)

    assert factory.is_registered(Ping)
    assert isinstance(factory.create(Ping(content="x", source="a").dump()), Ping)
    with pytest.raises(ValueError, match=r"^Message type Ping is already registered\.$"):
        factory.register(Ping)


def test_factory_learns_structured_types() -> None:
    factory = MessageFactory()
    factory.register(StructuredMessage[Answer])
    message = StructuredMessage[Answer](content=Answer(text="yes"), source="a")

    loaded = factory.create(message.dump())

    assert isinstance(loaded, StructuredMessage)
    assert loaded.content == Answer(text="yes")


def test_factory_refuses_what_is_no_message() -> None:
    with pytest.raises(ValueError, match="must be a subclass of BaseChatMessage or BaseAgentEvent"):
        MessageFactory().register(Answer)  # type: ignore[arg-type] # that it is refused is the test


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({}, "Field 'type' is required in the message data to recover the message type."),
        ({"type": "Nope"}, "Unknown message type: Nope"),
        ({"type": 3}, "Field 'type' of the message data must be a string, not int."),
    ],
)
def test_factory_refuses_data_without_a_known_type(data: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        MessageFactory().create(data)


def test_selector_event_is_not_preloaded() -> None:
    assert not MessageFactory().is_registered(SelectorEvent)
    assert messages.SelectorEvent is SelectorEvent
    assert "SelectorEvent" not in messages.__all__


def test_results_keep_the_fields_of_subclasses() -> None:
    handoff = HandoffMessage(content="over", source="a", target="b")
    nested = Response(chat_message=handoff, inner_messages=[ThoughtEvent(content="hm", source="a")])

    result = TaskResult(messages=[handoff], stop_reason="done").model_dump(mode="json")
    response = TypeAdapter(Response).dump_python(nested, mode="json")

    assert result["messages"][0]["target"] == "b"
    assert response["chat_message"]["target"] == "b"
    assert response["inner_messages"][0]["content"] == "hm"


def test_importing_the_plugin_loads_neither_pydantic_nor_core() -> None:
    code = (
        "import sys, hubbub_agentchat, hubbub_agentchat.plugin;"
        "loaded = [name for name in ('pydantic', 'hubbub_core', 'asyncio') if name in sys.modules];"
        "assert not loaded, loaded; assert hubbub_agentchat.__version__"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
