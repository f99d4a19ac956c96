"""CodeExecutorAgent without a model: whose code it runs, what it tells of it; its state and configuration."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from chat_scripts import ABLE
from code_agents import PRINT, Prepared, answer, coder, local, terminal, text

from hubbub_agentchat.agents import AssistantAgent, CodeExecutorAgent
from hubbub_agentchat.base import Response
from hubbub_agentchat.conditions import MaxMessageTermination, TextMentionTermination
from hubbub_agentchat.messages import StopMessage, TextMessage
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import CancellationToken
from hubbub_core.code_executor import CodeBlock
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import allow


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


def test_description_says_what_it_is() -> None:
    agent, _ = coder(Prepared())

    assert terminal(Prepared()).description == (
        "A computer terminal that performs no other action than running Python scripts (provided to it quoted in "
        "```python code blocks), or sh shell scripts (provided to it quoted in ```sh code blocks)."
    )
    assert agent.description == CodeExecutorAgent.DEFAULT_AGENT_DESCRIPTION
    assert list(agent.produced_message_types) == [TextMessage]


async def test_state_holds_the_conversation_of_a_model_and_nothing_without_one() -> None:
    agent, _ = coder(Prepared(), "first", "second")
    await agent.run(task="go")
    state = await agent.save_state()
    other, client = coder(Prepared(), "third", system_message=None)

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
            model_client=ReplayChatCompletionClient(["hi"], model_info=ABLE),
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
