"""Files and vector stores of `OpenAIAssistantAgent`, on both of its APIs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.beta.assistant import ToolResources
from openai_agents import ask
from openai_server import (
    FileSearch,
    OpenAIServer,
    Output,
)

from hubbub_core import CancellationToken
from hubbub_openai import OpenAIAssistantAgent, ResponseFailedError

MakeAssistant = Callable[..., OpenAIAssistantAgent]


async def test_uploaded_files_reach_the_code_interpreter_until_they_are_deleted(
    make_assistant: MakeAssistant, service: OpenAIServer, tmp_path: Path
) -> None:
    """spec: 000 L22973-23014."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    agent = make_assistant(tools=["code_interpreter"])
    token = CancellationToken()

    await agent.on_upload_for_code_interpreter(str(tmp_path / "data.csv"), token)
    answer = await ask(agent, "Sum up")
    (file_id,) = service.storage.files
    used = json.dumps(service.responses.contexts and service.requests[-1].body) + json.dumps(service.assistants.threads)
    await agent.delete_uploaded_files(token)
    after = await ask(agent, "Still there?")
    await agent.delete_assistant(token)

    assert answer.content == "gpt-4o was asked: Sum up"
    assert file_id in used
    assert after.content == "gpt-4o was asked: Still there?"
    assert service.storage.files == {}
    assert service.assistants.assistants == {}


async def test_uploaded_files_are_searched_and_cited(
    make_assistant: MakeAssistant, service: OpenAIServer, tmp_path: Path
) -> None:
    paths = [tmp_path / "hubs.txt", tmp_path / "bread.txt"]
    paths[0].write_text("A hub connects wheels\n")
    paths[1].write_text("Bread is baked\n")
    service.reply(Output(FileSearch("what connects wheels"), "A hub does."))
    agent = make_assistant(tools=["file_search"])
    token = CancellationToken()

    await agent.on_upload_for_file_search([str(path) for path in paths], token)
    answer = await ask(agent, "What connects wheels?")
    state = await agent.save_state()
    store_id = state["vector_store_id"]
    indexed = list(service.storage.store_files[store_id])
    await agent.delete_uploaded_files(token)
    await agent.delete_vector_store(token)
    after = await ask(agent, "And now?")

    assert answer.content.startswith("A hub does.")
    (citation,) = json.loads(answer.metadata["citations"])
    assert citation["type"] == "file_citation"
    assert indexed == state["uploaded_file_ids"]
    assert indexed[0] in json.dumps(citation)
    assert (service.storage.files, service.storage.vector_stores) == ({}, {})
    assert after.content == "gpt-4o was asked: And now?"


async def test_unreadable_file_is_named(make_assistant: MakeAssistant, service: OpenAIServer, tmp_path: Path) -> None:
    (tmp_path / "broken.bin").write_bytes(b"?")
    service.storage.unreadable.add("broken.bin")
    agent = make_assistant(tools=["file_search", "code_interpreter"])

    with pytest.raises(ResponseFailedError, match="could not read 1 of 1 files"):
        await agent.on_upload_for_file_search(str(tmp_path / "broken.bin"), CancellationToken())
    before = list(service.storage.files)
    with pytest.raises(OSError, match=r"missing\.csv"):
        await agent.on_upload_for_code_interpreter(
            [str(tmp_path / "broken.bin"), str(tmp_path / "missing.csv")], CancellationToken()
        )
    assert list(service.storage.files) == before


async def test_upload_without_the_tool_is_refused(make_assistant: MakeAssistant) -> None:
    with pytest.raises(ValueError, match="tools have no 'file_search'"):
        await make_assistant().on_upload_for_file_search("x", CancellationToken())
    with pytest.raises(ValueError, match="tools have no 'code_interpreter'"):
        await make_assistant().on_upload_for_code_interpreter("x", CancellationToken())


@pytest.mark.parametrize("as_object", [False, True], ids=["dict", "object of the SDK"])
async def test_given_files_and_stores_are_used_and_not_deleted(
    make_assistant: MakeAssistant, service_sdk: openai.AsyncOpenAI, service: OpenAIServer, as_object: bool
) -> None:
    file = await service_sdk.files.create(file=("hubs.txt", b"A hub connects wheels\n"), purpose="assistants")
    store = await service_sdk.vector_stores.create(file_ids=[file.id])
    resources: Any = {"code_interpreter": {"file_ids": [file.id]}, "file_search": {"vector_store_ids": [store.id]}}
    if as_object:
        resources = ToolResources.model_validate(resources)
    service.reply(Output(FileSearch("connects wheels"), "Hubs."))
    agent = make_assistant(tools=["code_interpreter", "file_search"], tool_resources=resources)

    answer = await ask(agent, "?")
    await agent.delete_uploaded_files(CancellationToken())
    await agent.delete_vector_store(CancellationToken())

    assert "citations" in answer.metadata
    assert list(service.storage.files) == [file.id]
    assert list(service.storage.vector_stores) == [store.id]


def test_resources_that_nobody_would_use_are_refused(make_assistant: MakeAssistant) -> None:
    with pytest.raises(ValueError, match=r"tool_resources has file_search\.vector_stores; .*vector_store_ids"):
        make_assistant(tool_resources={"file_search": {"vector_stores": [{"file_ids": ["file_1"]}]}})


async def test_uploading_nothing_asks_for_nothing(make_assistant: MakeAssistant, service: OpenAIServer) -> None:
    agent = make_assistant(tools=["file_search", "code_interpreter"])

    await agent.on_upload_for_file_search([], CancellationToken())
    await agent.on_upload_for_code_interpreter([], CancellationToken())

    assert service.requests == []
