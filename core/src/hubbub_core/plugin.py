"""What core contributes: hub files with their commands, and the components that need no framework."""

from __future__ import annotations

from hubbub_registry import CommandSpec, ComponentSpec, hookimpl


@hookimpl
def hubbub_commands() -> list[CommandSpec]:
    return [
        CommandSpec(name="run", summary="run a hub, agent or team file", by="hubbub_core.hub.run_command.configure"),
        CommandSpec(name="graph", summary="draw a hub file as Mermaid", by="hubbub_core.hub.graph_command.configure"),
        CommandSpec(
            name="schema", summary="print the JSON Schema of hub files", by="hubbub_core.hub.schema_command.configure"
        ),
    ]


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            kind="hub", provider="hubbub_core.hub.Hub", name="hub", summary="The agents of one file in one runtime"
        ),
        ComponentSpec(
            kind="agent",
            provider="hubbub_core.hub.PythonAgent",
            name="python_agent",
            summary="An agent written on RoutedAgent, taken from a Python file",
            capabilities=("code",),
        ),
        ComponentSpec(
            kind="model",
            provider="hubbub_core.models.extractive.ExtractiveChatCompletionClient",
            name="extractive",
            summary="Quotes the sentences of its prompt that match the question; not a language model, needs no key",
        ),
        ComponentSpec(
            kind="model",
            provider="hubbub_core.models.replay.ReplayChatCompletionClient",
            name="replay",
            summary="Answers with the messages it was given, one after the other",
            aliases=("autogen_ext.models.replay.ReplayChatCompletionClient",),
        ),
        ComponentSpec(
            kind="model",
            provider="hubbub_core.models.cache.ChatCompletionCache",
            name="chat_completion_cache",
            summary="Keeps the answers of another model client",
            aliases=("autogen_ext.models.cache.ChatCompletionCache",),
        ),
        ComponentSpec(
            kind="cache_store",
            provider="hubbub_core.InMemoryStore",
            name="in_memory_store",
            summary="Keeps values for the life of the process",
            aliases=("autogen_core.InMemoryStore",),
        ),
        *_contexts(),
        *_tools(),
        ComponentSpec(
            kind="memory",
            provider="hubbub_core.memory.ListMemory",
            name="list_memory",
            summary="A list of contents in the order they were added",
            aliases=("autogen_core.memory.ListMemory",),
        ),
    ]


def _contexts() -> list[ComponentSpec]:
    summaries = {
        "Unbounded": "Every message",
        "Buffered": "The newest messages",
        "HeadAndTail": "The first and the newest messages",
        "TokenLimited": "As many messages as a number of tokens allows",
    }
    names = {"HeadAndTail": "head_and_tail", "TokenLimited": "token_limited"}
    return [
        ComponentSpec(
            kind="chat_completion_context",
            provider=f"hubbub_core.model_context.{name}ChatCompletionContext",
            name=f"{names.get(name, name.lower())}_context",
            summary=summary,
            aliases=(f"autogen_core.model_context.{name}ChatCompletionContext",),
        )
        for name, summary in summaries.items()
    ]


def _tools() -> list[ComponentSpec]:
    return [
        ComponentSpec(
            kind="tool",
            provider="hubbub_core.tools.FunctionTool",
            name="function_tool",
            summary="A Python function, its source in the configuration",
            aliases=("autogen_core.tools.FunctionTool",),
            capabilities=("code",),
        ),
        ComponentSpec(
            kind="tool",
            provider="hubbub_core.tools.PythonCodeExecutionTool",
            name="python_code_execution",
            summary="Runs Python code in a code executor",
            aliases=("autogen_ext.tools.code_execution.PythonCodeExecutionTool",),
        ),
        ComponentSpec(
            kind="workbench",
            provider="hubbub_core.tools.StaticWorkbench",
            name="static_workbench",
            summary="A fixed list of tools",
            aliases=("autogen_core.tools.StaticWorkbench",),
        ),
        ComponentSpec(
            kind="workbench",
            provider="hubbub_core.tools.StaticStreamWorkbench",
            name="static_stream_workbench",
            summary="A fixed list of tools whose results may be streamed",
            aliases=("autogen_core.tools.StaticStreamWorkbench",),
        ),
    ]
