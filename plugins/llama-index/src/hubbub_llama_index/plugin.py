"""What this plugin declares."""

from __future__ import annotations

from hubbub_registry import AdapterSpec, CheckSpec, ComponentSpec, hookimpl

_LLM = "llama_index.core.llms.llm.LLM"
_RETRIEVER = "llama_index.core.base.base_retriever.BaseRetriever"
_INDEX = "llama_index.core.indices.base.BaseIndex"
_CLIENT = "hubbub_core.models._model_client.ChatCompletionClient"


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            kind="agent",
            provider="hubbub_llama_index.FolderRetrieverAgent",
            name="llama_index_retriever",
            summary="Finds passages in a folder of documents",
            needs=("extra hubbub-llama-index[bm25]",),
        ),
        ComponentSpec(
            kind="agent",
            provider="hubbub_llama_index.LlamaIndexToolAgent",
            name="llama_index_agent",
            summary="A LlamaIndex agent on a model and tools of the hub",
        ),
        ComponentSpec(
            kind="agent",
            provider="hubbub_llama_index.LlamaIndexFileAgent",
            name="llama_index",
            summary="A LlamaIndex workflow, agent or engine from a Python file",
            capabilities=("code",),
        ),
        ComponentSpec(
            kind="index",
            provider="hubbub_llama_index.FolderIndex",
            name="llama_index_folder",
            summary="A folder of documents, split into passages and indexed once for many agents",
            needs=("extra hubbub-llama-index[bm25]",),
        ),
        ComponentSpec(
            kind="model",
            provider="hubbub_llama_index.LlamaIndexChatCompletionClient",
            name="llama_index_chat_completion_client",
            summary="A LlamaIndex LLM from a Python file",
            aliases=("LlamaIndexChatCompletionClient",),
            capabilities=("code",),
        ),
        ComponentSpec(
            kind="tool",
            provider="hubbub_llama_index.LlamaIndexTool",
            name="llama_index_tool",
            summary="A LlamaIndex tool from a Python file",
            capabilities=("code",),
        ),
        ComponentSpec(
            kind="memory",
            provider="hubbub_llama_index.RetrieverMemory",
            name="llama_index_retriever_memory",
            summary="A LlamaIndex retriever from a Python file, as what an agent remembers",
            capabilities=("code",),
        ),
    ]


@hookimpl
def hubbub_adapters() -> list[AdapterSpec]:
    return [
        AdapterSpec(
            source=_RETRIEVER,
            to="agent",
            by="hubbub_llama_index.agent.from_retriever",
            summary="A LlamaIndex retriever answers with passages",
        ),
        AdapterSpec(
            source=_RETRIEVER,
            to="memory",
            by="hubbub_llama_index.memory.to_memory",
            summary="What a LlamaIndex retriever finds gets into an agent's context",
        ),
        AdapterSpec(
            source=_INDEX,
            to="agent",
            by="hubbub_llama_index.agent.refuse_index",
            summary="An index is refused: its retriever, query engine or chat engine is an agent",
        ),
        AdapterSpec(
            source=_INDEX,
            to="memory",
            by="hubbub_llama_index.memory.to_memory",
            summary="What an index holds gets into an agent's context, and new contents into the index",
        ),
        AdapterSpec(
            source="llama_index.core.base.base_query_engine.BaseQueryEngine",
            to="agent",
            by="hubbub_llama_index.agent.from_query_engine",
            summary="A LlamaIndex query engine answers questions",
        ),
        AdapterSpec(
            source="llama_index.core.chat_engine.types.BaseChatEngine",
            to="agent",
            by="hubbub_llama_index.agent.from_chat_engine",
            summary="A LlamaIndex chat engine holds conversations",
        ),
        AdapterSpec(
            source=(
                "llama_index.core.agent.workflow.base_agent.BaseWorkflowAgent",
                "llama_index.core.agent.workflow.multi_agent_workflow.AgentWorkflow",
            ),
            to="agent",
            by="hubbub_llama_index.agent.from_workflow_agent",
            summary="FunctionAgent, ReActAgent, CodeActAgent, AgentWorkflow",
        ),
        AdapterSpec(
            source="workflows.workflow.Workflow",
            to="agent",
            by="hubbub_llama_index.agent.from_workflow",
            summary="A LlamaIndex workflow runs once per task",
        ),
        AdapterSpec(
            source="llama_index.core.tools.types.BaseTool",
            to="tool",
            by="hubbub_llama_index.tools.from_llama_index_tool",
            summary="A LlamaIndex tool for any model of the hub",
        ),
        AdapterSpec(
            source="hubbub_core.tools._base.Tool",
            to="llama_index.core.tools.types.BaseTool",
            by="hubbub_llama_index.tools.to_llama_index_tool",
            summary="A tool of the hub for LlamaIndex agents",
        ),
        AdapterSpec(
            source=_LLM,
            to="model",
            by="hubbub_llama_index.model_client.from_llm",
            summary="A LlamaIndex LLM for any agent of the hub",
        ),
        AdapterSpec(
            source=_CLIENT,
            to=_LLM,
            by="hubbub_llama_index.llm.from_model_client",
            summary="The hub's model as a LlamaIndex LLM",
        ),
    ]


@hookimpl
def hubbub_checks() -> list[CheckSpec]:
    return [
        CheckSpec(
            name="nltk_data",
            summary="nltk reads the data of LlamaIndex's own sentence splitter",
            by="hubbub_llama_index.checks.nltk_data",
        ),
        CheckSpec(
            name="bm25", summary="what ranks a folder's passages is installed", by="hubbub_llama_index.checks.bm25"
        ),
    ]
