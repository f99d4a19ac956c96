"""What hubbub-openai declares."""

from __future__ import annotations

from hubbub_registry import AdapterSpec, ComponentSpec, hookimpl


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            kind="model",
            provider="hubbub_openai.OpenAIChatCompletionClient",
            name="openai",
            summary="Chat models of OpenAI and of every OpenAI-compatible endpoint",
            aliases=(
                "autogen_ext.models.openai.OpenAIChatCompletionClient",
                "OpenAIChatCompletionClient",
                "openai_chat_completion_client",
            ),
            needs=("key OPENAI_API_KEY",),
        ),
        ComponentSpec(
            kind="model",
            provider="hubbub_openai.AzureOpenAIChatCompletionClient",
            name="azure_openai",
            summary="Chat models that Azure OpenAI serves",
            aliases=(
                "autogen_ext.models.openai.AzureOpenAIChatCompletionClient",
                "AzureOpenAIChatCompletionClient",
                "azure_openai_chat_completion_client",
            ),
            needs=("key AZURE_OPENAI_API_KEY, or a token of Entra ID",),
        ),
        ComponentSpec(
            kind="agent",
            provider="hubbub_openai.OpenAIAgent",
            name="openai_agent",
            summary="A chat agent on OpenAI's Responses API, with its built-in tools",
            aliases=("autogen_ext.agents.openai.OpenAIAgent",),
            needs=("extra hubbub-openai[agentchat]", "key OPENAI_API_KEY"),
        ),
    ]


@hookimpl
def hubbub_adapters() -> list[AdapterSpec]:
    return [
        AdapterSpec(
            # The vendor moves its public classes to the package `openai`; the second name is where they are written.
            source=("openai.AsyncOpenAI", "openai._client.AsyncOpenAI"),
            to="model",
            by="hubbub_openai._adapters.from_client",
            summary="An AsyncOpenAI client and a model name as a model of the hub",
        ),
    ]
