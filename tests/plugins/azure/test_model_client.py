"""The Azure client of hubbub-openai with tokens of this package."""

from __future__ import annotations

import asyncio
import copy
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, ClientSecretCredential, get_bearer_token_provider
from azure.identity.aio import AzureCliCredential as AsyncAzureCliCredential
from azure.identity.aio import get_bearer_token_provider as get_async_bearer_token_provider
from azure_identity import PROVIDER, SCOPE, IdentityEndpoint, install_az
from openai_server import OpenAIServer

from hubbub_azure import AzureTokenProvider
from hubbub_core import CancellationToken
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_openai import AzureOpenAIChatCompletionClient
from hubbub_registry import registry, validate_component

Make = Callable[[Any], AzureOpenAIChatCompletionClient]
HELLO = [UserMessage(content="Hello there", source="user")]


class GatedAz:
    """An `az` that says when it runs, and gives a token when it is let."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pipes = [folder / "started", folder / "gate"]
        for pipe in pipes:
            os.mkfifo(pipe)
        # For reading and writing, so that nobody waits for the other end.
        self._started, self._gate = (os.open(pipe, os.O_RDWR | os.O_NONBLOCK) for pipe in pipes)
        install_az(folder / "bin", monkeypatch, f"echo > {pipes[0]}\nread line < {pipes[1]}\ntoken from-az")

    async def started(self) -> None:
        """Wait until it runs."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._started, event.set)
        await event.wait()
        loop.remove_reader(self._started)

    def open(self) -> None:
        """Let it go on."""
        os.write(self._gate, b"\n")

    def close(self) -> None:
        for descriptor in (self._started, self._gate):
            os.close(descriptor)


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatedAz]:
    gated = GatedAz(tmp_path, monkeypatch)
    yield gated
    gated.open()
    for thread in threading.enumerate():
        if thread.name == "azure-token":
            thread.join(10)
            assert not thread.is_alive()
    gated.close()


@pytest_asyncio.fixture
async def make(server: OpenAIServer) -> AsyncIterator[Make]:
    """Make clients with a token provider."""
    clients: list[AzureOpenAIChatCompletionClient] = []

    def make_one(provider: Any, **options: Any) -> AzureOpenAIChatCompletionClient:
        given: dict[str, Any] = {
            "model": "gpt-4o",
            "azure_endpoint": server.azure_endpoint,
            "api_version": "2024-06-01",
        }
        clients.append(AzureOpenAIChatCompletionClient(**given, azure_ad_token_provider=provider, **options))
        return clients[-1]

    yield make_one
    for client in clients:
        await client.close()


async def test_documented_configuration_sends_the_token_of_the_identity(
    server: OpenAIServer, identity: IdentityEndpoint
) -> None:
    """spec: 000 L24329-24346."""
    config = {
        "provider": "AzureOpenAIChatCompletionClient",
        "config": {
            "model": "gpt-4o-2024-05-13",
            "azure_endpoint": server.azure_endpoint,
            "azure_deployment": "mine",
            "api_version": "2024-06-01",
            "azure_ad_token_provider": PROVIDER,
        },
    }

    client = ChatCompletionClient.load_component(config)
    answers = [(await client.create(HELLO)).content for _ in range(2)]
    dumped = client.dump_component()
    await client.close()

    assert answers == ["gpt-4o-2024-05-13 was asked: Hello there"] * 2
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer token-1"] * 2
    assert [request.path for request in server.requests] == ["/openai/deployments/mine/chat/completions"] * 2
    assert not any("api-key" in request.headers for request in server.requests)
    assert len(identity.queries) == 1
    nested = dumped.config.pop("azure_ad_token_provider")
    assert {**dumped.config, "azure_ad_token_provider": PROVIDER} == config["config"]
    assert (nested["provider"], nested["component_type"]) == ("hubbub_azure.AzureTokenProvider", "token_provider")
    assert nested["config"] == PROVIDER["config"]
    assert "token-1" not in str(nested) + repr(client)


@pytest.mark.parametrize("wrap", [AzureTokenProvider, get_bearer_token_provider], ids=lambda wrap: wrap.__name__)
async def test_event_loop_goes_on_while_a_token_is_fetched(
    make: Make, server: OpenAIServer, az: GatedAz, wrap: Callable[..., Any]
) -> None:
    """The loop has to see that `az` started, and then to open its gate."""
    asked = asyncio.create_task(make(wrap(AzureCliCredential(), SCOPE)).create(HELLO))

    await az.started()
    az.open()

    assert (await asked).content == "gpt-4o was asked: Hello there"
    assert server.requests[0].headers["authorization"] == "Bearer from-az"


async def test_asynchronous_credential_serves_by_its_own_function(
    make: Make, server: OpenAIServer, az: GatedAz
) -> None:
    async with AsyncAzureCliCredential() as credential:
        client = make(get_async_bearer_token_provider(credential, SCOPE))
        asked = asyncio.create_task(client.create(HELLO))
        await az.started()
        threads = [thread.name for thread in threading.enumerate()]
        az.open()
        await asked

    assert server.requests[0].headers["authorization"] == "Bearer from-az"
    assert "azure-token" not in threads


async def test_cancelled_call_waits_for_no_token(make: Make, server: OpenAIServer, az: GatedAz) -> None:
    token = CancellationToken()
    client = make(AzureTokenProvider(AzureCliCredential(), SCOPE))
    asked = asyncio.create_task(client.create(HELLO, cancellation_token=token))
    await az.started()

    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asked
    assert server.requests == []


async def test_refused_identity_is_told_and_the_model_not_asked(
    make: Make, server: OpenAIServer, identity: IdentityEndpoint
) -> None:
    identity.refusal = "No managed identity is assigned"

    with pytest.raises(ClientAuthenticationError, match="App Service managed identity configuration not found"):
        await make(PROVIDER).create(HELLO)

    assert server.requests == []


async def test_copy_of_a_client_has_the_same_identity(
    make: Make, server: OpenAIServer, identity: IdentityEndpoint
) -> None:
    client = make(PROVIDER)
    await client.create(HELLO)

    clone = copy.deepcopy(client)
    await clone.create(HELLO)
    await clone.close()

    assert [request.headers["authorization"] for request in server.requests] == ["Bearer token-1"] * 2
    assert clone.dump_component() == client.dump_component()


async def test_client_with_a_secret_credential_is_not_dumped(make: Make) -> None:
    client = make(AzureTokenProvider(ClientSecretCredential("tenant", "client", "very-secret"), SCOPE))

    with pytest.raises(ValueError, match=r"not ClientSecretCredential\. Use DefaultAzureCredential") as refused:
        client.dump_component()

    assert "very-secret" not in str(refused.value)


def test_validation_finds_the_wrong_kind_of_credential() -> None:
    provider = {**PROVIDER, "config": {"provider_kind": "AzureCliCredential", "scopes": [SCOPE]}}
    config = {"model": "gpt-4o", "azure_endpoint": "https://x.example", "api_version": "v"}

    [(path, problem)] = validate_component(
        registry(), {"provider": "azure_openai", "config": {**config, "azure_ad_token_provider": provider}}
    )

    assert path == "config.azure_ad_token_provider.config.provider_kind"
    assert "Only DefaultAzureCredential is supported in a configuration, and not 'AzureCliCredential'" in problem
