"""Messages of the hub become items that Responses and Conversations take, whatever they hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import Response
from openai_replies import Call, CodeRun, Output, Reasoning
from openai_responses import Responses
from openai_storage import Storage

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    SystemMessage,
    UserMessage,
)
from hubbub_openai._read_response import read_response
from hubbub_openai._response_items import message_item

PIXEL = Image.from_base64(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
NAMES = st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True)
CALLS = st.builds(FunctionCall, id=NAMES, arguments=st.text(), name=NAMES)
RESULTS = st.builds(FunctionExecutionResult, content=st.text(), call_id=NAMES, is_error=st.booleans(), name=NAMES)
MESSAGES: st.SearchStrategy[LLMMessage] = st.one_of(
    st.builds(SystemMessage, content=st.text()),
    st.builds(
        UserMessage, content=st.text() | st.lists(st.text() | st.just(PIXEL), min_size=1, max_size=3), source=NAMES
    ),
    st.builds(AssistantMessage, content=st.text(), source=NAMES),
    st.builds(
        AssistantMessage,
        content=st.lists(CALLS, min_size=1, max_size=3),
        thought=st.none() | st.text(min_size=1),
        source=NAMES,
    ),
    st.builds(FunctionExecutionResultMessage, content=st.lists(RESULTS, min_size=1, max_size=3)),
)


@given(MESSAGES)
@settings(deadline=None)  # the first example imports what the others have
def test_nothing_of_a_message_is_lost_in_its_items(message: LLMMessage) -> None:
    items = message_item(message)

    for item in items:
        # Checked against the SDK's type of an item that a conversation holds.
        Storage().stored_item(item)
    content = message.content
    if isinstance(content, str):
        assert [item["content"] for item in items] == [content]
        return
    thought = [message.thought] if isinstance(message, AssistantMessage) and message.thought else []
    kept: list[Any] = []
    for item in items:
        if item.get("role") == "assistant":
            kept.append(item["content"])
        elif "content" in item:
            kept.extend(part.get("text", part.get("image_url")) for part in item["content"])
        elif item["type"] == "function_call":
            kept.append(FunctionCall(id=item["call_id"], arguments=item["arguments"], name=item["name"]))
        else:
            kept.append((item["call_id"], item["output"]))
    expected: list[Any] = thought + [
        part.data_uri
        if isinstance(part, Image)
        else (part.call_id, part.content)
        if isinstance(part, FunctionExecutionResult)
        else part
        for part in content
    ]
    assert kept == expected


@given(st.text(), st.text(), st.lists(st.tuples(NAMES, st.text(min_size=1)), max_size=3))
@settings(deadline=None)  # the first example imports what the others have
def test_everything_of_a_response_is_read(text: str, thought: str, calls: list[tuple[str, str]]) -> None:
    asked = [Call(name, arguments) for name, arguments in calls]
    body = {
        "model": "gpt-4o",
        "input": "?",
        "tools": [{"type": "code_interpreter", "container": {"type": "auto"}}],
        "include": ["code_interpreter_call.outputs"],
    }
    made = Responses(Storage()).make(Output(Reasoning(thought), CodeRun("1 + 1", "2"), text, *asked), body, 1)

    answer = read_response(Response.model_validate(made))

    assert (answer.text, answer.thought) == (text, thought)
    assert [(run.code, run.output, run.failed) for run in answer.code_runs] == [("1 + 1", "2", False)]
    assert [(call.name, call.arguments) for call in answer.calls] == calls
