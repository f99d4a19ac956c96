"""What hubbub-langchain declares."""

from __future__ import annotations

from hubbub_registry import AdapterSpec, ComponentSpec, hookimpl

# The same names in all of langchain-core 1. Everything of LangChain is a Runnable: what is more stands before it in the
# MRO of its type, so tools, models and retrievers keep their own adapters, and LangGraph's graphs hubbub-langgraph's.
_TOOL = "langchain_core.tools.base.BaseTool"
_MODEL = "langchain_core.language_models.chat_models.BaseChatModel"
_RETRIEVER = "langchain_core.retrievers.BaseRetriever"


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            kind="agent",
            provider="hubbub_langchain.RunnableAgent",
            name="langchain",
            summary="A LangChain Runnable from a Python file",
            capabilities=("code",),
        ),
        ComponentSpec(
            kind="model",
            provider="hubbub_langchain.LangChainChatCompletionClient",
            name="langchain_chat_completion_client",
            summary="A LangChain chat model from a Python file",
            aliases=("LangChainChatCompletionClient",),
            capabilities=("code",),
        ),
        ComponentSpec(
            kind="tool",
            provider="hubbub_langchain.LangChainToolAdapter",
            name="langchain_tool",
            summary="A LangChain tool from a Python file",
            aliases=("autogen_ext.tools.langchain.LangChainToolAdapter", "LangChainToolAdapter"),
            capabilities=("code",),
        ),
        ComponentSpec(
            kind="memory",
            provider="hubbub_langchain.RetrieverMemory",
            name="langchain_retriever_memory",
            summary="A LangChain retriever from a Python file, as what an agent remembers",
            capabilities=("code",),
        ),
    ]


@hookimpl
def hubbub_adapters() -> list[AdapterSpec]:
    return [
        AdapterSpec(
            source=_TOOL,
            to="tool",
            by="hubbub_langchain.tools.from_langchain_tool",
            summary="A LangChain tool for any model of the hub",
        ),
        AdapterSpec(
            source="hubbub_core.tools._base.Tool",
            to=_TOOL,
            by="hubbub_langchain.tools.to_langchain_tool",
            summary="A tool of the hub for LangChain and LangGraph agents",
        ),
        AdapterSpec(
            source=_MODEL,
            to="model",
            by="hubbub_langchain.model_client.from_chat_model",
            summary="A LangChain chat model for any agent of the hub",
        ),
        AdapterSpec(
            source="hubbub_core.models._model_client.ChatCompletionClient",
            to=_MODEL,
            by="hubbub_langchain.chat_model.from_model_client",
            summary="The hub's model as a LangChain chat model",
        ),
        AdapterSpec(
            source=_RETRIEVER,
            to="agent",
            by="hubbub_langchain.retriever.from_retriever",
            summary="A LangChain retriever answers with passages",
        ),
        AdapterSpec(
            source="langchain_core.runnables.base.Runnable",
            to="agent",
            by="hubbub_langchain.runnable.from_runnable",
            summary="Chains and other Runnables, chat models too, become agents",
        ),
        AdapterSpec(
            source="langchain_core.runnables.base.Runnable",
            to="memory",
            by="hubbub_langchain.retriever.to_memory",
            summary="What a LangChain retriever, or a chain of one, finds gets into an agent's context",
        ),
    ]
