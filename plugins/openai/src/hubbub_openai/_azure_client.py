"""The client for models that Azure OpenAI serves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final, Self

from openai import AsyncAzureOpenAI, AsyncOpenAI
from typing_extensions import Unpack

from hubbub_registry import Component, ComponentLoader, ComponentModel, is_component_instance

from ._azure_token import TOKEN_SECONDS, bounded
from ._configured_client import ConfiguredClient, client_arg_names
from .config import AzureOpenAIClientConfiguration, AzureOpenAIClientConfigurationConfigModel

AZURE_OPENAI_USER_AGENT: Final = f"hubbub-python/{version('hubbub-openai')}"
"""What requests to Azure call themselves, before whatever the caller says (newer N-310)."""

_ENVIRONMENT: Final = {"azure_endpoint": "AZURE_OPENAI_ENDPOINT", "api_version": "OPENAI_API_VERSION"}


class AzureOpenAIChatCompletionClient(ConfiguredClient, Component[AzureOpenAIClientConfigurationConfigModel]):
    """Chat models of Azure OpenAI.

    Args:
        **kwargs: `model`, `azure_endpoint`, `api_version`, and whatever else `AzureOpenAIClientConfiguration` lists.
            `azure_deployment` is the model's name when not given. Endpoint and version come from
            `AZURE_OPENAI_ENDPOINT` and `OPENAI_API_VERSION`, and the key from `AZURE_OPENAI_API_KEY` or the token from
            `AZURE_OPENAI_AD_TOKEN`, when they are not given. Options that only the installed SDK knows are taken too.

    Raises:
        TypeError: An option that neither this class nor the SDK knows, or a token provider that cannot be called.
        ValueError: `model`, the endpoint or the version is missing.
        openai.OpenAIError: There is no key, token or token provider, or more than one.
    """

    component_type = "model"
    component_config_schema = AzureOpenAIClientConfigurationConfigModel
    component_provider_override = "hubbub_openai.AzureOpenAIChatCompletionClient"
    sdk_class = AsyncAzureOpenAI
    sdk_args = client_arg_names(AsyncAzureOpenAI)

    def __init__(self, **kwargs: Unpack[AzureOpenAIClientConfiguration]) -> None:
        super().__init__(kwargs)

    def _complete(self, options: dict[str, Any]) -> dict[str, Any]:
        for name, variable in _ENVIRONMENT.items():
            if name in options or (name == "azure_endpoint" and "base_url" in options):
                continue
            if not os.environ.get(variable):
                raise ValueError(f"{type(self).__name__} needs {name}, or the environment variable {variable}")
            options[name] = os.environ[variable]
        provider = options.get("azure_ad_token_provider")
        if isinstance(provider, (ComponentModel, dict)):
            provider = options["azure_ad_token_provider"] = ComponentLoader.load_component(provider, object)
        if provider is not None and not callable(provider):
            raise TypeError(
                f"azure_ad_token_provider is a function that returns a token, or a component of kind token_provider, "
                f"not {type(provider).__name__}"
            )
        return options

    def _open_client(self, options: Mapping[str, Any]) -> AsyncOpenAI:
        arguments = self._sdk_arguments(options)
        headers = dict(arguments.get("default_headers") or {})
        own = next((name for name in headers if name.lower() == "user-agent"), "User-Agent")
        headers[own] = f"{AZURE_OPENAI_USER_AGENT} {headers[own]}" if own in headers else AZURE_OPENAI_USER_AGENT
        arguments["default_headers"] = headers
        provider = arguments.get("azure_ad_token_provider")
        if provider is not None:
            timeout = arguments.get("timeout")
            seconds = timeout if isinstance(timeout, int | float) else TOKEN_SECONDS
            arguments["azure_ad_token_provider"] = bounded(provider, seconds)
        return AsyncAzureOpenAI(**arguments)

    def _to_config(self) -> AzureOpenAIClientConfigurationConfigModel:
        config = self._dumped_options(AzureOpenAIClientConfigurationConfigModel)
        provider = config.get("azure_ad_token_provider")
        if provider is not None:
            if not is_component_instance(provider) or provider.component_type != "token_provider":
                raise ValueError(
                    "azure_ad_token_provider is not a component of kind token_provider, such as AzureTokenProvider of "
                    "hubbub-azure; a client with a plain function cannot be dumped"
                )
            config["azure_ad_token_provider"] = provider.dump_component()
        return AzureOpenAIClientConfigurationConfigModel(**config)

    @classmethod
    def _from_config(cls, config: AzureOpenAIClientConfigurationConfigModel) -> Self:
        return cls._from_options(config)
