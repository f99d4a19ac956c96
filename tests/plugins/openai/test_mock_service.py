"""The vendor's own SDK drives what the mock server keeps: files, vector stores, conversations, embeddings."""

from __future__ import annotations

import asyncio

import openai
import pytest
from openai_server import Cut, Malformed, OpenAIServer, Stall, Status


async def test_sdk_uploads_lists_and_deletes_files(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    made = await sdk.files.create(file=("data.csv", b"a,b\n1,2\n"), purpose="assistants")
    read = await sdk.files.retrieve(made.id)
    listed = [file.id async for file in sdk.files.list()]
    deleted = await sdk.files.delete(made.id)

    assert (made.filename, made.bytes, read) == ("data.csv", 8, made)
    assert listed == [made.id]
    assert deleted.deleted
    with pytest.raises(openai.NotFoundError, match="File with id"):
        await sdk.files.retrieve(made.id)
    assert server.storage.contents[made.id] == b"a,b\n1,2\n"


async def test_sdk_indexes_and_searches_a_vector_store(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    page = b"<h1>Hubs</h1>\n<p>A hub connects wheels</p>\n<p>Bread is baked</p>"
    file = await sdk.files.create(file=("hubs.html", page), purpose="assistants")
    other = await sdk.files.create(file=("broken.bin", b"?"), purpose="assistants")
    server.storage.unreadable.add("broken.bin")

    store = await sdk.vector_stores.create(name="library")
    batch = await sdk.vector_stores.file_batches.create_and_poll(store.id, file_ids=[file.id, other.id])
    found = await sdk.vector_stores.search(store.id, query="what connects wheels")

    assert (batch.status, batch.file_counts.completed, batch.file_counts.failed) == ("completed", 1, 1)
    assert [(hit.filename, hit.content[0].text) for hit in found.data] == [("hubs.html", "A hub connects wheels")]
    assert [each.id async for each in sdk.vector_stores.files.list(store.id)] == [file.id]
    assert (await sdk.vector_stores.retrieve(store.id)).file_counts.completed == 1
    assert (await sdk.vector_stores.delete(store.id)).deleted


async def test_sdk_pages_through_a_conversation(sdk: openai.AsyncOpenAI) -> None:
    conversation = await sdk.conversations.create(metadata={"for": "test"})
    await sdk.conversations.items.create(
        conversation.id, items=[{"role": "user", "content": f"message {number}"} for number in range(5)]
    )

    items = [item async for item in sdk.conversations.items.list(conversation.id, order="asc", limit=2)]
    await sdk.conversations.items.delete(items[0].id or "", conversation_id=conversation.id)
    left = [item async for item in sdk.conversations.items.list(conversation.id)]

    texts = [
        part.text for item in items if item.type == "message" for part in item.content if part.type == "input_text"
    ]
    assert texts == [f"message {number}" for number in range(5)]
    assert [item.id for item in left] == [item.id for item in reversed(items[1:])]
    assert (await sdk.conversations.retrieve(conversation.id)).metadata == {"for": "test"}
    assert (await sdk.conversations.delete(conversation.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await sdk.conversations.retrieve(conversation.id)


async def test_sdk_reads_equal_embeddings_in_both_encodings(sdk: openai.AsyncOpenAI) -> None:
    plain = await sdk.embeddings.create(
        model="text-embedding-3-small", input=["one", "two"], dimensions=4, encoding_format="float"
    )
    packed = await sdk.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=4)

    assert [each.embedding for each in plain.data] == [each.embedding for each in packed.data]
    assert plain.data[0].embedding != plain.data[1].embedding
    assert [len(each.embedding) for each in plain.data] == [4, 4]


async def test_any_endpoint_can_fail(sdk: openai.AsyncOpenAI, server: OpenAIServer) -> None:
    server.fail("POST", "/files", Status(429, retry_after=3))
    server.fail("POST", "/vector_stores", Status(500))
    server.fail("POST", "/conversations", Malformed())
    server.fail("POST", "/embeddings", Cut())

    with pytest.raises(openai.RateLimitError) as limited:
        await sdk.files.create(file=("data.csv", b"1"), purpose="assistants")
    with pytest.raises(openai.InternalServerError):
        await sdk.vector_stores.create()
    with pytest.raises(Exception, match=r"Expecting value|Connection error"):
        await sdk.conversations.create()
    with pytest.raises(Exception, match=r"peer closed|Connection error"):
        await sdk.embeddings.create(model="m", input="x")
    assert limited.value.response.headers["retry-after"] == "3"
    assert (await sdk.files.create(file=("data.csv", b"1"), purpose="assistants")).bytes == 1


async def test_any_endpoint_can_stall(server: OpenAIServer) -> None:
    server.fail("POST", "/files", Stall())

    async with openai.AsyncOpenAI(api_key="test", base_url=server.url, max_retries=0, timeout=0.05) as sdk:
        with pytest.raises(openai.APITimeoutError):
            await sdk.files.create(file=("data.csv", b"1"), purpose="assistants")
    await asyncio.wait_for(server.requests[0].closed.wait(), 5)


async def test_azure_client_reaches_the_same_service(server: OpenAIServer) -> None:
    async with openai.AsyncAzureOpenAI(
        api_key="test", azure_endpoint=server.azure_endpoint, api_version="2024-06-01", max_retries=0
    ) as sdk:
        completion = await sdk.chat.completions.create(model="mine", messages=[{"role": "user", "content": "Hi"}])
        file = await sdk.files.create(file=("data.csv", b"1"), purpose="assistants")

    assert completion.choices[0].message.content == "mine was asked: Hi"
    assert file.bytes == 1
    assert [request.path for request in server.requests] == [
        "/openai/deployments/mine/chat/completions",
        "/openai/files",
    ]
    assert server.requests[0].query == {"api-version": "2024-06-01"}
    assert server.requests[0].headers["api-key"] == "test"
