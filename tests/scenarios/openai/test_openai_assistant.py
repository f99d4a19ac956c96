"""An agent of the runtime backed by an OpenAI assistant with code interpreter and file search.

On the APIs that took the place of Assistants, and on a server that still has those (spec: 000 CB-05..CB-07; 001 OAI).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import openai
import pytest
from openai_server import CodeRun, FileSearch, OpenAIServer, Output, Text

import hubbub_agentchat.messages as chat
from hubbub_agentchat.base import Response
from hubbub_core import (
    AgentId,
    CancellationToken,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    message_handler,
)
from hubbub_openai import OpenAIAssistantAgent

Backend = Literal["responses", "assistants"]


@dataclass
class TextMessage:
    content: str
    source: str


@dataclass
class Reset:
    pass


@dataclass
class UploadForCodeInterpreter:
    file_path: str


@dataclass
class UploadForFileSearch:
    file_path: str
    vector_store_id: str


class AssistantBackedAgent(RoutedAgent):
    """Hands what it is sent on to an assistant, and prints what that does on its way."""

    def __init__(self, client: openai.AsyncOpenAI, assistant: OpenAIAssistantAgent) -> None:
        super().__init__("OpenAI Assistant Agent")
        self._client = client
        self._assistant = assistant

    @message_handler
    async def handle_message(self, message: TextMessage, ctx: MessageContext) -> TextMessage:
        asked = chat.TextMessage(content=message.content, source=message.source)
        answer: chat.BaseChatMessage | None = None
        printed = False
        async for item in self._assistant.on_messages_stream([asked], ctx.cancellation_token):
            if isinstance(item, chat.CodeGenerationEvent):
                print(item.content)
            elif isinstance(item, chat.CodeExecutionEvent):
                print("Executing code...")
            elif isinstance(item, chat.ModelClientStreamingChunkEvent):
                if not printed:
                    print("-" * 80 + "\nAssistant:\n")
                    printed = True
                print(item.content, end="")
            elif isinstance(item, Response):
                answer = item.chat_message
        assert answer is not None
        print()
        for number, citation in enumerate(json.loads(answer.metadata.get("citations", "[]"))):
            file_id = citation.get("file_id") or citation["file_citation"]["file_id"]
            print(f"[{number}] {(await self._client.files.retrieve(file_id)).filename}")
        return TextMessage(content=answer.to_text(), source=self.metadata["type"])

    @message_handler()
    async def handle_reset(self, message: Reset, ctx: MessageContext) -> None:
        await self._assistant.on_reset(ctx.cancellation_token)

    @message_handler()
    async def handle_code_upload(self, message: UploadForCodeInterpreter, ctx: MessageContext) -> None:
        await self._assistant.on_upload_for_code_interpreter(message.file_path, ctx.cancellation_token)

    @message_handler()
    async def handle_search_upload(self, message: UploadForFileSearch, ctx: MessageContext) -> None:
        upload = self._client.vector_stores.file_batches.upload_and_poll(
            message.vector_store_id, files=[Path(message.file_path)]
        )
        await ctx.cancellation_token.link_future(asyncio.ensure_future(upload))


@pytest.fixture(params=["responses", "assistants"])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[tuple[OpenAIServer, Backend]]:
    backend: Backend = request.param
    async with OpenAIServer(assistants=backend == "assistants") as server:
        yield server, backend


async def test_assistant_computes_reads_files_and_forgets(
    service: tuple[OpenAIServer, Backend],
    runtime: SingleThreadedAgentRuntime,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server, backend = service
    (tmp_path / "salaries.csv").write_text("name,rate\nEric,139.61\nIdris,115.90\n")
    (tmp_path / "war.html").write_text("<h1>War</h1>\n<p>The treaty of Rawalpindi was signed on 8 August 1919.</p>\n")
    server.reply(
        Text("Hello! How can I help you?"),
        Output(CodeRun("result = 1332322 * 123212\nresult", "164158058264"), "The result is 164,158,058,264."),
        Output(CodeRun("csv.head(1)", "Eric 139.61"), "Eric earns most."),
        Output(FileSearch("treaty of Rawalpindi signed"), "It was signed on 8 August 1919."),
    )

    async with openai.AsyncOpenAI(api_key="test", base_url=server.url) as client:
        store = await client.vector_stores.create()
        assistant = OpenAIAssistantAgent(
            "assistant",
            "An AI assistant that helps with everyday tasks.",
            client,
            "gpt-4o-mini",
            "Help the user with their task.",
            tools=["code_interpreter", "file_search"],
            tool_resources={"file_search": {"vector_store_ids": [store.id]}},
            backend=backend,
        )
        await AssistantBackedAgent.register(runtime, "assistant", lambda: AssistantBackedAgent(client, assistant))

        async def turn(*messages: object) -> object:
            reply = None
            runtime.start()
            for message in messages:
                reply = await runtime.send_message(message, AgentId("assistant", "default"))
            await asyncio.wait_for(runtime.stop_when_idle(), 10)
            return reply

        def asking(text: str) -> TextMessage:
            return TextMessage(content=text, source="user")

        hello = await turn(asking("Hello, how are you today!"))
        product = await turn(asking("What is 1332322 x 123212?"))
        uploaded = await turn(UploadForCodeInterpreter(str(tmp_path / "salaries.csv")))
        most = await turn(asking("What are the top salaries?"))
        indexed = await turn(UploadForFileSearch(str(tmp_path / "war.html"), store.id))
        shown = capsys.readouterr().out
        treaty = await turn(Reset(), asking("When was the treaty of Rawalpindi signed?"))
        thread_id = (await assistant.save_state())["thread_id"]

    assert hello == TextMessage("Hello! How can I help you?", "assistant")
    assert product == TextMessage("The result is 164,158,058,264.", "assistant")
    assert (uploaded, indexed) == (None, None)
    assert isinstance(most, TextMessage)
    assert shown.splitlines() == [
        "-" * 80, "Assistant:", "", "Hello! How can I help you?",
        "result = 1332322 * 123212", "result", "Executing code...",
        "-" * 80, "Assistant:", "", "The result is 164,158,058,264.",
        "csv.head(1)", "Executing code...",
        "-" * 80, "Assistant:", "", "Eric earns most.",
    ]  # fmt: skip
    assert isinstance(treaty, TextMessage)
    assert treaty.content.startswith("It was signed on 8 August 1919.")
    assert capsys.readouterr().out.splitlines()[-1] == "[0] war.html"
    kept = server.storage.items.get(thread_id) or server.assistants.messages[thread_id]
    assert len([item for item in kept if item.get("role") == "user"]) == 1
    (csv_id,) = [file_id for file_id, file in server.storage.files.items() if file["filename"] == "salaries.csv"]
    assert csv_id in json.dumps([request.body for request in server.requests])


async def test_data_analysis_with_a_file_that_is_deleted_afterwards(server: OpenAIServer, tmp_path: Path) -> None:
    """The example of the class itself (spec: 000 L22973-23014), with a name that is an identifier."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    async with openai.AsyncOpenAI(api_key="test", base_url=server.url) as client:
        token = CancellationToken()
        agent = OpenAIAssistantAgent(
            name="python_helper",
            description="Helps with Python programming",
            client=client,
            model="gpt-4",
            instructions="You are a helpful Python programming assistant.",
            tools=["code_interpreter"],
        )

        await agent.on_upload_for_code_interpreter(str(tmp_path / "data.csv"), token)
        response = await agent.on_messages(
            [chat.TextMessage(source="user", content="Can you help me analyze the data in data.csv?")], token
        )
        await agent.delete_uploaded_files(token)
        await agent.delete_assistant(token)

    assert response.chat_message.to_text() == "gpt-4 was asked: Can you help me analyze the data in data.csv?"
    assert server.paths() == ["POST /conversations", "POST /files", "POST /responses", "DELETE /files/file-2"]
