"""`AzureOpenAIChatCompletionClient`: addresses, keys, tokens, configuration."""

from __future__ import annotations

import asyncio
import contextvars
import copy
import json
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
import pytest_asyncio
from azure.identity import DefaultAzureCredential
from azure_identity import PROVIDER, SCOPE, IdentityEndpoint, identity_endpoint_fixture
from openai_server import Calls, OpenAIServer, Status, Text
from pydantic import BaseModel, ValidationError

from hubbub_azure import AzureTokenProvider
from hubbub_core.models import ChatCompletionClient, CreateResult, UserMessage
from hubbub_core.tools import FunctionTool
from hubbub_openai import (
    AZURE_OPENAI_USER_AGENT,
    AzureOpenAIChatCompletionClient,
    AzureOpenAIClientConfigurationConfigModel,
    OpenAIClientConfigurationConfigModel,
)
from hubbub_registry import adapt

MakeClient = Callable[..., AzureOpenAIChatCompletionClient]
HELLO = [UserMessage(content="Hello there", source="user")]
KEY = "azure-very-secret"

identity = pytest.fixture(identity_endpoint_fixture, name="identity")


@pytest_asyncio.fixture
async def make_client(server: OpenAIServer) -> AsyncIterator[MakeClient]:
    clients: list[AzureOpenAIChatCompletionClient] = []

    def make(**options: Any) -> AzureOpenAIChatCompletionClient:
        defaults: dict[str, Any] = {
            "model": "gpt-4o",
            "azure_endpoint": server.azure_endpoint,
            "api_version": "2024-06-01",
            "max_retries": 0,
        }
        if not {"api_key", "azure_ad_token", "azure_ad_token_provider"} & set(options):
            defaults["api_key"] = KEY
        clients.append(AzureOpenAIChatCompletionClient(**{**defaults, **options}))
        return clients[-1]

    yield make
    for client in clients:
        await client.close()


async def test_request_goes_to_the_deployment_with_the_key(make_client: MakeClient, server: OpenAIServer) -> None:
    client = make_client(azure_deployment="mine", temperature=0.5)

    result = await client.create(HELLO)

    assert result.content == "gpt-4o was asked: Hello there"
    (request,) = server.requests
    assert request.path == "/openai/deployments/mine/chat/completions"
    assert request.query == {"api-version": "2024-06-01"}
    assert request.headers["api-key"] == KEY
    # The oldest releases of openai 2 send the key as a token too.
    assert request.headers.get("authorization") in (None, f"Bearer {KEY}")
    assert request.body["temperature"] == 0.5


async def test_deployment_is_the_model_unless_given(make_client: MakeClient, server: OpenAIServer) -> None:
    await make_client().create(HELLO)

    assert server.requests[0].path == "/openai/deployments/gpt-4o/chat/completions"


async def test_tools_streams_and_structured_output_work_as_everywhere(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    class Answer(BaseModel):
        text: str

    def add(a: int) -> int:
        return a

    server.reply(Calls(("add", {"a": 1})), Text("in pieces"))
    client = make_client()

    called = await client.create(HELLO, tools=[FunctionTool(add, "Adds")])
    pieces = [piece async for piece in client.create_stream(HELLO, include_usage=True)]
    structured = await client.create(HELLO, json_output=Answer)

    assert called.finish_reason == "function_calls"
    assert pieces[:2] == ["in", " pieces"]
    assert isinstance(pieces[-1], CreateResult)
    assert pieces[-1].usage.completion_tokens == 2
    assert Answer.model_validate_json(str(structured.content)) == Answer(text="text")


async def test_token_and_token_providers_authorise(make_client: MakeClient, server: OpenAIServer) -> None:
    asked = 0

    async def provider() -> str:
        nonlocal asked
        asked += 1
        return f"token-{asked}"

    await make_client(azure_ad_token="given").create(HELLO)
    client = make_client(azure_ad_token_provider=provider)
    await client.create(HELLO)
    await client.create(HELLO)
    await make_client(azure_ad_token_provider=lambda: "plain").create(HELLO)
    await make_client(azure_ad_token_provider=lambda: provider()).create(HELLO)

    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer given", "Bearer token-1", "Bearer token-2", "Bearer plain", "Bearer token-3",
    ]  # fmt: skip


async def test_component_and_its_model_authorise(
    make_client: MakeClient, server: OpenAIServer, identity: IdentityEndpoint
) -> None:
    provider = AzureTokenProvider(DefaultAzureCredential(), SCOPE)

    await make_client(azure_ad_token_provider=provider).create(HELLO)
    await make_client(azure_ad_token_provider=provider.dump_component()).create(HELLO)
    await make_client(azure_ad_token_provider=PROVIDER).create(HELLO)

    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer token-1", "Bearer token-2", "Bearer token-3",
    ]  # fmt: skip


async def test_plain_function_runs_in_a_thread_with_the_callers_context(
    make_client: MakeClient, server: OpenAIServer
) -> None:
    """One whose token depends on who asks keeps working; one that blocks does not stop the event loop."""
    user = contextvars.ContextVar("user", default="nobody")
    threads = []

    def provider() -> str:
        threads.append(threading.current_thread())
        return f"token-of-{user.get()}"

    user.set("ada")
    await make_client(azure_ad_token_provider=provider).create(HELLO)

    assert server.requests[0].headers["authorization"] == "Bearer token-of-ada"
    assert threads[0] is not threading.main_thread()


@pytest.mark.parametrize("kind", ["plain", "asynchronous"])
async def test_token_that_does_not_come_is_a_timeout(make_client: MakeClient, server: OpenAIServer, kind: str) -> None:
    never = threading.Event()

    async def asynchronous() -> str:
        await asyncio.Event().wait()
        return "never"

    provider = asynchronous if kind == "asynchronous" else never.wait
    try:
        with pytest.raises(TimeoutError, match=r"azure_ad_token_provider gave no token within 0\.05 seconds"):
            await make_client(azure_ad_token_provider=provider, timeout=0.05).create(HELLO)
    finally:
        never.set()

    assert server.requests == []


async def test_error_of_a_token_provider_travels_as_it_is(make_client: MakeClient) -> None:
    def refuse() -> str:
        raise PermissionError("no role on this resource")

    def give_up() -> str:
        raise TimeoutError("of its own")

    with pytest.raises(PermissionError, match="no role on this resource"):
        await make_client(azure_ad_token_provider=refuse).create(HELLO)
    with pytest.raises(TimeoutError, match="of its own"):
        await make_client(azure_ad_token_provider=give_up).create(HELLO)
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        await make_client(azure_ad_token_provider=iter(()).__next__).create(HELLO)


def test_program_ends_though_a_token_provider_hangs() -> None:
    program = """
import asyncio, threading
from hubbub_core.models import UserMessage
from hubbub_openai import AzureOpenAIChatCompletionClient

async def main():
    client = AzureOpenAIChatCompletionClient(
        model="gpt-4o", azure_endpoint="http://127.0.0.1:9", api_version="v", timeout=0.05,
        azure_ad_token_provider=threading.Event().wait,
    )
    try:
        await client.create([UserMessage(content="Hello", source="user")])
    except TimeoutError as exc:
        print(exc)
    await client.close()

asyncio.run(main())
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "azure_ad_token_provider gave no token within 0.05 seconds, the `timeout` of the client\n"


async def test_user_agent_names_the_hub_before_the_caller(make_client: MakeClient, server: OpenAIServer) -> None:
    """spec: newer N-310."""
    client = make_client(default_headers={"user-agent": "mine/1", "X-Extra": "1"})
    await make_client().create(HELLO)
    await client.create(HELLO)

    assert [request.headers["user-agent"] for request in server.requests] == [
        AZURE_OPENAI_USER_AGENT,
        f"{AZURE_OPENAI_USER_AGENT} mine/1",
    ]
    assert server.requests[1].headers["x-extra"] == "1"
    assert client.dump_component().config["default_headers"] == {"user-agent": "mine/1", "X-Extra": "1"}


async def test_everything_may_come_from_the_environment(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.azure_endpoint)
    monkeypatch.setenv("OPENAI_API_VERSION", "2024-10-21")

    client = AzureOpenAIChatCompletionClient(model="gpt-4o")
    await client.create(HELLO)
    await client.close()

    assert server.requests[0].headers["api-key"] == KEY
    assert server.requests[0].query == {"api-version": "2024-10-21"}
    assert client.dump_component().config["api_version"] == "2024-10-21"


def test_configuration_schema_is_the_documented_one() -> None:
    """Names and order of spec: newer N-463."""
    common = list(OpenAIClientConfigurationConfigModel.model_fields)[:-2]
    assert list(AzureOpenAIClientConfigurationConfigModel.model_fields) == [
        *common, "azure_endpoint", "azure_deployment", "api_version", "azure_ad_token", "azure_ad_token_provider",
    ]  # fmt: skip
    schema = AzureOpenAIClientConfigurationConfigModel.model_json_schema()
    assert set(schema["required"]) == {"model", "azure_endpoint", "api_version"}


@pytest.mark.parametrize(
    "provider",
    [
        "hubbub_openai.AzureOpenAIChatCompletionClient",
        "autogen_ext.models.openai.AzureOpenAIChatCompletionClient",
        "AzureOpenAIChatCompletionClient",
        "azure_openai_chat_completion_client",
        "azure_openai",
    ],
)
async def test_every_documented_provider_string_loads(
    server: OpenAIServer, identity: IdentityEndpoint, provider: str
) -> None:
    config = {
        "model": "gpt-4o",
        "azure_endpoint": server.azure_endpoint,
        "azure_deployment": "mine",
        "api_version": "2024-06-01",
        "azure_ad_token_provider": PROVIDER,
    }

    client = ChatCompletionClient.load_component({"provider": provider, "component_type": "model", "config": config})

    assert isinstance(client, AzureOpenAIChatCompletionClient)
    await client.create(HELLO)
    await client.close()
    assert server.requests[0].headers["authorization"] == "Bearer token-1"


async def test_dump_and_load_give_an_equal_client_without_secrets(
    make_client: MakeClient, server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_client(azure_deployment="mine", seed=3, timeout=9.0)
    with_token = make_client(azure_ad_token="secret-token")

    dumped = client.dump_component()
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "from-environment")
    loaded = ChatCompletionClient.load_component(json.loads(dumped.model_dump_json()))
    await loaded.create(HELLO)
    await loaded.close()

    assert dumped.provider == "hubbub_openai.AzureOpenAIChatCompletionClient"
    assert dumped.config == {
        "model": "gpt-4o",
        "azure_endpoint": server.azure_endpoint,
        "azure_deployment": "mine",
        "api_version": "2024-06-01",
        "max_retries": 0,
        "seed": 3,
        "timeout": 9.0,
    }
    assert loaded.dump_component() == dumped
    assert server.requests[0].headers["api-key"] == "from-environment"
    assert "secret-token" not in with_token.dump_component().model_dump_json() + repr(with_token)


def test_token_provider_is_dumped_only_if_it_is_a_component(make_client: MakeClient) -> None:
    """spec: newer N-311."""
    client = make_client(azure_ad_token_provider=PROVIDER)

    dumped = client.dump_component().config["azure_ad_token_provider"]

    assert (dumped["provider"], dumped["component_type"]) == ("hubbub_azure.AzureTokenProvider", "token_provider")
    assert dumped["config"] == PROVIDER["config"]
    loaded = ChatCompletionClient.load_component(client.dump_component())
    assert loaded.dump_component() == client.dump_component()
    with pytest.raises(ValueError, match="not a component of kind token_provider"):
        make_client(azure_ad_token_provider=lambda: "t").dump_component()


async def test_copy_has_an_http_client_of_its_own(make_client: MakeClient) -> None:
    client = make_client()

    clone = copy.deepcopy(client)
    await client.close()

    assert (await clone.create(HELLO)).content == "gpt-4o was asked: Hello there"
    await clone.close()


async def test_status_is_the_sdks_error_with_the_endpoint_named(make_client: MakeClient, server: OpenAIServer) -> None:
    server.reply(Status(401, "Access denied"))

    with pytest.raises(openai.AuthenticationError, match="Access denied") as refused:
        await make_client().create(HELLO)

    assert any(server.azure_endpoint in note for note in refused.value.__notes__)


async def test_client_of_the_sdk_is_adapted_and_stays_open(server: OpenAIServer) -> None:
    async with openai.AsyncAzureOpenAI(
        api_key=KEY, azure_endpoint=server.azure_endpoint, api_version="2024-06-01"
    ) as client:
        model = adapt(client, model="gpt-4o")
        assert isinstance(model, ChatCompletionClient)
        await model.create(HELLO)
        await model.close()
        await adapt(client, model="gpt-4o").create(HELLO)

    assert [request.path for request in server.requests] == ["/openai/deployments/gpt-4o/chat/completions"] * 2


def test_what_is_missing_or_wrong_is_named() -> None:
    options: Any = {"model": "gpt-4o", "azure_endpoint": "https://x.example", "api_version": "v"}

    with pytest.raises(ValueError, match="model is required for AzureOpenAIChatCompletionClient"):
        AzureOpenAIChatCompletionClient(api_key=KEY)  # type: ignore[call-arg] # bad input is what is tested
    with pytest.raises(ValueError, match="needs azure_endpoint, or the environment variable AZURE_OPENAI_ENDPOINT"):
        AzureOpenAIChatCompletionClient(model="gpt-4o", api_key=KEY)
    with pytest.raises(ValueError, match="needs api_version, or the environment variable OPENAI_API_VERSION"):
        AzureOpenAIChatCompletionClient(model="gpt-4o", azure_endpoint="https://x.example", api_key=KEY)
    with pytest.raises(TypeError, match=r"'azure_deployement' \(did you mean 'azure_deployment'\?\)"):
        AzureOpenAIChatCompletionClient(**options, api_key=KEY, azure_deployement="x")  # type: ignore[call-arg] # bad input
    with pytest.raises(TypeError, match="azure_ad_token_provider is a function"):
        AzureOpenAIChatCompletionClient(**options, azure_ad_token_provider=3)
    with pytest.raises(openai.OpenAIError, match="azure_ad_token_provider"):
        AzureOpenAIChatCompletionClient(**options)
    with pytest.raises(ValidationError, match="azure_endpoint"):
        ChatCompletionClient.load_component({"provider": "azure_openai", "config": {"model": "gpt-4o"}})
