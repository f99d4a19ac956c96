"""The client that quotes its prompt."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from hubbub_core import CancellationToken, Image
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.extractive import EXTRACTIVE_NOTICE, NO_PASSAGE, ExtractiveChatCompletionClient
from hubbub_core.tools import FunctionTool

GUIDE = """[1] docs/guide.md
# Server
The server listens on port 8080, e.g. in Docker. Colours are chosen at random.

## Flags
Flags you may set:
- `--host`: the address. Use 0.0.0.0 for all.
- `--log`: the log level.

| variable | meaning |
|----------|---------|
| PORT_FILE | where the port is written |
| SECRET | a password |

```python
server.run(port=8080)
```

[2] docs/faq.md
Agents send messages. Send a message with `runtime.send_message(message, agent_id)`.
"""


async def ask(question: str, passages: str = GUIDE, *, max_sentences: int = 5) -> str:
    client = ExtractiveChatCompletionClient(announce=False, max_sentences=max_sentences)
    prompt = f"Answer from the passages.\n\n{passages}\n\nQuestion: {question}"
    result = await client.create([UserMessage(content=prompt, source="user")])
    assert isinstance(result.content, str)
    return result.content


async def test_best_sentence_is_quoted_below_its_source() -> None:
    answer = await ask("Which port does the server listen on?", max_sentences=1)

    assert answer == "[1] docs/guide.md\n> The server listens on port 8080, e.g. in Docker."


async def test_answer_says_that_it_is_quoted_unless_told_not_to() -> None:
    messages = [UserMessage(content="Cats purr.", source="cats"), UserMessage(content="Do cats purr?", source="user")]

    result = await ExtractiveChatCompletionClient().create(messages)

    assert result.content == f"{EXTRACTIVE_NOTICE}\n\n[cats]\n> Cats purr."
    assert "no language model" in EXTRACTIVE_NOTICE


async def test_nothing_about_the_question_is_said_plainly() -> None:
    assert await ask("Who founded Rome?") == NO_PASSAGE


async def test_prompt_without_passages_is_said_plainly() -> None:
    client = ExtractiveChatCompletionClient(announce=False)

    result = await client.create([UserMessage(content="Which port?", source="user")])

    assert result.content == NO_PASSAGE


async def test_one_common_word_is_no_match_for_a_long_question() -> None:
    answer = await ask("Which password policy governs Kubernetes ingress certificates?")

    assert answer == NO_PASSAGE


async def test_list_items_are_quoted_without_their_bullet() -> None:
    answer = await ask("What is the log level flag?", max_sentences=1)

    assert answer == "[1] docs/guide.md\n> `--log`: the log level."


async def test_table_rows_are_quoted_with_the_head_of_their_table() -> None:
    answer = await ask("SECRET password", max_sentences=1)

    assert answer == "[1] docs/guide.md\n> | variable | meaning |\n> |----------|---------|\n> | SECRET | a password |"


async def test_rows_of_one_table_share_its_head() -> None:
    table = "[t] \n| a | b |\n|---|---|\n| x | apple red |\n| y | apple green |".replace("[t] ", "[1] t.md")

    answer = await ask("apple", table)

    assert answer == "[1] t.md\n> | a | b |\n> |---|---|\n> | x | apple red |\n> | y | apple green |"


async def test_code_is_quoted_as_a_block() -> None:
    answer = await ask("server.run", "[1] a.md\nSome prose.\n\n```python\nserver.run(port=1)\n```")

    assert answer == "[1] a.md\n> ```python\n> server.run(port=1)\n> ```"


async def test_parts_of_names_in_code_match_words() -> None:
    answer = await ask("How do I send a message?", max_sentences=1)

    assert answer == "[2] docs/faq.md\n> Send a message with `runtime.send_message(message, agent_id)`."


async def test_heading_helps_the_sentences_below_it() -> None:
    text = "[1] a.md\n# Installation\nRun one command.\n\n# Usage\nRun another command."

    assert await ask("installation", text) == "[1] a.md\n> Run one command."


async def test_heading_without_text_is_quoted_itself() -> None:
    assert await ask("roadmap", "[1] a.md\n# Roadmap\n# Other\nText.") == "[1] a.md\n> Roadmap"


async def test_nearly_equal_sentences_are_quoted_once() -> None:
    text = "[1] a.md\nThe cat sat on the mat today.\n\n[2] b.md\nThe cat sat on the mat, today!"

    assert await ask("Where did the cat sit on the mat?", text) == "[1] a.md\n> The cat sat on the mat today."


async def test_equal_scores_keep_the_order_of_the_prompt() -> None:
    text = "[1] a.md\nRed apples.\n\n[2] b.md\nBlue apples.\n\n[3] c.md\nPink apples."

    answer = await ask("apples", text, max_sentences=2)

    assert answer == "[1] a.md\n> Red apples.\n\n[2] b.md\n> Blue apples."


@pytest.mark.parametrize(
    ("text", "question", "quoted"),
    [
        ("服务器监听端口 8080。今天天气很好。", "端口是什么", "服务器监听端口 8080。"),
        ("Der Straßenbau ruht. Das Wetter ist schön.", "STRASSENBAU", "Der Straßenbau ruht."),
        ("Dr. No met Mr. Bond. They left.", "bond", "Dr. No met Mr. Bond."),
        ("See `a.b. C d` and https://x.y/z. It works. Fine.", "works", "It works."),
        ("Version 1.2.3 is out. Buy it!", "version", "Version 1.2.3 is out."),
        ("Is it raining? Yes, cats and dogs.", "raining", "Is it raining?"),
        ("J. R. Hartley wrote it. Nobody read it.", "hartley", "J. R. Hartley wrote it."),
        ("Prices are in ｅｕｒｏ today. Bye.", "euro", "Prices are in ｅｕｒｏ today."),  # noqa: RUF001 # the full-width form is the point
    ],
)
async def test_sentences_end_where_a_reader_would_end_them(text: str, question: str, quoted: str) -> None:
    assert await ask(question, f"[1] x\n{text}") == f"[1] x\n> {quoted}"


@pytest.mark.parametrize("marker", ["[1] a.md", "[a.md]", "Source: a.md"])
async def test_each_form_of_marker_names_the_source(marker: str) -> None:
    assert await ask("cats", f"{marker}\nCats purr.") == f"{marker}\n> Cats purr."


async def test_brackets_in_a_numbered_passage_are_no_markers() -> None:
    text = "[1] pyproject.toml\n[project]\nname is cats\n\n[2] other\nnothing"

    assert await ask("cats", text) == "[1] pyproject.toml\n> [project] name is cats"


async def test_question_before_the_passages_needs_no_word_for_it() -> None:
    client = ExtractiveChatCompletionClient(announce=False)

    result = await client.create([UserMessage(content="Do cats purr?\n\n[1] a.md\nCats purr.\nDo not.", source="user")])

    assert result.content == "[1] a.md\n> Cats purr."


async def test_passages_come_from_all_but_the_assistant() -> None:
    messages: list[LLMMessage] = [
        SystemMessage(content="Cats are asked about.\n[sys.md]\nCats climb."),
        UserMessage(content="Cats purr.", source="user"),
        UserMessage(content="Cats sleep.", source="researcher"),
        AssistantMessage(content="Cats lie.", source="assistant"),
        FunctionExecutionResultMessage(
            content=[
                FunctionExecutionResult(content="Cats eat.", name="search", call_id="1", is_error=False),
                FunctionExecutionResult(content="Cats failed.", name="search", call_id="2", is_error=True),
            ],
        ),
        UserMessage(content="What about cats?", source="user"),
    ]

    result = await ExtractiveChatCompletionClient(announce=False).create(messages)

    assert result.content == (
        "[sys.md]\n> Cats climb.\n\n> Cats purr.\n\n[researcher]\n> Cats sleep.\n\n[search]\n> Cats eat."
    )


async def test_an_answer_can_be_quoted_again_with_its_sources() -> None:
    client = ExtractiveChatCompletionClient()
    first = await client.create([UserMessage(content=f"{GUIDE}\nQuestion: port of the server", source="user")])
    assert isinstance(first.content, str)

    again = await client.create([UserMessage(content=f"{first.content}\n\nQuestion: listens on port", source="user")])

    assert isinstance(again.content, str)
    assert again.content.count(EXTRACTIVE_NOTICE) == 1
    assert "[1] docs/guide.md\n> The server listens on port 8080, e.g. in Docker." in again.content


async def test_stream_comes_sentence_by_sentence_and_adds_up() -> None:
    client = ExtractiveChatCompletionClient()
    text = "[1] a\nCats purr. Dogs bark. Cats sleep.\n\nQuestion: cats"

    *pieces, result = [item async for item in client.create_stream([UserMessage(content=text, source="user")])]

    assert pieces == [f"{EXTRACTIVE_NOTICE}\n\n", "[1] a\n> Cats purr.", "\n>\n> Cats sleep."]
    assert isinstance(result, CreateResult)
    assert result.content == "".join(piece for piece in pieces if isinstance(piece, str))
    assert (result.finish_reason, result.cached) == ("stop", False)


async def test_cancelled_token_stops_the_stream() -> None:
    token = CancellationToken()
    messages = [UserMessage(content="[1] a\nCats purr. Cats sleep.\nQuestion: cats", source="user")]
    async with aclosing(ExtractiveChatCompletionClient().create_stream(messages, cancellation_token=token)) as items:
        assert await anext(items) == f"{EXTRACTIVE_NOTICE}\n\n"
        token.cancel()

        with pytest.raises(asyncio.CancelledError):
            await anext(items)
    with pytest.raises(asyncio.CancelledError):
        await ExtractiveChatCompletionClient().create(messages, cancellation_token=token)


async def test_what_only_a_language_model_can_do_is_refused() -> None:
    def f() -> str:
        return ""

    client = ExtractiveChatCompletionClient()
    messages = [UserMessage(content="x", source="user")]

    with pytest.raises(ValueError, match="calls no tools"):
        await client.create(messages, tools=[FunctionTool(f, "f")])
    with pytest.raises(ValueError, match="writes no JSON"):
        await client.create(messages, json_output=True)
    with pytest.raises(ValueError, match="Model does not support vision and image was provided"):
        await client.create([UserMessage(content=[Image(PILImage.new("L", (1, 1)))], source="user")])
    with pytest.raises(ValueError, match="no user message"):
        await client.create([SystemMessage(content="x")])


async def test_usage_counts_words() -> None:
    client = ExtractiveChatCompletionClient(announce=False)
    messages = [UserMessage(content="Cats purr.", source="user"), UserMessage(content="cats", source="user")]

    result = await client.create(messages)

    assert result.usage == client.actual_usage() == client.total_usage() == RequestUsage(3, 3)
    assert client.count_tokens(messages) == 3
    assert client.remaining_tokens(messages) > 1_000_000


async def test_stop_words_can_be_replaced() -> None:
    messages = [UserMessage(content="It purrs. Cats do.", source="user"), UserMessage(content="it cats", source="user")]

    result = await ExtractiveChatCompletionClient(announce=False, stop_words=["cats"]).create(messages)

    assert result.content == "> It purrs."


def test_component_round_trip_keeps_the_configuration() -> None:
    client = ExtractiveChatCompletionClient(max_sentences=2, announce=False, stop_words=["b", "a"])

    loaded = ChatCompletionClient.load_component(client.dump_component())

    dumped = loaded.dump_component()
    assert dumped.component_type == "model"
    assert dumped.config == {"max_sentences": 2, "announce": False, "stop_words": ["a", "b"]}
    assert ExtractiveChatCompletionClient().dump_component().config == {"max_sentences": 5, "announce": True}


def test_max_sentences_has_to_be_positive() -> None:
    with pytest.raises(ValueError, match="max_sentences"):
        ExtractiveChatCompletionClient(max_sentences=0)


def test_model_info_claims_nothing() -> None:
    client = ExtractiveChatCompletionClient()

    assert client.model == "extractive"
    assert client.model_info["family"] == "unknown"
    assert not any(client.capabilities.values())


@pytest.mark.parametrize(
    "text", ["." * 50_000 + "x", "<!-- " * 20_000, "x" + "`" * 50_000, "](" * 30_000, "|-" * 30_000]
)
async def test_hostile_text_takes_no_unusual_time(text: str) -> None:
    begun = time.perf_counter()

    answer = await ask("cats", f"[1] a\n{text}\n\nCats purr.")

    assert answer == "[1] a\n> Cats purr."
    # Each takes milliseconds; what grows with the square of the length takes ten seconds or more.
    assert time.perf_counter() - begun < 8


async def test_comments_are_not_quoted() -> None:
    assert await ask("cats", "[1] a\nBefore. <!-- cats\nhide --> Cats purr.") == "[1] a\n> Cats purr."


MARKDOWN = st.lists(
    st.sampled_from([*"abc XY.!?\n\n`#|-*>[]()1~:", "```\n", "[1] ", "| a |\n|--|\n", "Question: ", "。"]),
    max_size=150,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(MARKDOWN, st.integers(1, 4))
async def test_any_text_is_answered_the_same_way_every_time(text: str, limit: int) -> None:
    client = ExtractiveChatCompletionClient(max_sentences=limit)
    messages = [UserMessage(content=text, source="x"), UserMessage(content="a b c X Y", source="user")]

    first = await client.create(messages)
    second = await client.create(messages)
    *pieces, last = [item async for item in client.create_stream(messages)]

    assert first.content == second.content
    assert isinstance(last, CreateResult)
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == last.content == first.content
    assert len(pieces) <= limit + 1


def long_prompt(paragraphs: int) -> list[LLMMessage]:
    text = "\n\n".join(f"Nothing of note happens in room {number}, said the guide." for number in range(paragraphs))
    ask = "Question: Which port does the server use?"
    return [UserMessage(content=f"[1] log.md\n{text}\n\nThe server uses port 8080.\n\n{ask}", source="user")]


async def test_long_prompt_does_not_hold_up_the_loop() -> None:
    client = ExtractiveChatCompletionClient(announce=False)
    beats = 0

    async def others() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0)
            beats += 1

    heart = asyncio.create_task(others())

    result = await client.create(long_prompt(10_000))

    heart.cancel()
    assert result.content == "[1] log.md\n> The server uses port 8080."
    assert beats > 50


async def test_long_and_short_prompts_are_answered_alike_every_time() -> None:
    client = ExtractiveChatCompletionClient()
    short = (await client.create(long_prompt(1))).content

    answers = await asyncio.gather(*(client.create(long_prompt(2_000)) for _ in range(4)))

    assert {answer.content for answer in answers} == {short}


@pytest.mark.parametrize("by_token", [True, False])
async def test_cancelling_ends_the_reading_of_a_long_prompt(by_token: bool) -> None:
    token = CancellationToken()
    client = ExtractiveChatCompletionClient()
    task = asyncio.create_task(client.create(long_prompt(20_000), cancellation_token=token))
    await asyncio.sleep(0.01)

    token.cancel() if by_token else task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.total_usage() == RequestUsage(0, 0)


async def test_sentences_of_an_endless_paragraph_are_found() -> None:
    filler = "Nothing of note happens in the hall, said the guide. " * 3_000
    begin = time.perf_counter()

    answer = await ask("Which port does the server use?", f"[1] log.md\n{filler}The server uses port 8080. {filler}")

    assert answer == "[1] log.md\n> The server uses port 8080."
    assert time.perf_counter() - begin < 20


def test_answer_is_the_same_in_every_process() -> None:
    """Sets of words have another order with every seed of the hash function."""
    code = f"""
import asyncio
from hubbub_core.models import UserMessage
from hubbub_core.models.extractive import ExtractiveChatCompletionClient
ask = [UserMessage(content={GUIDE!r} + "Question: Which port and colours does the server use?", source="u")]
print(asyncio.run(ExtractiveChatCompletionClient().create(ask)).content)
"""

    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2", "3")
    }

    assert len(answers) == 1
    assert "[1] docs/guide.md" in answers.pop()
