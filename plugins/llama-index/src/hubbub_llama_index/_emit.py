"""How an adapter runs what its framework made, and hands over what arises meanwhile."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager

from hubbub_core.exchange import AgentChunk, AgentContext, AgentResult
from hubbub_core.running import stream_work

Emit = Callable[[AgentChunk], None]
"""Hands a chunk to the caller; never suspends."""


def stream_run(
    work: Callable[[Emit], Awaitable[AgentResult]], context: AgentContext, what: str
) -> AsyncGenerator[AgentChunk | AgentResult, None]:
    """Yield the chunks that `work` emits, then its result. What it raises arrives as itself and names the agent.

    Args:
        work: One run.
        context: Its context; the token cancels it.
        what: What runs: `"FunctionAgent 'planner'"`.
    """

    async def named(emit: Emit) -> AgentResult:
        with naming(what, context.name):
            return await work(emit)

    return stream_work(named, context.cancellation_token)


@contextmanager
def naming(what: str, name: str) -> Iterator[None]:
    """Have what is raised within the block name the agent.

    Args:
        what: What runs: `"FunctionAgent 'planner'"`.
        name: Its name in the hub.
    """
    try:
        yield
    except Exception as error:
        error.add_note(f"in the {what} of LlamaIndex, which is {name!r} in the hub")
        raise
