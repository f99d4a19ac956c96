"""A workbench with a fixed list of tools."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self, TypeVar

from pydantic import BaseModel, Field

from hubbub_core.tools._base import BaseTool, StreamTool, ToolSchema
from hubbub_core.tools._workbench import StreamWorkbench, TextResultContent, ToolOverride, ToolResult, Workbench
from hubbub_registry import Component, ComponentModel

if TYPE_CHECKING:
    from hubbub_core._cancellation_token import CancellationToken

_T = TypeVar("_T")

_END: Final = object()


class StaticWorkbenchConfig(BaseModel):
    """Configuration of a `StaticWorkbench`."""

    tools: list[ComponentModel] = Field(default_factory=list)
    """The tools."""

    tool_overrides: dict[str, ToolOverride] = Field(default_factory=dict)
    """Other names and descriptions, by the tools' own names."""


class StaticWorkbenchState(BaseModel):
    """State of a `StaticWorkbench`: that of its tools, by name."""

    type: Literal["StaticWorkbenchState"] = "StaticWorkbenchState"

    tools: dict[str, Mapping[str, Any]] = Field(default_factory=dict)


class StaticWorkbench(Workbench, Component[StaticWorkbenchConfig]):
    """A workbench with a fixed list of tools. Starting, stopping and resetting it do nothing.

    Args:
        tools: The tools.
        tool_overrides: Other names and descriptions, by the tools' own names. Names of tools that are not there are
            allowed. A tool can be called by either name.

    Raises:
        ValueError: An override's name is that of another tool, or two overrides use the same one.
    """

    component_provider_override: ClassVar[str] = "hubbub_core.tools.StaticWorkbench"
    component_config_schema = StaticWorkbenchConfig

    def __init__(
        self,
        tools: list[BaseTool[Any, Any]],
        tool_overrides: dict[str, ToolOverride] | None = None,
    ) -> None:
        self._tools = tools
        self._tool_overrides = tool_overrides or {}
        self._original_names: dict[str, str] = {}
        own_names = {tool.name for tool in tools}
        for original, override in self._tool_overrides.items():
            if override.name is None or override.name == original:
                continue
            if override.name in own_names:
                raise ValueError(
                    f"Tool override name '{override.name}' conflicts with existing tool name. "
                    f"Choose another name for {original!r}; override names must not equal any tool name.",
                )
            if override.name in self._original_names:
                raise ValueError(
                    f"Tool override name '{override.name}' is used by multiple tools: "
                    f"'{self._original_names[override.name]}' and '{original}'. Override names must be unique.",
                )
            self._original_names[override.name] = original

    async def list_tools(self) -> list[ToolSchema]:
        """Return the schemas of the tools, with the overridden names and descriptions."""
        schemas: list[ToolSchema] = []
        for tool in self._tools:
            schema = tool.schema
            override = self._tool_overrides.get(tool.name)
            if override is not None and override.name is not None:
                schema["name"] = override.name
            if override is not None and override.description is not None:
                schema["description"] = override.description
            schemas.append(schema)
        return schemas

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        """Call a tool by its own or its overridden name.

        Returns:
            The result under the name that was asked for. An unknown tool and a tool that fails are results with
            `is_error`, never exceptions (N-079).

        Raises:
            asyncio.CancelledError: The token was cancelled.
        """
        tool = self._find(name)
        if tool is None:
            return _error(name, f"Tool {name} not found.")
        token = cancellation_token or _new_token()
        try:
            value = await _cancellable(tool.run_json(arguments or {}, token, call_id=call_id), token)
            return _success(name, tool.return_value_as_string(value))
        except BaseException as exc:
            if not _is_failure(exc, token):
                raise
            return _error(name, _text_of(exc))

    async def start(self) -> None:
        """Do nothing: the tools need no start."""

    async def stop(self) -> None:
        """Do nothing: the tools need no stop."""

    async def reset(self) -> None:
        """Do nothing."""

    async def save_state(self) -> Mapping[str, Any]:
        """Return `{"type": "StaticWorkbenchState", "tools": {name: state}}`."""
        states = {tool.name: await tool.save_state_json() for tool in self._tools}
        return StaticWorkbenchState(tools=states).model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Hand every tool its state. States of tools that are not there are ignored."""
        states = StaticWorkbenchState.model_validate(state).tools
        for tool in self._tools:
            if tool.name in states:
                await tool.load_state_json(states[tool.name])

    def _find(self, name: str) -> BaseTool[Any, Any] | None:
        original = self._original_names.get(name, name)
        return next((tool for tool in self._tools if tool.name == original), None)

    def _to_config(self) -> StaticWorkbenchConfig:
        return StaticWorkbenchConfig(
            tools=[tool.dump_component() for tool in self._tools],
            tool_overrides=self._tool_overrides,
        )

    @classmethod
    def _from_config(cls, config: StaticWorkbenchConfig) -> Self:
        return cls(
            tools=[BaseTool.load_component(tool) for tool in config.tools],
            tool_overrides=config.tool_overrides,
        )


class StaticStreamWorkbench(StaticWorkbench, StreamWorkbench):
    """A `StaticWorkbench` that also streams what its tools yield."""

    component_provider_override: ClassVar[str] = "hubbub_core.tools.StaticStreamWorkbench"

    async def call_tool_stream(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> AsyncGenerator[Any | ToolResult, None]:
        """Call a tool and yield each intermediate item, then the `ToolResult`.

        The last item of a streaming tool becomes the result. A tool that does not stream yields only the result. When
        a tool fails midway, what it has yielded is passed on and the result says why (N-081).

        Raises:
            asyncio.CancelledError: The token was cancelled.
        """
        tool = _as_stream_tool(self._find(name))
        if tool is None:
            yield await self.call_tool(name, arguments, cancellation_token, call_id)
            return
        token = cancellation_token or _new_token()
        items: asyncio.Queue[Any] = asyncio.Queue()

        async def produce() -> None:
            async with aclosing(tool.run_json_stream(arguments or {}, token, call_id=call_id)) as stream:
                async for item in stream:
                    items.put_nowait(item)

        # The whole stream runs in one task: context variables and cancel scopes of a tool do not survive a change of
        # task between two items.
        producer = asyncio.ensure_future(produce())
        producer.add_done_callback(lambda _: items.put_nowait(_END))
        token.link_future(producer)
        last: Any = _END
        try:
            while (item := await items.get()) is not _END:
                # Each item waits until its successor shows that it was not the last one.
                if last is not _END:
                    yield last
                last = item
            try:
                await producer
                result = _success(name, tool.return_value_as_string(last))
            except BaseException as exc:
                if not _is_failure(exc, token):
                    raise
                if last is not _END:
                    yield last
                result = _error(name, _text_of(exc))
            yield result
        finally:
            if not producer.done():
                producer.cancel()
                await asyncio.wait([producer])


def _as_stream_tool(tool: object) -> StreamTool | None:
    return tool if isinstance(tool, StreamTool) else None


def _new_token() -> CancellationToken:
    from hubbub_core._cancellation_token import CancellationToken

    return CancellationToken()


async def _cancellable(awaitable: Coroutine[Any, Any, _T], token: CancellationToken) -> _T:
    future = asyncio.ensure_future(awaitable)
    token.link_future(future)
    return await future


def _success(name: str, text: str) -> ToolResult:
    return ToolResult(name=name, result=[TextResultContent(content=text)], is_error=False)


def _error(name: str, text: str) -> ToolResult:
    return ToolResult(name=name, result=[TextResultContent(content=text)], is_error=True)


def _text_of(error: BaseException) -> str:
    """Return the text of an error; of a group, that of its members, a line each."""
    if isinstance(error, BaseExceptionGroup):
        return "\n".join(_text_of(member) for member in error.exceptions)
    return str(error) or type(error).__name__


def _is_failure(error: BaseException, token: CancellationToken) -> bool:
    """Tell a tool that failed from a call that was cancelled, and from the end of the program."""
    from hubbub_core.tool_agent._errors import ToolException

    if isinstance(error, asyncio.CancelledError):
        # Something inside the tool was cancelled, but nobody wanted the call itself to end.
        task = asyncio.current_task()
        return not token.is_cancelled() and (task is None or not task.cancelling())
    return isinstance(error, Exception | ToolException)
