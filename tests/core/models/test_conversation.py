"""Parts of conversations, as converters of every framework's messages put them together."""

from __future__ import annotations

import pytest

from hubbub_core import FunctionCall, Image
from hubbub_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    UserMessage,
)
from hubbub_core.models.conversation import assistant_message, joined_results, user_content

CALL = FunctionCall(id="1", name="add", arguments="{}")
PIXEL = Image.from_base64(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def returned(*names: str) -> FunctionExecutionResultMessage:
    return FunctionExecutionResultMessage(
        content=[FunctionExecutionResult(content=name, name=name, call_id=name, is_error=False) for name in names]
    )


@pytest.mark.parametrize(
    ("text", "calls", "thoughts", "content", "thought"),
    [
        ("Hi.", [], [], "Hi.", None),
        ("Hi.", [], ["Greet", "them."], "Hi.", "Greet\nthem."),
        ("", [CALL], [], [CALL], None),
        ("I add.", [CALL], [], [CALL], "I add."),
        ("I add.", [CALL], ["Add."], [CALL], "Add.\nI add."),
        ("", [], [""], "", ""),
    ],
)
def test_text_beside_calls_ends_the_thought(
    text: str, calls: list[FunctionCall], thoughts: list[str], content: str | list[FunctionCall], thought: str | None
) -> None:
    said = assistant_message(text, calls, iter(thoughts), source="bot")

    assert said == AssistantMessage(content=content, thought=thought, source="bot")


def test_results_that_follow_one_another_are_one_message() -> None:
    ask, say = UserMessage(content="Add.", source="user"), AssistantMessage(content=[CALL], source="bot")
    messages: list[LLMMessage] = [returned("a"), ask, say, returned("b"), returned("c", "d"), returned("e"), say]

    joined = joined_results(iter(messages))

    assert joined == [returned("a"), ask, say, returned("b", "c", "d", "e"), say]
    assert messages[3] == returned("b")  # what was given stays as it is
    assert joined_results([]) == []


@pytest.mark.parametrize(
    ("parts", "content"), [([], ""), (["See:"], "See:"), ([PIXEL], [PIXEL]), (["See:", PIXEL], ["See:", PIXEL])]
)
def test_a_text_alone_is_no_list(parts: list[str | Image], content: str | list[str | Image]) -> None:
    assert user_content(parts) == content
