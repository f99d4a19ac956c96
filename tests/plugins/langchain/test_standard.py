"""LangChain's own tests of chat models and tools, run on the hub's, with the mock server of OpenAI's service behind."""

from __future__ import annotations

import asyncio
import base64
import inspect
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from openai_server import Calls, OpenAIServer, Reply, Text

from hubbub_core.blocking import LoopThread
from hubbub_core.models import ChatCompletionClient
from hubbub_core.tools import FunctionTool
from hubbub_langchain import HubChatModel
from hubbub_registry import adapt

units = pytest.importorskip("langchain_tests.unit_tests", reason="needs langchain-tests")
integration = pytest.importorskip("langchain_tests.integration_tests", reason="needs langchain-tests")
openai = pytest.importorskip("hubbub_openai", reason="needs hubbub-openai")
# Any: the types of a suite that may not be installed are not known.
ChatModelUnitTests: Any = units.ChatModelUnitTests
ChatModelIntegrationTests: Any = integration.ChatModelIntegrationTests
ToolsUnitTests: Any = units.ToolsUnitTests
ToolsIntegrationTests: Any = integration.ToolsIntegrationTests

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JOKE = Text('{"setup": "Why do cats purr?", "punchline": "They never learnt to bark."}')
MAGIC = Calls(("magic_function", {"input": 3}))

# What the model says where a test wants more than what the server makes of a request.
SCRIPTS: dict[str, list[Reply]] = {
    "test_tool_calling": [MAGIC, MAGIC],
    "test_tool_calling_async": [MAGIC, MAGIC],
    "test_json_mode": [JOKE] * 4,
    "test_agent_loop": [Calls(("get_weather", {"location": "San Francisco, CA"}))],
    "test_unicode_tool_call_integration": [
        Calls(("unicode_customer", {"customer_name": "你好啊集团", "description": "a technology company"})),
        Calls(("unicode_customer", {"customer_name": "こんにちは株式会社", "description": "a company"})),
    ],
}


@dataclass
class Service:
    """The mock server in a thread, for most tests of the suites are synchronous, with the loop of that thread."""

    server: OpenAIServer
    thread: LoopThread
    loop: asyncio.AbstractEventLoop


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    thread, server = LoopThread(), OpenAIServer()

    async def start() -> asyncio.AbstractEventLoop:
        await server.__aenter__()
        return asyncio.get_running_loop()

    yield Service(server, thread, thread.call(start()))
    thread.call(server.__aexit__(None, None, None))
    thread.close()


class HubModel:
    """Says to the suites what to test, and how it is made."""

    service: Service
    clients: list[ChatCompletionClient]

    @pytest.fixture(autouse=True)
    async def answers(
        self, service: Service, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[None]:
        self.service, self.clients = service, []
        service.server.replies.clear()
        service.server.reply(*SCRIPTS.get(getattr(request.node, "originalname", ""), []))
        # The suites' tests of pictures download theirs.
        monkeypatch.setattr(httpx, "get", lambda url, **options: httpx.Response(200, content=PIXEL))
        yield
        for client in self.clients:
            # Its connections belong to the loop that they were made in.
            if inspect.iscoroutinefunction(request.function):
                await client.close()
            else:
                service.thread.call(client.close())

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return HubChatModel

    @property
    def chat_model_params(self) -> dict[str, Any]:
        url = self.service.server.url
        client = openai.OpenAIChatCompletionClient(model="gpt-4o", api_key="test", base_url=url)
        self.clients.append(client)
        return {"model_client": client, "model_name": "gpt-4o", "loop": self.service.loop}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "gpt-4o-mini"


class TestHubChatModel(HubModel, ChatModelUnitTests):  # type: ignore[misc] # Any, see above
    """What a chat model owes without being asked anything."""


# The service names the version that it chose.
@pytest.mark.filterwarnings("ignore:Resolved model mismatch:UserWarning")
class TestHubChatModelAsked(HubModel, ChatModelIntegrationTests):  # type: ignore[misc] # Any, see above
    """What a chat model owes when it is asked."""


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class AddTool:
    """Says to the suites which tool to test."""

    @property
    def tool_constructor(self) -> BaseTool:
        foreign: BaseTool = adapt(FunctionTool(add, "Add two numbers."), to=BaseTool)
        return foreign

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"a": 2, "b": 3}


class TestHubTool(AddTool, ToolsUnitTests):  # type: ignore[misc] # Any, see above
    """What a tool owes without being called."""


class TestHubToolCalled(AddTool, ToolsIntegrationTests):  # type: ignore[misc] # Any, see above
    """What a tool owes when it is called."""
