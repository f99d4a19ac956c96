"""LlamaIndex objects as agents of the hub: what `adapt(...)` calls."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hubbub_core import AdaptedAgent

from ._chat import ChatEngineAdapter
from ._retrieval import QueryEngineAdapter, RetrieverAdapter
from ._workflow import StartArguments, WorkflowAdapter, WorkflowAgentAdapter, _start_arguments

if TYPE_CHECKING:
    from llama_index.core.agent.workflow import AgentWorkflow
    from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.chat_engine.types import BaseChatEngine
    from llama_index.core.workflow import Workflow


def from_retriever(retriever: BaseRetriever, *, name: str = "retriever", description: str = "") -> AdaptedAgent:
    """Make an agent that answers with the passages a retriever finds.

    The result's text lists them below lines like `[1] title`; its sources hold content, title, uri and score. The
    title is the node's `title`, `file_path`, `file_name` or `source`, else its id.
    """
    return AdaptedAgent(
        lambda: RetrieverAdapter(retriever), name=name, description=description or "Finds passages of documents"
    )


def from_query_engine(engine: BaseQueryEngine, *, name: str = "query_engine", description: str = "") -> AdaptedAgent:
    """Make an agent that answers a question with a query engine, the passages it used as sources."""
    return AdaptedAgent(
        lambda: QueryEngineAdapter(engine), name=name, description=description or "Answers questions about documents"
    )


def from_chat_engine(engine: BaseChatEngine, *, name: str = "chat_engine", description: str = "") -> AdaptedAgent:
    """Make an agent that holds a conversation per session with a chat engine.

    The engine has room for one conversation: sessions take turns on it, and what it held before is reset.
    """
    turn = asyncio.Lock()
    return AdaptedAgent(
        lambda: ChatEngineAdapter(engine, turn), name=name, description=description or "Talks about documents"
    )


def from_workflow_agent(
    agent: BaseWorkflowAgent | AgentWorkflow, *, name: str | None = None, description: str = ""
) -> AdaptedAgent:
    """Make an agent of a `FunctionAgent`, `ReActAgent`, `CodeActAgent` or `AgentWorkflow`.

    Text, thoughts, tool calls and tool results are streamed. The result holds every message of the run, and what the
    tools found or said as sources. Each session has a conversation of its own.

    Args:
        agent: The agent; it is not changed.
        name: The agent's own name when missing, `"workflow"` for a workflow of several agents.
        description: The agent's own when missing.
    """
    return AdaptedAgent(
        lambda: WorkflowAgentAdapter(agent),
        name=name or str(getattr(agent, "name", None) or "workflow"),
        description=description or str(getattr(agent, "description", None) or ""),
    )


def from_workflow(
    workflow: Workflow, *, name: str | None = None, description: str = "", start: StartArguments | None = None
) -> AdaptedAgent:
    """Make an agent of a workflow that is no agent. Each task is a run of its own.

    Args:
        workflow: The workflow; it is not changed.
        name: The class's name when missing.
        description: What it does.
        start: Makes the arguments of `workflow.run` from a task. Without it the task's text is `input`, or the one
            field that the workflow's start event requires.

    Raises:
        ValueError: The start event requires more than one text, and `start` is missing.
    """
    started = start or _start_arguments(workflow)
    return AdaptedAgent(
        lambda: WorkflowAdapter(workflow, started), name=name or type(workflow).__name__, description=description
    )
