"""The hub as seen from inside a graph: the task, the context, and the hub's model."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from hubbub_core.exchange import AgentContext, AgentTask
from hubbub_langchain import HubChatModel
from hubbub_langchain.messages import from_create_result, from_langchain
from hubbub_langchain.usage import UsageMeter

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from pydantic import BaseModel

    from hubbub_core.models import ChatCompletionClient
    from hubbub_core.tools import Tool, ToolSchema

HUB_KEY = "hub"
"""Where a run's `GraphHub` is in `config["configurable"]`."""


@dataclass(frozen=True, slots=True)
class GraphHub:
    """What a node finds in `config["configurable"]["hub"]`, or by `get_hub()`."""

    task: AgentTask
    """The task of this run, with the sources and metadata that earlier agents put there."""

    context: AgentContext
    """The session, the runtime and the cancellation token of this run."""

    model: ChatCompletionClient | None = None
    """The hub's model client that the agent was given."""

    _meter: UsageMeter = field(default_factory=UsageMeter, repr=False)
    _loop: asyncio.AbstractEventLoop | None = field(default=None, repr=False)

    @property
    def chat_model(self) -> HubChatModel:
        """The hub's model as a LangChain chat model, for nodes and agents that ask for one.

        Its tokens are streamed, and count into the result of the run; it is cancelled with the run. A synchronous node,
        which runs in a thread, may call `invoke`: the request is made in the hub's event loop.

        Raises:
            LookupError: The agent was given no model.
        """
        return HubChatModel(
            model_client=self._required_model(),
            source=self.context.name,
            cancellation_token=self.context.cancellation_token,
            loop=self._loop,
        )

    async def complete(
        self,
        messages: str | Sequence[BaseMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
    ) -> AIMessage:
        """Ask the hub's model with LangChain messages; the tokens count into the result of the run.

        Args:
            messages: The conversation, or the text of one user message.
            tools: What the model may call.
            tool_choice: As in `ChatCompletionClient.create`.
            json_output: As in `ChatCompletionClient.create`.
            extra_create_args: Passed on to the client.

        Raises:
            LookupError: The agent was given no model.
            ValueError: A message has no form in the hub, or the model cannot take it.
            asyncio.CancelledError: The run was cancelled.
        """
        model = self._required_model()
        conversation = [HumanMessage(content=messages)] if isinstance(messages, str) else messages
        result = await model.create(
            from_langchain(conversation, source=self.context.name),
            tools=tools,
            tool_choice=tool_choice,
            json_output=json_output,
            extra_create_args=extra_create_args or {},
            cancellation_token=self.context.cancellation_token,
        )
        # The id is what keeps the message from being counted again when the node returns it.
        reply = from_create_result(result, source=self.context.name).model_copy(update={"id": f"hub-{uuid4()}"})
        self._meter.count(reply)
        return reply

    def _required_model(self) -> ChatCompletionClient:
        if self.model is None:
            raise LookupError(
                f"agent {self.context.name!r} was given no model; pass model= to adapt(), or set `model` in its "
                "configuration"
            )
        return self.model


def get_hub(config: RunnableConfig | None = None) -> GraphHub:
    """Return the hub's side of the run that this node belongs to.

    Args:
        config: The node's configuration; without it, the one of the running node is taken.

    Raises:
        LookupError: The graph is not run by the hub.
    """
    if config is None:
        from langgraph.config import get_config

        try:
            config = get_config()
        except RuntimeError as error:
            raise LookupError("get_hub() is called outside a node of a running graph") from error
    hub = config.get("configurable", {}).get(HUB_KEY)
    if not isinstance(hub, GraphHub):
        raise LookupError("this graph is not run by the hub; run it with adapt(graph), or pass no hub to its nodes")
    return hub
