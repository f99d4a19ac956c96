"""An assistant writes code, an executor runs it, until no code is left to run (spec: 000 DP-28, DP-29; 001 CODEX)."""

from __future__ import annotations

import asyncio
import re
import venv
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from hubbub_core import (
    AgentId,
    CancellationToken,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    default_subscription,
    message_handler,
)
from hubbub_core.code_executor import CodeBlock, CodeExecutor
from hubbub_core.models import AssistantMessage, ChatCompletionClient, LLMMessage, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_local_executor import LocalCommandLineCodeExecutor


@dataclass
class Message:
    content: str


@default_subscription
class Assistant(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("An assistant agent.")
        self._model_client = model_client
        self._chat_history: list[LLMMessage] = [
            SystemMessage(content="Write Python script in markdown block, and it will be executed.")
        ]

    @message_handler
    async def handle_message(self, message: Message, ctx: MessageContext) -> None:
        self._chat_history.append(UserMessage(content=message.content, source="user"))
        result = await self._model_client.create(self._chat_history)
        assert isinstance(result.content, str)
        print(f"Assistant: {result.content}")
        self._chat_history.append(AssistantMessage(content=result.content, source="assistant"))
        await self.publish_message(Message(content=result.content), DefaultTopicId())


def extract_markdown_code_blocks(markdown_text: str) -> list[CodeBlock]:
    pattern = re.compile(r"```(?:\s*([\w\+\-]+))?\n([\s\S]*?)```")
    return [CodeBlock(code=code, language=language) for language, code in pattern.findall(markdown_text)]


@default_subscription
class Executor(RoutedAgent):
    def __init__(self, code_executor: CodeExecutor) -> None:
        super().__init__("An executor agent.")
        self._code_executor = code_executor

    @message_handler
    async def handle_message(self, message: Message, ctx: MessageContext) -> None:
        code_blocks = extract_markdown_code_blocks(message.content)
        if code_blocks:
            result = await self._code_executor.execute_code_blocks(
                code_blocks, cancellation_token=ctx.cancellation_token
            )
            print(f"Executor: {result.output}")
            await self.publish_message(Message(content=result.output), DefaultTopicId())


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A fresh virtual environment, in which nothing is installed but pip."""
    folder = str(tmp_path_factory.mktemp("environment") / ".venv")
    builder = venv.EnvBuilder(with_pip=True)
    builder.create(folder)
    return builder.ensure_directories(folder)


@pytest.fixture
async def executor(tmp_path: Path, environment: SimpleNamespace) -> AsyncIterator[LocalCommandLineCodeExecutor]:
    with pytest.warns(UserWarning, match="without a sandbox"):
        local = LocalCommandLineCodeExecutor(work_dir=tmp_path / "coding", virtual_env_context=environment)
    async with local:
        yield local


SCRIPT = """```python
import six

with open("report.txt", "w") as file:
    file.write(six.ensure_text(b"NVDA is up"))
print("[100%] 2 of 2 completed")
```"""

INSTALL = "The library is not there. Install it:\n\n```bash\npip install six\n```\n\nThe script again:\n\n"


async def test_assistant_and_executor_take_turns_until_no_code_is_left(
    executor: LocalCommandLineCodeExecutor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model_client = ReplayChatCompletionClient([SCRIPT, INSTALL + SCRIPT, "The report is in `report.txt`."])
    runtime = SingleThreadedAgentRuntime()
    await Assistant.register(runtime, "assistant", lambda: Assistant(model_client=model_client))
    await Executor.register(runtime, "executor", lambda: Executor(executor))
    runtime.start()
    await runtime.publish_message(Message("Write a report on NVDA."), DefaultTopicId())
    await runtime.stop_when_idle()
    await model_client.close()

    # The first attempt fails, which the assistant reads; the second installs quietly and runs.
    turns = re.split(r"^(?=Assistant: |Executor: )", capsys.readouterr().out, flags=re.MULTILINE)[1:]
    assert [turn.split(":")[0] for turn in turns] == ["Assistant", "Executor"] * 2 + ["Assistant"]
    assert turns[1].startswith("Executor: Traceback (most recent call last):")
    assert turns[1].rstrip().endswith("ModuleNotFoundError: No module named 'six'")
    assert turns[3].strip() == "Executor: [100%] 2 of 2 completed"
    assert (tmp_path / "coding" / "report.txt").read_text() == "NVDA is up"
    heard = [message.content for message in model_client.create_calls[-1]["messages"]]
    assert [type(text) for text in heard] == [str] * 6
    assert heard[1] == "Write a report on NVDA."
    assert heard[5] == "[100%] 2 of 2 completed\n"


async def test_a_fence_without_a_language_is_an_answer_that_the_assistant_can_read(
    executor: LocalCommandLineCodeExecutor, capsys: pytest.CaptureFixture[str]
) -> None:
    model_client = ReplayChatCompletionClient(["```\nls -l\n```", "Sorry."])
    runtime = SingleThreadedAgentRuntime()
    await Assistant.register(runtime, "assistant", lambda: Assistant(model_client=model_client))
    await Executor.register(runtime, "executor", lambda: Executor(executor))
    runtime.start()
    await runtime.publish_message(Message("List the files."), DefaultTopicId())
    await runtime.stop_when_idle()

    assert capsys.readouterr().out == "Assistant: ```\nls -l\n```\nExecutor: unknown language \nAssistant: Sorry.\n"


async def test_cancelling_a_message_ends_the_code_that_it_runs(
    executor: LocalCommandLineCodeExecutor, tmp_path: Path
) -> None:
    """The token of the caller reaches through runtime and agent to the process."""
    runtime = SingleThreadedAgentRuntime()
    await Executor.register(runtime, "executor", lambda: Executor(executor))
    runtime.start()
    token = CancellationToken()
    code = "```bash\nmkfifo fifo; trap 'echo ended > end' TERM; cat fifo & wait; wait\n```"
    sending = asyncio.ensure_future(
        runtime.send_message(Message(code), AgentId("executor", "default"), cancellation_token=token)
    )
    fifo = tmp_path / "coding" / "fifo"
    async with asyncio.timeout(20):
        while not fifo.exists():  # noqa: ASYNC110 # no event comes from outside this process
            await asyncio.sleep(0.02)

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await runtime.stop_when_idle()

    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not list((tmp_path / "coding").glob("tmp_code*"))
