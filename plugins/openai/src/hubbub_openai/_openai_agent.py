"""The chat agent on the Responses API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar, Final, Literal, Self, TypeAlias
from uuid import uuid4

import openai
from openai import AsyncOpenAI

from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    MultiModalMessage,
    StopMessage,
    TextMessage,
    ToolCallSummaryMessage,
)
from hubbub_core import CancellationToken, Image
from hubbub_core.models import RequestUsage
from hubbub_core.tools import BaseTool, Workbench
from hubbub_registry import Component, ComponentModel

from ._agent_events import execution_event, request_event
from ._answer import sum_usage
from ._ask_response import ask_response
from ._builtin_tools import builtin_tool
from ._chat_messages import chat_items, refuse_model_client
from ._errors import ResponseFailedError
from ._function_tools import FunctionTools, hub_tool, response_function
from ._model_answer import ModelAnswer, Piece
from ._openai_agent_config import OpenAIAgentConfig, OpenAIAgentState
from ._response_items import Item, call_item
from ._secrets import conceal_tool, reveal
from ._service_agent import ServiceAgent

NO_TEXT: Final = "(The response has no text.)"
"""Content of the answer when the model gave none."""

AgentTool: TypeAlias = (
    Literal["web_search_preview", "image_generation", "local_shell"]
    | dict[str, Any]
    | BaseTool[Any, Any]
    | Callable[..., Any]
)


class OpenAIAgent(ServiceAgent, Component[OpenAIAgentConfig]):
    """A chat agent on OpenAI's Responses API, with the service's own tools and tools of the hub.

    The service keeps the conversation: after the first answer only what is new is sent, with `previous_response_id`.
    When the service has forgotten that response, and with `store=False`, the whole conversation is sent instead. A turn
    that failed or was cancelled leaves its messages to be sent with the next one.

    An error of the service is an answer too: a `TextMessage` that starts `Error generating response: ` (newer N-243).
    When the model wants something approved or done on this machine, `UnansweredRequestError` is raised.

    Tools of the hub are called as often as the model wants, calls of one answer at the same time, up to
    `max_tool_iterations` rounds; then it has to answer without.

    Args:
        name: A Python identifier, unique within a team.
        description: What teams read about the agent.
        client: The SDK's client, `AsyncOpenAI` or `AsyncAzureOpenAI`. Closing the agent does not close it.
        model: The model.
        instructions: What the model is told first, as a system message.
        tools: Names of built-in tools (`web_search_preview`, `image_generation`, `local_shell`), built-in tools with
            their parameters (`{"type": "file_search", "vector_store_ids": [...]}`), tools of the hub and functions.
        temperature: None leaves it to the service.
        max_output_tokens: None leaves it to the service.
        json_mode: Whether the answer has to be a JSON object.
        store: Whether the service keeps the responses.
        truncation: What happens to a conversation that is too long: `disabled` fails, `auto` drops its middle.
        workbench: Workbenches with more tools of the hub. Not part of a configuration.
        max_tool_iterations: How many rounds of calls of hub tools one turn has at most.

    Raises:
        ValueError: A tool is unknown, lacks a parameter, is none for this model, or two have one name; `client` is a
            model client of the hub.
    """

    component_config_schema = OpenAIAgentConfig
    component_provider_override = "hubbub_openai.OpenAIAgent"
    component_version: ClassVar[int] = 1

    def __init__(
        self,
        name: str,
        description: str,
        client: AsyncOpenAI,
        model: str,
        instructions: str,
        tools: Iterable[AgentTool] | None = None,
        temperature: float | None = 1,
        max_output_tokens: int | None = None,
        json_mode: bool = False,
        store: bool = True,
        truncation: str = "disabled",
        *,
        workbench: Workbench | Sequence[Workbench] | None = None,
        max_tool_iterations: int = 10,
    ) -> None:
        super().__init__(name, description)
        refuse_model_client(client, type(self).__name__)
        if max_tool_iterations < 1:
            raise ValueError(f"max_tool_iterations is at least 1, not {max_tool_iterations}")
        self._client = client
        self._model = model
        self._instructions = instructions
        self._temperature = temperature
        self._max_output_tokens = max_output_tokens
        self._json_mode = json_mode
        self._store = store
        self._truncation = truncation
        self._max_tool_iterations = max_tool_iterations
        self._owns_client = False
        self._given_tools: list[str | dict[str, Any] | BaseTool[Any, Any]] = []
        self._builtin: list[dict[str, Any]] = []
        hub_tools: list[BaseTool[Any, Any]] = []
        for tool in tools or ():
            if not isinstance(tool, (str, Mapping)):
                made = hub_tool(tool)
                hub_tools.append(made)
                self._given_tools.append(made)
            elif not (isinstance(tool, str) and tool in self._given_tools):
                self._builtin.append(builtin_tool(reveal(tool), model))
                self._given_tools.append(tool if isinstance(tool, str) else dict(tool))
        workbenches = [workbench] if isinstance(workbench, Workbench) else list(workbench or ())
        self._functions = FunctionTools(hub_tools, workbenches)
        self._history: list[Item] = []
        self._unsent = 0
        self._response_id: str | None = None

    @property
    def model(self) -> str:
        """The model."""
        return self._model

    @property
    def tools(self) -> list[Any]:
        """The tools as a request has them, without those of workbenches."""
        return [*self._builtin, *(response_function(tool.schema) for tool in self._functions.tools)]

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """`TextMessage`, `MultiModalMessage` where the model made images, and what the documents list beside them."""
        return [TextMessage, MultiModalMessage, StopMessage, ToolCallSummaryMessage, HandoffMessage]

    async def _answer(
        self, messages: Sequence[BaseChatMessage], token: CancellationToken, *, stream: bool
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        for message in messages:
            items = chat_items(message)
            self._history.extend(items)
            self._unsent += len(items)
        inner: list[BaseAgentEvent | BaseChatMessage] = []
        answers: list[ModelAnswer] = []
        message_id = str(uuid4())
        try:
            rounds = self._rounds(answers, token, stream=stream)
            async with aclosing(self._told(rounds, inner, message_id)) as events:
                async for event in events:
                    yield event
        except (openai.OpenAIError, ResponseFailedError) as exc:
            failed = TextMessage(content=f"Error generating response: {exc}", source=self.name, id=message_id)
            yield Response(chat_message=failed, inner_messages=inner)
            return
        usage = sum_usage(*(answer.usage for answer in answers))
        yield Response(chat_message=self._message(answers[-1], usage, message_id), inner_messages=inner)

    async def _rounds(
        self, answers: list[ModelAnswer], token: CancellationToken, *, stream: bool
    ) -> AsyncGenerator[str | BaseAgentEvent, None]:
        """Ask the model until it answers; what is new in the conversation becomes part of it only then."""
        schemas = await self._functions.schemas()
        functions = [response_function(schema) for schema in schemas]
        previous = self._response_id
        new: list[Item] = []
        pending = self._first_input(previous)
        for left in range(self._max_tool_iterations, -1, -1):
            fallback = None if new else self._first_input(None)
            asked = self._ask(pending, previous, fallback, functions, token, stream=stream, may_call=left > 0)
            async with aclosing(self._events(asked, answers)) as events:
                async for event in events:
                    yield event
            answer = answers[-1]
            if not answer.calls:
                break
            if not left:
                raise ResponseFailedError(
                    f"model {self._model!r} calls tools after {self._max_tool_iterations} rounds although it was told "
                    "not to; raise max_tool_iterations"
                )
            yield request_event(answer, self.name)
            results = await self._functions.call(answer.calls, token)
            yield execution_event(results, self.name)
            calls = [call_item(call) for call in answer.calls]
            outputs = [result.item() for result in results]
            new.extend([*calls, *outputs])
            if self._store:
                previous, pending = answer.response_id, outputs
            else:
                pending = [*pending, *calls, *outputs]
        if answer.text:
            new.append({"role": "assistant", "content": answer.text})
        self._history.extend(new)
        self._unsent = 0
        self._response_id = answer.response_id if self._store else None

    async def _ask(
        self,
        items: list[Item],
        previous: str | None,
        fallback: list[Item] | None,
        functions: list[dict[str, Any]],
        token: CancellationToken,
        *,
        stream: bool,
        may_call: bool,
    ) -> AsyncGenerator[Piece, None]:
        """Ask the model once; with `fallback` again when the service has forgotten the previous response."""
        while True:
            request = self._request(items, previous, functions, may_call=may_call)
            try:
                async with aclosing(ask_response(self._client, request, stream=stream, token=token)) as asked:
                    async for piece in asked:
                        yield piece
                return
            except (openai.BadRequestError, openai.NotFoundError) as exc:
                # The service keeps responses for a while only, and another account never had them.
                if previous is None or fallback is None or exc.code != "previous_response_not_found":
                    raise
                items, previous = fallback, None

    def _first_input(self, previous: str | None) -> list[Item]:
        if previous is not None:
            return self._history[len(self._history) - self._unsent :]
        if any(item.get("role") == "system" for item in self._history):
            return list(self._history)
        return [{"role": "system", "content": self._instructions}, *self._history]

    def _request(
        self, items: list[Item], previous: str | None, functions: list[dict[str, Any]], *, may_call: bool
    ) -> dict[str, Any]:
        """Return the arguments of `responses.create` (newer N-241)."""
        request: dict[str, Any] = {
            "model": self._model,
            "input": items,
            "store": self._store,
            "truncation": self._truncation,
        }
        if self._temperature is not None:
            request["temperature"] = self._temperature
        if self._max_output_tokens is not None:
            request["max_output_tokens"] = self._max_output_tokens
        if self._json_mode:
            request["text"] = {"format": {"type": "json_object"}}
        if previous is not None:
            request["previous_response_id"] = previous
        if self._builtin or functions:
            request["tools"] = [*self._builtin, *functions]
            if not may_call:
                request["tool_choice"] = "none"
        return request

    def _message(self, answer: ModelAnswer, usage: RequestUsage, message_id: str) -> BaseChatMessage:
        common: dict[str, Any] = {
            "source": self.name,
            "models_usage": usage,
            "metadata": answer.metadata(),
            "id": message_id,
        }
        if answer.images:
            content: list[str | Image] = [answer.text] if answer.text else []
            content.extend(Image.from_base64(image) for image in answer.images)
            return MultiModalMessage(content=content, **common)
        return TextMessage(content=answer.text or NO_TEXT, **common)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Forget the conversation. The service keeps its responses until they expire."""
        self._history = []
        self._unsent = 0
        self._response_id = None

    async def save_state(self) -> Mapping[str, Any]:
        """Return `{"type": "OpenAIAgentState", "response_id": ..., "history": [...]}` and how much of it is unsent."""
        state = OpenAIAgentState(response_id=self._response_id, history=list(self._history), unsent=self._unsent)
        return state.model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on where another agent was."""
        loaded = OpenAIAgentState.model_validate(state)
        self._history = list(loaded.history)
        self._unsent = min(loaded.unsent, len(self._history))
        self._response_id = loaded.response_id

    async def close(self) -> None:
        """Close the SDK's client if the agent made it itself, from a configuration."""
        if self._owns_client:
            await self._client.close()

    def to_config(self) -> OpenAIAgentConfig:
        """Return the configuration (newer N-245)."""
        return self._to_config()

    @classmethod
    def from_config(cls, config: OpenAIAgentConfig) -> Self:
        """Make an agent of a configuration, with a client of its own: `AsyncOpenAI()`."""
        return cls._from_config(config)

    def _to_config(self) -> OpenAIAgentConfig:
        tools: list[dict[str, Any] | str] = [
            tool.dump_component().model_dump(exclude_none=True) if isinstance(tool, BaseTool) else conceal_tool(tool)
            for tool in self._given_tools
        ]
        return OpenAIAgentConfig(
            name=self.name,
            description=self.description,
            model=self._model,
            instructions=self._instructions,
            tools=tools or None,
            temperature=self._temperature,
            max_output_tokens=self._max_output_tokens,
            json_mode=self._json_mode,
            store=self._store,
            truncation=self._truncation,
        )

    @classmethod
    def _from_config(cls, config: OpenAIAgentConfig) -> Self:
        tools: list[Any] = [
            BaseTool.load_component(ComponentModel.model_validate(tool))
            if isinstance(tool, dict) and "provider" in tool
            else tool
            for tool in config.tools or ()
        ]
        options = {name: getattr(config, name) for name in type(config).model_fields if name != "tools"}
        agent = cls(client=AsyncOpenAI(), tools=tools, **options)
        agent._owns_client = True
        return agent
