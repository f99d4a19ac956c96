"""Components as programs of the documents saved them: their provider strings, and every name of ours, load."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from hubbub_core import CacheStore, CancellationToken, Component, ComponentBase, ComponentLoader, InMemoryStore
from hubbub_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from hubbub_core.memory import ListMemory, Memory
from hubbub_core.model_context import (
    BufferedChatCompletionContext,
    ChatCompletionContext,
    HeadAndTailChatCompletionContext,
    TokenLimitedChatCompletionContext,
    UnboundedChatCompletionContext,
)
from hubbub_core.models import AssistantMessage, ChatCompletionClient, ModelInfo, UserMessage
from hubbub_core.models.cache import ChatCompletionCache
from hubbub_core.models.extractive import ExtractiveChatCompletionClient
from hubbub_core.models.replay import ReplayChatCompletionClient
from hubbub_core.tools import (
    BaseTool,
    FunctionTool,
    PythonCodeExecutionTool,
    StaticStreamWorkbench,
    StaticWorkbench,
    Workbench,
)
from hubbub_registry import allow, find_component, registry


class EchoConfig(BaseModel):
    """Nothing."""


class EchoExecutor(CodeExecutor, Component[EchoConfig]):
    """Stands for an executor of a program's own; it repeats the code."""

    component_config_schema = EchoConfig

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        return CodeResult(exit_code=0, output=code_blocks[0].code)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def restart(self) -> None: ...

    def _to_config(self) -> EchoConfig:
        return EchoConfig()

    @classmethod
    def _from_config(cls, config: EchoConfig) -> EchoExecutor:
        return cls()


HELLO = {"type": "UserMessage", "content": "hello", "source": "user"}
NOTHING = ModelInfo(vision=False, function_calling=False, json_output=False, family="unknown", structured_output=False)
REPLAY = {
    "provider": "autogen_ext.models.replay.ReplayChatCompletionClient",
    "component_type": "replay_chat_completion_client",
    "version": 1,
    "component_version": 1,
    "description": "x",
    "label": "ReplayChatCompletionClient",
    "config": {"chat_completions": ["one"], "model_info": NOTHING},
}
SAY = {
    "provider": "autogen_core.tools.FunctionTool",
    "component_type": "tool",
    "version": 1,
    "component_version": 1,
    "config": {
        "source_code": "def say(text: str) -> str:\n    return text\n",
        "name": "say",
        "description": "Say it.",
        "global_imports": [],
        "has_cancellation_support": False,
    },
}

# Provider of the documents, interface that it is loaded through, class, configuration with every field.
DOCUMENTED: list[tuple[str, type[ComponentBase[Any]], type[Any], dict[str, Any]]] = [
    (
        "autogen_core.model_context.UnboundedChatCompletionContext",
        ChatCompletionContext,
        UnboundedChatCompletionContext,
        {"initial_messages": [HELLO]},
    ),
    (
        "autogen_core.model_context.BufferedChatCompletionContext",
        ChatCompletionContext,
        BufferedChatCompletionContext,
        {"buffer_size": 3, "initial_messages": [HELLO]},
    ),
    (
        "autogen_core.model_context.HeadAndTailChatCompletionContext",
        ChatCompletionContext,
        HeadAndTailChatCompletionContext,
        {"head_size": 1, "tail_size": 2, "initial_messages": [HELLO]},
    ),
    (
        "autogen_core.model_context.TokenLimitedChatCompletionContext",
        ChatCompletionContext,
        TokenLimitedChatCompletionContext,
        {
            "model_client": REPLAY,
            "token_limit": 9,
            "tool_schema": [{"name": "f", "description": "d"}],
            "initial_messages": [HELLO],
        },
    ),
    (
        "autogen_core.memory.ListMemory",
        Memory,
        ListMemory,
        {"name": "m", "memory_contents": [{"content": "it rains", "mime_type": "text/plain", "metadata": {"k": 1}}]},
    ),
    ("autogen_core.InMemoryStore", CacheStore, InMemoryStore, {}),
    ("autogen_core.tools.FunctionTool", BaseTool, FunctionTool, dict[str, Any](SAY["config"])),  # type: ignore[call-overload] # of a dict of mixed values
    (
        "autogen_core.tools.StaticWorkbench",
        Workbench,
        StaticWorkbench,
        {"tools": [SAY], "tool_overrides": {"say": {"name": "shout", "description": "Shout it."}}},
    ),
    (
        "autogen_core.tools.StaticStreamWorkbench",
        Workbench,
        StaticStreamWorkbench,
        {"tools": [SAY], "tool_overrides": {"say": {"name": "shout", "description": "Shout it."}}},
    ),
    (
        "autogen_ext.models.replay.ReplayChatCompletionClient",
        ChatCompletionClient,
        ReplayChatCompletionClient,
        {"chat_completions": ["one"], "model_info": NOTHING},
    ),
    (
        "autogen_ext.models.cache.ChatCompletionCache",
        ChatCompletionClient,
        ChatCompletionCache,
        {"client": REPLAY, "store": {"provider": "autogen_core.InMemoryStore", "config": {}}},
    ),
]


@pytest.mark.filterwarnings("ignore:\\n.*SECURITY")
@pytest.mark.parametrize(("provider", "interface", "cls", "config"), DOCUMENTED, ids=lambda value: str(value)[:60])
def test_component_saved_by_the_documents_loads_and_is_saved_again(
    provider: str, interface: type[ComponentBase[Any]], cls: type[Any], config: dict[str, Any]
) -> None:
    saved = {"provider": provider, "version": 1, "component_version": 1, "config": config}

    with allow("code"):
        loaded = interface.load_component(saved)
        dumped = loaded.dump_component()
        again = ComponentLoader.load_component(dumped.model_dump(mode="json"), cls)

    assert type(loaded) is cls
    assert type(again) is cls
    # Under our name, which is that of the documents after the mapping of packages.
    assert find_component(provider).provider == dumped.provider
    assert dumped.provider == provider.replace("autogen_core", "hubbub_core").replace("autogen_ext", "hubbub_core")
    assert set(dumped.config) | {"store"} == set(config) | {"store"}
    assert again.dump_component() == dumped
    assert dumped.version == dumped.component_version == 1
    assert dumped.label == cls.__name__


@pytest.mark.parametrize(
    ("provider", "interface"),
    [
        ("autogen_core.tools.FunctionTool", BaseTool),
        ("autogen_core.tools.StaticWorkbench", Workbench),
    ],
)
def test_component_that_carries_code_needs_the_grant_at_any_depth(
    provider: str, interface: type[ComponentBase[Any]]
) -> None:
    config = SAY["config"] if interface is BaseTool else {"tools": [SAY]}

    with pytest.raises(PermissionError, match="'code'"):
        interface.load_component({"provider": provider, "config": config})


async def test_code_execution_tool_of_the_documents_loads_with_the_executor_of_a_program() -> None:
    executor = EchoExecutor().dump_component().model_dump()
    config = {"executor": executor, "description": "Run it."}

    loaded: BaseTool[Any, Any] = BaseTool.load_component(
        {"provider": "autogen_ext.tools.code_execution.PythonCodeExecutionTool", "config": config}
    )

    assert isinstance(loaded, PythonCodeExecutionTool)
    assert loaded.dump_component().provider == "hubbub_core.tools.PythonCodeExecutionTool"
    assert loaded.description == "Run it."
    result = await loaded.run_json({"code": "1 + 1"}, CancellationToken())
    assert loaded.return_value_as_string(result) == "1 + 1"


async def test_loaded_components_work_as_they_were_saved() -> None:
    cache = ChatCompletionClient.load_component({"provider": DOCUMENTED[-1][0], "config": DOCUMENTED[-1][3]})
    context = ChatCompletionContext.load_component({"provider": DOCUMENTED[1][0], "config": DOCUMENTED[1][3]})
    memory = Memory.load_component({"provider": DOCUMENTED[4][0], "config": DOCUMENTED[4][3]})

    await memory.update_context(context)
    await context.add_message(AssistantMessage(content="hi", source="a"))
    messages = await context.get_messages()
    first, second = await cache.create(messages), await cache.create(messages)

    assert messages[0] == UserMessage(content="hello", source="user")
    assert [message.type for message in messages] == ["UserMessage", "SystemMessage", "AssistantMessage"]
    assert (first.content, second.content, second.cached) == ("one", "one", True)


def test_component_of_another_kind_than_asked_for_is_refused() -> None:
    with pytest.raises(TypeError, match="Expected type does not match"):
        Memory.load_component(REPLAY)


def test_everything_that_core_declares_is_there_under_each_of_its_names() -> None:
    declared = [entry.spec for entry in registry().components() if entry.spec.provider.startswith("hubbub_core.")]

    for spec in declared:
        for name in (spec.name, spec.provider, *spec.aliases):
            assert find_component(name) == spec
        cls, _ = registry().component_class(spec.provider)
        dumped_as = getattr(cls, "component_provider_override", None)
        assert dumped_as in (None, spec.provider)
    assert {spec.provider.rpartition(".")[2] for spec in declared} >= {cls.__name__ for _, _, cls, _ in DOCUMENTED} | {
        PythonCodeExecutionTool.__name__,
        ExtractiveChatCompletionClient.__name__,
    }
