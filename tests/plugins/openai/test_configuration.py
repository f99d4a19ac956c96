from __future__ import annotations

import copy
import json
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai_server import OpenAIServer
from pydantic import BaseModel, SecretStr, ValidationError

from hubbub_core.models import ChatCompletionClient, ModelFamily, ModelInfo, UserMessage
from hubbub_openai import OpenAIChatCompletionClient, OpenAIClientConfigurationConfigModel

MakeClient = Callable[..., OpenAIChatCompletionClient]
HELLO = [UserMessage(content="Hello there", source="user")]
KEY = "sk-very-secret"
INFO = ModelInfo(vision=True, function_calling=True, json_output=True, family="mine", structured_output=False)


def test_configuration_schema_is_the_documented_one() -> None:
    """Names and order of spec: newer N-484."""
    assert list(OpenAIClientConfigurationConfigModel.model_fields) == [
        "frequency_penalty", "logit_bias", "max_tokens", "n", "presence_penalty", "response_format", "seed", "stop",
        "temperature", "top_p", "user", "stream_options", "parallel_tool_calls", "reasoning_effort", "model", "api_key",
        "timeout", "max_retries", "model_capabilities", "model_info", "add_name_prefixes", "include_name_in_message",
        "default_headers", "organization", "base_url",
    ]  # fmt: skip
    schema = OpenAIClientConfigurationConfigModel.model_json_schema()
    assert schema["required"] == ["model"]
    assert schema["properties"]["api_key"]["anyOf"][0] == {"format": "password", "type": "string", "writeOnly": True}


async def test_dump_and_load_give_an_equal_client_without_the_key(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: Any = {"model": "mine", "base_url": server.url, "temperature": 0.5, "model_info": INFO, "timeout": 9.0}
    client = OpenAIChatCompletionClient(api_key=KEY, add_name_prefixes=True, **options)

    dumped = client.dump_component()

    assert dumped.provider == "hubbub_openai.OpenAIChatCompletionClient"
    assert dumped.component_type == "model"
    assert dumped.config == {**options, "add_name_prefixes": True}
    assert KEY not in dumped.model_dump_json() + repr(dumped) + repr(client)
    monkeypatch.setenv("OPENAI_API_KEY", "from-environment")
    loaded = ChatCompletionClient.load_component(json.loads(dumped.model_dump_json()))
    assert loaded.dump_component() == dumped
    await loaded.create(HELLO)
    await loaded.close()
    assert server.requests[0].body["messages"][0]["content"] == "user said:\nHello there"
    assert server.requests[0].headers["authorization"] == "Bearer from-environment"


@pytest.mark.parametrize(
    "provider",
    [
        "hubbub_openai.OpenAIChatCompletionClient",
        "autogen_ext.models.openai.OpenAIChatCompletionClient",
        "OpenAIChatCompletionClient",
        "openai_chat_completion_client",
        "openai",
    ],
)
async def test_every_documented_provider_string_loads(server: OpenAIServer, provider: str) -> None:
    config = {"model": "gpt-4o", "api_key": KEY, "base_url": server.url}

    client = ChatCompletionClient.load_component({"provider": provider, "component_type": "model", "config": config})

    assert isinstance(client, OpenAIChatCompletionClient)
    await client.create(HELLO)
    await client.close()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_key_from_a_reference_is_dumped_as_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    config = {"model": "gpt-4o", "api_key": "${env:MY_KEY}"}

    loaded = ChatCompletionClient.load_component({"provider": "openai", "component_type": "model", "config": config})

    assert loaded.dump_component().config == config


def test_wrong_reasoning_effort_fails_validation() -> None:
    config = {"model": "o3", "api_key": KEY, "reasoning_effort": "huge"}

    with pytest.raises(ValidationError, match="reasoning_effort"):
        ChatCompletionClient.load_component({"provider": "openai", "component_type": "model", "config": config})


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
def test_every_reasoning_effort_of_the_service_is_dumped_and_loaded(effort: Any) -> None:
    client = OpenAIChatCompletionClient(model="gpt-6-sol", api_key=KEY, reasoning_effort=effort)

    assert client.dump_component().config == {"model": "gpt-6-sol", "reasoning_effort": effort}


def test_headers_with_secrets_are_not_dumped(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "X-Api-Key": KEY, "X-Team": "hub"}
    client = OpenAIChatCompletionClient(model="gpt-4o", api_key=KEY, default_headers=headers)
    monkeypatch.setenv("MY_KEY", KEY)
    config = {"model": "gpt-4o", "api_key": KEY, "default_headers": {"Authorization": "Bearer ${env:MY_KEY}"}}

    loaded = ChatCompletionClient.load_component({"provider": "openai", "component_type": "model", "config": config})

    assert client.dump_component().config == {"model": "gpt-4o", "default_headers": {"X-Team": "hub"}}
    assert client._client.default_headers["Authorization"] == f"Bearer {KEY}"
    assert loaded.dump_component().config == {"model": "gpt-4o", "default_headers": config["default_headers"]}
    assert isinstance(loaded, OpenAIChatCompletionClient)
    assert loaded._client.default_headers["Authorization"] == f"Bearer {KEY}"


async def test_secret_headers_are_sent(make_client: MakeClient, server: OpenAIServer) -> None:
    client = make_client(default_headers={"X-Anything": SecretStr("hidden")})

    await client.create(HELLO)

    assert server.requests[0].headers["x-anything"] == "hidden"
    assert client.dump_component().config["default_headers"] == {}


def test_password_in_the_address_is_not_dumped() -> None:
    client = OpenAIChatCompletionClient(model="gpt-4o", api_key=KEY, base_url="https://me:hidden@models.example/v1")

    assert client.dump_component().config["base_url"] == "https://models.example/v1"


def test_response_format_class_is_dumped_as_its_schema() -> None:
    class Answer(BaseModel):
        text: str

    dumped = OpenAIChatCompletionClient(model="gpt-4o", api_key=KEY, response_format=Answer).dump_component()

    assert dumped.config["response_format"]["json_schema"]["name"] == "Answer"
    assert dumped.config["response_format"]["json_schema"]["schema"]["required"] == ["text"]


def test_options_without_a_place_in_the_configuration_are_named() -> None:
    client = OpenAIChatCompletionClient(model="gpt-4o", api_key=KEY, project="p")

    with pytest.raises(ValueError, match="has no place for project"):
        client.dump_component()


def test_missing_model_is_refused() -> None:
    with pytest.raises(ValueError, match="model is required for OpenAIChatCompletionClient"):
        OpenAIChatCompletionClient(api_key=KEY)  # type: ignore[call-arg] # bad input is what is tested


def test_unknown_option_is_named_with_a_near_match() -> None:
    with pytest.raises(TypeError, match=r"unknown options: 'temprature' \(did you mean 'temperature'\?\)"):
        OpenAIChatCompletionClient(model="gpt-4o", api_key=KEY, temprature=1)  # type: ignore[call-arg] # bad input


def test_missing_key_is_the_sdks_error() -> None:
    with pytest.raises(openai.OpenAIError, match="OPENAI_API_KEY"):
        OpenAIChatCompletionClient(model="gpt-4o")


async def test_key_and_address_come_from_the_environment(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)

    client = OpenAIChatCompletionClient.from_model_id("gpt-4o-mini")
    result = await client.create(HELLO)
    await client.close()

    assert result.content == "gpt-4o-mini was asked: Hello there"


@pytest.mark.parametrize(
    ("model_id", "text"),
    [
        ("gpt-4o-mini", "model openai:gpt-4o-mini needs the environment variable OPENAI_API_KEY"),
        ("gemini-2.0-flash", "model openai:gemini-2.0-flash needs the environment variable GEMINI_API_KEY"),
        ("", "a model name is missing after `openai:`"),
    ],
)
def test_model_id_without_what_it_needs_is_one_clear_line(model_id: str, text: str) -> None:
    with pytest.raises(ValueError) as failure:  # noqa: PT011 # the text is checked below
        OpenAIChatCompletionClient.from_model_id(model_id)

    assert str(failure.value).startswith(text)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("model", "variable", "base_url"),
    [
        ("gemini-2.0-flash", "GEMINI_API_KEY", "https://generativelanguage.googleapis.com/v1beta/openai/"),
        ("claude-3-5-sonnet-20241022", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1/"),
        ("Llama-3.3-8B-Instruct", "LLAMA_API_KEY", "https://api.llama.com/compat/v1/"),
    ],
)
def test_models_of_other_vendors_go_to_their_endpoint(
    monkeypatch: pytest.MonkeyPatch, model: str, variable: str, base_url: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not for them")

    with pytest.raises(ValueError, match=variable):
        OpenAIChatCompletionClient(model=model)
    monkeypatch.setenv(variable, KEY)
    client = OpenAIChatCompletionClient(model=model)

    assert str(client._client.base_url) == base_url
    assert client._client.api_key == KEY


def test_address_and_key_that_are_given_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "other")

    client = OpenAIChatCompletionClient(model="gemini-2.0-flash", api_key=KEY, base_url="https://proxy.example/v1")

    assert (str(client._client.base_url), client._client.api_key) == ("https://proxy.example/v1/", KEY)


@pytest.mark.parametrize(
    ("model", "family", "vision"),
    [
        ("gpt-4o", ModelFamily.GPT_4O, True),
        ("gpt-4o-2024-08-06", ModelFamily.GPT_4O, True),
        ("gpt-4o-2031-01-01", ModelFamily.GPT_4O, True),
        ("gpt-4.1-nano", ModelFamily.GPT_41, True),
        ("gpt-5-mini", ModelFamily.GPT_5, True),
        ("o3-mini", ModelFamily.O3, False),
        ("gpt-3.5-turbo", ModelFamily.GPT_35, False),
        ("llama-4-scout", ModelFamily.LLAMA_4_SCOUT, True),
    ],
)
def test_known_models_have_their_family(model: str, family: str, vision: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        info = OpenAIChatCompletionClient(model=model, api_key=KEY).model_info

    assert (info["family"], info["vision"]) == (family, vision)


def test_unknown_model_warns_and_gets_the_documented_defaults() -> None:
    with pytest.warns(UserWarning, match="model 'mine' is not in the table of known models") as caught:
        client = OpenAIChatCompletionClient(model="mine", api_key=KEY)

    assert len(caught) == 1
    assert client.model_info == {
        "vision": False,
        "function_calling": True,
        "json_output": True,
        "family": "unknown",
        "structured_output": True,
        "multiple_system_messages": True,
    }
    assert client.capabilities == {"vision": False, "function_calling": True, "json_output": True}


def test_model_info_without_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="Missing required field 'vision'"):
        OpenAIChatCompletionClient(model="mine", api_key=KEY, model_info={"family": "x"})  # type: ignore[arg-type] # bad input


def test_model_capabilities_are_deprecated_but_read() -> None:
    with pytest.warns(DeprecationWarning, match="use model_info instead"):
        client = OpenAIChatCompletionClient(
            model="mine",
            api_key=KEY,
            model_capabilities={"vision": True, "function_calling": False, "json_output": False},
        )

    assert (client.model_info["vision"], client.model_info["function_calling"]) == (True, False)


async def test_copy_has_an_http_client_of_its_own(make_client: MakeClient) -> None:
    client = make_client(temperature=0.5)
    await client.create(HELLO)

    clone = copy.deepcopy(client)
    await client.close()

    result = await clone.create(HELLO)
    assert result.content == "gpt-4o-mini was asked: Hello there"
    assert clone.total_usage().completion_tokens == 2 * result.usage.completion_tokens
    assert clone._client is not client._client
    await clone.close()


async def test_copy_shares_an_http_client_that_was_given(make_client: MakeClient) -> None:
    """As the SDK's own copies do."""
    async with openai.DefaultAsyncHttpxClient() as http_client:
        client = make_client(http_client=http_client)

        clone = copy.deepcopy(client)

        assert (await clone.create(HELLO)).content == "gpt-4o-mini was asked: Hello there"
        assert clone._client is not client._client


def test_pickled_client_comes_back_with_its_options() -> None:
    client = OpenAIChatCompletionClient(model="gpt-4o", api_key=KEY, temperature=0.5)

    back = pickle.loads(pickle.dumps(client))

    assert back.dump_component() == client.dump_component()
    assert back._client.api_key == KEY


def test_create_from_config_takes_the_keyword_arguments() -> None:
    client = OpenAIChatCompletionClient.create_from_config({"model": "gpt-4o", "api_key": KEY})

    assert isinstance(client, OpenAIChatCompletionClient)
