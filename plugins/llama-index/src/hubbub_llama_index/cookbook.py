"""The documents' LlamaIndex-backed agent: a message in, an answer with its sources out (spec: 001 L31-420)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from hubbub_core import MessageContext, RoutedAgent, message_handler
from hubbub_core.exchange import AgentContext, AgentResult, AgentTask, Source, message_text
from hubbub_core.models import UserMessage
from hubbub_core.running import linked

if TYPE_CHECKING:
    from llama_index.core.agent.workflow import AgentWorkflow
    from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.chat_engine.types import BaseChatEngine
    from llama_index.core.llms import ChatMessage
    from llama_index.core.memory import BaseMemory

    from ._retrieval import QueryEngineAdapter
    from ._workflow import WorkflowAgentAdapter

_APOLOGY = "I'm sorry, I don't have an answer for you."


class Resource(BaseModel):
    """Where an answer comes from: a passage that was found, or what a tool said."""

    content: str

    node_id: str
    """Id of the passage's node, or the tool's name."""

    score: float | None = None
    """Relevance of a passage."""


class Message(BaseModel):
    """What the agent is asked, and what it answers."""

    content: str

    sources: list[Resource] | None = None
    """Of an answer: the passages first, then what the tools said. None where there is no answer."""


class LlamaIndexAgent(RoutedAgent):
    """An agent of LlamaIndex in the runtime, as the documents write it.

    It takes today's agents in place of `AgentRunner`, which LlamaIndex no longer has. Chat engines answer with
    `achat`; workflow agents (`FunctionAgent`, `ReActAgent`, `AgentWorkflow`) and query engines give the same answers
    and sources. Without a memory, a chat engine holds its own conversation, and a workflow agent that of this agent's
    key. With one, the memory is asked for the history before each answer, and told the question and the answer after
    it. An answer without text is an apology, whose `sources` are None.

    Args:
        description: What it does.
        llama_index_agent: The agent of LlamaIndex. It is not changed.
        memory: Where the conversation is kept. Each agent key needs its own.

    Raises:
        TypeError: `llama_index_agent` is something else.
        ValueError: There is a memory, and a query engine, which takes no conversation.
    """

    def __init__(
        self,
        description: str,
        llama_index_agent: BaseWorkflowAgent | AgentWorkflow | BaseChatEngine | BaseQueryEngine,
        memory: BaseMemory | None = None,
    ) -> None:
        super().__init__(description)
        self._memory = memory
        self._history: list[ChatMessage] | None = None
        self._engine: BaseChatEngine | None = None
        self._adapter: WorkflowAgentAdapter | QueryEngineAdapter | None = None
        self._take(llama_index_agent)

    @message_handler
    async def handle_user_message(self, message: Message, ctx: MessageContext) -> Message:
        """Answer a message.

        Raises:
            Exception: What the agent, its model or the memory raised.
            asyncio.CancelledError: The message was cancelled.
        """
        history = None if self._memory is None else await self._memory.aget(input=message.content)
        try:
            if self._engine is not None:
                reply = await self._chat(self._engine, message, history, ctx)
            else:
                reply = await self._run(message, history, ctx)
        except Exception as error:
            error.add_note(f"in agent {self.id.type!r} ({self._label})")  # as core says it of every adapter
            raise
        if reply is None:
            return Message(content=_APOLOGY)
        if self._memory is not None:
            await self._memory.aput_messages([_said("user", message.content), _said("assistant", reply.content)])
        return reply

    async def save_state(self) -> Mapping[str, Any]:
        """Return the conversation as JSON."""
        if self._memory is not None:
            return {"messages": _dump(await self._memory.aget_all())}
        if self._engine is not None:
            return {"messages": _dump(self._engine.chat_history if self._history is None else self._history)}
        save = getattr(self._adapter, "save_state", None)
        return await save() if save is not None else {}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Take up what `save_state` returned."""
        from llama_index.core.llms import ChatMessage

        if self._memory is None and self._engine is None:
            load = getattr(self._adapter, "load_state", None)
            if load is not None:
                await load(state)
            return
        messages = [ChatMessage.model_validate(message) for message in state.get("messages", [])]
        if self._memory is not None:
            await self._memory.aset(messages)
        else:
            self._history = messages  # the engine gets them with the next question: it has no other way in

    def _take(self, agent: Any) -> None:
        from llama_index.core.agent.workflow import AgentWorkflow
        from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
        from llama_index.core.base.base_query_engine import BaseQueryEngine
        from llama_index.core.chat_engine.types import BaseChatEngine

        from ._retrieval import QueryEngineAdapter
        from ._workflow import WorkflowAgentAdapter

        if isinstance(agent, BaseChatEngine):
            self._engine = agent
            self._label = f"LlamaIndex chat engine {type(agent).__name__}"
            return
        if isinstance(agent, BaseWorkflowAgent | AgentWorkflow):
            self._adapter = WorkflowAgentAdapter(agent)
        elif isinstance(agent, BaseQueryEngine):
            if self._memory is not None:
                raise ValueError(f"a {type(agent).__name__} takes no conversation; leave the memory out")
            self._adapter = QueryEngineAdapter(agent)
        else:
            raise TypeError(
                f"expected a workflow agent, a chat engine or a query engine of LlamaIndex, not a "
                f"{type(agent).__name__}"
            )
        self._label = self._adapter.label

    async def _chat(
        self, engine: BaseChatEngine, message: Message, history: list[ChatMessage] | None, ctx: MessageContext
    ) -> Message | None:
        from llama_index.core.chat_engine.types import AgentChatResponse

        if history is None:
            history, self._history = self._history, None
        answering = engine.achat(message.content, chat_history=history)
        response: Any = await linked(answering, ctx.cancellation_token)
        if not isinstance(response, AgentChatResponse) or not response.response:
            return None
        passages = [
            Resource(content=found.get_text(), score=found.score, node_id=found.id_) for found in response.source_nodes
        ]
        said = [Resource(content=output.content, node_id=output.tool_name) for output in response.sources]
        return Message(content=response.response, sources=[*passages, *said])

    async def _run(self, message: Message, history: list[ChatMessage] | None, ctx: MessageContext) -> Message | None:
        assert self._adapter is not None  # set where there is no chat engine
        if history is not None and not self._adapter.waits:  # type: ignore[union-attr] # `_take` lets no query engine have a memory
            # The memory is the conversation; what the adapter has kept of it goes.
            await self._adapter.load_state({"messages": _dump(history)})  # type: ignore[union-attr] # likewise
        task = AgentTask(messages=[UserMessage(content=message.content, source="user")])
        context = AgentContext(cancellation_token=ctx.cancellation_token, session=self.id.key, name=self.id.type)
        result: AgentResult | None = None
        async for item in self._adapter.run(task, context):
            if isinstance(item, AgentResult):
                result = item
        if result is None or not result.messages or not (text := message_text(result.messages[-1])):
            return None
        return Message(content=text, sources=[_resource(source) for source in result.sources])


def _resource(source: Source) -> Resource:
    return Resource(content=source.content, node_id=str(source.metadata["node_id"]), score=source.score)


def _said(role: str, text: str) -> ChatMessage:
    from llama_index.core.llms import ChatMessage, MessageRole

    return ChatMessage(role=MessageRole(role), content=text)


def _dump(messages: list[ChatMessage]) -> list[dict[str, Any]]:
    return [message.model_dump(mode="json") for message in messages]
