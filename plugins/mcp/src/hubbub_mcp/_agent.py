"""`McpAgent`: an agent of the exchange that works with the tools of a workbench."""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from hubbub_core import FunctionCall
from hubbub_core.exchange import AgentChunk, AgentResult, Source
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    RequestUsage,
    SystemMessage,
)
from hubbub_core.passages import with_sources
from hubbub_core.progress import Progress, progress_to
from hubbub_core.tools import TextResultContent, ToolResult, ToolSchema, Workbench
from hubbub_registry import Component, ComponentBase, ComponentModel, HubbubError

from ._plan import McpCall
from ._workbench import McpWorkbench

if TYPE_CHECKING:
    from hubbub_core.exchange import AgentContext, AgentTask

_MESSAGES: TypeAdapter[list[LLMMessage]] = TypeAdapter(list[LLMMessage])


class McpCallError(HubbubError, RuntimeError):
    """A declared call of an agent failed."""

    def __init__(self, agent: str, tool: str, problem: str) -> None:
        self.agent = agent
        self.tool = tool
        super().__init__(f"agent {agent!r}: its call of tool {tool!r} failed: {problem}")


class McpAgentConfig(BaseModel):
    """Configuration of an `McpAgent`."""

    model_config = ConfigDict(extra="forbid")

    name: str = "mcp_agent"
    description: str = "An agent that works with the tools of an MCP server."

    workbench: ComponentModel
    """The tools; a `ref:` to a shared one is left running when the agent closes."""

    model: ComponentModel | None = None
    """What decides on calls, if it can call functions; without such a model `calls` are made."""

    system_message: str | None = None

    calls: list[McpCall] = Field(default_factory=list)
    """Calls that are made for every task, in order, when no model decides."""

    max_tool_iterations: int = Field(default=10, ge=1)
    """How many times the model may ask for tools before it has to answer."""


class McpAgent(ComponentBase[BaseModel], Component[McpAgentConfig]):
    """An agent that calls the tools of a workbench. It implements `AgentAdapter`.

    With a model that can call functions, the model is shown the tools of the moment on every turn, its calls are made
    one after another, and it is asked again until it answers. Without one, the declared calls are made for every task,
    and their results are the answer.

    Args:
        name: Its name outside a runtime.
        workbench: The tools. Started when the first task comes.
        model: What decides on calls; one that cannot call functions decides nothing.
        description: One line on what it does.
        system_message: What the model is told first.
        calls: Calls for every task when no model decides.
        max_tool_iterations: How many times the model may ask for tools before it has to answer.
        owns: Whether `close` stops the workbench and closes the model.

    Raises:
        ValueError: Neither the model can call functions, nor are there calls.
    """

    component_type: ClassVar[str] = "agent"
    component_provider_override: ClassVar[str] = "hubbub_mcp.McpAgent"
    component_config_schema = McpAgentConfig

    def __init__(
        self,
        name: str,
        workbench: Workbench,
        model: ChatCompletionClient | None = None,
        *,
        description: str = "An agent that works with the tools of an MCP server.",
        system_message: str | None = None,
        calls: Sequence[McpCall] = (),
        max_tool_iterations: int = 10,
        owns: bool = False,
    ) -> None:
        self.name = name
        self.description = description
        self._workbench = workbench
        self._model = model
        self._system_message = system_message
        self._calls = list(calls)
        self._max_tool_iterations = max_tool_iterations
        self._owns_workbench = self._owns_model = owns
        self._conversation: list[LLMMessage] = []
        self._deciding = model if model is not None and model.model_info["function_calling"] else None
        if self._deciding is None and not self._calls:
            raise ValueError(f"agent {name!r} has nothing to do: give it `calls`, or a `model` that can call functions")

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run a task: chunks for the server's start, every call and every result, then the answer.

        Raises:
            McpServerError: The server does not start, or is lost meanwhile.
            McpCallError: A declared call failed.
            asyncio.CancelledError: The context's token was cancelled.
        """
        async with aclosing(self._ready(context)) as progress:
            async for chunk in progress:
                yield chunk
        work = self._make_calls(task, context) if self._deciding is None else self._converse(task, context)
        async with aclosing(work) as items:
            async for item in items:
                yield item

    async def _ready(self, context: AgentContext) -> AsyncGenerator[AgentChunk, None]:
        """Start the workbench, and yield what it reports meanwhile."""
        reports: asyncio.Queue[Progress | None] = asyncio.Queue()

        async def start() -> None:
            # Bound in this task only: a generator's own context is that of whoever asks for the next item.
            with progress_to(reports.put_nowait):
                if isinstance(self._workbench, McpWorkbench) and not self._workbench.is_connected:
                    await self._workbench.start()
                else:
                    await self._workbench.list_tools()

        starting = asyncio.create_task(start(), name=f"start of the workbench of {context.name}")
        starting.add_done_callback(lambda _: reports.put_nowait(None))
        context.cancellation_token.link_future(starting)
        try:
            while (report := await reports.get()) is not None:
                yield AgentChunk(content=report.text, source=context.name, kind="status")
            await starting
        finally:
            if not starting.done():
                starting.cancel()
                await asyncio.wait({starting})

    async def _make_calls(
        self, task: AgentTask, context: AgentContext
    ) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        text = task.text()
        await self._check_calls(context.name)
        answer: list[str] = []
        sources: list[Source] = []
        for call in self._calls:
            arguments = call.filled(text)
            shown = json.dumps(arguments, ensure_ascii=False)
            made = FunctionCall(id=str(uuid4()), name=call.tool, arguments=shown)
            yield _call_chunk(context.name, made)
            result = await self._workbench.call_tool(call.tool, arguments, context.cancellation_token, made.id)
            if result.is_error:
                await self._raise_if_lost()
                raise McpCallError(context.name, call.tool, result.to_text("[image]"))
            yield _result_chunk(context.name, made, result)
            found = call.pieces([part.content for part in result.result if isinstance(part, TextResultContent)], text)
            answer += [source.content for source in found] or [f"{call.tool} found nothing."]
            if call.as_ == "passages":
                sources += found
        yield AgentResult.from_text("\n\n".join(answer), source=context.name, sources=sources)

    async def _check_calls(self, agent: str) -> None:
        offered = [tool["name"] for tool in await self._workbench.list_tools()]
        for call in self._calls:
            # A workbench also takes a tool's own name when it was given another; only what is like nothing is refused.
            if call.tool not in offered and not self._is_overridden(call.tool):
                near = difflib.get_close_matches(call.tool, offered, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it offers {', '.join(offered) or 'none'}"
                raise McpCallError(agent, call.tool, f"the workbench has no such tool; {hint}")

    def _is_overridden(self, tool: str) -> bool:
        return isinstance(self._workbench, McpWorkbench) and self._workbench.overrides(tool)

    async def _raise_if_lost(self) -> None:
        # A result tells that a call failed; whether the server is gone, only the next operation tells.
        if isinstance(self._workbench, McpWorkbench) and not self._workbench.is_connected:
            await self._workbench.list_tools()

    async def _converse(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        added: list[LLMMessage] = []
        sources: list[Source] = []
        usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        given = [*self._conversation, *with_sources(task)]
        for turn in range(self._max_tool_iterations + 1):
            # After the last round of calls the model is offered no tools, so that it has to answer.
            tools = await self._workbench.list_tools() if turn < self._max_tool_iterations else []
            reply: CreateResult | None = None
            async with aclosing(self._ask([*given, *added], tools, context)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, CreateResult):
                        reply = piece
                    else:
                        yield AgentChunk(content=piece, source=context.name)
            assert reply is not None  # the protocol of create_stream
            usage = RequestUsage(
                prompt_tokens=usage.prompt_tokens + reply.usage.prompt_tokens,
                completion_tokens=usage.completion_tokens + reply.usage.completion_tokens,
            )
            added.append(AssistantMessage(content=reply.content, thought=reply.thought, source=context.name))
            if isinstance(reply.content, str):
                break
            results: list[FunctionExecutionResult] = []
            for call in reply.content:
                yield _call_chunk(context.name, call)
                result = await self._execute(call, context)
                yield _result_chunk(context.name, call, result)
                text = result.to_text("[image]")
                results.append(
                    FunctionExecutionResult(content=text, name=result.name, call_id=call.id, is_error=result.is_error)
                )
                if text and not result.is_error:
                    sources.append(Source(content=text, title=call.name, metadata={"arguments": call.arguments}))
            added.append(FunctionExecutionResultMessage(content=results))
        else:
            raise McpCallError(context.name, results[-1].name, "the model asks for tools although none are offered")
        self._conversation = [*given, *added]
        yield AgentResult(
            messages=added, source=context.name, sources=sources, usage=usage, finish_reason=reply.finish_reason
        )

    async def _ask(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSchema], context: AgentContext
    ) -> AsyncGenerator[str | CreateResult, None]:
        assert self._deciding is not None  # only then is there a conversation
        system = [SystemMessage(content=self._system_message)] if self._system_message else []
        stream = self._deciding.create_stream(
            [*system, *messages], tools=tools, cancellation_token=context.cancellation_token
        )
        async with aclosing(stream) as pieces:
            async for piece in pieces:
                yield piece

    async def _execute(self, call: FunctionCall, context: AgentContext) -> ToolResult:
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError as error:
            return _failed(call.name, f"Error: the arguments are no JSON: {error}")
        if not isinstance(arguments, dict):
            return _failed(call.name, "Error: the arguments are no JSON object")
        return await self._workbench.call_tool(call.name, arguments, context.cancellation_token, call.id)

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation: `{"messages": [...]}`."""
        return {"messages": _MESSAGES.dump_python(self._conversation, mode="json")}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up a conversation.

        Raises:
            pydantic.ValidationError: It is none.
        """
        self._conversation = _MESSAGES.validate_python(state.get("messages", []))

    async def close(self) -> None:
        """Stop the workbench and close the model, if they are the agent's own."""
        if self._owns_workbench and not (isinstance(self._workbench, McpWorkbench) and self._workbench.is_idle):
            await self._workbench.stop()
        if self._owns_model and self._model is not None:
            await self._model.close()

    def _to_config(self) -> McpAgentConfig:
        return McpAgentConfig(
            name=self.name,
            description=self.description,
            workbench=self._workbench.dump_component(),
            model=self._model.dump_component() if self._model is not None else None,
            system_message=self._system_message,
            calls=self._calls,
            max_tool_iterations=self._max_tool_iterations,
        )

    @classmethod
    def _from_config(cls, config: McpAgentConfig) -> Self:
        agent = cls(
            config.name,
            Workbench.load_component(config.workbench),
            ChatCompletionClient.load_component(config.model) if config.model is not None else None,
            description=config.description,
            system_message=config.system_message,
            calls=config.calls,
            max_tool_iterations=config.max_tool_iterations,
        )
        agent._owns_workbench = not _is_shared(config.workbench)
        agent._owns_model = config.model is not None and not _is_shared(config.model)
        return agent


def _is_shared(model: ComponentModel) -> bool:
    return model.provider.startswith("ref:")


def _failed(name: str, text: str) -> ToolResult:
    return ToolResult(name=name, result=[TextResultContent(content=text)], is_error=True)


def _call_chunk(agent: str, call: FunctionCall) -> AgentChunk:
    return AgentChunk(
        content=f"{call.name}({call.arguments})",
        source=agent,
        kind="tool_call",
        metadata={"name": call.name, "call_id": call.id, "arguments": call.arguments},
    )


def _result_chunk(agent: str, call: FunctionCall, result: ToolResult) -> AgentChunk:
    return AgentChunk(
        content=result.to_text("[image]"),
        source=agent,
        kind="tool_result",
        metadata={"name": result.name, "call_id": call.id, "is_error": result.is_error},
    )
