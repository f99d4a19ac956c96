"""Adapted agents: an `AgentAdapter` of any framework as an agent of the runtime."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from hubbub_registry import HubbubError

from ._agent_type import AgentType
from ._cancellation_token import CancellationToken
from ._message_context import MessageContext
from ._routed_agent import RoutedAgent, message_handler
from ._topic import TopicId
from ._type_subscription import TypeSubscription
from .exchange import AgentAdapter, AgentChunk, AgentContext, AgentResult, AgentTask, as_task

if TYPE_CHECKING:
    from ._agent_runtime import AgentRuntime
    from .models import LLMMessage


class NoResultError(HubbubError, RuntimeError):
    """An adapter's run ended without an `AgentResult`."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"agent {name!r} ended its run without a result; an adapter's last item is its AgentResult")


async def run_adapter(
    adapter: AgentAdapter, task: AgentTask, context: AgentContext
) -> AsyncGenerator[AgentChunk | AgentResult, None]:
    """Run an adapter and hold it to its contract.

    Yields:
        Its chunks as they arise, then its one result, completed with the agent's name, the reply topic and
        `metadata["task"]`, the text of the first task in a chain of agents.

    Raises:
        NoResultError: The run ended without a result.
        asyncio.CancelledError: The context's token was cancelled before or during the run.
        Exception: What the adapter raised: the error itself, with a note that names the agent.
    """
    if context.cancellation_token.is_cancelled():
        raise asyncio.CancelledError(f"the run of agent {context.name!r} was cancelled")
    result: AgentResult | None = None
    try:
        stream = adapter.run(task, context)
        try:
            async for item in stream:
                if isinstance(item, AgentResult):
                    result = item
                    break
                yield item
        finally:
            # Closing awaits the run's own cleanup; a plain iterator without aclose() has none.
            aclose = getattr(stream, "aclose", None)
            if aclose is not None:
                await aclose()
    except Exception as error:
        what = getattr(adapter, "label", None) or type(adapter).__name__
        note = f"in agent {context.name!r} ({what})"
        # Once: an adapter may raise the same error object again, such as that of a connection which is gone.
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        raise
    if result is None:
        raise NoResultError(context.name)
    metadata = {"task": task.metadata.get("task", task.text()), **result.metadata}
    yield result.model_copy(
        update={
            "source": result.source or context.name,
            "reply_to": result.reply_to or task.reply_to,
            "metadata": metadata,
        }
    )


class ExchangeAgent(RoutedAgent):
    """The runtime's side of an adapted agent: one instance, and one adapter, per agent key.

    A task sent to it is answered with the result. A task, or another agent's result, published on a topic that it
    subscribes to is run, and the result is published on the topic that it names itself, else on `publishes`, else on
    the task's reply topic. A result without messages is not published.
    """

    def __init__(self, adapter: AgentAdapter, description: str, publishes: str | None = None) -> None:
        super().__init__(description)
        self._adapter = adapter
        self._publishes = publishes

    @message_handler
    async def on_task(self, message: AgentTask, ctx: MessageContext) -> AgentResult | None:
        return await self._run(message, ctx)

    @message_handler
    async def on_result(self, message: AgentResult, ctx: MessageContext) -> AgentResult | None:
        return await self._run(as_task(message), ctx)

    async def _run(self, task: AgentTask, ctx: MessageContext) -> AgentResult | None:
        context = AgentContext(
            cancellation_token=ctx.cancellation_token,
            session=self.id.key,
            name=self.id.type,
            agent_id=self.id,
            runtime=self.runtime,
            topic_id=ctx.topic_id,
        )
        result: AgentResult | None = None
        async with contextlib.aclosing(run_adapter(self._adapter, task, context)) as items:
            async for item in items:
                if isinstance(item, AgentResult):
                    result = item
                elif task.reply_to is not None:
                    await self.publish_message(item, TopicId(task.reply_to, self.id.key))
        assert result is not None  # run_adapter raises otherwise
        if ctx.is_rpc:
            return result
        topic = result.topic or self._publishes or task.reply_to
        if topic is not None and result.messages:
            await self.publish_message(result, TopicId(topic, self.id.key), cancellation_token=ctx.cancellation_token)
        return None

    async def save_state(self) -> Mapping[str, Any]:
        return await save_adapter(self._adapter)

    async def load_state(self, state: Mapping[str, Any]) -> None:
        await load_adapter(self._adapter, state)

    async def close(self) -> None:
        await close_adapter(self._adapter)


class AdaptedAgent:
    """A foreign agent in the hub: what `adapt()` returns.

    Args:
        factory: Makes the adapter of one agent key; called once per key and for each session of `run`.
        name: The agent's name outside a runtime.
        description: One line on what it does.
    """

    def __init__(self, factory: Callable[[], AgentAdapter], *, name: str, description: str = "") -> None:
        self._factory = factory
        self.name = name
        self.description = description or name
        self._sessions: dict[str, AgentAdapter] = {}

    def new_adapter(self) -> AgentAdapter:
        """Make an adapter with a state of its own."""
        return self._factory()

    async def register(
        self,
        runtime: AgentRuntime,
        type: str,
        *,
        subscriptions: Sequence[str] = (),
        publishes: str | None = None,
    ) -> AgentType:
        """Register it as an agent type: state per agent key, adapters made on the first message to a key.

        Args:
            runtime: Where it is registered.
            type: The agent type.
            subscriptions: Topic types whose tasks and results it takes.
            publishes: Topic type for its results; None leaves it to each task's reply topic.
        """
        agent_type = await ExchangeAgent.register(
            runtime, type, lambda: ExchangeAgent(self._factory(), self.description, publishes)
        )
        for topic_type in subscriptions:
            await runtime.add_subscription(TypeSubscription(topic_type, agent_type))
        return agent_type

    async def run(
        self,
        task: str | LLMMessage | Sequence[LLMMessage] | AgentTask | AgentResult,
        *,
        cancellation_token: CancellationToken | None = None,
        session: str = "default",
    ) -> AgentResult:
        """Run a task without a runtime and return its result; a session keeps its conversation between calls."""
        result: AgentResult | None = None
        async for item in self.run_stream(task, cancellation_token=cancellation_token, session=session):
            if isinstance(item, AgentResult):
                result = item
        assert result is not None  # run_adapter raises otherwise
        return result

    async def run_stream(
        self,
        task: str | LLMMessage | Sequence[LLMMessage] | AgentTask | AgentResult,
        *,
        cancellation_token: CancellationToken | None = None,
        session: str = "default",
    ) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run a task without a runtime; yields chunks as they arise, the result last."""
        adapter = self._sessions.get(session)
        if adapter is None:
            adapter = self._sessions[session] = self._factory()
        context = AgentContext(
            cancellation_token=cancellation_token or CancellationToken(), session=session, name=self.name
        )
        async with contextlib.aclosing(run_adapter(adapter, as_task(task), context)) as items:
            async for item in items:
                yield item

    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of every session used by `run`, as JSON: `{"default": {...}}`."""
        return {session: await save_adapter(adapter) for session, adapter in self._sessions.items()}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned."""
        for session, saved in state.items():
            adapter = self._sessions[session] = self._factory()
            await load_adapter(adapter, saved)

    async def close(self) -> None:
        """Release what the sessions hold."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for adapter in sessions:
            await close_adapter(adapter)


async def save_adapter(adapter: AgentAdapter) -> Mapping[str, Any]:
    """Return an adapter's state; empty when it keeps none."""
    save = getattr(adapter, "save_state", None)
    return cast("Mapping[str, Any]", await save()) if save is not None else {}


async def load_adapter(adapter: AgentAdapter, state: Mapping[str, Any]) -> None:
    """Give an adapter its state back.

    Raises:
        ValueError: There is a state, and the adapter cannot take one.
    """
    load = getattr(adapter, "load_state", None)
    if load is not None:
        await load(state)
    elif state:
        raise ValueError(f"{type(adapter).__name__} keeps no state, but was given {sorted(state)}")


async def close_adapter(adapter: AgentAdapter) -> None:
    """Release what an adapter holds, if it says how."""
    close = getattr(adapter, "close", None)
    if close is not None:
        await close()
