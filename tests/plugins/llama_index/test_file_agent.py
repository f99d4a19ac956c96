"""Workflows, agents, engines and tools of Python files, as hub files name them."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from hubbub_core import AgentTask, CancellationToken, ComponentLoader
from hubbub_core.exchange import AgentAdapter, AgentContext, AgentResult
from hubbub_core.hub import AgentFailedError, Hub, HubEvent, ResultArrived
from hubbub_core.models import ModelInfo
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import BaseTool, StaticWorkbench
from hubbub_llama_index import LlamaIndexFileAgent
from hubbub_registry import CapabilityError, bound

# LlamaIndex looks through the attributes of its agents with `inspect`, deprecated ones of pydantic included.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:inspect"),
    pytest.mark.filterwarnings("ignore:is_running called from within a step:DeprecationWarning"),
]

INFO = ModelInfo(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)

PARTS = """
from llama_index.core import Document, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.llms import MockLLM
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import (
    Context, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent, Workflow, step,
)

from hubbub_llama_index import from_workflow


class Echo(Workflow):
    @step
    async def echo(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result="echo " + ev.input)


class Joke(Workflow):
    @step
    async def tell(self, ev: StartEvent) -> StopEvent:
        return StopEvent(result="a joke on " + ev.topic)


class Trip(StartEvent):
    town: str
    day: str


class Plan(Workflow):
    @step
    async def plan(self, ev: Trip) -> StopEvent:
        return StopEvent(result=ev.town + " on " + ev.day)


class Ask(Workflow):
    @step
    async def ask(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="Send it?")

    @step
    async def end(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result="answered " + ev.response)


class Finder(BaseRetriever):
    def _retrieve(self, query):
        return [NodeWithScore(node=TextNode(text="Storks nest on chimneys.", metadata={"title": "Birds"}), score=0.5)]


echo, joke, plan, asking = Echo(), Joke(), Plan(), Ask()
planned = from_workflow(Plan(), start=lambda task: {"town": task.text(), "day": "Monday"})
finder = Finder()
number = 7


def build():
    return echo


def library(model):
    return RetrieverQueryEngine.from_args(Finder(), llm=model)


def chat(model):
    return SimpleChatEngine.from_defaults(llm=model, memory=ChatMemoryBuffer.from_defaults(token_limit=5000))


def solver(model, tools):
    return FunctionAgent(name="solver", llm=model, tools=tools, system_prompt="Add.")


def index():
    return SummaryIndex.from_documents([], llm=MockLLM())


def with_more(graph):
    return echo


async def later():
    return echo


def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b


async def counted(ctx: Context) -> int:
    "Count."
    return 1


add_tool = FunctionTool.from_defaults(add)
context_tool = FunctionTool.from_defaults(async_fn=counted)


def make_tool():
    return add_tool
"""


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    path = tmp_path / "parts.py"
    path.write_text(PARTS)
    return path


def call(name: str, **arguments: Any) -> dict[str, Any]:
    """Return a model's answer that asks for a call, as a hub file holds it."""
    asked = {"id": "1", "name": name, "arguments": json.dumps(arguments)}
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    return {"finish_reason": "function_calls", "content": [asked], "usage": usage, "cached": False}


def hub(
    folder: Path,
    config: dict[str, Any],
    *,
    answers: list[Any] | None = None,
    tools: dict[str, Any] | None = None,
    grants: list[str] | None = None,
) -> Hub:
    """Write and read a hub file of one agent with this configuration."""
    document = {
        "hub": 1,
        "name": "sample",
        "grants": ["code"] if grants is None else grants,
        "models": {
            "default": {"component": "replay", "config": {"chat_completions": answers or [], "model_info": INFO}}
        },
        "tools": tools or {},
        "agents": {
            "worker": {"component": "llama_index", "subscriptions": ["task"], "publishes": "answer", "config": config}
        },
        "entry": {"topic": "task"},
        "result": {"topic": "answer"},
    }
    file = folder / "hub.json"
    file.write_text(json.dumps(document))
    return Hub.from_file(file)


async def run(made: Hub, task: str) -> AgentResult:
    made.check()
    async with aclosing(made.run(task)) as items:
        events: list[HubEvent] = [event async for event in items]
    (result,) = [event.result for event in events if isinstance(event, ResultArrived)]
    return result


@pytest.mark.parametrize(
    ("config", "answer"),
    [
        ({"agent": "echo"}, "echo bees"),
        ({"agent": "build"}, "echo bees"),
        ({"agent": "joke", "input": "topic"}, "a joke on bees"),
        ({"agent": "planned"}, "bees on Monday"),
    ],
    ids=["workflow", "function", "input", "options"],
)
async def test_a_hub_file_runs_a_workflow(parts: Path, config: dict[str, Any], answer: str) -> None:
    made = hub(parts.parent, {**config, "agent": f"${{hub:dir}}/parts.py:{config['agent']}"})

    assert (await run(made, "bees")).text() == answer


async def test_a_hub_file_runs_a_query_engine_on_the_hubs_model(parts: Path) -> None:
    config = {"agent": "${hub:dir}/parts.py:library", "model": "${models:default}"}

    result = await run(hub(parts.parent, config, answers=["On chimneys."]), "Where do storks nest?")

    assert result.text() == "On chimneys."
    assert [(source.title, source.content) for source in result.sources] == [("Birds", "Storks nest on chimneys.")]
    assert result.usage.completion_tokens == 2


async def test_a_hub_file_runs_a_chat_engine_on_the_hubs_model(parts: Path) -> None:
    config = {"agent": "${hub:dir}/parts.py:chat", "model": "${models:default}"}

    assert (await run(hub(parts.parent, config, answers=["Hello."]), "Hi")).text() == "Hello."


async def test_a_hub_file_runs_a_retriever(parts: Path) -> None:
    result = await run(hub(parts.parent, {"agent": "${hub:dir}/parts.py:finder"}), "storks")

    assert [source.content for source in result.sources] == ["Storks nest on chimneys."]


@pytest.mark.parametrize("kind", ["tool", "workbench"])
async def test_a_hub_file_runs_a_function_agent_on_the_hubs_model_and_tools(parts: Path, kind: str) -> None:
    config = {"agent": "${hub:dir}/parts.py:solver", "model": "${models:default}", "tools": ["${tools:add}"]}
    tool: dict[str, Any] = {"component": "llama_index_tool", "config": {"tool": "${hub:dir}/parts.py:add_tool"}}
    if kind == "workbench":
        inside = {"provider": "llama_index_tool", "config": tool["config"]}
        tool = {"component": "static_workbench", "config": {"tools": [inside]}}
    answers = [call("add", a=2, b=3), "It is 5."]

    result = await run(hub(parts.parent, config, answers=answers, tools={"add": tool}), "2+3?")

    assert result.text() == "It is 5."
    assert [(source.title, source.content) for source in result.sources] == [("add", "5")]
    assert result.usage.completion_tokens == 5


async def test_a_hub_file_without_the_grant_fails_and_names_it(parts: Path) -> None:
    with pytest.raises(AgentFailedError, match=r"^agent 'worker' failed: .*capability 'code', which is not granted"):
        await run(hub(parts.parent, {"agent": "${hub:dir}/parts.py:echo"}, grants=[]), "bees")


async def test_an_error_of_what_runs_names_the_agent(parts: Path) -> None:
    config = {"agent": "${hub:dir}/parts.py:library", "model": "${models:default}"}

    with pytest.raises(AgentFailedError, match=r"^agent 'worker' failed: No more mock responses") as caught:
        await run(hub(parts.parent, config), "Where do storks nest?")

    assert caught.value.__cause__ is not None
    assert caught.value.__cause__.__notes__ == ["in agent 'worker' (LlamaIndex query engine RetrieverQueryEngine)"]


def load(config: dict[str, Any]) -> LlamaIndexFileAgent:
    component = {"provider": "llama_index", "config": config}
    return ComponentLoader.load_component(component, LlamaIndexFileAgent, allow=["code"])


async def answer(agent: AgentAdapter, text: str) -> AgentResult:
    context = AgentContext(cancellation_token=CancellationToken(), name="agent")
    items = [item async for item in agent.run(AgentTask.from_text(text), context)]
    assert isinstance(items[-1], AgentResult)
    return items[-1]


async def test_a_question_waits_in_the_saved_state(parts: Path) -> None:
    agent = load({"agent": f"{parts}:asking"})
    asked = await answer(agent, "go")

    again = load({"agent": f"{parts}:asking"})
    await again.load_state(json.loads(json.dumps(await agent.save_state())))

    assert (asked.finish_reason, asked.text()) == ("interrupt", "Send it?")
    assert (await answer(again, "yes")).text() == "answered yes"


async def test_a_state_that_is_not_its_own_is_refused(parts: Path) -> None:
    agent = load({"agent": f"{parts}:finder"})

    assert await agent.save_state() == {}
    with pytest.raises(ValueError, match=r"^LlamaIndex retriever Finder keeps no state, but was given \['messages'\]"):
        await agent.load_state({"messages": []})


class ClosingClient(ReplayChatCompletionClient):
    """A client that tells when it is closed."""

    component_provider_override: ClassVar[str] = "file_agent.ClosingClient"
    ended: ClassVar[list[str]] = []

    async def close(self) -> None:
        self.ended.append("model")


class StoppingWorkbench(StaticWorkbench):
    """A workbench that tells when it is stopped."""

    component_provider_override: ClassVar[str] = "file_agent.StoppingWorkbench"

    async def stop(self) -> None:
        ClosingClient.ended.append("workbench")


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
async def test_closing_ends_what_the_agent_built_and_no_shared_part(
    parts: Path, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ClosingClient, "ended", [])
    model: dict[str, Any] = {"provider": "file_agent.ClosingClient", "config": {"chat_completions": ["a"]}}
    tools: dict[str, Any] = {"provider": "file_agent.StoppingWorkbench", "config": {"tools": []}}
    with bound({"models.m": ClosingClient(["a"]), "tools.t": StoppingWorkbench([])}):
        if shared:
            model, tools = ({"provider": f"ref:{part}", "config": {}} for part in ("models.m", "tools.t"))
        agent = load({"agent": f"{parts}:library", "model": model, "tools": [tools]})
    await answer(agent, "Where do storks nest?")

    await agent.close()

    assert sorted(ClosingClient.ended) == ([] if shared else ["model", "workbench"])


def test_what_was_loaded_is_dumped_as_it_was(parts: Path) -> None:
    config = {"agent": f"{parts}:joke", "input": "topic", "name": "teller", "description": "Tells jokes."}

    agent = load(config)
    dumped = agent.dump_component()

    assert (agent.name, agent.description) == ("teller", "Tells jokes.")
    assert (dumped.provider, dumped.component_type) == ("hubbub_llama_index.LlamaIndexFileAgent", "agent")
    assert dumped.config == config


def test_model_and_tools_are_dumped_as_components(parts: Path) -> None:
    model = {"provider": "replay", "config": {"chat_completions": ["x"], "model_info": INFO}}
    tool = {"provider": "llama_index_tool", "config": {"tool": f"{parts}:add_tool"}}

    dumped = load({"agent": f"{parts}:solver", "model": model, "tools": [tool]}).dump_component()

    assert dumped.config["model"]["config"]["chat_completions"] == ["x"]
    assert dumped.config["tools"][0]["config"] == {"tool": f"{parts}:add_tool"}
    assert load(dumped.config).name == "solver"


@pytest.mark.parametrize("provider", ["llama_index", "llama_index_tool"])
def test_loading_asks_for_the_capability_code(parts: Path, provider: str) -> None:
    with pytest.raises(CapabilityError, match=r"asks for the capability 'code', which is not granted"):
        ComponentLoader.load_component({"provider": provider, "config": {"agent": f"{parts}:echo"}}, object)


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("missing", "no attribute 'missing' there"),
        (
            "number",
            "is of type int, not a workflow, agent, query engine, chat engine or retriever of LlamaIndex or a function "
            "that returns one",
        ),
        ("Echo", "is of type WorkflowMeta, not a workflow, agent"),
        ("index", "a SummaryIndex does not answer by itself; call .as_retriever(), .as_query_engine(llm=...)"),
        ("library", "takes `model`; set it in the configuration"),
        ("with_more", "missing a required argument: 'graph'; the function takes nothing but `model` and `tools`"),
        ("later", "is a coroutine function; the function is a plain one"),
        (
            "plan",
            "workflow Plan starts with Trip(town, day), which a task does not fill by itself; pass start=lambda task: "
            "{...} with its fields, to from_workflow(...) in the file",
        ),
    ],
)
def test_what_does_not_run_is_one_line_that_names_file_and_attribute(parts: Path, attribute: str, problem: str) -> None:
    with pytest.raises(ValueError, match=attribute) as caught:
        load({"agent": f"{parts}:{attribute}"})

    assert str(caught.value).startswith(f"{parts}:{attribute}: {problem}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("attribute", "field", "problem"),
    [
        ("finder", "topic", "is a Finder; only a workflow that is no agent takes `input`"),
        ("plan", "topic", "starts with Trip(town, day), which has no 'topic'"),
        (
            "plan",
            "town",
            "starts with Trip(town, day), of which `input` fills 'town' alone; pass start=lambda task: {...} with its "
            "fields, to from_workflow(...) in the file",
        ),
    ],
)
def test_an_input_that_does_not_start_it_is_refused(parts: Path, attribute: str, field: str, problem: str) -> None:
    with pytest.raises(ValueError, match="parts") as caught:
        load({"agent": f"{parts}:{attribute}", "input": field})

    assert str(caught.value) == f"{parts}:{attribute}: {problem}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.py:echo: there is no file .*nowhere\.py$"):
        load({"agent": f"{tmp_path}/nowhere.py:echo"})


def test_an_unknown_field_is_refused(parts: Path) -> None:
    with pytest.raises(ValidationError, match="agnet"):
        load({"agent": f"{parts}:echo", "agnet": "x"})


def test_what_is_no_tool_is_refused(parts: Path) -> None:
    model = {"provider": "replay", "config": {"chat_completions": []}}

    with pytest.raises(TypeError, match="ReplayChatCompletionClient is neither a tool nor a workbench of the hub"):
        load({"agent": f"{parts}:solver", "model": model, "tools": [model]})


def load_tool(reference: str) -> Any:
    kind: Any = BaseTool  # abstract, which a type checker does not take for a class that is asked for
    component = {"provider": "llama_index_tool", "config": {"tool": reference}}
    return ComponentLoader.load_component(component, kind, allow=["code"])


@pytest.mark.parametrize("attribute", ["add_tool", "make_tool"])
async def test_a_tool_of_a_file_is_a_tool(parts: Path, attribute: str) -> None:
    tool = load_tool(f"{parts}:{attribute}")

    assert tool.return_value_as_string(await tool.run_json({"a": 1, "b": 2}, CancellationToken())) == "3"
    dumped = tool.dump_component()
    assert (dumped.provider, dumped.component_type) == ("hubbub_llama_index.LlamaIndexTool", "tool")
    assert dumped.config == {"tool": f"{parts}:{attribute}"}


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ("number", "is of type int, not a LlamaIndex tool or a function that returns one"),
        ("context_tool", "tool 'counted' takes a workflow's Context, which only agents of LlamaIndex have; adapt"),
    ],
)
def test_what_is_no_tool_of_the_hub_is_one_line_that_names_file_and_attribute(
    parts: Path, attribute: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=attribute) as caught:
        load_tool(f"{parts}:{attribute}")

    assert str(caught.value).startswith(f"{parts}:{attribute}: {problem}")


def test_a_tool_that_was_passed_as_an_object_is_not_dumped(parts: Path) -> None:
    tool = type(load_tool(f"{parts}:add_tool"))(load_tool(f"{parts}:add_tool").tool)

    with pytest.raises(NotImplementedError, match="the LlamaIndex tool 'add' was passed as an object; load it from"):
        tool.dump_component()
