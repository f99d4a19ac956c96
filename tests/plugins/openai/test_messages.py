from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_server import OpenAIServer
from PIL import Image as PILImage

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelInfo,
    SystemMessage,
    UserMessage,
)
from hubbub_openai import OpenAIChatCompletionClient, from_client
from hubbub_openai._transformation import (
    MESSAGE_TRANSFORMERS,
    build_conditional_transformer_func,
    build_transformer_func,
    convert_messages,
    get_transformer,
    register_transformer,
)

MakeClient = Callable[..., OpenAIChatCompletionClient]
CALL = FunctionCall(id="1", arguments="{}", name="now")
WIRE_CALL = {"id": "1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
ONE_SYSTEM_MESSAGE = ModelInfo(
    vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True
)


def user(content: Any, source: str = "user") -> UserMessage:
    return UserMessage(content=content, source=source)


@pytest.fixture
def picture() -> Image:
    return Image.from_pil(PILImage.new("RGB", (4, 4), "red"))


async def test_images_are_sent_as_content_parts(make_client: MakeClient, server: OpenAIServer, picture: Image) -> None:
    await make_client().create([user(["Look:", picture])])

    assert server.requests[0].messages == [
        {
            "role": "user",
            "name": "user",
            "content": [
                {"type": "text", "text": "Look:"},
                {"type": "image_url", "image_url": {"url": picture.data_uri, "detail": "auto"}},
            ],
        }
    ]


async def test_images_are_refused_for_a_model_without_vision(make_client: MakeClient, picture: Image) -> None:
    with pytest.raises(ValueError, match="Model does not support vision and image was provided"):
        await make_client(model="x", model_info=ONE_SYSTEM_MESSAGE).create([user([picture])])


async def test_name_prefixes_go_before_the_first_text(
    make_client: MakeClient, server: OpenAIServer, picture: Image
) -> None:
    await make_client(add_name_prefixes=True).create(
        [user("Hi", "Adam"), user([picture, "a", "b"], "Eve"), user([picture], "Eve")]
    )

    contents = [message["content"] for message in server.requests[0].messages]
    assert contents[0] == "Adam said:\nHi"
    assert [part.get("text") for part in contents[1]] == [None, "Eve said:\na", "b"]
    assert [part.get("text") for part in contents[2]] == ["Eve said:", None]


async def test_names_can_be_left_out(make_client: MakeClient, server: OpenAIServer) -> None:
    messages: list[LLMMessage] = [
        user("Hi", "a name with spaces"),
        AssistantMessage(content="Hello", source="my agent"),
    ]

    await make_client(include_name_in_message=False).create(messages)

    assert server.requests[0].messages == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
    ]


async def test_invalid_source_is_refused(make_client: MakeClient) -> None:
    with pytest.raises(ValueError, match="Invalid name: 'a name with spaces'"):
        await make_client().create([user("Hi", "a name with spaces")])


async def test_thought_goes_along_with_tool_calls(make_client: MakeClient, server: OpenAIServer) -> None:
    await make_client().create([user("Hi"), AssistantMessage(content=[CALL], thought="look", source="agent")])

    assert server.requests[0].messages[1] == {
        "role": "assistant",
        "name": "agent",
        "content": "look",
        "tool_calls": [WIRE_CALL],
    }


async def test_several_results_become_a_message_each(make_client: MakeClient, server: OpenAIServer) -> None:
    results = [FunctionExecutionResult(content=text, call_id=text, name="now", is_error=False) for text in "ab"]

    await make_client().create([user("Hi"), FunctionExecutionResultMessage(content=results)])

    assert server.requests[0].messages[1:] == [
        {"role": "tool", "tool_call_id": "a", "content": "a"},
        {"role": "tool", "tool_call_id": "b", "content": "b"},
    ]


async def test_adjacent_system_messages_are_merged_for_models_that_take_one(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    messages: list[LLMMessage] = [user("Hi"), SystemMessage(content="A"), SystemMessage(content="B \n"), user("Ho")]

    await make_client(model="x", model_info=ONE_SYSTEM_MESSAGE).create(messages)
    await make_client().create(messages)

    merged, unchanged = ([m["content"] for m in request.messages] for request in server.requests)
    assert merged == ["Hi", "A\nB", "Ho"]
    assert unchanged == ["Hi", "A", "B \n", "Ho"]


async def test_scattered_system_messages_are_refused_for_models_that_take_one(make_client: MakeClient) -> None:
    messages: list[LLMMessage] = [SystemMessage(content="A"), user("Hi"), SystemMessage(content="B")]

    with pytest.raises(ValueError, match="Multiple and Not continuous system messages are not supported"):
        await make_client(model="x", model_info=ONE_SYSTEM_MESSAGE).create(messages)


async def test_unknown_message_class_is_refused(make_client: MakeClient) -> None:
    with pytest.raises(ValueError, match="Unknown message type: dict"):
        await make_client().create([{"role": "user", "content": "Hi"}])  # type: ignore[list-item] # bad input


def test_gemini_gets_no_empty_content() -> None:
    messages: list[Any] = [
        user(""),
        user(["", "x"]),
        AssistantMessage(content="", source="a"),
        AssistantMessage(content=[CALL], source="a"),
        FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="", call_id="1", name="now")]),
    ]

    contents = [m["content"] for m in convert_messages(messages, model="gemini-2.0-flash", family="gemini-2.0-flash")]

    assert contents[0] == " "
    assert [part["text"] for part in contents[1]] == [" ", "x"]
    assert contents[2:] == [" ", " ", " "]


@pytest.mark.parametrize(("model", "family"), [("x", "claude-3-5-sonnet"), ("claude-9", "unknown")])
def test_claude_gets_no_blank_messages_and_no_trailing_space(model: str, family: str) -> None:
    messages: list[Any] = [
        user("Hi"),
        user("  "),
        AssistantMessage(content=" ", source="a"),
        AssistantMessage(content="So \n", source="a"),
        AssistantMessage(content="So \n", source="a"),
    ]

    contents = [message["content"] for message in convert_messages(messages, model=model, family=family)]

    assert contents == ["Hi", "So \n", "So"]


def test_mistral_gets_no_names() -> None:
    messages: list[Any] = [user("Hi", "any name"), AssistantMessage(content=[CALL], source="any name")]

    assert convert_messages(messages, model="x", family="mistral") == [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]},
    ]


def test_registered_transformer_serves_its_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MESSAGE_TRANSFORMERS, "openai", dict(MESSAGE_TRANSFORMERS["openai"]))
    loud = build_transformer_func([lambda message, context: {"role": "user", "content": message.content.upper()}])
    polite = build_conditional_transformer_func(
        {"asked": [lambda message, context: {"role": "assistant", "content": "Yes?"}]},
        {},
        lambda message, context: "asked" if message.content else "",
    )
    register_transformer("openai", "loud", {UserMessage: loud, AssistantMessage: polite})
    messages: list[Any] = [
        user("hi"),
        AssistantMessage(content="x", source="a"),
        AssistantMessage(content="", source="a"),
    ]

    by_family = convert_messages(messages, model="x", family="loud")
    by_longest_prefix = get_transformer("openai", "loud-7b", "unknown")

    assert by_family == [{"role": "user", "content": "HI"}, {"role": "assistant", "content": "Yes?"}]
    assert by_longest_prefix[UserMessage] is loud


async def test_model_of_an_existing_client_leaves_it_open(server: OpenAIServer) -> None:
    async with openai.AsyncOpenAI(api_key="test", base_url=server.url) as sdk:
        model = from_client(sdk, model="gpt-4o", temperature=0.5)
        await model.create([user("Hi")])
        await model.close()

        assert not sdk.is_closed()
    assert server.requests[0].body["temperature"] == 0.5


async def test_unknown_option_for_an_existing_client_is_refused() -> None:
    async with openai.AsyncOpenAI(api_key="test") as sdk:
        with pytest.raises(TypeError, match=r"unknown options: 'temprature' \(did you mean 'temperature'\?\)"):
            from_client(sdk, model="gpt-4o", temprature=0.5)


sources = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
texts = st.text(max_size=30)
calls = st.lists(st.builds(FunctionCall, id=texts, arguments=texts, name=texts), min_size=1, max_size=3)
results = st.lists(
    st.builds(FunctionExecutionResult, content=texts, name=texts, call_id=texts, is_error=st.booleans()), max_size=3
)
messages_strategy = st.lists(
    st.one_of(
        st.builds(SystemMessage, content=texts),
        st.builds(UserMessage, content=st.one_of(texts, st.lists(texts, max_size=3)), source=sources),
        st.builds(AssistantMessage, content=texts, source=sources),
        st.builds(AssistantMessage, content=calls, thought=st.none() | texts, source=sources),
        st.builds(FunctionExecutionResultMessage, content=results),
    ),
    max_size=6,
)


@given(messages_strategy)
@settings(deadline=None)  # the first example imports what the others have
def test_conversion_loses_nothing(messages: list[LLMMessage]) -> None:
    expected: list[Any] = []
    for message in messages:
        if isinstance(message, SystemMessage):
            expected.append(("system", None, message.content))
        elif isinstance(message, FunctionExecutionResultMessage):
            expected.extend(("tool", result.call_id, result.content) for result in message.content)
        elif isinstance(message, AssistantMessage) and isinstance(message.content, list):
            wanted = [(call.id, call.name, call.arguments) for call in message.content]
            expected.append(("assistant", message.source, message.thought, wanted))
        elif isinstance(message.content, str):
            role = "user" if isinstance(message, UserMessage) else "assistant"
            expected.append((role, message.source, message.content))
        else:
            expected.append(("user", message.source, list(message.content)))

    found: list[Any] = []
    for wire in convert_messages(messages, model="gpt-4o", family="gpt-4o"):
        content = wire["content"]
        if isinstance(content, list):
            content = [part["text"] for part in content]
        entry = (wire["role"], wire.get("name", wire.get("tool_call_id")), content)
        if "tool_calls" in wire:
            functions = [(call["id"], call["function"]) for call in wire["tool_calls"]]
            entry = (*entry, [(call_id, f["name"], f["arguments"]) for call_id, f in functions])  # type: ignore[assignment] # calls make the tuple longer
        found.append(entry)
    assert found == expected
