"""Agents of Semantic Kernel as agents of the hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from typing import Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from openai import AsyncOpenAI
from openai_server import Calls, OpenAIServer, Text
from semantic_kernel.agents import Agent, AgentResponseItem, AgentThread, ChatCompletionAgent, ChatHistoryAgentThread
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.contents import (
    AnnotationContent,
    ChatMessageContent,
    FileReferenceContent,
    FunctionCallContent,
    FunctionResultContent,
    ImageContent,
    StreamingChatMessageContent,
    TextContent,
)
from semantic_kernel.contents.streaming_annotation_content import StreamingAnnotationContent
from semantic_kernel.contents.streaming_file_reference_content import StreamingFileReferenceContent
from semantic_kernel.contents.streaming_text_content import StreamingTextContent
from semantic_kernel.contents.utils.author_role import AuthorRole
from semantic_kernel.filters import AutoFunctionInvocationContext, FilterTypes
from semantic_kernel.functions import KernelArguments, KernelPlugin, kernel_function
from semantic_kernel.kernel import Kernel

from hubbub_agentchat.conditions import MaxMessageTermination
from hubbub_agentchat.exchange import to_chat_agent
from hubbub_agentchat.teams import RoundRobinGroupChat
from hubbub_core import AdaptedAgent, AgentId, CancellationToken, FunctionCall, SingleThreadedAgentRuntime
from hubbub_core.exchange import AgentChunk, AgentResult, AgentTask, Source
from hubbub_core.models import (
    AssistantMessage,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_registry import adapt
from hubbub_semantic_kernel import HubChatCompletion, HubPromptExecutionSettings, from_agent

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, family="unknown", structured_output=True)


class Maths:
    """A plugin."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.ended = asyncio.Event()

    @kernel_function(description="Add two numbers")
    def add(self, a: int, b: int) -> int:
        return a + b

    @kernel_function(description="Wait")
    async def wait(self) -> None:
        self.started.set()
        try:
            await asyncio.Future()
        finally:
            self.ended.set()


def replay(*answers: str | CreateResult) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(answers), model_info=INFO)


def asks(*arguments: str, name: str = "maths-add", thought: str | None = None) -> CreateResult:
    calls = [FunctionCall(id=str(number), name=name, arguments=text) for number, text in enumerate(arguments)]
    return CreateResult(
        finish_reason="function_calls", content=calls, usage=RequestUsage(0, 4), cached=False, thought=thought
    )


def answers(text: str, thought: str | None = None) -> CreateResult:
    return CreateResult(finish_reason="stop", content=text, usage=RequestUsage(0, 2), cached=False, thought=thought)


def sk_agent(client: ReplayChatCompletionClient, maths: Maths | None = None, **options: Any) -> ChatCompletionAgent:
    plugin = KernelPlugin.from_object("maths", maths or Maths())
    return ChatCompletionAgent(**{"name": "calc", "service": HubChatCompletion(client), "plugins": [plugin], **options})


def texts(client: ReplayChatCompletionClient, index: int = -1) -> list[str]:
    """Return the texts of a request."""
    return [str(message.content) for message in client.create_calls[index]["messages"]]


async def everything(agent: AdaptedAgent, task: str = "1 + 2?") -> tuple[list[AgentChunk], AgentResult]:
    items = [item async for item in agent.run_stream(task)]
    assert isinstance(items[-1], AgentResult)
    return [item for item in items if isinstance(item, AgentChunk)], items[-1]


CALL = FunctionCall(id="0", name="maths-add", arguments='{"a": 1, "b": 2}')
ADDED = [
    AssistantMessage(content=[CALL], thought="Sums.", source="calc"),
    FunctionExecutionResultMessage(content=[FunctionExecutionResult(content="3", name="maths-add", call_id="0")]),
]


async def test_a_run_streams_and_its_result_holds_every_message() -> None:
    client = replay(asks('{"a": 1, "b": 2}', thought="Sums."), answers("It is three.", "Easy."))

    chunks, result = await everything(adapt(sk_agent(client)))

    assert [(chunk.kind, chunk.content) for chunk in chunks] == [
        ("thought", "Sums."),
        ("tool_call", 'maths-add({"a": 1, "b": 2})'),
        ("tool_result", "3"),
        ("text", "It "),
        ("text", "is "),
        ("text", "three."),
        ("thought", "Easy."),
    ]
    assert chunks[1].metadata == {"name": "maths-add", "call_id": "0", "arguments": '{"a": 1, "b": 2}'}
    assert chunks[2].metadata == {"name": "maths-add", "call_id": "0", "is_error": False}
    assert result.messages == [*ADDED, AssistantMessage(content="It is three.", thought="Easy.", source="calc")]
    assert (result.source, result.finish_reason) == ("calc", "stop")
    assert result.usage.completion_tokens == 4 + 2


async def test_an_agent_has_the_name_and_description_of_semantic_kernels() -> None:
    found = adapt(sk_agent(replay(), description="Adds"))
    named = from_agent(sk_agent(replay()), name="adder", description="Sums")

    assert (found.name, found.description) == ("calc", "Adds")
    assert (named.name, named.description) == ("adder", "Sums")


async def test_the_conversation_goes_on_and_sessions_are_apart() -> None:
    client = replay("Hello.", "Hi.", "Ann.")
    agent = adapt(sk_agent(client, instructions="Be brief."))

    await agent.run("I am Ann", session="ann")
    await agent.run("I am Bob", session="bob")
    await agent.run("Who am I?", session="ann")

    assert texts(client) == ["Be brief.", "I am Ann", "Hello.", "Who am I?"]
    assert client.create_calls[-1]["messages"][2] == AssistantMessage(content="Hello.", source="calc")


async def test_text_before_a_call_is_not_repeated_in_the_answer() -> None:
    """Semantic Kernel joins the texts of all rounds of a streamed run into the message that its thread keeps."""

    class Talking(ReplayChatCompletionClient):
        async def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
            if not self.create_calls:
                yield "Let me see. "
            async for item in super().create_stream(*args, **kwargs):
                yield item

    client = Talking([asks('{"a": 1, "b": 2}'), answers("Three.", "Easy."), "Yes."], model_info=INFO)
    agent = adapt(sk_agent(client))

    chunks, result = await everything(agent)
    await agent.run("Sure?")

    assert [chunk.content for chunk in chunks if chunk.kind == "text"] == ["Let me see. ", "Three."]
    assert [m.thought for m in result.messages if isinstance(m, AssistantMessage)] == ["Let me see. ", "Easy."]
    assert result.text() == "Three."
    assert client.create_calls[-1]["messages"][-2] == AssistantMessage(content="Three.", thought="Easy.", source="calc")


async def test_instructions_take_arguments_and_settings() -> None:
    client = replay("ok", "ok")
    settings = HubPromptExecutionSettings(response_format={"type": "json_object"}, temperature=0.3)
    arguments = KernelArguments(settings=settings, topic="bees")
    agent = from_agent(sk_agent(client, instructions="Write on {{$topic}}."), arguments=arguments)

    await agent.run("Go")
    await agent.run("Go on")

    assert texts(client)[0] == "Write on bees."
    assert client.create_calls[-1]["json_output"] is True
    assert client.create_calls[-1]["extra_create_args"] == {"temperature": 0.3}


async def test_passages_of_a_task_join_its_newest_message() -> None:
    client = replay("On chimneys.")
    task = AgentTask(
        messages=[UserMessage(content="Where do storks nest?", source="user")],
        sources=[Source(content="Storks nest on chimneys.", title="Birds")],
    )

    await adapt(sk_agent(client)).run(task)

    assert texts(client) == ["Where do storks nest?\n\n[1] Birds\nStorks nest on chimneys."]


async def test_earlier_messages_of_a_task_go_along() -> None:
    client = replay("Ann.")

    await adapt(sk_agent(client)).run(
        [
            SystemMessage(content="Be brief."),
            UserMessage(content="I am Ann", source="ann"),
            AssistantMessage(content="Hello.", source="greeter"),
            *ADDED,
            UserMessage(content="Who am I?", source="user"),
        ]
    )

    sent = client.create_calls[0]["messages"]
    assert sent[1] == UserMessage(content="I am Ann", source="ann")
    assert sent[2] == AssistantMessage(content="Hello.", source="greeter")
    assert sent[3:5] == ADDED


async def test_a_task_without_messages_is_refused() -> None:
    with pytest.raises(ValueError, match="agent 'calc' was given a task without messages"):
        await adapt(sk_agent(replay("x"))).run(AgentTask())


@pytest.mark.parametrize("where", ["agent", "settings"])
async def test_calls_are_handed_over_and_their_results_taken_up(where: str) -> None:
    manual = FunctionChoiceBehavior.Auto(auto_invoke=False)
    options: dict[str, Any] = {"function_choice_behavior": manual}
    if where == "settings":
        options = {"arguments": KernelArguments(HubPromptExecutionSettings(function_choice_behavior=manual))}
    client = replay(asks('{"a": 1, "b": 2}', thought="Sums."), "Three.")
    agent = adapt(sk_agent(client, **options))

    chunks, asked = await everything(agent)
    done = await agent.run(ADDED[1])

    assert (asked.messages, asked.finish_reason) == ([ADDED[0]], "function_calls")
    assert [chunk.kind for chunk in chunks] == ["thought", "tool_call"]
    assert done.text() == "Three."
    assert client.create_calls[-1]["messages"][1:] == ADDED


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (asks('{"a": "x", "b": 2}'), "An error occurred while invoking the function maths-add"),
        (asks('{"a": 1}'), "Missing required argument(s): ['b']"),
        (asks('{"a": 1, "b": 2, "c": 3}'), "Received unexpected argument(s): ['c']"),
        (asks("{"), "The tool call arguments are malformed"),
        (asks("{}", name="maths-multiply"), "The tool call with name `maths-multiply` is not part of the provided"),
    ],
)
async def test_a_call_that_fails_is_told_to_the_model_and_marked(call: CreateResult, told: str) -> None:
    client = replay(call, "Sorry.")

    chunks, result = await everything(adapt(sk_agent(client)))

    assert result.text() == "Sorry."
    assert told in texts(client)[-1]
    assert isinstance(result.messages[1], FunctionExecutionResultMessage)
    assert result.messages[1].content[0].is_error is True
    assert [chunk.metadata["is_error"] for chunk in chunks if chunk.kind == "tool_result"] == [True]


async def test_a_filter_that_ends_the_run_makes_the_functions_result_the_answer() -> None:
    async def stop(context: AutoFunctionInvocationContext, next: Any) -> None:
        await next(context)
        context.terminate = True

    agent = sk_agent(replay(asks('{"a": 1, "b": 2}', thought="Sums.")))
    agent.kernel.add_filter(FilterTypes.AUTO_FUNCTION_INVOCATION, stop)

    result = await adapt(agent).run("1 + 2?")

    assert result.messages == ADDED
    assert (result.text(), result.finish_reason) == ("3", "stop")


async def test_an_error_of_the_model_arrives_as_itself_and_leaves_the_conversation() -> None:
    client = replay("Hello.")
    agent = adapt(sk_agent(client), name="adder")
    await agent.run("I am Ann")
    before = await agent.save_state()

    with pytest.raises(ValueError, match="No more mock responses available") as caught:
        await agent.run("Who am I?")

    assert caught.value.__notes__ == ["in agent 'adder' (Semantic Kernel agent 'calc')"]
    assert await agent.save_state() == before
    client.chat_completions.append("Ann.")
    await agent.run("Who am I then?")
    assert texts(client) == ["I am Ann", "Hello.", "Who am I then?"]


async def test_cancelling_the_token_stops_run_and_function() -> None:
    maths, token = Maths(), CancellationToken()
    agent = adapt(sk_agent(replay(asks("{}", name="maths-wait")), maths))
    running = asyncio.create_task(agent.run("Wait", cancellation_token=token))
    await maths.started.wait()

    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert maths.ended.is_set()
    assert len(asyncio.all_tasks()) == 1
    assert await agent.save_state() == {"default": {}}


async def test_leaving_the_stream_ends_the_run() -> None:
    agent = adapt(sk_agent(replay("one two three four")))
    stream = agent.run_stream("Count")
    first = await anext(stream)

    await stream.aclose()

    assert isinstance(first, AgentChunk)
    assert len(asyncio.all_tasks()) == 1


async def test_runs_of_a_session_take_turns() -> None:
    client = replay("a", "b")
    agent = adapt(sk_agent(client))

    await asyncio.gather(agent.run("one"), agent.run("two"))

    assert texts(client) == ["one", "a", "two"]


async def test_in_a_runtime_each_key_has_its_thread() -> None:
    client = replay("Hello.", "Hi.", "Ann.")
    runtime = SingleThreadedAgentRuntime()
    await adapt(sk_agent(client)).register(runtime, "calc")
    runtime.start()

    for key, text in (("ann", "I am Ann"), ("bob", "I am Bob"), ("ann", "Who am I?")):
        result = await runtime.send_message(AgentTask.from_text(text), AgentId("calc", key))

    await runtime.stop_when_idle()
    assert isinstance(result, AgentResult)
    assert (result.text(), result.source) == ("Ann.", "calc")
    assert texts(client) == ["I am Ann", "Hello.", "Who am I?"]


async def test_two_agents_are_a_team_that_can_be_saved() -> None:
    clients = [replay("A note.", "Better."), replay("Too short.", "Good.")]

    def team() -> RoundRobinGroupChat:
        agents = [sk_agent(client, name=name) for client, name in zip(clients, ("writer", "critic"), strict=True)]
        return RoundRobinGroupChat(
            [to_chat_agent(adapt(agent)) for agent in agents], termination_condition=MaxMessageTermination(3)
        )

    first = team()
    done = await first.run(task="Write")
    again = team()
    await again.load_state(await first.save_state())
    more = await again.run(task="Go on")

    assert [message.to_text() for message in done.messages] == ["Write", "A note.", "Too short."]
    assert [message.to_text() for message in more.messages] == ["Go on", "Better.", "Good."]
    assert texts(clients[0]) == ["Write", "A note.", "Too short.", "Go on"]


class Fixed(Agent):
    """An agent of somebody's own, which answers what it is told to."""

    replies: list[ChatMessageContent]
    streams: bool = True

    async def _answer(
        self, messages: Any, thread: AgentThread | None, on_intermediate_message: Any
    ) -> AsyncGenerator[AgentResponseItem[Any], None]:
        kept = thread or ChatHistoryAgentThread()
        for message in messages:
            await kept.on_new_message(message)
        for reply in self.replies:
            if reply.role == AuthorRole.TOOL or any(isinstance(item, FunctionCallContent) for item in reply.items):
                await on_intermediate_message(reply)
                await on_intermediate_message(reply)
            else:
                yield AgentResponseItem(message=reply, thread=kept)

    async def get_response(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def invoke(
        self, messages: Any = None, *, thread: Any = None, on_intermediate_message: Any = None, **kwargs: Any
    ) -> AsyncIterable[AgentResponseItem[ChatMessageContent]]:
        return self._answer(messages, thread, on_intermediate_message)

    def invoke_stream(
        self, messages: Any = None, *, thread: Any = None, on_intermediate_message: Any = None, **kwargs: Any
    ) -> AsyncIterable[AgentResponseItem[StreamingChatMessageContent]]:
        if not self.streams:
            raise NotImplementedError
        return self._answer(messages, thread, on_intermediate_message)


def says(*items: Any, role: AuthorRole = AuthorRole.ASSISTANT) -> ChatMessageContent:
    return ChatMessageContent(role=role, items=list(items))


@pytest.mark.parametrize("streams", [True, False])
async def test_an_agent_of_somebodys_own_is_adapted(streams: bool) -> None:
    replies = [
        says(FunctionCallContent(id="1", name="f", arguments={"a": 1})),
        says(FunctionResultContent(id="1", name="f", result={"b": 2}), role=AuthorRole.TOOL),
        says(
            TextContent(text="Done."),
            AnnotationContent(quote="q", url="http://example.org/a", title="A", file_id="f1"),
            FileReferenceContent(file_id="f2"),
        ),
    ]

    chunks, result = await everything(adapt(Fixed(name="own", replies=replies, streams=streams)))

    assert [(chunk.kind, chunk.content) for chunk in chunks] == [
        ("tool_call", 'f({"a": 1})'),
        ("tool_result", '{"b": 2}'),
        ("text", "Done."),
    ]
    assert [message.type for message in result.messages] == [
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "AssistantMessage",
    ]
    assert [(source.content, source.title, source.uri) for source in result.sources] == [
        ("q", "A", "http://example.org/a")
    ]
    assert result.metadata["files"] == ["f2"]


async def test_annotations_and_files_in_a_stream_are_sources_and_named() -> None:
    """Pieces have classes of their own for them."""
    piece = StreamingChatMessageContent(
        role=AuthorRole.ASSISTANT,
        choice_index=0,
        items=[
            StreamingTextContent(choice_index=0, text="In burrows."),
            StreamingAnnotationContent(file_id="f1", quote="q"),
            StreamingFileReferenceContent(file_id="f2"),
        ],
    )

    result = await adapt(Fixed(name="own", replies=[piece])).run("Where?")

    assert result.text() == "In burrows."
    assert [(source.content, source.title) for source in result.sources] == [("q", "f1")]
    assert result.metadata["files"] == ["f2"]


@pytest.mark.parametrize("streams", [True, False])
async def test_what_an_agent_says_and_the_hub_does_not_know_is_refused(streams: bool) -> None:
    picture = ImageContent(data=b"x", mime_type="image/png", data_format="base64")

    with pytest.raises(ValueError, match="ImageContent in a message of the assistant cannot be converted"):
        await adapt(Fixed(name="own", replies=[says(picture)], streams=streams)).run("Draw")


async def test_an_agent_that_says_nothing_answers_with_an_empty_text() -> None:
    result = await adapt(Fixed(name="own", replies=[])).run("Hello?")

    assert result.messages == [AssistantMessage(content="", source="own")]


@pytest.mark.filterwarnings("ignore:The `__get_pydantic_core_schema__` method:DeprecationWarning")
async def test_tokens_are_counted_once_where_a_stream_tells_them_apart() -> None:
    """The OpenAI connector sends the usage in a piece of its own, and again with the whole message of the call."""
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion

    async with OpenAIServer() as server, AsyncOpenAI(api_key="test", base_url=server.url) as openai:
        server.reply(Calls(("maths-add", {"a": 1, "b": 2}), usage=(10, 2)), Text("It is three.", usage=(20, 3)))
        service = OpenAIChatCompletion(ai_model_id="gpt-4o", async_client=openai)
        plugin = KernelPlugin.from_object("maths", Maths())
        result = await adapt(ChatCompletionAgent(name="calc", service=service, plugins=[plugin])).run("1 + 2?")

    assert result.text() == "It is three."
    assert result.usage == RequestUsage(10 + 20, 2 + 3)


async def test_the_kernel_of_the_agent_is_left_as_it_was() -> None:
    kernel = Kernel()
    agent = ChatCompletionAgent(name="calc", kernel=kernel, service=HubChatCompletion(replay("x")))
    before: Sequence[Any] = [dict(kernel.plugins), dict(kernel.services)]

    await adapt(agent).run("Hello?")

    assert [dict(kernel.plugins), dict(kernel.services)] == before
