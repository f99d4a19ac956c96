"""CodeExecutorAgent with a model: it writes code, sees what came out, tries again, and sums it up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from chat_scripts import ABLE, kinds, stream_of
from code_agents import PRINT, Prepared, coder, local, terminal, text

from hubbub_agentchat.messages import (
    CodeExecutionEvent,
    CodeGenerationEvent,
    ModelClientStreamingChunkEvent,
    ThoughtEvent,
)
from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock
from hubbub_core.models import AssistantMessage, CreateResult, RequestUsage, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient

FAIL = "```python\nraise SystemExit(3)\n```"


def decision(retry: bool, reason: str = "because") -> str:
    return json.dumps({"reason": reason, "retry": retry})


async def test_model_writes_code_sees_the_output_and_sums_it_up(tmp_path: Path) -> None:
    async with local(tmp_path) as executor:
        agent, client = coder(executor, PRINT, "It said hello.", system_message="Code.")
        items = await stream_of(agent, output_task_messages=False)

    generated, executed, final, result = items
    assert isinstance(generated, CodeGenerationEvent)
    assert isinstance(executed, CodeExecutionEvent)
    assert (generated.retry_attempt, generated.content) == (0, PRINT)
    assert generated.code_blocks == [CodeBlock("print('Hello world')", "python")]
    assert generated.models_usage is not None
    assert (executed.retry_attempt, executed.result.exit_code, executed.to_text().strip()) == (0, 0, "Hello world")
    assert (final.content, final.source) == ("It said hello.", "coder")
    assert list(result.messages) == [generated, executed, final]
    assert client.create_calls[0]["messages"] == [
        SystemMessage(content="Code."),
        UserMessage(content="go", source="user"),
    ]
    assert [call["tools"] for call in client.create_calls] == [[], []]
    assert client.create_calls[1]["messages"][1:] == [
        UserMessage(content="go", source="user"),
        AssistantMessage(content=PRINT, source="coder"),
        UserMessage(content=executed.result.output, source="coder"),
    ]


async def test_reply_without_code_is_the_answer() -> None:
    executor = Prepared()
    agent, _ = coder(executor, "No code needed.")

    response = await agent.on_messages([text("go")], CancellationToken())

    assert response.chat_message.to_text() == "No code needed."
    assert response.inner_messages == []
    assert executor.ran == []


async def test_pieces_are_streamed_before_what_they_belong_to() -> None:
    agent, _ = coder(Prepared(), PRINT, "All is done.", model_client_stream=True)

    items = await stream_of(agent, output_task_messages=False)

    whole: dict[str, str] = {}
    for item in items:
        if isinstance(item, ModelClientStreamingChunkEvent):
            assert item.full_message_id is not None
            whole[item.full_message_id] = whole.get(item.full_message_id, "") + item.content
    generated = next(item for item in items if isinstance(item, CodeGenerationEvent))
    final = items[-2]
    assert whole == {generated.id: PRINT, final.id: "All is done."}
    assert kinds(items[-1].messages) == ["CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]


async def test_thoughts_are_shown_and_kept() -> None:
    thoughtful = CreateResult(
        finish_reason="stop", content="Done.", usage=RequestUsage(0, 0), cached=False, thought="hm"
    )
    agent, _ = coder(Prepared(), thoughtful)

    items = await stream_of(agent, output_task_messages=False)

    assert isinstance(items[0], ThoughtEvent)
    last = (await agent.model_context.get_messages())[-1]
    assert last == AssistantMessage(content="Done.", source="coder", thought="hm")


async def test_failure_without_retries_is_reflected_on() -> None:
    agent, client = coder(Prepared((1, "boom")), FAIL, "It failed.")

    items = await stream_of(agent, output_task_messages=False)

    assert kinds(items[:-1]) == ["CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]
    assert "(POSIX exit code: 1)" in items[1].result.output
    assert len(client.create_calls) == 2


async def test_model_retries_when_it_wants_to_and_the_first_success_is_reflected_on() -> None:
    executor = Prepared((1, "boom"), (0, "fine"))
    agent, client = coder(
        executor, FAIL, decision(True, "use print"), PRINT, "It works.", max_retries_on_error=3, system_message=None
    )

    items = await stream_of(agent, output_task_messages=False)

    assert kinds(items[:-1]) == [
        "CodeGenerationEvent",
        "CodeExecutionEvent",
        "CodeGenerationEvent",
        "CodeGenerationEvent",
        "CodeExecutionEvent",
        "TextMessage",
    ]
    assert [item.retry_attempt for item in items[:5]] == [0, 0, 1, 1, 1]
    proposed = items[2]
    assert (proposed.content, proposed.code_blocks) == ("Attempt number: 1\nProposed correction: use print", [])
    asked = client.create_calls[1]
    assert set(asked["json_output"].model_fields) == {"reason", "retry"}
    assert "boom" in asked["messages"][-1].content
    assert [message.content for message in client.create_calls[2]["messages"]] == ["go", FAIL, items[1].result.output]
    assert items[-2].content == "It works."


async def test_model_that_does_not_want_to_retry_reflects_and_the_decision_is_paid_for() -> None:
    agent, client = coder(Prepared((1, "boom")), FAIL, decision(False), "Impossible.", max_retries_on_error=3)

    items = await stream_of(agent, output_task_messages=False)

    assert kinds(items[:-1]) == ["CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]
    assert items[-2].content == "Impossible."
    assert items[-1].usage == client.total_usage()


async def test_attempt_after_the_last_retry_is_reflected_on_without_asking() -> None:
    executor = Prepared((1, "boom"))
    agent, client = coder(executor, FAIL, decision(True), FAIL, "I give up.", max_retries_on_error=1)

    items = await stream_of(agent, output_task_messages=False)

    assert len(executor.ran) == 2
    assert len(client.create_calls) == 4
    assert items[-2].content == "I give up."


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, r"model_client\.model_info must be provided"),
        ({"info": {**ABLE, "structured_output": False}}, "does not support structured output mode"),
        ({"info": ABLE, "retries": -1}, "must not be negative"),
    ],
)
def test_retries_need_a_model_that_knows_structured_output(options: dict[str, Any], told: str) -> None:
    info = options.get("info")
    client = ReplayChatCompletionClient([], model_info=info) if info else None

    with pytest.raises(ValueError, match=told):
        terminal(Prepared(), model_client=client, max_retries_on_error=options.get("retries", 1))


async def test_failed_turn_leaves_nothing_in_the_context() -> None:
    agent, client = coder(Prepared(), PRINT)

    with pytest.raises(ValueError, match="No more mock responses"):
        await agent.run(task="go")

    assert await agent.model_context.get_messages() == []
    client.chat_completions += [PRINT, "done"]
    assert (await agent.run(task="go")).messages[-1].to_text() == "done"


async def test_cancellation_ends_running_code_and_leaves_nothing_in_the_context(tmp_path: Path) -> None:
    code = "```python\nimport pathlib, time\npathlib.Path('started').touch()\ntime.sleep(60)\n```"
    async with local(tmp_path) as executor:
        agent, _ = coder(executor, code)
        token = CancellationToken()
        running = asyncio.create_task(agent.run(task="go", cancellation_token=token))
        async with asyncio.timeout(30):
            while not (tmp_path / "started").exists():  # noqa: ASYNC110 # another process makes it
                await asyncio.sleep(0.01)
            token.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    assert await agent.model_context.get_messages() == []
