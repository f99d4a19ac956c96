"""What importing the plugin costs, and what it declares."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore

import hubbub_langchain
from hubbub_core import AdaptedAgent
from hubbub_langchain import LangChainChatCompletionClient, LangChainToolAdapter, RetrieverMemory, plugin
from hubbub_registry import adapt, find_component


def loaded_by(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and return the modules it loaded."""
    code = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_importing_package_and_plugin_loads_neither_framework_nor_pydantic() -> None:
    loaded = loaded_by(
        "import hubbub_langchain, hubbub_langchain.plugin as p; p.hubbub_components(); p.hubbub_adapters()"
    )

    assert not {"langchain_core", "pydantic", "hubbub_core"} & loaded


def test_all_public_names_are_served() -> None:
    assert {name for name in dir(hubbub_langchain) if name in hubbub_langchain.__all__} == set(hubbub_langchain.__all__)
    for name in hubbub_langchain.__all__:
        assert getattr(hubbub_langchain, name).__name__ == name


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^hubbub_langchain offers no 'nothing'$"):
        _ = hubbub_langchain.nothing


def test_declared_names_lead_to_code() -> None:
    for adapter in plugin.hubbub_adapters():
        module, _, name = adapter.by.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))
        for source in adapter.sources:
            module, _, name = source.rpartition(".")
            assert f"{getattr(importlib.import_module(module), name).__module__}.{name}" == source
    for component in plugin.hubbub_components():
        module, _, name = component.provider.rpartition(".")
        found = getattr(importlib.import_module(module), name)
        assert (found.component_provider_override, found.component_type) == (component.provider, component.kind)


def test_the_documents_name_leads_to_the_tool_adapter() -> None:
    spec = find_component("autogen_ext.tools.langchain.LangChainToolAdapter")

    assert spec == find_component("langchain_tool") == find_component("hubbub_langchain.LangChainToolAdapter")


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


_MODEL = GenericFakeChatModel(messages=iter([]))
_RETRIEVER = InMemoryVectorStore(DeterministicFakeEmbedding(size=4)).as_retriever()


@pytest.mark.parametrize(
    ("foreign", "kind"),
    [
        (add, LangChainToolAdapter),
        (_MODEL, LangChainChatCompletionClient),
        (_RETRIEVER, AdaptedAgent),
        (RunnableLambda(str.upper), AdaptedAgent),
        (ChatPromptTemplate.from_messages([("user", "{q}")]) | _MODEL, AdaptedAgent),
        (_MODEL.bind(stop=["x"]), AdaptedAgent),
        (_MODEL.with_fallbacks([_MODEL]), AdaptedAgent),
    ],
    ids=["tool", "model", "retriever", "function", "chain", "binding", "fallbacks"],
)
def test_each_is_adapted_as_what_it_is_though_all_are_runnables(foreign: Any, kind: type) -> None:
    assert isinstance(adapt(foreign), kind)


def test_a_retriever_is_a_memory_and_a_model_an_agent_on_request() -> None:
    assert isinstance(adapt(_RETRIEVER, to="memory"), RetrieverMemory)
    assert isinstance(adapt(_MODEL, to="agent"), AdaptedAgent)


def test_a_graph_stays_with_langgraphs_plugin() -> None:
    graph = pytest.importorskip("langgraph.graph")
    langgraph = pytest.importorskip("hubbub_langgraph")
    builder = graph.StateGraph(graph.MessagesState).add_node("n", lambda state: state).add_edge(graph.START, "n")

    adapted = adapt(builder.compile())

    assert isinstance(adapted.new_adapter(), langgraph.LangGraphAgent)
