"""Components: an object from a configuration and a configuration from an object.

Spec: 000 CC-01..07, part 3 L20381, L20440, L24174; 001 COMP-1..7, API-COMP-2, API-COMP-6.
"""

from __future__ import annotations

from typing import Any, Self

import pytest
from pydantic import BaseModel, SecretStr

from hubbub_core import Component, ComponentBase, ComponentLoader, ComponentModel
from hubbub_core.model_context import BufferedChatCompletionContext, ChatCompletionContext
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


class Config(BaseModel):
    value: str


class MyComponent(ComponentBase[Config], Component[Config]):
    """Keeps one value."""

    component_type = "custom"
    component_config_schema = Config

    def __init__(self, value: str) -> None:
        self.value = value

    def _to_config(self) -> Config:
        return Config(value=self.value)

    @classmethod
    def _from_config(cls, config: Config) -> Self:
        return cls(value=config.value)


class ClientConfig(BaseModel):
    endpoint: str
    api_key: SecretStr


class Client(ComponentBase[ClientConfig], Component[ClientConfig]):
    component_type = "custom"
    component_config_schema = ClientConfig

    def __init__(self, endpoint: str, api_key: str) -> None:
        self.endpoint = endpoint
        self.api_key = api_key

    def _to_config(self) -> ClientConfig:
        return ClientConfig(endpoint=self.endpoint, api_key=SecretStr(self.api_key))

    @classmethod
    def _from_config(cls, config: ClientConfig) -> Self:
        return cls(config.endpoint, config.api_key.get_secret_value())


class Grown(ComponentBase[Config], Component[Config]):
    """Its first version called the value by another name."""

    component_type = "custom"
    component_version = 2
    component_config_schema = Config

    def __init__(self, value: str) -> None:
        self.value = value

    def _to_config(self) -> Config:
        return Config(value=self.value)

    @classmethod
    def _from_config(cls, config: Config) -> Self:
        return cls(config.value)

    @classmethod
    def _from_config_past_version(cls, config: dict[str, Any], version: int) -> Self:
        return cls(f"{config['val']} of version {version}")


def test_custom_component_round_trips_through_json() -> None:
    dumped = MyComponent("forty-two").dump_component()

    assert dumped.model_dump() == {
        "provider": f"{__name__}.MyComponent",
        "component_type": "custom",
        "version": 1,
        "component_version": 1,
        "description": "Keeps one value.",
        "label": "MyComponent",
        "config": {"value": "forty-two"},
    }
    loaded = MyComponent.load_component(ComponentModel.model_validate_json(dumped.model_dump_json()))
    assert (type(loaded), loaded.value) == (MyComponent, "forty-two")
    assert ComponentLoader.load_component(dumped, MyComponent).value == "forty-two"


def test_secret_does_not_come_out_of_a_dump() -> None:
    dumped = Client("https://example.com", "s3cret").dump_component()

    assert "s3cret" not in dumped.model_dump_json()
    assert "s3cret" not in repr(dumped)
    assert dumped.config["endpoint"] == "https://example.com"


def test_older_configuration_is_read_by_its_version() -> None:
    provider = f"{__name__}.Grown"

    old = Grown.load_component({"provider": provider, "component_version": 1, "config": {"val": "seed"}})
    new = Grown.load_component({"provider": provider, "component_version": 2, "config": {"value": "tree"}})

    assert (old.value, new.value) == ("seed of version 1", "tree")
    assert old.dump_component().component_version == 2


def test_class_inside_a_function_cannot_be_dumped() -> None:
    class Local(MyComponent):
        pass

    with pytest.raises(TypeError, match="Local"):
        Local("x").dump_component()


async def test_configuration_is_a_blueprint_without_what_happened() -> None:
    context = BufferedChatCompletionContext(buffer_size=3)
    await context.add_message(UserMessage(content="remember me", source="user"))
    config = context.dump_component()

    first, second = ChatCompletionContext.load_component(config), ChatCompletionContext.load_component(config)
    await first.add_message(UserMessage(content="only the first", source="user"))

    assert isinstance(second, BufferedChatCompletionContext)
    assert [message.content for message in await first.get_messages()] == ["only the first"]
    assert await second.get_messages() == []


async def test_interface_loads_the_client_that_the_configuration_names() -> None:
    client = ChatCompletionClient.load_component(ReplayChatCompletionClient(["one", "two"]).dump_component())

    assert isinstance(client, ReplayChatCompletionClient)
    assert (await client.create([UserMessage(content="?", source="user")])).content == "one"


@pytest.mark.parametrize(
    "provider",
    [
        "openai_chat_completion_client",
        "OpenAIChatCompletionClient",
        "autogen_ext.models.openai.OpenAIChatCompletionClient",
    ],
)
async def test_plugin_is_loaded_by_the_names_of_the_documents(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")

    client = ChatCompletionClient.load_component({"provider": provider, "config": {"model": "gpt-4o"}})
    try:
        dumped = client.dump_component()
    finally:
        await client.close()

    assert (dumped.provider, dumped.config["model"]) == ("hubbub_openai.OpenAIChatCompletionClient", "gpt-4o")
    assert "sk-none" not in dumped.model_dump_json()


def test_wrong_providers_and_types_are_told_apart() -> None:
    with pytest.raises(ValueError, match="no_such_thing"):
        ChatCompletionClient.load_component({"provider": "no_such_thing", "config": {}})
    with pytest.raises(TypeError, match="Expected type does not match"):
        ChatCompletionClient.load_component(MyComponent("x").dump_component())
