"""The client for OpenAI and for every endpoint that speaks its protocol."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, Self

from openai import AsyncOpenAI
from typing_extensions import Unpack

from hubbub_registry import Component

from ._configured_client import ConfiguredClient, client_arg_names
from .config import OpenAIClientConfiguration, OpenAIClientConfigurationConfigModel

# Prefix of the model's name -> endpoint of the vendor, variable with the key (newer N-304).
_VENDORS: Final = {
    "gemini-": ("https://generativelanguage.googleapis.com/v1beta/openai/", "GEMINI_API_KEY"),
    "claude-": ("https://api.anthropic.com/v1/", "ANTHROPIC_API_KEY"),
    "Llama-": ("https://api.llama.com/compat/v1/", "LLAMA_API_KEY"),
}


class OpenAIChatCompletionClient(ConfiguredClient, Component[OpenAIClientConfigurationConfigModel]):
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

    sdk_class = AsyncOpenAI
    sdk_args = client_arg_names(AsyncOpenAI)

    def __init__(self, **kwargs: Unpack[OpenAIClientConfiguration]) -> None:
        super().__init__(kwargs)

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

    def _open_client(self, options: Mapping[str, Any]) -> AsyncOpenAI:
        arguments = self._sdk_arguments(options)
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

    def _to_config(self) -> OpenAIClientConfigurationConfigModel:
        return OpenAIClientConfigurationConfigModel(**self._dumped_options(OpenAIClientConfigurationConfigModel))

    @classmethod
    def _from_config(cls, config: OpenAIClientConfigurationConfigModel) -> Self:
        return cls._from_options(config)
