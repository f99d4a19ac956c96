"""No dump and no error shows a secret; `${env:NAME}` is a reference that comes back."""

from __future__ import annotations

from typing import Any, Self

import pytest
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from hubbub_registry import Component, ComponentBase, ComponentModel, MissingVariableError, describe_validation_error


class ClientConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")
    model: str
    api_key: SecretStr | None = None
    headers: dict[str, str] = {}
    port: int | None = None
    revealed: SecretStr | None = None
    inner: ComponentModel | None = None

    @field_serializer("revealed")
    def _reveal(self, value: SecretStr | None) -> str | None:
        return value.get_secret_value() if value else None


class Client(ComponentBase[ClientConfig], Component[ClientConfig]):
    component_type = "model"
    component_config_schema = ClientConfig
    component_provider_override = "tests_of_secrets.Client"

    def __init__(self, config: ClientConfig) -> None:
        self.config = config
        self.inner = Client.load_component(config.inner) if config.inner else None

    def _to_config(self) -> ClientConfig:
        inner = self.inner.dump_component() if self.inner else None
        return self.config.model_copy(update={"inner": inner})

    @classmethod
    def _from_config(cls, config: ClientConfig) -> Self:
        return cls(config)


def client(**config: Any) -> Client:
    return Client.load_component({"provider": "tests_of_secrets.Client", "config": {"model": "m", **config}})


def test_a_secret_is_left_out_of_the_dump_even_when_the_schema_reveals_it() -> None:
    dumped = client(api_key="sk-1", revealed="sk-2").dump_component()

    assert dumped.config == {"model": "m", "headers": {}}


def test_a_text_that_equals_a_secret_elsewhere_stays() -> None:
    assert client(model="postgres", api_key="postgres").dump_component().config["model"] == "postgres"


def test_a_reference_is_resolved_at_load_and_dumped_as_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "sk-3")
    monkeypatch.setenv("THE_PORT", "8080")
    config = {
        "model": "m",
        "api_key": "${env:THE_KEY}",
        "headers": {"Authorization": "Bearer ${env:THE_KEY}"},
        "port": "${env:THE_PORT}",
        "inner": {"provider": "tests_of_secrets.Client", "config": {"model": "n", "api_key": "${env:THE_KEY}"}},
    }

    loaded = client(**config)

    assert loaded.config.api_key is not None
    assert loaded.config.api_key.get_secret_value() == "sk-3"
    assert loaded.config.headers == {"Authorization": "Bearer sk-3"}
    assert loaded.config.port == 8080
    dumped = loaded.dump_component()
    assert "sk-3" not in dumped.model_dump_json()
    assert dumped.config["api_key"] == "${env:THE_KEY}"
    assert dumped.config["headers"] == {"Authorization": "Bearer ${env:THE_KEY}"}
    assert dumped.config["inner"]["config"]["api_key"] == "${env:THE_KEY}"


def test_a_variable_that_is_not_set_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)

    with pytest.raises(MissingVariableError) as caught:
        client(headers={"X": "${env:NOT_SET}"})

    assert str(caught.value) == (
        "environment variable NOT_SET is not set, but config.headers.X of component tests_of_secrets.Client refers to "
        "it; set NOT_SET, or write another value there"
    )


@pytest.mark.parametrize(
    "config", [{"port": "${env:THE_KEY}"}, {"api_key": ["sk-4"]}, {"apikey": "sk-4"}, {"headers": {"X": ["sk-4"]}}]
)
def test_a_validation_error_does_not_show_a_secret(config: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "sk-4")

    with pytest.raises(ValidationError) as caught:
        client(**{"model": "${env:THE_KEY}", **config})

    assert "sk-4" not in str(caught.value)
    assert "sk-4" not in repr(caught.value.errors())
    assert "sk-4" not in describe_validation_error(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize("config", [{"api_key": ["sk-6"]}, {"apikey": "sk-6"}])
def test_a_secret_written_out_is_not_shown_by_a_validation_error_either(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        client(**config)

    assert "sk-6" not in str(caught.value)
    assert "sk-6" not in repr(caught.value.errors())


def test_the_callers_own_configuration_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THE_KEY", "sk-5")
    model = ComponentModel(
        provider="tests_of_secrets.Client", config={"model": "m", "headers": {"a": "${env:THE_KEY}"}}
    )

    Client.load_component(model)

    assert model.config["headers"] == {"a": "${env:THE_KEY}"}
