"""The two agents of the briefing that are code: a LangGraph graph and a RoutedAgent."""

from __future__ import annotations

import operator
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypedDict

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from hubbub_core import AgentChunk, AgentResult, MessageContext, RoutedAgent, Source, TopicId, message_handler
from hubbub_core.models import ChatCompletionClient, CreateResult, LLMMessage, SystemMessage, UserMessage

EXPECTED = {"librarian", "historian"}
"""Whose findings a briefing is made of."""


class Desk(TypedDict, total=False):
    """What the planner remembers of one briefing."""

    messages: list[AnyMessage]
    task: str
    found: Annotated[dict[str, list[Any]], operator.or_]
    sources: list[Any]
    topic: str


def plan(state: Desk, config: RunnableConfig) -> Desk:
    """Turn the task into what to search for: its questions, one a line."""
    task = config["configurable"]["hub"].task.text()
    questions = [part.strip() for part in re.split(r"[?;\n]|\band also\b", task) if part.strip()]
    return {"task": task, "messages": [AIMessage("\n".join(questions) or task)], "topic": "plan"}


def collect(state: Desk, config: RunnableConfig) -> Desk:
    """Keep what one agent found."""
    task = config["configurable"]["hub"].task
    author = getattr(task.messages[-1], "source", "") if task.messages else ""
    # The state is checkpointed, so it holds plain JSON.
    return {"found": {author: [source.model_dump() for source in task.sources]}, "messages": []}


def join(state: Desk) -> Desk:
    """Put everybody's findings together, in a fixed order."""
    sources = [
        {**source, "metadata": {**source["metadata"], "found_by": author}}
        for author in sorted(state["found"], reverse=True)
        for source in state["found"][author]
    ]
    return {"messages": [AIMessage(state["task"])], "sources": sources, "topic": "draft"}


def what_came(state: Desk) -> str:
    return "collect" if state.get("task") else "plan"


def whether_complete(state: Desk) -> str:
    return "join" if set(state["found"]) >= EXPECTED else END


def planner() -> CompiledStateGraph[Any, Any, Any, Any]:
    """A graph that is asked to plan first, and joins when the last findings arrive."""
    graph = StateGraph(Desk)
    graph.add_node("plan", plan)
    graph.add_node("collect", collect)
    graph.add_node("join", join)
    graph.add_conditional_edges(START, what_came, ["plan", "collect"])
    graph.add_conditional_edges("collect", whether_complete, ["join", END])
    graph.add_edge("plan", END)
    graph.add_edge("join", END)
    return graph.compile(checkpointer=InMemorySaver(), name="planner")


class Editor(RoutedAgent):
    """Writes the briefing: an answer by the model, the passages it rests on, the newest commits."""

    def __init__(self, model: ChatCompletionClient, publishes: str) -> None:
        super().__init__("Writes the briefing")
        self._model = model
        self._topic = publishes

    @message_handler
    async def on_draft(self, message: AgentResult, ctx: MessageContext) -> None:
        task = message.text()
        passages = [source for source in message.sources if source.metadata.get("found_by") == "librarian"]
        commits = [source for source in message.sources if source.metadata.get("found_by") == "historian"]
        text = ""
        for piece in (f"# Briefing: {one_line(task)}\n\n", "## Answer\n\n"):
            text += await self._say(piece, ctx)
        async for piece in self._answer(task, passages, ctx):
            text += await self._say(piece, ctx)
        for piece in (f"\n\n## Passages\n\n{quoted(passages)}", f"\n\n## Newest commits\n\n{listed(commits)}\n"):
            text += await self._say(piece, ctx)
        result = AgentResult.from_text(text, source=self.id.type, sources=message.sources)
        await self.publish_message(result, TopicId(self._topic, self.id.key))

    async def _answer(self, task: str, passages: list[Source], ctx: MessageContext) -> AsyncIterator[str]:
        if not passages:
            yield "Nothing in the documents speaks about this."
            return
        instruction = "Answer the question from the passages. Quote them, and name the source of each quotation."
        material = "\n\n".join(f"[{n}] {source.title}\n{source.content}" for n, source in enumerate(passages, 1))
        messages: list[LLMMessage] = [
            SystemMessage(content=instruction),
            UserMessage(content=material, source="librarian"),
            UserMessage(content=task, source="user"),
        ]
        async for piece in self._model.create_stream(messages, cancellation_token=ctx.cancellation_token):
            if not isinstance(piece, CreateResult):
                yield piece

    async def _say(self, text: str, ctx: MessageContext) -> str:
        await self.publish_message(AgentChunk(content=text, source=self.id.type), TopicId(self._topic, self.id.key))
        return text


def one_line(text: str) -> str:
    """Return text without line breaks."""
    return " ".join(text.split())


def quoted(passages: list[Source]) -> str:
    """Return passages as Markdown quotations, each with its source."""
    blocks = []
    for number, source in enumerate(passages, 1):
        lines = "\n".join(f"> {line}".rstrip() for line in source.content.strip().splitlines())
        blocks.append(f"{lines}\n>\n> [{number}] {source.title}")
    return "\n\n".join(blocks) or "None."


def listed(commits: list[Source]) -> str:
    """Return commits as a Markdown list."""
    return "\n".join(f"- {one_line(source.title or source.content)}" for source in commits) or "None."
