"""The options of the clients: as keyword arguments (`TypedDict`) and as component configuration (pydantic).

Field order and defaults are those of the documents (spec: 000 L25009-26181, newer N-484).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, Required

from pydantic import BaseModel, SecretStr
from typing_extensions import TypedDict

from hubbub_core.models import ModelCapabilities, ModelInfo
from hubbub_registry import ComponentModel

ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""The documented four, and what later models take (openai.types.ReasoningEffort)."""


class JSONSchema(TypedDict, total=False):
    """A named JSON schema for `response_format`."""

    name: Required[str]
    """At most 64 letters, digits, `_` and `-`."""
    description: str
    schema: dict[str, Any]
    strict: bool | None


class ResponseFormat(TypedDict):
    """What form the answer has: `{"type": "json_object"}`. Prefer `json_output` of `create`."""

    type: Literal["text", "json_object", "json_schema"]
    # The documents' schema wants the key even when it is null, their samples leave it out; both are read.
    json_schema: NotRequired[JSONSchema | None]


class StreamOptions(TypedDict):
    """Options that only streaming requests carry."""

    include_usage: bool
    """Ask the server for a last chunk with the tokens used."""


class CreateArguments(TypedDict, total=False):
    """Options that go into every request. What is left out is left to the server."""

    frequency_penalty: float | None
    logit_bias: dict[str, int] | None
    max_tokens: int | None
    max_completion_tokens: int | None
    """What OpenAI's reasoning models take instead of `max_tokens`."""
    n: int | None
    """Only the first of several answers is used."""
    presence_penalty: float | None
    response_format: ResponseFormat | type[BaseModel] | None
    """A pydantic class is deprecated here: pass it as `json_output` to `create`."""
    seed: int | None
    stop: str | list[str] | None
    temperature: float | None
    top_p: float | None
    user: str | None
    stream_options: StreamOptions | None
    parallel_tool_calls: bool | None
    """False: at most one tool call per answer. Sent only with tools."""
    reasoning_effort: ReasoningEffort | None
    logprobs: bool | None
    top_logprobs: int | None
    metadata: dict[str, str] | None
    service_tier: str | None
    store: bool | None
    verbosity: str | None
    extra_body: dict[str, Any] | None
    """Fields of the request that only this server knows."""


class BaseOpenAIClientConfiguration(CreateArguments, total=False):
    """Options of every client of this package."""

    model: Required[str]
    api_key: str | SecretStr | None
    timeout: float | None
    """Seconds to wait for the connection, and for each part of an answer; the SDK waits 600 when not given."""
    max_retries: int | None
    """How often the SDK tries again after 408, 409, 429, 5xx and failed connections; 2 when not given."""
    model_capabilities: ModelCapabilities | None
    """Deprecated: `model_info`."""
    model_info: ModelInfo | None
    """What the model can do, for models that Hubbub's table does not have."""
    add_name_prefixes: bool | None
    """Put `<source> said:` and a newline before the text of user messages, for models that know no names."""
    include_name_in_message: bool | None
    """False: leave the field `name` out of messages, for servers that reject it."""
    default_headers: dict[str, str | SecretStr] | dict[str, str] | None
    """Sent with every request."""
    default_query: dict[str, object] | None


class OpenAIClientConfiguration(BaseOpenAIClientConfiguration, total=False):
    """Keyword arguments of `OpenAIChatCompletionClient`."""

    organization: str | None
    project: str | None
    base_url: str | None
    http_client: Any
    """A client of the HTTP library that the installed SDK uses (`httpx` for openai 2, `httpx2` for openai 3)."""


class AzureOpenAIClientConfiguration(BaseOpenAIClientConfiguration, total=False):
    """Keyword arguments of `AzureOpenAIChatCompletionClient`."""

    azure_endpoint: str | None
    """Address of the resource; `AZURE_OPENAI_ENDPOINT` of the environment when not given."""
    azure_deployment: str | None
    """Name of the deployment; that of the model when not given."""
    api_version: str | None
    """Such as `2024-06-01`; `OPENAI_API_VERSION` of the environment when not given."""
    azure_ad_token: str | SecretStr | None
    """A token of Entra ID. Give only one of `api_key`, this, and a provider."""
    azure_ad_token_provider: Any
    """Called for each request, in a thread unless it is asynchronous; returns such a token or an awaitable of one. May
    be a component of kind `token_provider`, or the component model of one. The client waits for `timeout` seconds."""
    organization: str | None
    project: str | None
    http_client: Any
    """A client of the HTTP library that the installed SDK uses (`httpx` for openai 2, `httpx2` for openai 3)."""


class CreateArgumentsConfigModel(BaseModel):
    """Options that go into every request."""

    frequency_penalty: float | None = None
    logit_bias: dict[str, int] | None = None
    max_tokens: int | None = None
    n: int | None = None
    presence_penalty: float | None = None
    response_format: ResponseFormat | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    user: str | None = None
    stream_options: StreamOptions | None = None
    parallel_tool_calls: bool | None = None
    reasoning_effort: ReasoningEffort | None = None


class BaseOpenAIClientConfigurationConfigModel(CreateArgumentsConfigModel):
    """Options of every client of this package."""

    model: str
    api_key: SecretStr | None = None
    timeout: float | None = None
    max_retries: int | None = None
    model_capabilities: ModelCapabilities | None = None
    model_info: ModelInfo | None = None
    add_name_prefixes: bool | None = None
    include_name_in_message: bool | None = None
    default_headers: dict[str, str | SecretStr] | None = None


class OpenAIClientConfigurationConfigModel(BaseOpenAIClientConfigurationConfigModel):
    """Configuration of the component `openai`."""

    organization: str | None = None
    base_url: str | None = None


class AzureOpenAIClientConfigurationConfigModel(BaseOpenAIClientConfigurationConfigModel):
    """Configuration of the component `azure_openai`."""

    azure_endpoint: str
    azure_deployment: str | None = None
    api_version: str
    azure_ad_token: SecretStr | None = None
    azure_ad_token_provider: ComponentModel | None = None
