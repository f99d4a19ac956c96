"""Agents of different frameworks work together in one runtime, and the values that flow are theirs."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.schema import TextNode
from llama_index.retrievers.bm25 import BM25Retriever

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import (
    AgentId,
    AgentResult,
    AgentTask,
    ClosureAgent,
    ClosureContext,
    FunctionCall,
    MessageContext,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
)
from hubbub_core.models import CreateResult, ModelInfo, RequestUsage
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import FunctionTool
from hubbub_registry import adapt

BIRDS = {"gulls": "Gulls nest on cliffs.", "puffins": "Puffins dig burrows.", "terns": "Terns cross oceans."}
CALLING = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)

# Third parties warn of their own ways when their agents are built and run.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:llama_index.*"),
]


class Talk(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def shouting_graph() -> Any:
    def shout(state: Talk) -> dict[str, Any]:
        return {"messages": [AIMessage(str(state["messages"][-1].content).upper())]}

    graph = StateGraph(Talk)
    graph.add_node("shout", shout)
    graph.add_edge(START, "shout")
    graph.add_edge("shout", END)
    return graph.compile()


def bird_retriever() -> Any:
    nodes = [TextNode(id_=name, text=text) for name, text in BIRDS.items()]
    return BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=1)


def calls(name: str, arguments: str) -> CreateResult:
    return CreateResult(
        finish_reason="function_calls",
        content=[FunctionCall(id="1", name=name, arguments=arguments)],
        usage=RequestUsage(prompt_tokens=1, completion_tokens=1),
        cached=False,
    )


async def test_llama_index_finds_and_langgraph_answers_over_topics() -> None:
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    heard: list[AgentResult] = []

    async def listen(agent: ClosureContext, message: AgentResult, ctx: MessageContext) -> None:
        heard.append(message)

    await adapt(bird_retriever()).register(runtime, "reader", subscriptions=["questions"], publishes="found")
    await adapt(shouting_graph()).register(runtime, "shouter", subscriptions=["found"], publishes="answers")
    await ClosureAgent.register_closure(
        runtime, "ear", listen, subscriptions=lambda: [TypeSubscription("answers", "ear")]
    )
    runtime.start()

    await runtime.publish_message(AgentTask.from_text("Where do puffins live?"), TopicId("questions", "default"))
    await runtime.stop_when_idle()

    (answer,) = heard
    assert "PUFFINS DIG BURROWS." in answer.text()
    assert (answer.source, answer.metadata["task"]) == ("shouter", "Where do puffins live?")


async def test_hub_tool_and_hub_model_work_inside_a_llama_index_agent() -> None:
    asked: list[str] = []

    def nest(bird: str) -> str:
        """Tell where a bird nests."""
        asked.append(bird)
        return BIRDS[bird]

    model = ReplayChatCompletionClient([calls("nest", '{"bird": "gulls"}'), "On cliffs."], model_info=CALLING)
    agent = FunctionAgent(
        tools=[adapt(FunctionTool(nest, "Tell where a bird nests."), to="llama_index.core.tools.types.AsyncBaseTool")],
        llm=adapt(model, to="llama_index.core.llms.llm.LLM"),
        streaming=False,
    )
    runtime = SingleThreadedAgentRuntime()
    await adapt(agent).register(runtime, "ornithologist")
    runtime.start()

    answer = await runtime.send_message(AgentTask.from_text("Where do gulls nest?"), AgentId("ornithologist", "k"))
    await runtime.stop_when_idle()

    assert (asked, answer.text()) == (["gulls"], "On cliffs.")


async def test_semantic_kernel_calls_a_hub_tool_and_langgraph_answers_over_topics() -> None:
    agents = pytest.importorskip("semantic_kernel.agents", reason="Semantic Kernel is not in every environment")
    functions = pytest.importorskip("semantic_kernel.functions")
    runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    asked: list[str] = []
    heard: list[AgentResult] = []

    def nest(bird: str) -> str:
        """Tell where a bird nests."""
        asked.append(bird)
        return BIRDS[bird]

    async def listen(agent: ClosureContext, message: AgentResult, ctx: MessageContext) -> None:
        heard.append(message)

    model = ReplayChatCompletionClient([calls("birds-nest", '{"bird": "gulls"}'), "On cliffs."], model_info=CALLING)
    tool = adapt(
        FunctionTool(nest, "Tell where a bird nests."), to="semantic_kernel.functions.kernel_function.KernelFunction"
    )
    ornithologist = agents.ChatCompletionAgent(
        name="ornithologist",
        plugins=[functions.KernelPlugin("birds", functions=[tool])],
        service=adapt(model, to="semantic_kernel.connectors.ai.chat_completion_client_base.ChatCompletionClientBase"),
    )
    await adapt(ornithologist).register(runtime, "ornithologist", subscriptions=["questions"], publishes="found")
    await adapt(shouting_graph()).register(runtime, "shouter", subscriptions=["found"], publishes="answers")
    await ClosureAgent.register_closure(
        runtime, "ear", listen, subscriptions=lambda: [TypeSubscription("answers", "ear")]
    )
    runtime.start()

    await runtime.publish_message(AgentTask.from_text("Where do gulls nest?"), TopicId("questions", "default"))
    await runtime.stop_when_idle()

    (answer,) = heard
    assert (asked, answer.text(), answer.source) == (["gulls"], "ON CLIFFS.", "shouter")
    assert "Gulls nest on cliffs." in str(model.create_calls[1]["messages"][-1].content)


async def test_a_kernel_function_works_inside_a_llama_index_agent() -> None:
    functions = pytest.importorskip("semantic_kernel.functions", reason="Semantic Kernel is not in every environment")
    asked: list[str] = []

    class Birds:
        @functions.kernel_function(description="Tell where a bird nests.")  # type: ignore[untyped-decorator] # imported by name
        def nest(self, bird: str) -> str:
            asked.append(bird)
            return BIRDS[bird]

    function = functions.KernelPlugin.from_object("birds", Birds())["nest"]
    model = ReplayChatCompletionClient([calls("birds-nest", '{"bird": "terns"}'), "Far."], model_info=CALLING)
    agent = FunctionAgent(
        tools=[adapt(function, to="llama_index.core.tools.types.AsyncBaseTool")],
        llm=adapt(model, to="llama_index.core.llms.llm.LLM"),
        streaming=False,
    )
    runtime = SingleThreadedAgentRuntime()
    await adapt(agent).register(runtime, "ornithologist")
    runtime.start()

    answer = await runtime.send_message(AgentTask.from_text("Where do terns go?"), AgentId("ornithologist", "k"))
    await runtime.stop_when_idle()

    assert (asked, answer.text()) == (["terns"], "Far.")
    assert "Terns cross oceans." in str(model.create_calls[1]["messages"][-1].content)


async def test_graph_and_assistant_take_turns_in_a_team() -> None:
    assistant = AssistantAgent("assistant", ReplayChatCompletionClient(["I heard it."]))
    shouter = adapt(adapt(shouting_graph(), name="shouter"), to="chat agent")
    team = RoundRobinGroupChat([shouter, assistant], termination_condition=MaxMessageTermination(3))

    result = await team.run(task="hello")

    assert [(message.source, message.to_text()) for message in result.messages] == [
        ("user", "hello"),
        ("shouter", "HELLO"),
        ("assistant", "I heard it."),
    ]


async def test_team_is_an_agent_of_the_runtime() -> None:
    def team() -> RoundRobinGroupChat:
        assistant = AssistantAgent("assistant", ReplayChatCompletionClient(["Done."]))
        return RoundRobinGroupChat([assistant], termination_condition=MaxMessageTermination(2))

    runtime = SingleThreadedAgentRuntime()
    await adapt(team()).register(runtime, "team")
    runtime.start()

    answer = await runtime.send_message(AgentTask.from_text("work"), AgentId("team", "default"))
    await runtime.stop_when_idle()

    assert answer.text() == "Done."
