"""What the plugin declares, and what importing it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import hubbub_llama_index
from hubbub_llama_index import plugin


def test_importing_the_plugin_loads_neither_the_framework_nor_pydantic() -> None:
    code = (
        "import sys, json, hubbub_llama_index, hubbub_llama_index.plugin as p;"
        "p.hubbub_components(); p.hubbub_adapters(); p.hubbub_checks();"
        "print(json.dumps([m for m in ('llama_index', 'workflows', 'pydantic', 'bm25s', 'hubbub_core')"
        " if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == []


def test_importing_the_components_loads_no_framework() -> None:
    code = (
        "import sys, hubbub_llama_index.folder_agent, hubbub_llama_index.folder_index;"
        "print([m for m in ('llama_index', 'workflows', 'bm25s') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_every_public_name_is_served() -> None:
    for name in hubbub_llama_index.__all__:
        assert getattr(hubbub_llama_index, name).__name__ == name


def test_every_declared_function_and_component_is_there() -> None:
    for adapter in plugin.hubbub_adapters():
        module, _, function = adapter.by.rpartition(".")
        assert callable(getattr(import_module(module), function))
    for check in plugin.hubbub_checks():
        module, _, function = check.by.rpartition(".")
        assert callable(getattr(import_module(module), function))
    for component in plugin.hubbub_components():
        module, _, name = component.provider.rpartition(".")
        assert getattr(import_module(module), name).component_provider_override == component.provider


def test_adapter_sources_name_classes_in_the_mro_of_todays_framework() -> None:
    import llama_index.core.agent.workflow as agents
    from llama_index.core import VectorStoreIndex
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.chat_engine.types import BaseChatEngine
    from llama_index.core.llms import MockLLM
    from llama_index.core.tools import FunctionTool
    from llama_index.core.workflow import Workflow

    from hubbub_core.models.replay import ReplayChatCompletionClient
    from hubbub_core.tools import BaseTool

    classes: list[type] = [
        VectorStoreIndex,
        BaseRetriever,
        BaseQueryEngine,
        BaseChatEngine,
        agents.FunctionAgent,
        agents.ReActAgent,
        agents.AgentWorkflow,
        Workflow,
        FunctionTool,
        BaseTool,
        ReplayChatCompletionClient,
        MockLLM,
    ]
    names = {f"{base.__module__}.{base.__qualname__}" for cls in classes for base in cls.__mro__}

    assert {source for adapter in plugin.hubbub_adapters() for source in adapter.sources} <= names
