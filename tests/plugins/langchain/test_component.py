"""Objects of LangChain in Python files, as hub files name them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hubbub_core import AgentTask, CancellationToken, ComponentLoader
from hubbub_core.exchange import AgentContext, AgentResult
from hubbub_core.memory import Memory
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import BaseTool
from hubbub_langchain import RunnableAgent
from hubbub_registry import CapabilityError, bound

CHAINS = """
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import tool


@tool
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b


class Finder(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document("about " + query)]


finder = Finder()
model = FakeListChatModel(responses=["from the file"])
chain = ChatPromptTemplate.from_messages([("user", "{question}")]) | model
number = 7


def build():
    return chain


def with_model(model):
    return ChatPromptTemplate.from_messages([("user", "{question}")]) | model


def with_more(graph):
    return chain


async def later():
    return chain
"""


@pytest.fixture
def chains(tmp_path: Path) -> Path:
    path = tmp_path / "chains.py"
    path.write_text(CHAINS)
    return path


def load(provider: str, expected: Any, **config: Any) -> Any:
    return ComponentLoader.load_component({"provider": provider, "config": config}, expected, allow=["code"])


async def answer(agent: RunnableAgent, text: str) -> AgentResult:
    context = AgentContext(cancellation_token=CancellationToken(), name="agent")
    items = [item async for item in agent.run(AgentTask.from_text(text), context)]
    assert isinstance(items[-1], AgentResult)
    return items[-1]


@pytest.mark.parametrize("attribute", ["chain", "build"])
async def test_a_runnable_or_a_function_that_returns_one_is_an_agent(chains: Path, attribute: str) -> None:
    config = {"runnable": f"{chains}:{attribute}", "name": "asker", "config": {"tags": ["t"]}}
    agent = load("langchain", RunnableAgent, **config)

    assert (await answer(agent, "hi")).text() == "from the file"
    dumped = agent.dump_component()
    assert (dumped.provider, dumped.component_type, dumped.config) == (
        "hubbub_langchain.RunnableAgent",
        "agent",
        {**config, "description": ""},
    )


async def test_a_function_gets_the_hubs_shared_model_as_one_of_langchain(chains: Path) -> None:
    client = ReplayChatCompletionClient(["from the hub"])

    with bound({"models.default": client}):
        reference = {"provider": "ref:models.default", "config": {}}
        agent = load("langchain", RunnableAgent, runnable=f"{chains}:with_model", model=reference)
    result = await answer(agent, "hi")

    assert result.text() == "from the hub"
    assert client.create_calls[0]["messages"] == [UserMessage(content="hi", source="user")]


async def test_a_model_of_a_file_is_a_client(chains: Path) -> None:
    client = load("langchain_chat_completion_client", ChatCompletionClient, model=f"{chains}:model", context_window=9)

    assert (await client.create([UserMessage(content="hi", source="u")])).content == "from the file"
    assert client.remaining_tokens([]) == 9
    assert client.dump_component().config == {"model": f"{chains}:model", "context_window": 9}


async def test_a_tool_of_a_file_is_a_tool(chains: Path) -> None:
    tool = load("autogen_ext.tools.langchain.LangChainToolAdapter", BaseTool, tool=f"{chains}:add")

    assert await tool.run_json({"a": 1, "b": 2}, CancellationToken()) == 3
    assert tool.dump_component().config == {"tool": f"{chains}:add"}


async def test_a_retriever_of_a_file_is_a_memory(chains: Path) -> None:
    memory = load("langchain_retriever_memory", Memory, retriever=f"{chains}:finder")

    (found,) = (await memory.query("birds")).results
    assert found.content == "about birds"
    assert memory.dump_component().config == {"retriever": f"{chains}:finder"}


@pytest.mark.parametrize(
    "provider", ["langchain", "langchain_chat_completion_client", "langchain_tool", "langchain_retriever_memory"]
)
def test_loading_asks_for_the_capability_code(chains: Path, provider: str) -> None:
    with pytest.raises(CapabilityError, match=r"asks for the capability 'code', which is not granted"):
        ComponentLoader.load_component({"provider": provider, "config": {"runnable": f"{chains}:chain"}}, object)


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("missing", "no attribute 'missing' there"),
        ("number", "is of type int, not a LangChain Runnable or a function that returns one"),
        ("with_model", "takes `model`; set it in the configuration"),
        ("with_more", "missing a required argument: 'graph'; the function takes nothing but `model`"),
        ("later", "is a coroutine function; the function is a plain one"),
    ],
)
def test_what_is_no_runnable_is_one_line_that_names_file_and_attribute(
    chains: Path, attribute: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=attribute) as caught:
        load("langchain", RunnableAgent, runnable=f"{chains}:{attribute}")

    assert str(caught.value).startswith(f"{chains}:{attribute}: {problem}")
    assert "\n" not in str(caught.value)


def test_an_unknown_field_is_refused(chains: Path) -> None:
    with pytest.raises(ValidationError, match="runable"):
        load("langchain", RunnableAgent, runnable=f"{chains}:chain", runable="x")


def test_an_agent_made_of_an_object_is_not_dumped(chains: Path) -> None:
    agent = load("langchain", RunnableAgent, runnable=f"{chains}:chain")

    with pytest.raises(TypeError, match=r"^'other' was passed as an object, which is no configuration"):
        RunnableAgent(agent._runnable, name="other").dump_component()
