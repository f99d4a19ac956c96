"""Agents of Semantic Kernel that live in a cloud.

Azure's is served here, over HTTP. Of the others the vendor's client answers from a script, where it is installed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

pytest.importorskip("semantic_kernel", reason="Semantic Kernel is not in every environment")

from openai_server import Calls, OpenAIServer, Text
from PIL import Image as PILImage
from semantic_kernel.functions import KernelPlugin, kernel_function

from hubbub_core import CancellationToken, Image
from hubbub_core.exchange import AgentChunk, AgentResult
from hubbub_core.models import UserMessage
from hubbub_registry import adapt

# What Semantic Kernel's own modules for these agents warn of when they are imported.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The `__get_pydantic_core_schema__` method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:semantic_kernel.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:microsoft_agents.*"),
]


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


def chunks_of(items: list[Any]) -> list[tuple[str, str]]:
    return [(item.kind, item.content) for item in items if isinstance(item, AgentChunk)]


@asynccontextmanager
async def azure(maths: Maths) -> AsyncIterator[tuple[OpenAIServer, Any]]:
    """Serve, and make an `AzureAIAgent` that is kept there."""
    agents = pytest.importorskip("azure.ai.agents.aio")
    projects = pytest.importorskip("azure.ai.projects.aio")
    from azure.core.credentials import AccessToken
    from azure.core.pipeline.policies import SansIOHTTPPolicy
    from semantic_kernel.agents import AzureAIAgent

    class Bearer(SansIOHTTPPolicy):  # type: ignore[type-arg] # of any requests; the class is not subscriptable
        """Azure's own wants HTTPS."""

        def on_request(self, request: Any) -> None:
            request.http_request.headers["Authorization"] = "Bearer test"

    class Credential:
        async def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            return AccessToken("test", 2**33)

    async with OpenAIServer(assistants=True) as server:
        options: Any = {
            "endpoint": server.url,
            "credential": Credential(),
            "authentication_policy": Bearer(),
        }
        async with projects.AIProjectClient(**options) as client, agents.AgentsClient(**options) as of_agents:
            if not hasattr(client.agents, "create_agent"):
                # Since 2 a project has agents of another kind in this place, which Semantic Kernel does not know.
                client.agents = of_agents
            definition = await client.agents.create_agent(model="gpt-4o", name="calc")
            plugins: list[Any] = [KernelPlugin.from_object("maths", maths)]
            yield server, AzureAIAgent(client=client, definition=definition, plugins=plugins)


async def test_an_agent_of_azure_streams_and_its_thread_is_taken_up_again() -> None:
    async with azure(Maths()) as (server, made):
        server.reply(Calls(("maths-add", {"a": 1, "b": 2})), Text("It is three."), Text("Yes."))
        agent, again = adapt(made), adapt(made)
        items = [item async for item in agent.run_stream("1 + 2?")]
        state = json.loads(json.dumps(await agent.save_state()))
        await again.load_state(state)
        more = await again.run("Sure?")
        paths = server.paths()

    assert chunks_of(items) == [
        ("tool_call", 'maths-add({"a": 1, "b": 2})'),
        ("tool_result", "3"),
        ("text", "It"),
        ("text", " is"),
        ("text", " three."),
    ]
    assert isinstance(items[-1], AgentResult)
    assert (items[-1].text(), more.text()) == ("It is three.", "Yes.")
    assert paths.count("POST /threads") == 1
    assert paths[-1] == f"POST /threads/{state['default']['thread_id']}/runs"


async def test_an_answer_of_azure_tells_its_tokens_and_its_end() -> None:
    async with azure(Maths()) as (server, made):
        server.reply(Text("Half", finish_reason="length"))
        result = await adapt(made).run("Hello?")

    assert (result.text(), result.finish_reason) == ("Half", "length")
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (5, 3)


async def test_cancelling_a_run_of_azure_cancels_it_there() -> None:
    maths, token = Maths(), CancellationToken()
    async with azure(maths) as (server, made):
        server.reply(Calls(("maths-wait", {})), Text("Again."))
        agent = adapt(made)
        running = asyncio.create_task(agent.run("Wait", cancellation_token=token))
        await maths.started.wait()

        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert maths.ended.is_set()
        assert [run["status"] for run in server.assistants.runs.values()] == ["cancelled"]
        assert (await agent.run("Again?")).text() == "Again."


class ScriptedBedrock:
    """Bedrock's runtime client, of which boto3 makes the class at run time."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def create_session(self) -> dict[str, Any]:
        return {"sessionId": "s1"}

    def invoke_agent(self, *, sessionId: str, inputText: str, **options: Any) -> dict[str, Any]:
        assert set(options) == {"agentAliasId", "agentId", "streamingConfigurations", "sessionState"}
        self.asked.append((sessionId, inputText))
        return {"completion": [{"chunk": {"bytes": b"Hel"}}, {"chunk": {"bytes": b"lo."}}]}


def bedrock(runtime: ScriptedBedrock) -> Any:
    pytest.importorskip("boto3")
    from semantic_kernel.agents import BedrockAgent

    model = {"agentId": "a1", "agentName": "clerk", "foundationModel": "m"}
    return BedrockAgent(model, bedrock_runtime_client=runtime, bedrock_client=object())


async def test_an_agent_of_bedrock_takes_one_text_and_its_session_goes_on() -> None:
    runtime = ScriptedBedrock()
    made = bedrock(runtime)
    agent, again = adapt(made), adapt(made)

    items = [item async for item in agent.run_stream("Hello?")]
    await again.load_state(json.loads(json.dumps(await agent.save_state())))
    await again.run([UserMessage(content="I am Ann", source="ann"), UserMessage(content="Who am I?", source="bob")])

    assert chunks_of(items) == [("text", "Hel"), ("text", "lo.")]
    assert isinstance(items[-1], AgentResult)
    assert items[-1].text() == "Hello."
    assert runtime.asked == [("s1", "Hello?"), ("s1", "ann: I am Ann\n\nbob: Who am I?")]


async def test_a_picture_for_an_agent_of_bedrock_is_refused() -> None:
    picture = UserMessage(content=["?", Image.from_pil(PILImage.new("RGB", (1, 1)))], source="user")

    with pytest.raises(
        ValueError, match=r"ImageContent .* cannot be converted: agent 'clerk' is a BedrockAgent, which"
    ):
        await adapt(bedrock(ScriptedBedrock())).run(picture)


async def test_messages_of_an_agent_of_copilot_studio_stay_apart() -> None:
    vendor = pytest.importorskip("microsoft_agents.copilotstudio.client")
    activity = pytest.importorskip("microsoft_agents.activity")
    from semantic_kernel.agents import CopilotStudioAgent

    asked: list[tuple[str, str | None]] = []

    client_class: Any = vendor.CopilotClient

    class Scripted(client_class):  # type: ignore[misc] # a class that is known at run time only
        async def start_conversation(self, *args: Any) -> AsyncIterator[Any]:
            yield activity.Activity(type="event", conversation=activity.ConversationAccount(id="c1"))

        async def ask_question(self, question: str, conversation_id: str | None = None) -> AsyncIterator[Any]:
            asked.append((question, conversation_id))
            for text in ("Hello.", "How are you?"):
                yield activity.Activity(type="message", text=text)

    made = CopilotStudioAgent(client=Scripted(vendor.ConnectionSettings("e", "a"), "token"), name="clerk")
    agent, again = adapt(made), adapt(made)
    result = await agent.run("Hello?")
    await again.load_state(json.loads(json.dumps(await agent.save_state())))
    await again.run("And now?")

    assert [message.content for message in result.messages] == ["Hello.", "How are you?"]
    assert asked == [("Hello?", "c1"), ("And now?", "c1")]


async def test_the_conversation_of_a_conversable_agent_is_restored() -> None:
    autogen = pytest.importorskip("autogen")
    from semantic_kernel.agents import AutoGenConversableAgent

    heard: list[list[str]] = []

    def reply(recipient: Any, messages: list[dict[str, Any]], **options: Any) -> tuple[bool, str]:
        heard.append([message["content"] for message in messages])
        return True, f"Answer {len(heard)}."

    peer = autogen.ConversableAgent("clerk", llm_config=False, human_input_mode="NEVER")
    peer.register_reply([autogen.Agent, None], reply)
    made = AutoGenConversableAgent(peer)
    agent, again = adapt(made), adapt(made)
    first = await agent.run("Hello?")
    await again.load_state(json.loads(json.dumps(await agent.save_state())))
    await again.run("And now?")

    assert first.text() == "Answer 1."
    assert heard == [["Hello?"], ["Hello?", "Answer 1.", "And now?"]]
