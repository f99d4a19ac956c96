"""LangChain Runnables as agents of the hub: chains, chat models, functions."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Self, cast

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import merge_configs
from pydantic import TypeAdapter

from hubbub_core import AdaptedAgent
from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult, AgentTask
from hubbub_core.hub.objects import load_object
from hubbub_core.models import ChatCompletionClient, LLMMessage
from hubbub_core.passages import with_sources
from hubbub_core.running import iterate
from hubbub_registry import Component, ComponentBase, NotReadyError

from ._answer import Collector, Output, read_answer
from ._question import Input, question_for
from .chat_model import HubChatModel
from .config import RunnableAgentConfig
from .usage import UsageMeter

_MESSAGES: TypeAdapter[list[LLMMessage]] = TypeAdapter(list[LLMMessage])
_GRAPH = "langgraph.pregel.main.Pregel"


class RunnableAgent(ComponentBase[RunnableAgentConfig], Component[RunnableAgentConfig]):
    """Runs one Runnable for one agent key.

    A Runnable that takes messages gets the conversation: what the session has said so far, kept here, and the task's
    messages, the newest one with the passages that came along. Where a prompt has a variable for the question beside
    its placeholder for messages, the placeholder gets what was said before. Any other Runnable gets the task's text,
    alone or under its one input key, and a variable `context` the passages.

    Args:
        runnable: The Runnable. It is not changed.
        name: Author of messages that name none, and its name in errors; the Runnable's own name without it.
        description: One line on what it does.
        input: Key of the input that takes the task's text, or a function of the `AgentTask` that returns the input.
        output: Key of the answer in what it returns, or a function of that. Without it, `answer`, `output`, `result`,
            `messages` or `text`, or the only key. The answer is text, messages of LangChain or the hub, documents, an
            `AgentResult`, or JSON; documents beside the answer are sources.
        config: LangChain's configuration of each run (`callbacks`, `tags`, `configurable`, ...).

    Raises:
        NotReadyError: It is a LangGraph graph, which hubbub-langgraph runs.
        TypeError: It is no Runnable.
        ValueError: Its schema leaves open what `input` should be, or has no such key.
    """

    component_type: ClassVar[str] = "agent"
    component_config_schema = RunnableAgentConfig
    component_provider_override = "hubbub_langchain.RunnableAgent"

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        *,
        name: str | None = None,
        description: str = "",
        input: Input = None,
        output: Output = None,
        config: RunnableConfig | None = None,
    ) -> None:
        if not isinstance(runnable, Runnable):
            raise TypeError(f"expected a Runnable of langchain_core, not a {type(runnable).__name__}")
        if _GRAPH in (f"{cls.__module__}.{cls.__qualname__}" for cls in type(runnable).__mro__):
            raise NotReadyError(
                f"a {type(runnable).__name__} is a LangGraph graph, with a state and interrupts that a Runnable does "
                "not have; `pip install hubbub-langgraph` adapts it"
            )
        self.name = name or runnable_name(runnable)
        self.label = f"LangChain runnable {self.name!r}"
        self.description = description or f"The LangChain runnable {self.name}."
        self._runnable = runnable
        self._question = question_for(runnable, self.name, input)
        self._output = output
        self._config = RunnableConfig() if config is None else config
        self._history: list[LLMMessage] = []
        self._source: RunnableAgentConfig | None = None
        self._model: ChatCompletionClient | None = None

    async def run(self, task: AgentTask, context: AgentContext) -> AsyncGenerator[AgentChunk | AgentResult, None]:
        """Run it on a task.

        Yields:
            Text and thoughts of the answer as they arise, its calls; at last the result, with the tokens of all chat
            models in the Runnable.

        Raises:
            ValueError: The task or the answer has no form on the other side.
            Exception: What the Runnable raised.
            asyncio.CancelledError: The context's token was cancelled. A synchronous step that runs in a thread cannot
                be stopped: it ends by itself, and what it returns is not used.
        """
        new = with_sources(task)
        said = [*self._history, *new]
        meter = UsageMeter()
        config = merge_configs(
            {"run_name": context.name}, self._config, {"callbacks": [meter], "metadata": {"session": context.session}}
        )
        collector = Collector(context.name, self._output)
        stream = self._runnable.astream(self._question.build(task, said), config)
        async with aclosing(iterate(stream, context.cancellation_token)) as pieces:
            async for piece in pieces:
                for chunk in collector.feed(piece):
                    yield chunk
        final = collector.final()
        for chunk in collector.calls(final):
            yield chunk
        result = read_answer(context.name, self._output, final)
        if not (result.usage.prompt_tokens or result.usage.completion_tokens):
            result = result.model_copy(update={"usage": meter.usage})
        if self._question.takes_conversation:
            self._history = [*said, *result.messages]
        yield result

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation as JSON; empty before the first run, and for a Runnable that takes no messages."""
        if not self._history:
            return {}
        return {"messages": _MESSAGES.dump_python(self._history, mode="json")}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned.

        Raises:
            ValueError: The state is not one of this agent's, or the Runnable takes no messages.
        """
        history = _MESSAGES.validate_python(state.get("messages", []))
        if history and not self._question.takes_conversation:
            raise ValueError(f"{self.name!r} takes no messages, so it cannot take up a conversation")
        self._history = history

    async def close(self) -> None:
        """Close the model client that this agent built for itself; a shared one stays open."""
        if self._model is not None:
            await self._model.close()

    def _to_config(self) -> RunnableAgentConfig:
        if self._source is None:
            raise TypeError(
                f"{self.name!r} was passed as an object, which is no configuration; load the agent from "
                "`runnable: FILE.py:ATTRIBUTE` to dump it"
            )
        return self._source

    @classmethod
    def _from_config(cls, config: RunnableAgentConfig) -> Self:
        model = None if config.model is None else ChatCompletionClient.load_component(config.model)
        # LangChain's own class is abstract, which a type checker does not take for a class that is asked for.
        kind: Any = Runnable
        agent = cls(
            load_object(
                config.runnable,
                kind,
                "a LangChain Runnable",
                offers={"model": None if model is None else HubChatModel(model_client=model)},
            ),
            name=config.name,
            description=config.description,
            input=config.input,
            output=config.output,
            config=cast("RunnableConfig", config.config),
        )
        agent._source = config
        if config.model is not None and not config.model.provider.startswith("ref:"):
            agent._model = model
        return agent


def from_runnable(
    runnable: Runnable[Any, Any],
    *,
    name: str | None = None,
    description: str = "",
    input: Input = None,
    output: Output = None,
    config: RunnableConfig | None = None,
) -> AdaptedAgent:
    """Make an agent of a Runnable; what `adapt(runnable)` calls. See `RunnableAgent` for the options."""

    def build() -> RunnableAgent:
        return RunnableAgent(runnable, name=name, description=description, input=input, output=output, config=config)

    first = build()  # what cannot work is refused here, not at the first message
    return AdaptedAgent(build, name=first.name, description=first.description)


def runnable_name(runnable: Runnable[Any, Any]) -> str:
    """Return the Runnable's own name in the characters of an agent type; its class's name when it has none."""
    own = getattr(runnable, "name", None) or type(runnable).__name__
    return re.sub(r"[^\w.-]", "_", own)
