from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
import pytest_asyncio
from openai_agents import Backend
from openai_server import OpenAIServer, openai_server_fixture

from hubbub_openai import OpenAIAgent, OpenAIAssistantAgent, OpenAIChatCompletionClient

server = pytest_asyncio.fixture(openai_server_fixture, name="server")

MakeClient = Callable[..., OpenAIChatCompletionClient]


@pytest.fixture(autouse=True)
def environment_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may reach a paid service, whatever the developer's shell has set."""
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY", "LLAMA_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_ENDPOINT", "OPENAI_API_VERSION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture
async def make_client(server: OpenAIServer) -> AsyncIterator[MakeClient]:
    """Make clients of the mock server, closed at the end."""
    clients: list[OpenAIChatCompletionClient] = []

    def make(**options: Any) -> OpenAIChatCompletionClient:
        defaults: dict[str, Any] = {"model": "gpt-4o-mini", "api_key": "test", "base_url": server.url, "max_retries": 0}
        client = OpenAIChatCompletionClient(**{**defaults, **options})
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest_asyncio.fixture
async def sdk(server: OpenAIServer) -> AsyncIterator[openai.AsyncOpenAI]:
    """The bare SDK, which tries nothing again."""
    async with openai.AsyncOpenAI(api_key="test", base_url=server.url, max_retries=0) as client:
        yield client


@pytest.fixture
def make_agent(sdk: openai.AsyncOpenAI) -> Callable[..., OpenAIAgent]:
    """Make agents on the mock server."""

    def make(**options: Any) -> OpenAIAgent:
        defaults: dict[str, Any] = {
            "name": "helper",
            "description": "Helps",
            "client": sdk,
            "model": "gpt-4o",
            "instructions": "Be brief",
        }
        return OpenAIAgent(**{**defaults, **options})

    return make


@pytest.fixture(params=["responses", "assistants"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """The API that keeps the threads of assistants."""
    chosen: Backend = request.param
    return chosen


@pytest_asyncio.fixture
async def service(backend: Backend) -> AsyncIterator[OpenAIServer]:
    """A server that has that API."""
    async with OpenAIServer(assistants=backend == "assistants") as server:
        yield server


@pytest_asyncio.fixture
async def service_sdk(service: OpenAIServer) -> AsyncIterator[openai.AsyncOpenAI]:
    """The bare SDK of that server."""
    async with openai.AsyncOpenAI(api_key="test", base_url=service.url, max_retries=0) as client:
        yield client


@pytest.fixture
def make_assistant(service_sdk: openai.AsyncOpenAI, backend: Backend) -> Callable[..., OpenAIAssistantAgent]:
    """Make assistants on that server."""

    def make(**options: Any) -> OpenAIAssistantAgent:
        defaults: dict[str, Any] = {
            "name": "helper",
            "description": "Helps",
            "client": service_sdk,
            "model": "gpt-4o",
            "instructions": "Be brief",
            "backend": backend,
        }
        return OpenAIAssistantAgent(**{**defaults, **options})

    return make
