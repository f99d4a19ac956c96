"""CodeExecutorAgent: code of others and of its own model, approval, retries, what is told of a run."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest
from pydantic import BaseModel

from hubbub_agentchat.agents import (
    ApprovalFuncType,
    ApprovalRequest,
    ApprovalResponse,
    AssistantAgent,
    CodeExecutorAgent,
)
from hubbub_agentchat.base import Response
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import (
    CodeExecutionEvent,
    CodeGenerationEvent,
    ModelClientStreamingChunkEvent,
    StopMessage,
    TextMessage,
    ThoughtEvent,
)
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import AssistantMessage, CreateResult, ModelInfo, RequestUsage, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_local_executor import LocalCommandLineCodeExecutor
from hubbub_registry import Component, allow

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)
PRINT = "Here it is.\n```python\nprint('Hello world')\n```\nThat is all."
FAIL = "```python\nraise SystemExit(3)\n```"


class PreparedConfig(BaseModel):
    results: list[tuple[int, str]]


class Prepared(CodeExecutor, Component[PreparedConfig]):
    """An executor that gives prepared results and keeps what it was given."""

    component_provider_override = "test_code_executor_agent.Prepared"
    component_config_schema = PreparedConfig

    def __init__(self, *results: tuple[int, str]) -> None:
        self.results = list(results) or [(0, "out")]
        self.ran: list[list[CodeBlock]] = []

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        self.ran.append(code_blocks)
        return CodeResult(*self.results[min(len(self.ran), len(self.results)) - 1])

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None: ...

    def _to_config(self) -> PreparedConfig:
        return PreparedConfig(results=self.results)

    @classmethod
    def _from_config(cls, config: PreparedConfig) -> Self:
        return cls(*config.results)


def local(work_dir: Path) -> LocalCommandLineCodeExecutor:
    with pytest.warns(UserWarning, match="without a sandbox"):
        return LocalCommandLineCodeExecutor(work_dir=work_dir)


def yes(request: ApprovalRequest) -> ApprovalResponse:
    return ApprovalResponse(approved=True, reason="fine")


def make(executor: CodeExecutor, *answers: str | CreateResult, **options: Any) -> tuple[CodeExecutorAgent, Any]:
    options.setdefault("approval_func", yes)
    client = ReplayChatCompletionClient(list(answers), model_info=INFO)
    return CodeExecutorAgent("coder", executor, model_client=client, **options), client


def terminal(executor: CodeExecutor, **options: Any) -> CodeExecutorAgent:
    options.setdefault("approval_func", yes)
    return CodeExecutorAgent("terminal", executor, **options)


def decision(retry: bool, reason: str = "because") -> str:
    return json.dumps({"reason": reason, "retry": retry})


def text(content: str, source: str = "user") -> TextMessage:
    return TextMessage(content=content, source=source)


async def answer(agent: CodeExecutorAgent, *contents: str) -> str:
    response = await agent.on_messages([text(content) for content in contents], CancellationToken())
    return response.chat_message.to_text()


async def stream(agent: CodeExecutorAgent, task: str = "go") -> list[Any]:
    return [item async for item in agent.run_stream(task=task, output_task_messages=False)]


def types(items: Any) -> list[str]:
    return [type(item).__name__ for item in items]


# Without a model


async def test_code_in_a_message_is_run_as_a_real_process_and_its_output_is_the_answer(tmp_path: Path) -> None:
    async with local(tmp_path) as executor:
        response = await terminal(executor).on_messages([text(PRINT)], CancellationToken())

    assert isinstance(response.chat_message, TextMessage)
    assert (response.chat_message.content.strip(), response.chat_message.source) == ("Hello world", "terminal")


async def test_failing_process_is_told_with_its_exit_code(tmp_path: Path) -> None:
    async with local(tmp_path) as executor:
        told = await answer(terminal(executor), "```sh\necho before; exit 7\n```")

    assert told.splitlines() == [
        "The script ran, then exited with an error (POSIX exit code: 7)",
        "Its output was:",
        "before",
    ]


async def test_assistant_writes_and_terminal_runs_until_the_task_is_done(tmp_path: Path) -> None:
    assistant = AssistantAgent(
        "assistant", ReplayChatCompletionClient(["```python\nprint('Hello, world!')\n```", "TERMINATE"])
    )
    async with local(tmp_path) as executor:
        team = RoundRobinGroupChat(
            [assistant, terminal(executor)],
            termination_condition=TextMentionTermination("TERMINATE") | MaxMessageTermination(10),
        )
        result = await team.run(task="Write a python script to print 'Hello, world!'")

    assert [message.source for message in result.messages] == ["user", "assistant", "terminal", "assistant"]
    assert result.messages[2].to_text().strip() == "Hello, world!"
    assert result.stop_reason == "Text 'TERMINATE' mentioned"


async def test_message_without_a_block_is_answered_so_and_nothing_runs() -> None:
    executor = Prepared()

    told = await answer(terminal(executor), "just words", "```\nprint('no language')\n```", "```ruby\nputs 1\n```")

    assert told == CodeExecutorAgent.NO_CODE_BLOCKS_FOUND_MESSAGE
    assert told.startswith("No code blocks found in the thread.")
    assert executor.ran == []


async def test_blocks_of_all_messages_are_run_together_with_languages_in_any_case() -> None:
    executor = Prepared()

    await answer(terminal(executor), "```Python\na = 1\nb = 2\n```\nand\n```SH\nls\n```", "x ```python\r\nc\r\n```\r\n")

    assert executor.ran == [
        [CodeBlock("a = 1\nb = 2", "python"), CodeBlock("ls", "sh"), CodeBlock("c", "python")],
    ]


async def test_fence_within_a_line_of_code_does_not_end_the_block() -> None:
    executor = Prepared()

    await answer(terminal(executor), "```python\nprint('```')\nprint(2)\n```")

    assert executor.ran == [[CodeBlock("print('```')\nprint(2)", "python")]]


async def test_only_text_messages_of_the_listed_sources_are_looked_at() -> None:
    executor = Prepared()
    agent = terminal(executor, sources=["writer"])
    other = StopMessage(content=PRINT, source="writer")

    nothing = await agent.on_messages([text(PRINT), other], CancellationToken())
    await agent.on_messages([text(PRINT), text("```sh\nls\n```", "writer")], CancellationToken())

    assert nothing.chat_message.to_text() == CodeExecutorAgent.NO_CODE_BLOCKS_FOUND_MESSAGE
    assert executor.ran == [[CodeBlock("ls", "sh")]]


async def test_languages_of_the_application_replace_the_default_ones() -> None:
    executor = Prepared()

    await answer(terminal(executor, supported_languages=["c++"]), "```c++\nint a;\n```\n```python\nx\n```")

    assert executor.ran == [[CodeBlock("int a;", "c++")]]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ((0, "42\n"), r"^42\n$"),
        ((0, " \n"), r"^The script ran but produced no output.*POSIX exit code: 0"),
        ((1, "boom"), r"^The script ran, then exited with an error \(POSIX exit code: 1\)\nIts output was:\nboom$"),
        ((2, ""), r"^The script ran, then exited with an error \(POSIX exit code: 2\) and produced no output"),
    ],
)
async def test_what_came_out_is_told(result: tuple[int, str], told: str) -> None:
    response = await terminal(Prepared(result)).run(task=PRINT)

    with pytest.raises(ValueError, match=told):
        raise ValueError(response.messages[-1].to_text())


# Approval


async def approve_later(request: ApprovalRequest) -> ApprovalResponse:
    await asyncio.sleep(0)
    return ApprovalResponse(approved=False, reason="too risky")


class Refuser:
    async def __call__(self, request: ApprovalRequest) -> ApprovalResponse:
        return ApprovalResponse(approved=False, reason="too risky")


@pytest.mark.parametrize(
    "approval",
    [
        approve_later,
        lambda request: ApprovalResponse(approved=False, reason="too risky"),
        lambda request: approve_later(request),
        Refuser(),
    ],
    ids=["async", "sync", "sync that returns an awaitable", "object"],
)
async def test_code_that_is_not_approved_does_not_run_and_the_reason_is_told(approval: ApprovalFuncType) -> None:
    executor = Prepared()
    agent = terminal(executor, approval_func=approval)

    told = await answer(agent, PRINT)
    result = await agent.execute_code_block([CodeBlock("1", "python")], CancellationToken())

    assert told == "Code execution was not approved. Reason: too risky"
    assert result == CodeResult(exit_code=1, output="Code execution was not approved. Reason: too risky")
    assert executor.ran == []


async def test_approval_is_asked_once_with_all_blocks_fenced_and_the_conversation() -> None:
    asked: list[ApprovalRequest] = []

    def approve(request: ApprovalRequest) -> ApprovalResponse:
        asked.append(request)
        return ApprovalResponse(approved=True, reason="")

    code = "```python\na\n```\n```sh\nb\n```"
    agent, _ = make(Prepared(), code, "done", approval_func=approve)
    await agent.run(task="go")
    await terminal(Prepared(), approval_func=approve).run(task=code)

    assert [request.code for request in asked] == ["```python\na\n```\n\n```sh\nb\n```"] * 2
    assert asked[0].context == [
        UserMessage(content="go", source="user"),
        AssistantMessage(content=code, source="coder"),
    ]
    assert asked[1].context == [UserMessage(content=code, source="user")]


async def test_synchronous_approval_may_wait_without_stopping_the_loop() -> None:
    turned = threading.Event()

    def wait(request: ApprovalRequest) -> ApprovalResponse:
        assert turned.wait(10)
        return ApprovalResponse(approved=True, reason="")

    running = asyncio.create_task(answer(terminal(Prepared(), approval_func=wait), PRINT))
    await asyncio.sleep(0)
    turned.set()

    assert await running == "out"


@pytest.mark.parametrize(
    ("approval", "error", "told"),
    [
        (lambda request: True, TypeError, "has to return ApprovalResponse, but returned True"),
        (lambda request: 1 / 0, ZeroDivisionError, "division"),
    ],
)
async def test_approval_that_is_neither_yes_nor_no_runs_nothing(
    approval: Any, error: type[Exception], told: str
) -> None:
    executor = Prepared()

    with pytest.raises(error, match=told):
        await answer(terminal(executor, approval_func=approval), PRINT)
    assert executor.ran == []


def test_missing_approval_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="No approval function set for CodeExecutorAgent"):
        CodeExecutorAgent("terminal", Prepared())


def test_agent_with_an_approval_function_has_no_configuration() -> None:
    with pytest.raises(ValueError, match="Cannot serialize CodeExecutorAgent with approval_func set"):
        terminal(Prepared()).dump_component()


# With a model


async def test_model_writes_code_sees_the_output_and_sums_it_up(tmp_path: Path) -> None:
    async with local(tmp_path) as executor:
        agent, client = make(executor, PRINT, "It said hello.", system_message="Code.")
        items = await stream(agent)

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
    agent, _ = make(executor, "No code needed.")

    response = await agent.on_messages([text("go")], CancellationToken())

    assert response.chat_message.to_text() == "No code needed."
    assert response.inner_messages == []
    assert executor.ran == []


async def test_pieces_are_streamed_before_what_they_belong_to() -> None:
    agent, _ = make(Prepared(), PRINT, "All is done.", model_client_stream=True)

    items = await stream(agent)

    whole: dict[str, str] = {}
    for item in items:
        if isinstance(item, ModelClientStreamingChunkEvent):
            assert item.full_message_id is not None
            whole[item.full_message_id] = whole.get(item.full_message_id, "") + item.content
    generated = next(item for item in items if isinstance(item, CodeGenerationEvent))
    final = items[-2]
    assert whole == {generated.id: PRINT, final.id: "All is done."}
    assert types(items[-1].messages) == ["CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]


async def test_thoughts_are_shown_and_kept() -> None:
    thoughtful = CreateResult(
        finish_reason="stop", content="Done.", usage=RequestUsage(0, 0), cached=False, thought="hm"
    )
    agent, _ = make(Prepared(), thoughtful)

    items = await stream(agent)

    assert isinstance(items[0], ThoughtEvent)
    last = (await agent.model_context.get_messages())[-1]
    assert last == AssistantMessage(content="Done.", source="coder", thought="hm")


async def test_failure_without_retries_is_reflected_on() -> None:
    agent, client = make(Prepared((1, "boom")), FAIL, "It failed.")

    items = await stream(agent)

    assert types(items[:-1]) == ["CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]
    assert "(POSIX exit code: 1)" in items[1].result.output
    assert len(client.create_calls) == 2


async def test_model_retries_when_it_wants_to_and_the_first_success_is_reflected_on() -> None:
    executor = Prepared((1, "boom"), (0, "fine"))
    agent, client = make(
        executor, FAIL, decision(True, "use print"), PRINT, "It works.", max_retries_on_error=3, system_message=None
    )

    items = await stream(agent)

    assert types(items[:-1]) == [
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
    agent, client = make(Prepared((1, "boom")), FAIL, decision(False), "Impossible.", max_retries_on_error=3)

    items = await stream(agent)

    assert types(items[:-1]) == ["CodeGenerationEvent", "CodeExecutionEvent", "TextMessage"]
    assert items[-2].content == "Impossible."
    assert items[-1].usage == client.total_usage()


async def test_attempt_after_the_last_retry_is_reflected_on_without_asking() -> None:
    executor = Prepared((1, "boom"))
    agent, client = make(executor, FAIL, decision(True), FAIL, "I give up.", max_retries_on_error=1)

    items = await stream(agent)

    assert len(executor.ran) == 2
    assert len(client.create_calls) == 4
    assert items[-2].content == "I give up."


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, r"model_client\.model_info must be provided"),
        ({"info": {**INFO, "structured_output": False}}, "does not support structured output mode"),
        ({"info": INFO, "retries": -1}, "must not be negative"),
    ],
)
def test_retries_need_a_model_that_knows_structured_output(options: dict[str, Any], told: str) -> None:
    info = options.get("info")
    client = ReplayChatCompletionClient([], model_info=info) if info else None

    with pytest.raises(ValueError, match=told):
        terminal(Prepared(), model_client=client, max_retries_on_error=options.get("retries", 1))


async def test_failed_turn_leaves_nothing_in_the_context() -> None:
    agent, client = make(Prepared(), PRINT)

    with pytest.raises(ValueError, match="No more mock responses"):
        await agent.run(task="go")

    assert await agent.model_context.get_messages() == []
    client.chat_completions += [PRINT, "done"]
    assert (await agent.run(task="go")).messages[-1].to_text() == "done"


async def test_cancellation_ends_running_code_and_leaves_nothing_in_the_context(tmp_path: Path) -> None:
    code = "```python\nimport pathlib, time\npathlib.Path('started').touch()\ntime.sleep(60)\n```"
    async with local(tmp_path) as executor:
        agent, _ = make(executor, code)
        token = CancellationToken()
        running = asyncio.create_task(agent.run(task="go", cancellation_token=token))
        async with asyncio.timeout(30):
            while not (tmp_path / "started").exists():  # noqa: ASYNC110 # another process makes it
                await asyncio.sleep(0.01)
            token.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    assert await agent.model_context.get_messages() == []


async def test_cancellation_ends_the_wait_for_an_approval() -> None:
    asked = asyncio.Event()

    async def never(request: ApprovalRequest) -> ApprovalResponse:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("never")

    executor = Prepared()
    token = CancellationToken()
    running = asyncio.create_task(
        terminal(executor, approval_func=never).on_messages([text(PRINT)], token),
    )
    await asked.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert executor.ran == []


# Description, state, configuration


def test_description_says_what_it_is() -> None:
    agent, _ = make(Prepared())

    assert terminal(Prepared()).description == (
        "A computer terminal that performs no other action than running Python scripts (provided to it quoted in "
        "```python code blocks), or sh shell scripts (provided to it quoted in ```sh code blocks)."
    )
    assert agent.description == CodeExecutorAgent.DEFAULT_AGENT_DESCRIPTION
    assert list(agent.produced_message_types) == [TextMessage]


async def test_state_holds_the_conversation_of_a_model_and_nothing_without_one() -> None:
    agent, _ = make(Prepared(), "first", "second")
    await agent.run(task="go")
    state = await agent.save_state()
    other, client = make(Prepared(), "third", system_message=None)

    await other.load_state(json.loads(json.dumps(state)))
    await other.run(task="on")
    await agent.on_reset(CancellationToken())
    await other.load_state({"type": "BaseState", "version": "1.0.0"})

    assert [message.content for message in client.create_calls[0]["messages"]] == ["go", "first", "on"]
    assert await agent.model_context.get_messages() == []
    assert await other.model_context.get_messages() == []
    assert await terminal(Prepared()).save_state() == {"type": "BaseState", "version": "1.0.0"}


def without_approval(build: Callable[[], CodeExecutorAgent]) -> CodeExecutorAgent:
    with pytest.warns(UserWarning, match="No approval function"):
        return build()


async def test_configuration_round_trip() -> None:
    agent = without_approval(
        lambda: CodeExecutorAgent(
            "coder",
            Prepared((0, "1")),
            model_client=ReplayChatCompletionClient(["hi"], model_info=INFO),
            model_context=BufferedChatCompletionContext(5),
            model_client_stream=True,
            max_retries_on_error=2,
            description="Codes.",
            system_message="Code.",
            sources=["user"],
            supported_languages=["sh"],
        )
    )

    model = agent.dump_component()
    loaded = without_approval(lambda: CodeExecutorAgent.load_component(model))

    assert set(model.config) == {
        "name",
        "code_executor",
        "model_client",
        "description",
        "sources",
        "system_message",
        "model_client_stream",
        "model_context",
        "supported_languages",
    }
    assert loaded.dump_component().config == model.config
    response = await loaded.on_messages([text("x")], CancellationToken())
    assert isinstance(response, Response)
    assert response.chat_message.to_text() == "hi"


async def test_configuration_of_the_documents_loads_with_the_capability_of_its_executor(tmp_path: Path) -> None:
    data = {
        "provider": "autogen_agentchat.agents.CodeExecutorAgent",
        "component_type": "agent",
        "version": 1,
        "component_version": 1,
        "description": None,
        "config": {
            "name": "code_executor",
            "code_executor": {
                "provider": "autogen_ext.code_executors.local.LocalCommandLineCodeExecutor",
                "component_type": "code_executor",
                "version": 1,
                "config": {"timeout": 60, "work_dir": str(tmp_path)},
            },
            "description": "A terminal.",
        },
    }

    with allow("process"), pytest.warns(UserWarning, match="without a sandbox"):
        agent = without_approval(lambda: CodeExecutorAgent.load_component(data))

    assert (await answer(agent, "```sh\necho hi\n```")).strip() == "hi"
