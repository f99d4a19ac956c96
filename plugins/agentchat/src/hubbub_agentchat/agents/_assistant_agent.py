"""The agent that answers with a model and its tools."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from hubbub_agentchat import EVENT_LOGGER_NAME
from hubbub_agentchat._cancel_scope import CancelScope
from hubbub_agentchat._ownership import built_from
from hubbub_agentchat.agents._assistant_answer import AnswerMaker
from hubbub_agentchat.agents._assistant_model import ModelCaller
from hubbub_agentchat.agents._assistant_setup import (
    DEFAULT_DESCRIPTION,
    DEFAULT_SYSTEM_MESSAGE,
    AssistantAgentConfig,
    checked_memories,
    handoffs_by_name,
    make_workbenches,
)
from hubbub_agentchat.agents._assistant_tools import CallResult, ToolBox
from hubbub_agentchat.agents._base_chat_agent import BaseChatAgent
from hubbub_agentchat.agents._tool_checks import ToolApprovalFuncType, ToolChecks, ToolGuardrail
from hubbub_agentchat.agents._turn import Turn, add_to_context, final_response
from hubbub_agentchat.base import Handoff, Response
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    MemoryQueryEvent,
    ModelClientStreamingChunkEvent,
    StructuredMessageFactory,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
)
from hubbub_agentchat.messages._ids import new_message_id
from hubbub_agentchat.state import AssistantAgentState
from hubbub_core import CancellationToken, FunctionCall
from hubbub_core.memory import Memory
from hubbub_core.model_context import ChatCompletionContext, UnboundedChatCompletionContext
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    SystemMessage,
)
from hubbub_core.tools import BaseTool, Workbench
from hubbub_registry import Component

_EVENTS = logging.getLogger(EVENT_LOGGER_NAME)


class AssistantAgent(BaseChatAgent, Component[AssistantAgentConfig]):
    """An agent that provides assistance with tool use.

    It is given only new messages, keeps the conversation in its model context, and is not made for concurrent calls.
    One turn: the messages go into the context, memories are asked, the model is asked. A text is the answer. Tool calls
    of one reply are executed at the same time; then the model is asked again, up to `max_tool_iterations` times, and at
    the limit the answer is a summary of the last results, or with `reflect_on_tool_use` what the model makes of them. A
    call of a handoff ends the turn with a `HandoffMessage`.

    A turn happens whole or not at all: when it fails or is cancelled, the context is as it was before, and the same
    messages can be given again. What its tools have done is done; the events that were yielded tell which ran.

    Args:
        name: A Python identifier, unique within a team.
        model_client: The model.
        tools: Tools, or functions: their name, docstring and signature make the tool.
        workbench: One workbench or several, instead of `tools`.
        handoffs: Who the agent may hand over to.
        model_context: Where the conversation is kept; unbounded by default.
        description: What teams read about the agent.
        system_message: Put before the conversation; None for none.
        model_client_stream: Whether pieces of the model's text are yielded as `ModelClientStreamingChunkEvent`.
        reflect_on_tool_use: Whether the model turns tool results into the answer. None means yes exactly with
            `output_content_type`.
        max_tool_iterations: How many rounds of tool calls one turn has at most.
        tool_call_summary_format: Format of a result in a summary, with `{tool_name}`, `{arguments}`, `{result}` and
            `{is_error}`.
        tool_call_summary_formatter: Function used instead of the format. Not part of a configuration.
        output_content_type: Class of the answer, which then is a `StructuredMessage` of it.
        output_content_type_format: How such a message is written as text.
        memory: Memories that are asked before the model.
        metadata: Kept in the configuration.
        tool_approval: Asked before each tool call, whether it may be made, and with which arguments; what is refused
            the model reads as an error result with the reason. A synchronous function runs in a thread. Calls of one
            reply are asked about at the same time. Not part of a configuration, and an agent with one has none.
        tool_guardrails: Look at tool calls before they are made, before `tool_approval` is asked, and at their results.
            Not part of a configuration either.

    Raises:
        ValueError: Names of tools or handoffs are not unique, `tools` and `workbench` are given both, the model cannot
            call functions, `max_tool_iterations` is below 1, or a tool or handoff is of an unsupported type.
        TypeError: `memory` is not a list of memories.
    """

    component_version: ClassVar[int] = 2
    component_config_schema = AssistantAgentConfig
    component_provider_override = "hubbub_agentchat.agents.AssistantAgent"

    def __init__(
        self,
        name: str,
        model_client: ChatCompletionClient,
        *,
        tools: list[BaseTool[Any, Any] | Callable[..., Any] | Callable[..., Awaitable[Any]]] | None = None,
        workbench: Workbench | Sequence[Workbench] | None = None,
        handoffs: list[Handoff | str] | None = None,
        model_context: ChatCompletionContext | None = None,
        description: str = DEFAULT_DESCRIPTION,
        system_message: str | None = DEFAULT_SYSTEM_MESSAGE,
        model_client_stream: bool = False,
        reflect_on_tool_use: bool | None = None,
        max_tool_iterations: int = 1,
        tool_call_summary_format: str = "{result}",
        tool_call_summary_formatter: Callable[[FunctionCall, FunctionExecutionResult], str] | None = None,
        output_content_type: type[BaseModel] | None = None,
        output_content_type_format: str | None = None,
        memory: Sequence[Memory] | None = None,
        metadata: dict[str, str] | None = None,
        tool_approval: ToolApprovalFuncType | None = None,
        tool_guardrails: Sequence[ToolGuardrail] | None = None,
    ) -> None:
        super().__init__(name=name, description=description)
        if max_tool_iterations < 1:
            raise ValueError(
                f"Maximum number of tool iterations must be greater than or equal to 1, got {max_tool_iterations}"
            )
        self._metadata = metadata or {}
        self._model_client = model_client
        self._model_client_stream = model_client_stream
        self._memory = checked_memories(memory)
        self._system_message = system_message
        self._max_tool_iterations = max_tool_iterations
        self._reflect_on_tool_use = (
            output_content_type is not None if reflect_on_tool_use is None else reflect_on_tool_use
        )
        self._model_context = UnboundedChatCompletionContext() if model_context is None else model_context
        self._handoffs = handoffs_by_name(handoffs, model_client)
        self._toolbox = ToolBox(
            make_workbenches(tools, workbench, self._handoffs, model_client),
            {handoff.name: handoff.handoff_tool for handoff in self._handoffs.values()},
            ToolChecks(name, tool_approval, tool_guardrails),
        )
        self._answers = AnswerMaker(
            name,
            self._handoffs,
            summary_format=tool_call_summary_format,
            summary_formatter=tool_call_summary_formatter,
            content_type=output_content_type,
            content_format=output_content_type_format,
        )
        self._model = ModelCaller(
            name,
            model_client,
            self._model_context,
            [] if system_message is None else [SystemMessage(content=system_message)],
            stream=model_client_stream,
            json_output=output_content_type,
        )

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """`TextMessage`, `ToolCallSummaryMessage`, `HandoffMessage`, and the structured message if there is one."""
        return self._answers.types

    @property
    def model_context(self) -> ChatCompletionContext:
        """The conversation as the model sees it."""
        return self._model_context

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        with CancelScope(cancellation_token):
            return await final_response(self.on_messages_stream(messages, cancellation_token))

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Answer new messages; yields chunks, thoughts, tool calls and results as they arise, the `Response` last.

        Raises:
            pydantic.ValidationError: The model's text does not fit `output_content_type`.
            RuntimeError: The model's stream is malformed, or a reflection brought no text.
            Exception: What a memory, `tool_approval` or a guardrail raised.
            asyncio.CancelledError: The token was cancelled.
        """
        async with (
            Turn(self._model_context) as turn,
            aclosing(self._answer(messages, cancellation_token)) as items,
        ):
            async for item in items:
                if isinstance(item, Response):
                    turn.complete(cancellation_token)
                yield item

    async def _answer(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        inner: list[BaseAgentEvent | BaseChatMessage] = []
        context = self._model_context
        await add_to_context(context, messages)
        for memory in self._memory:
            update = await memory.update_context(context)
            if update.memories.results:
                remembered = MemoryQueryEvent(content=update.memories.results, source=self.name)
                inner.append(remembered)
                yield remembered

        message_id = new_message_id()
        executed: list[CallResult] = []
        for _ in range(self._max_tool_iterations):
            reply: CreateResult | None = None
            tools = await self._toolbox.schemas()
            async with aclosing(self._model.ask(tools, "auto", message_id, cancellation_token)) as asked:
                async for piece in asked:
                    if isinstance(piece, CreateResult):
                        reply = piece
                    else:
                        yield piece
            assert reply is not None  # ask() raises otherwise
            if reply.thought:
                thought = ThoughtEvent(content=reply.thought, source=self.name, id=message_id)
                message_id = new_message_id()
                inner.append(thought)
                yield thought
            await context.add_message(AssistantMessage(content=reply.content, source=self.name, thought=reply.thought))
            if isinstance(reply.content, str):
                answer = self._answers.from_text(reply, reply.content, message_id)
                yield Response(chat_message=answer, inner_messages=inner)
                return

            executed = []
            async with aclosing(self._execute(reply, reply.content, executed, cancellation_token)) as events:
                async for event in events:
                    if not isinstance(event, ModelClientStreamingChunkEvent):
                        inner.append(event)
                    yield event
            handed_over = self._answers.handoff(executed, reply.thought)
            if handed_over is not None:
                yield Response(chat_message=handed_over, inner_messages=inner)
                return

        if not self._reflect_on_tool_use:
            yield Response(chat_message=self._answers.summary(executed), inner_messages=inner)
            return
        async with aclosing(self._reflect(inner, cancellation_token)) as reflection:
            async for item in reflection:
                yield item

    async def _execute(
        self,
        reply: CreateResult,
        calls: list[FunctionCall],
        executed: list[CallResult],
        cancellation_token: CancellationToken,
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage, None]:
        """Execute the calls of one reply; yields the request, what tools stream, and the results."""
        request = ToolCallRequestEvent(content=calls, source=self.name, models_usage=reply.usage)
        _EVENTS.debug(request)
        yield request
        async with aclosing(self._toolbox.call(calls, executed, cancellation_token)) as streamed:
            async for item in streamed:
                yield item
        results = [result for _, result in executed]
        await self._model_context.add_message(FunctionExecutionResultMessage(content=results))
        execution = ToolCallExecutionEvent(content=results, source=self.name)
        _EVENTS.debug(execution)
        yield execution

    async def _reflect(
        self, inner: list[BaseAgentEvent | BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | Response, None]:
        """Have the model turn the results in the context into the answer, without tools."""
        message_id = new_message_id()
        reply: CreateResult | None = None
        async with aclosing(self._model.ask([], "none", message_id, cancellation_token)) as asked:
            async for piece in asked:
                if isinstance(piece, CreateResult):
                    reply = piece
                else:
                    yield piece
        if reply is None or not isinstance(reply.content, str):
            raise RuntimeError("Reflect on tool use produced no valid text response.")
        if reply.thought:
            thought = ThoughtEvent(content=reply.thought, source=self.name)
            inner.append(thought)
            yield thought
        await self._model_context.add_message(
            AssistantMessage(content=reply.content, source=self.name, thought=reply.thought)
        )
        yield Response(chat_message=self._answers.from_text(reply, reply.content, message_id), inner_messages=inner)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Clear the conversation. Memories are kept."""
        await self._model_context.clear()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation, as `AssistantAgentState`."""
        return AssistantAgentState(llm_context=await self._model_context.save_state()).model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the conversation."""
        await self._model_context.load_state(AssistantAgentState.model_validate(state).llm_context)

    def _to_config(self) -> AssistantAgentConfig:
        if self._toolbox.checks:
            # Loaded without them, the agent would make the calls unchecked.
            raise ValueError(
                f"Cannot serialize AssistantAgent {self.name!r} with tool_approval or tool_guardrails set: they are "
                "functions and objects of the program."
            )
        return AssistantAgentConfig(
            name=self.name,
            model_client=self._model_client.dump_component(),
            workbench=[workbench.dump_component() for workbench in self._toolbox.workbenches],
            handoffs=list(self._handoffs.values()),
            model_context=self._model_context.dump_component(),
            memory=[memory.dump_component() for memory in self._memory] if self._memory else None,
            description=self.description,
            system_message=self._system_message,
            model_client_stream=self._model_client_stream,
            reflect_on_tool_use=self._reflect_on_tool_use,
            tool_call_summary_format=self._answers.summary_format,
            max_tool_iterations=self._max_tool_iterations,
            metadata=self._metadata,
            structured_message_factory=(
                self._answers.structured.dump_component() if self._answers.structured else None
            ),
        )

    @classmethod
    def _from_config(cls, config: AssistantAgentConfig) -> Self:
        factory: StructuredMessageFactory | None = None
        if config.structured_message_factory is not None:
            factory = StructuredMessageFactory.load_component(config.structured_message_factory)
        model_client = ChatCompletionClient.load_component(config.model_client)
        memory = [Memory.load_component(found) for found in config.memory or ()]
        agent = cls(
            name=config.name,
            model_client=model_client,
            tools=[BaseTool.load_component(tool) for tool in config.tools] if config.tools else None,
            workbench=[Workbench.load_component(found) for found in config.workbench] if config.workbench else None,
            handoffs=config.handoffs,
            model_context=ChatCompletionContext.load_component(config.model_context) if config.model_context else None,
            memory=memory or None,
            description=config.description,
            system_message=config.system_message,
            model_client_stream=config.model_client_stream,
            reflect_on_tool_use=config.reflect_on_tool_use,
            max_tool_iterations=config.max_tool_iterations,
            tool_call_summary_format=config.tool_call_summary_format,
            output_content_type=factory.ContentModel if factory else None,
            output_content_type_format=factory.format_string if factory else None,
            metadata=config.metadata,
        )
        agent._owned = built_from((config.model_client, model_client), *zip(config.memory or (), memory, strict=True))
        return agent

    @classmethod
    def _from_config_past_version(cls, config: dict[str, Any], version: int) -> Self:
        """Load a configuration of version 1, which lists `tools` and knows neither workbenches nor iterations."""
        return cls._from_config(AssistantAgentConfig.model_validate(config))
