"""The client for OpenAI and for every endpoint that speaks its protocol."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Self

from openai import AsyncOpenAI
from pydantic import BaseModel, SecretStr
from typing_extensions import Unpack

from hubbub_registry import Component

from ._base_client import BaseOpenAIChatCompletionClient
from ._errors import shown_url
from ._request import create_arg_names, near, response_format_of
from .config import OpenAIClientConfiguration, OpenAIClientConfigurationConfigModel

_OWN_ARGS: Final = frozenset({"model_info", "model_capabilities", "add_name_prefixes", "include_name_in_message"})

# Prefix of the model's name -> endpoint of the vendor, variable with the key (newer N-304).
_VENDORS: Final = {
    "gemini-": ("https://generativelanguage.googleapis.com/v1beta/openai/", "GEMINI_API_KEY"),
    "claude-": ("https://api.anthropic.com/v1/", "ANTHROPIC_API_KEY"),
    "Llama-": ("https://api.llama.com/compat/v1/", "LLAMA_API_KEY"),
}


@cache
def _client_arg_names() -> frozenset[str]:
    parameters = inspect.signature(AsyncOpenAI.__init__).parameters
    return frozenset(name for name in parameters if name != "self" and not name.startswith("_"))


class OpenAIChatCompletionClient(BaseOpenAIChatCompletionClient, Component[OpenAIClientConfigurationConfigModel]):
    """Chat models of OpenAI and of every OpenAI-compatible endpoint.

    Names that start with `gemini-`, `claude-` or `Llama-` go to the vendor's own compatible endpoint, with the key of
    `GEMINI_API_KEY`, `ANTHROPIC_API_KEY` or `LLAMA_API_KEY`, unless `base_url` or `api_key` say otherwise.

    Args:
        **kwargs: `model`, and whatever else `OpenAIClientConfiguration` lists. The key is `OPENAI_API_KEY` and the
            address `OPENAI_BASE_URL` of the environment when they are not given. Options that only the installed SDK
            knows are taken as well.

    Raises:
        TypeError: An option that neither this class nor the SDK knows.
        ValueError: `model` is missing, or the vendor's key.
        openai.OpenAIError: There is no key for OpenAI.
    """

    component_type = "model"
    component_config_schema = OpenAIClientConfigurationConfigModel
    component_provider_override = "hubbub_openai.OpenAIChatCompletionClient"

    def __init__(self, **kwargs: Unpack[OpenAIClientConfiguration]) -> None:
        options = {name: value for name, value in kwargs.items() if value is not None}
        if not options.get("model"):
            raise ValueError("model is required for OpenAIChatCompletionClient")
        _check_names(options)
        self._raw_config: dict[str, Any] = dict(options)
        super().__init__(_open_client(options), **_base_arguments(options))

    @classmethod
    def from_model_id(cls, model_id: str) -> OpenAIChatCompletionClient:
        """Make a client for a model, with key and address from the environment.

        `hubbub run --model openai:gpt-4o-mini` calls this with `gpt-4o-mini`.

        Raises:
            ValueError: There is no model name, or the variable that holds the key is not set.
        """
        if not model_id:
            raise ValueError("a model name is missing after `openai:`, as in `openai:gpt-4o-mini`")
        variable = next((key for prefix, (_, key) in _VENDORS.items() if model_id.startswith(prefix)), "OPENAI_API_KEY")
        if not os.environ.get(variable):
            raise ValueError(
                f"model openai:{model_id} needs the environment variable {variable}; "
                "a local server that checks no key takes any text",
            )
        return cls(model=model_id)

    def _to_config(self) -> OpenAIClientConfigurationConfigModel:
        fields = OpenAIClientConfigurationConfigModel.model_fields
        config = {name: value for name, value in self._raw_config.items() if name in fields}
        left_out = sorted(set(self._raw_config) - set(fields))
        if left_out:
            raise ValueError(
                f"the configuration of OpenAIChatCompletionClient has no place for {', '.join(left_out)}; "
                "a client with these options cannot be dumped",
            )
        response_format = config.get("response_format")
        if isinstance(response_format, type) and issubclass(response_format, BaseModel):
            config["response_format"] = response_format_of(response_format)
        if callable(config.get("api_key")):
            raise ValueError("api_key is a function, which a configuration cannot hold; pass the key itself")
        base_url = config.get("base_url")
        if base_url is not None:
            # User name and password in an address are a secret like the key: left out.
            config["base_url"] = shown_url(str(base_url)) if "@" in str(base_url) else str(base_url)
        return OpenAIClientConfigurationConfigModel(**config)

    @classmethod
    def _from_config(cls, config: OpenAIClientConfigurationConfigModel) -> Self:
        # Not model_dump: it would turn the secret's holder into a copy, and nested typed dicts need no conversion.
        options: dict[str, Any] = {
            name: getattr(config, name) for name in type(config).model_fields if getattr(config, name) is not None
        }
        return cls(**options)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the HTTP client out of copies; each makes its own (newer N-312)."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_client", "_tokens")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        with warnings.catch_warnings():
            # What there was to say about the options was said of the original.
            warnings.simplefilter("ignore")
            self.__init__(**state["_raw_config"])  # type: ignore[misc] # made anew as a client of the same options
        self.__dict__.update(state)


def _check_names(options: Mapping[str, Any]) -> None:
    known = create_arg_names() | _client_arg_names() | _OWN_ARGS
    unknown = sorted(set(options) - known)
    if unknown:
        listed = ", ".join(repr(name) + near(name, sorted(known)) for name in unknown)
        raise TypeError(
            f"OpenAIChatCompletionClient got unknown options: {listed}. "
            "Fields that only your server knows go into `extra_body`.",
        )


def _open_client(options: Mapping[str, Any]) -> AsyncOpenAI:
    arguments = {name: value for name, value in options.items() if name in _client_arg_names()}
    key = arguments.get("api_key")
    if isinstance(key, SecretStr):
        arguments["api_key"] = key.get_secret_value()
    for prefix, (base_url, variable) in _VENDORS.items():
        if not str(options["model"]).startswith(prefix):
            continue
        if "api_key" not in arguments and os.environ.get(variable):
            arguments["api_key"] = os.environ[variable]
        if "base_url" not in arguments:
            arguments["base_url"] = base_url
            if "api_key" not in arguments:
                # The SDK would send the key of OPENAI_API_KEY to this vendor.
                raise ValueError(f"model {options['model']} needs `api_key` or the environment variable {variable}")
    return AsyncOpenAI(**arguments)


def _base_arguments(options: Mapping[str, Any]) -> dict[str, Any]:
    create_args = {
        name: value for name, value in options.items() if name in create_arg_names() and name not in _client_arg_names()
    }
    own = {name: value for name, value in options.items() if name in _OWN_ARGS}
    return {"create_args": create_args, **own}
