"""LlamaIndex objects as agents of the hub: what `adapt(...)` calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from hubbub_core import AdaptedAgent
from hubbub_registry import NotReadyError

from ._chat import ChatEngineAdapter
from ._questions import Respond, responder
from ._retrieval import QueryEngineAdapter, RetrieverAdapter
from ._workflow import StartArguments, WorkflowAdapter, WorkflowAgentAdapter, _start_arguments

if TYPE_CHECKING:
    from llama_index.core.agent.workflow import AgentWorkflow
    from llama_index.core.agent.workflow.base_agent import BaseWorkflowAgent
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.chat_engine.types import BaseChatEngine
    from llama_index.core.indices.base import BaseIndex
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
    return AdaptedAgent(
        lambda: ChatEngineAdapter(engine), name=name, description=description or "Talks about documents"
    )


def refuse_index(index: BaseIndex[Any], **options: object) -> NoReturn:
    """Refuse an index, which does not answer by itself.

    Raises:
        NotReadyError: Always.
    """
    raise NotReadyError(
        f"a {type(index).__name__} does not answer by itself; call .as_retriever(), .as_query_engine(llm=...) or "
        ".as_chat_engine(llm=...) and adapt that, or adapt it to a memory, with to='memory'"
    )


def from_workflow_agent(
    agent: BaseWorkflowAgent | AgentWorkflow,
    *,
    name: str | None = None,
    description: str = "",
    respond: Respond | None = None,
) -> AdaptedAgent:
    """Make an agent of a `FunctionAgent`, `ReActAgent`, `CodeActAgent` or `AgentWorkflow`.

    Text, thoughts, tool calls and tool results are streamed. The result holds every message of the run, and what the
    tools found or said as sources. Each session has a conversation of its own. A tool that asks a human stops the run,
    as `from_workflow` says.

    Args:
        agent: The agent; it is not changed.
        name: The agent's own name when missing, `"workflow"` for a workflow of several agents.
        description: The agent's own when missing.
        respond: Makes the event that answers a question of a tool, as for `from_workflow`.
    """
    answering = respond or responder(agent)
    return AdaptedAgent(
        lambda: WorkflowAgentAdapter(agent, answering),
        name=name or str(getattr(agent, "name", None) or "workflow"),
        description=description or str(getattr(agent, "description", None) or ""),
    )


def from_workflow(
    workflow: Workflow,
    *,
    name: str | None = None,
    description: str = "",
    start: StartArguments | None = None,
    respond: Respond | None = None,
) -> AdaptedAgent:
    """Make an agent of a workflow that is no agent. Each task is a run of its own.

    An `InputRequiredEvent` is put to whoever answers for the run (`hubbub_core.user_input.answer_with`). Where nobody
    does, the run ends with the finish reason `"interrupt"`, the question as its last message, and
    `metadata["interrupts"]` as `[{"id": ..., "value": ...}]`. The next task of the session is the answer: its text, or
    `metadata["resume"]`, a dictionary of which sets several fields of the answering event; several questions at once
    are answered by `{id: answer}`. The run that waits is part of the state.

    Events that steps write to the stream are status chunks, with `metadata["event"]` and `metadata["value"]`.

    Args:
        workflow: The workflow; it is not changed.
        name: The class's name when missing.
        description: What it does.
        start: Makes the arguments of `workflow.run` from a task. Without it the task's text is `input`, or the one
            field that the workflow's start event requires.
        respond: Makes the event that answers a question, of the question's fields and the answer. Without it that is
            the one kind of `HumanResponseEvent` that the steps take, with the question's own fields and the answer as
            `response`.

    Raises:
        ValueError: The start event requires more than one text, and `start` is missing; or the steps take several
            kinds of answers, and `respond` is missing.
    """
    started, answering = start or _start_arguments(workflow), respond or responder(workflow)
    return AdaptedAgent(
        lambda: WorkflowAdapter(workflow, started, answering),
        name=name or type(workflow).__name__,
        description=description,
    )
