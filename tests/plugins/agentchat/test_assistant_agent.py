"""AssistantAgent: what its model is asked, what it answers, what stays in its context and its state."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_scripts import PNG, add, asked, calls, kinds, replay, stream_of

from hubbub_agentchat.agents import AssistantAgent
from hubbub_agentchat.base import Handoff, TaskResult
from hubbub_agentchat.messages import MemoryQueryEvent, MultiModalMessage, TextMessage
from hubbub_core import CancellationToken, Image
from hubbub_core.memory import ListMemory, MemoryContent
from hubbub_core.model_context import BufferedChatCompletionContext
from hubbub_core.models import AssistantMessage, RequestUsage, SystemMessage, UserMessage
from hubbub_core.tools import StaticWorkbench


async def test_text_reply_is_the_answer() -> None:
    client = replay("hello there")
    agent = AssistantAgent("helper", client)

    result = await agent.run(task="hi")

    assert kinds(result.messages) == ["TextMessage", "TextMessage"]
    assert result.stop_reason is None
    answer = result.messages[-1]
    assert isinstance(answer, TextMessage)
    assert (answer.content, answer.source) == ("hello there", "helper")
    assert answer.models_usage == RequestUsage(21, 2)
    assert asked(client) == [
        SystemMessage(
            content="You are a helpful AI assistant. Solve tasks using your tools. "
            "Reply with TERMINATE when the task has been completed."
        ),
        UserMessage(content="hi", source="user"),
    ]
    assert await agent.model_context.get_messages() == [
        UserMessage(content="hi", source="user"),
        AssistantMessage(content="hello there", source="helper"),
    ]


async def test_no_system_message_when_it_is_none() -> None:
    client = replay("x")

    await AssistantAgent("helper", client, system_message=None).run(task="hi")

    assert asked(client) == [UserMessage(content="hi", source="user")]


async def test_agent_keeps_the_conversation_between_calls() -> None:
    client = replay("one", "two")
    agent = AssistantAgent("helper", client, system_message=None)

    await agent.run(task="first")
    await agent.run(task="second")

    assert [message.content for message in asked(client)] == ["first", "one", "second"]


async def test_task_messages_can_be_left_out() -> None:
    agent = AssistantAgent("helper", replay("one", "two"))

    result = await agent.run(task="first", output_task_messages=False)
    items = [item async for item in agent.run_stream(task="second", output_task_messages=False)]

    assert kinds(result.messages) == ["TextMessage"]
    assert kinds(items) == ["TextMessage", "TaskResult"]
    assert isinstance(items[-1], TaskResult)
    assert kinds(items[-1].messages) == ["TextMessage"]


async def test_run_and_run_stream_agree() -> None:
    def make() -> AssistantAgent:
        return AssistantAgent(
            "helper",
            replay(calls(("add", '{"a": 1, "b": 2}'), thought="hm"), "three"),
            tools=[add],
            reflect_on_tool_use=True,
        )

    ran = await make().run(task="go")
    streamed = (await stream_of(make()))[-1]

    assert kinds(ran.messages) == kinds(streamed.messages)
    assert [message.to_text() for message in ran.messages] == [message.to_text() for message in streamed.messages]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"tools": [add, add]}, ValueError, r"Tool names must be unique: \['add', 'add'\]"),
        ({"handoffs": ["bob", "bob"]}, ValueError, "Handoff names must be unique"),
        ({"tools": [add], "handoffs": ["add"]}, ValueError, "Handoff names must be unique from tool names"),
        ({"tools": [add], "handoffs": [Handoff(target="x", name="add")]}, ValueError, "unique from tool names"),
        ({"tools": [3]}, ValueError, "Unsupported tool type"),
        ({"handoffs": [3]}, ValueError, "Unsupported handoff type"),
        ({"memory": ListMemory()}, TypeError, r"^Expected Memory, List\[Memory\], or None"),
        ({"memory": [3]}, TypeError, r"^Expected Memory, List\[Memory\], or None"),
        (
            {"tools": [add], "workbench": StaticWorkbench([])},
            ValueError,
            r"^Tools cannot be used with a workbench\.$",
        ),
    ],
)
def test_constructor_refuses(options: dict[str, Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        AssistantAgent("helper", replay(), **options)


def test_constructor_refuses_tools_and_handoffs_for_a_model_without_function_calling() -> None:
    client = replay(function_calling=False)

    with pytest.raises(ValueError, match=r"^The model does not support function calling\.$"):
        AssistantAgent("helper", client, tools=[add])
    with pytest.raises(
        ValueError, match=r"^The model does not support function calling, which is needed for handoffs\.$"
    ):
        AssistantAgent("helper", client, handoffs=["bob"])


def test_name_has_to_be_an_identifier() -> None:
    with pytest.raises(ValueError, match=r"^The agent name must be a valid Python identifier\."):
        AssistantAgent("my agent", replay())


async def test_images_become_text_for_a_model_without_vision_also_late_in_a_conversation() -> None:
    client = replay("one", "two", "three", vision=False)
    agent = AssistantAgent("helper", client, system_message=None)
    picture = MultiModalMessage(content=["look", Image.from_base64(PNG)], source="user")

    await agent.run(task="hi")
    await agent.run(task=picture)
    await agent.run(task="again")

    assert [message.content for message in asked(client)] == ["hi", "one", "look\n<image>", "two", "again"]
    kept = (await agent.model_context.get_messages())[2]
    assert isinstance(kept.content, list)


async def test_images_go_to_a_model_with_vision() -> None:
    client = replay("one", vision=True)

    await AssistantAgent("helper", client, system_message=None).run(
        task=MultiModalMessage(content=["look", Image.from_base64(PNG)], source="user")
    )

    assert isinstance(asked(client)[0].content, list)


async def test_memories_are_asked_once_after_the_messages_and_shown() -> None:
    facts = ListMemory()
    await facts.add(MemoryContent(content="User likes pizza.", mime_type="text/plain"))
    client = replay(calls(("add", '{"a": 1, "b": 2}')), "pizza")
    agent = AssistantAgent(
        "helper",
        client,
        system_message=None,
        tools=[add],
        memory=[facts, ListMemory()],
        max_tool_iterations=2,
    )

    result = await agent.run(task="What do I like?")

    assert kinds(result.messages).count("MemoryQueryEvent") == 1
    event = result.messages[1]
    assert isinstance(event, MemoryQueryEvent)
    assert [found.content for found in event.content] == ["User likes pizza."]
    first = asked(client, 0)
    assert kinds(first) == ["UserMessage", "SystemMessage"]
    assert "User likes pizza." in str(first[1].content)


async def test_bounded_context_limits_what_the_model_sees() -> None:
    client = replay("one", "two", "three")
    agent = AssistantAgent(
        "helper", client, system_message=None, model_context=BufferedChatCompletionContext(buffer_size=2)
    )

    for task in ("a", "b", "c"):
        await agent.run(task=task)

    assert [message.content for message in asked(client)] == ["two", "c"]


async def test_reset_clears_the_conversation_and_keeps_memories() -> None:
    facts = ListMemory()
    await facts.add(MemoryContent(content="fact", mime_type="text/plain"))
    agent = AssistantAgent("helper", replay("one"), memory=[facts])
    await agent.run(task="hi")

    await agent.on_reset(CancellationToken())

    assert await agent.model_context.get_messages() == []
    assert len((await facts.query("")).results) == 1


async def test_state_moves_the_conversation_to_another_agent() -> None:
    agent = AssistantAgent("helper", replay(calls(("add", '{"a": 1, "b": 2}'))), tools=[add], system_message=None)
    await agent.run(task="hi")
    client = replay("next")
    other = AssistantAgent("helper", client, system_message=None)

    state = json.loads(json.dumps(await agent.save_state()))
    await other.load_state(state)
    await other.run(task="go on")

    assert state["type"] == "AssistantAgentState"
    assert state["version"] == "1.0.0"
    assert kinds(asked(client)) == [
        "UserMessage",
        "AssistantMessage",
        "FunctionExecutionResultMessage",
        "UserMessage",
    ]


@pytest.mark.parametrize(
    ("task", "text"),
    [([], r"^Task list cannot be empty\.$"), (["text"], "Invalid message type in sequence")],
)
async def test_task_has_to_be_of_chat_messages(task: Any, text: str) -> None:
    agent = AssistantAgent("helper", replay("x"))

    with pytest.raises(ValueError, match=text):
        await agent.run(task=task)
    with pytest.raises(ValueError, match=text):
        await stream_of(agent, task)


async def test_run_without_a_task_goes_on() -> None:
    client = replay("one", "two")
    agent = AssistantAgent("helper", client, system_message=None)
    await agent.run(task="hi")

    result = await agent.run()

    assert kinds(result.messages) == ["TextMessage"]
    assert [message.content for message in asked(client)] == ["hi", "one"]
