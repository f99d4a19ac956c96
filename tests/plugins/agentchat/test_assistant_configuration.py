"""Configurations of an AssistantAgent: what is dumped, and what older versions load as."""

from __future__ import annotations

import json
import warnings

from chat_scripts import ABLE, add

from hubbub_agentchat.agents import AssistantAgent
from hubbub_core.memory import ListMemory
from hubbub_core.model_context import UnboundedChatCompletionContext
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool
from hubbub_registry import allow


async def test_configuration_has_version_2_and_one_workbench_and_loads() -> None:
    agent = AssistantAgent(
        "helper",
        ReplayChatCompletionClient(["hi"], model_info=ABLE),
        tools=[FunctionTool(add, description="Add numbers.")],
        handoffs=["bob"],
        memory=[ListMemory()],
        metadata={"k": "v"},
        max_tool_iterations=3,
    )

    dumped = agent.dump_component()
    data = json.loads(dumped.model_dump_json(exclude_none=True))

    assert (dumped.provider, dumped.component_type) == ("hubbub_agentchat.agents.AssistantAgent", "agent")
    assert (dumped.version, dumped.component_version) == (2, 2)
    assert "tools" not in data["config"]
    assert [found["provider"] for found in data["config"]["workbench"]] == ["hubbub_core.tools.StaticStreamWorkbench"]
    with allow("code"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that loading a tool runs its source
        loaded = AssistantAgent.load_component(data)
    assert loaded.dump_component().config == dumped.config
    assert (await loaded.run(task="x")).messages[-1].to_text() == "hi"


async def test_configuration_of_the_first_version_loads_under_the_documents_names() -> None:
    data = {
        "provider": "autogen_agentchat.agents.AssistantAgent",
        "component_type": "agent",
        "version": 1,
        "component_version": 1,
        "label": "AssistantAgent",
        "config": {
            "name": "weather_agent",
            "model_client": {
                "provider": "autogen_ext.models.replay.ReplayChatCompletionClient",
                "config": {"chat_completions": ["Sunny."], "model_info": dict(ABLE)},
            },
            "tools": [],
            "handoffs": [],
            "model_context": {
                "provider": "autogen_core.model_context.UnboundedChatCompletionContext",
                "component_type": "chat_completion_context",
                "version": 1,
                "component_version": 1,
                "config": {},
            },
            "description": "An agent that provides assistance with ability to use tools.",
            "system_message": "You are a helpful AI assistant.",
            "model_client_stream": False,
            "reflect_on_tool_use": False,
            "tool_call_summary_format": "{result}",
        },
    }

    agent = AssistantAgent.load_component(data)

    assert isinstance(agent.model_context, UnboundedChatCompletionContext)
    assert (await agent.run(task="Weather?")).messages[-1].to_text() == "Sunny."
