"""Runnables as agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import (
    Runnable,
    RunnableBranch,
    RunnableConfig,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)

from hubbub_core import AdaptedAgent, AgentId, CancellationToken, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask, Source
from hubbub_core.models import AssistantMessage, RequestUsage, UserMessage
from hubbub_langchain import from_runnable
from hubbub_registry import NotReadyError, adapt

ASK = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "{question}")])
USAGE = {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


async def run(agent: AdaptedAgent, task: Any) -> tuple[list[tuple[str, str]], AgentResult]:
    items = [item async for item in agent.run_stream(task)]
    result = items.pop()
    assert isinstance(result, AgentResult)
    return [(item.kind, item.content) for item in items if isinstance(item, AgentChunk)], result


async def test_a_chain_streams_and_answers_with_usage(scripted: Callable[..., Any]) -> None:
    reply = AIMessage("Fine, thanks.", usage_metadata=USAGE, response_metadata={"finish_reason": "length"})
    model = scripted(reply)

    chunks, result = await run(adapt(ASK | model, name="chain"), "How are you?")

    assert chunks == [("text", "Fine, "), ("text", "thanks.")]
    assert result.messages == [AssistantMessage(content="Fine, thanks.", source="chain")]
    assert (result.usage, result.finish_reason) == (RequestUsage(3, 4), "length")
    assert [message.content for message in model.asked[0][0]] == ["Be brief.", "How are you?"]


async def test_usage_counts_models_whose_message_is_not_the_answer(scripted: Callable[..., Any]) -> None:
    model = scripted(AIMessage("Fine.", usage_metadata=USAGE))

    chunks, result = await run(adapt(ASK | model | StrOutputParser()), "How are you?")

    assert (chunks, result.text(), result.usage) == ([("text", "Fine.")], "Fine.", RequestUsage(3, 4))


async def test_a_chat_model_is_an_agent_that_keeps_its_conversation_per_session(scripted: Callable[..., Any]) -> None:
    model = scripted("Hi Ann.", "Hi Bob.", "Ann.")
    agent = adapt(model, to="agent", name="bot")

    await agent.run("I am Ann", session="a")
    await agent.run("I am Bob", session="b")
    await agent.run("Who am I?", session="a")

    assert [message.content for message in model.asked[2][0]] == ["I am Ann", "Hi Ann.", "Who am I?"]


async def test_the_conversation_is_saved_as_json_and_restored(scripted: Callable[..., Any]) -> None:
    agent = adapt(scripted("Hi Ann."), to="agent")
    await agent.run("I am Ann")
    model = scripted("Ann.")
    again = adapt(model, to="agent")

    await again.load_state(json.loads(json.dumps(await agent.save_state())))
    await again.run("Who am I?")

    assert [message.content for message in model.asked[0][0]] == ["I am Ann", "Hi Ann.", "Who am I?"]


async def test_a_runnable_that_takes_text_has_no_state() -> None:
    agent = from_runnable(RunnableLambda(str.upper), name="shout")

    await agent.run("hi")

    assert await agent.save_state() == {"default": {}}
    state = {"default": {"messages": [{"type": "UserMessage", "content": "hi", "source": "user"}]}}
    with pytest.raises(ValueError, match=r"^'shout' takes no messages, so it cannot take up a conversation$"):
        await agent.load_state(state)


async def test_a_failed_run_leaves_the_conversation_as_it_was(scripted: Callable[..., Any]) -> None:
    agent = adapt(scripted("Hi."), to="agent")
    await agent.run("I am Ann")
    before = await agent.save_state()

    with pytest.raises(IndexError):
        await agent.run("Who am I?")

    assert await agent.save_state() == before


async def test_a_prompt_with_history_and_question_gets_both(scripted: Callable[..., Any]) -> None:
    model = scripted("One.", "Two.")
    prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("history", optional=True), ("user", "Q: {input}")])
    agent = adapt(prompt | model)

    await agent.run("first")
    await agent.run("second")

    assert [message.content for message in model.asked[1][0]] == ["first", "One.", "Q: second"]


async def test_passages_of_earlier_agents_fill_the_context() -> None:
    prompt = ChatPromptTemplate.from_messages([("user", "{context}\n\nQuestion: {question}")])
    task = AgentTask.from_text("Where?", sources=[Source(content="Storks nest on chimneys.", title="Birds")])

    result = await adapt(prompt | RunnableLambda(lambda value: value.to_string())).run(task)

    assert result.text() == "Human: [1] Birds\nStorks nest on chimneys.\n\nQuestion: Where?"


async def test_passages_reach_a_model_that_takes_messages(scripted: Callable[..., Any]) -> None:
    model = scripted("On chimneys.")
    task = AgentTask.from_text("Where?", sources=[Source(content="Storks nest on chimneys.", title="Birds")])

    await adapt(model, to="agent").run(task)

    assert model.asked[0][0] == [HumanMessage("Where?\n\n[1] Birds\nStorks nest on chimneys.", name="user")]


async def test_documents_beside_an_answer_are_sources() -> None:
    documents = [Document("Storks nest on chimneys.", metadata={"title": "Birds", "score": 0.5})]
    chain: Runnable[Any, Any] = RunnableParallel(context=lambda _: documents, answer=lambda _: "On chimneys.")

    chunks, result = await run(adapt(chain), "Where?")

    assert (chunks, result.text()) == ([("text", "On chimneys.")], "On chimneys.")
    assert [(source.title, source.content, source.score) for source in result.sources] == [
        ("Birds", "Storks nest on chimneys.", 0.5)
    ]


async def test_the_answer_is_found_by_its_key_or_by_a_function() -> None:
    chain: Runnable[Any, Any] = RunnableParallel(left=lambda text: f"l {text}", right=lambda text: f"r {text}")

    assert (await adapt(chain, output="right").run("x")).text() == "r x"
    assert (await adapt(chain, output=lambda found: found["left"] + found["right"]).run("x")).text() == "l xr x"
    with pytest.raises(ValueError, match=r"^'RunnableParallel' returned left, right; pass output="):
        await adapt(chain).run("x")
    with pytest.raises(ValueError, match=r"^'two' returned no 'up'; it returned left, right\n"):
        await adapt(chain, output="up", name="two").run("x")


async def test_the_input_is_found_by_its_key_or_by_a_function() -> None:
    prompt = ChatPromptTemplate.from_messages([("user", "{a} {b}")])
    chain = prompt | RunnableLambda(lambda value: value.to_string())

    with pytest.raises(ValueError, match=r"takes a, b, which a task does not fill by itself; pass input=, a function"):
        adapt(chain)
    with pytest.raises(ValueError, match=r"^'pair' has no input key 'c'; it takes a, b; pass input="):
        adapt(chain, input="c", name="pair")
    agent = adapt(chain, input=lambda task: {"a": task.text(), "b": task.metadata["b"]})
    assert (await agent.run(AgentTask.from_text("x", metadata={"b": "y"}))).text() == "Human: x y"


async def test_a_function_without_types_takes_the_text_and_may_be_given_a_key() -> None:
    assert (await adapt(RunnableLambda(lambda text: text + "!")).run("hi")).text() == "hi!"
    chain = RunnablePassthrough.assign(answer=lambda found: found["q"] + "!")
    assert (await adapt(chain, input="q").run("hi")).text() == "hi!"


async def test_a_function_may_take_the_task_or_messages() -> None:
    def of_task(task: AgentTask) -> str:
        return str(task.metadata["k"])

    def of_messages(messages: list[BaseMessage]) -> str:
        return messages[-1].text

    assert (await adapt(RunnableLambda(of_task)).run(AgentTask.from_text("x", metadata={"k": "v"}))).text() == "v"
    assert (await adapt(RunnableLambda(of_messages)).run("hi")).text() == "hi"


async def test_an_input_that_a_task_does_not_become_is_refused() -> None:
    def of_number(number: int) -> int:
        return number

    with pytest.raises(
        ValueError, match=r"^'of_number' takes int, which a task does not become by itself; pass input="
    ):
        adapt(RunnableLambda(of_number))


@pytest.mark.parametrize(
    ("value", "text"),
    [({"answer": {"a": [1]}}, '{"a": [1]}'), ([1, 2], "[1, 2]"), (None, ""), (3, "3")],
    ids=["mapping", "list", "nothing", "number"],
)
async def test_json_is_an_answer(value: Any, text: str) -> None:
    assert (await adapt(RunnableLambda(lambda _: value)).run("x")).text() == text


async def test_what_is_no_answer_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match=r"^'odd' returned a object that is neither text, messages, documents nor JSON"
    ):
        await adapt(RunnableLambda(lambda _: object()), name="odd").run("x")


async def test_a_stream_of_growing_json_ends_with_the_whole(scripted: Callable[..., Any]) -> None:
    model = scripted('{"answer": "one two"}')

    chunks, result = await run(adapt(ASK | model | JsonOutputParser()), "?")

    assert ("".join(text for _, text in chunks), result.text()) == ("one two", "one two")


async def test_pieces_arrive_while_the_rest_is_still_to_come() -> None:
    second = asyncio.Event()

    async def slow(texts: AsyncIterator[str]) -> AsyncIterator[str]:
        yield "one "
        await second.wait()
        yield "two"

    seen = []
    async for item in adapt(RunnableGenerator(slow)).run_stream("x"):
        seen.append(item.content if isinstance(item, AgentChunk) else item.text())
        second.set()

    assert seen == ["one ", "two", "one two"]


async def test_calls_of_the_answer_are_told(scripted: Callable[..., Any]) -> None:
    call = {"name": "add", "args": {"a": 1}, "id": "c", "type": "tool_call"}

    chunks, result = await run(adapt(ASK | scripted(AIMessage("I add.", tool_calls=[call]))), "1+2?")

    assert chunks == [("text", "I "), ("text", "add."), ("tool_call", 'add({"a": 1})')]
    assert result.finish_reason == "function_calls"


async def test_a_configuration_reaches_the_run() -> None:
    seen: list[Any] = []

    def look(text: str, config: RunnableConfig) -> str:
        seen.append((config["tags"], config["metadata"]["session"]))
        return text

    await adapt(RunnableLambda(look), config={"tags": ["t"]}).run("x", session="s")

    assert seen == [(["t"], "s")]


async def test_cancelling_the_token_cancels_the_run() -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def wait(text: str) -> str:
        started.set()
        try:
            return await asyncio.Future()
        finally:
            ended.set()

    token = CancellationToken()
    task = asyncio.create_task(adapt(RunnableLambda(wait)).run("x", cancellation_token=token))
    await started.wait()
    token.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_runnable_that_leaves_its_input_open_takes_the_text() -> None:
    shout, whisper = RunnableLambda(lambda text: text.upper()), RunnableLambda(lambda text: text.lower())
    branch: Runnable[Any, Any] = RunnableBranch((lambda text: text.endswith("!"), shout), whisper)

    assert [(await adapt(branch).run(text)).text() for text in ("Hey!", "Hush")] == ["HEY!", "hush"]


async def test_errors_arrive_as_themselves() -> None:
    def fail(text: str) -> str:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match=r"^no such thing\n") as caught:
        await adapt(RunnableLambda(fail), name="finder").run("x")
    assert caught.value.__notes__ == ["in agent 'finder' (LangChain runnable 'finder')"]


async def test_a_registered_runnable_answers_messages_of_the_runtime(scripted: Callable[..., Any]) -> None:
    runtime = SingleThreadedAgentRuntime()
    await adapt(ASK | scripted("Fine.")).register(runtime, "chain")
    runtime.start()

    result = await runtime.send_message(AgentTask.from_text("How?"), AgentId("chain", "default"))

    await runtime.stop_when_idle()
    assert isinstance(result, AgentResult)
    assert result.messages == [AssistantMessage(content="Fine.", source="chain")]


async def test_a_conversation_given_at_once_is_given_on(scripted: Callable[..., Any]) -> None:
    model = scripted("Ann.")

    await adapt(model, to="agent").run(
        [
            UserMessage(content="I am Ann", source="user"),
            AssistantMessage(content="Hello.", source="greeter"),
            UserMessage(content="Who am I?", source="user"),
        ]
    )

    assert [message.content for message in model.asked[0][0]] == ["I am Ann", "Hello.", "Who am I?"]


def test_a_graph_of_langgraph_is_not_a_runnable_here() -> None:
    graph = pytest.importorskip("langgraph.graph")
    builder = graph.StateGraph(graph.MessagesState).add_node("n", lambda state: state).add_edge(graph.START, "n")

    with pytest.raises(NotReadyError, match=r"is a LangGraph graph, .* `pip install hubbub-langgraph` adapts it$"):
        from_runnable(builder.compile())


def test_what_is_no_runnable_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^expected a Runnable of langchain_core, not a function$"):
        from_runnable(lambda text: text)  # type: ignore[arg-type] # what is tested


async def test_a_fake_of_langchain_itself_is_an_agent() -> None:
    chunks, result = await run(adapt(ASK | GenericFakeChatModel(messages=iter(["Hi to you"]))), "Hello?")

    assert ("".join(text for _, text in chunks), result.text()) == ("Hi to you", "Hi to you")
