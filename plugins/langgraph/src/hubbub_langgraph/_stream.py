"""One run of a graph as a stream of events, in a task of its own that never outlives the stream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from hubbub_core import CancellationToken

    from ._mapping import Graph

Event: TypeAlias = tuple[tuple[str, ...], str, Any]
"""Namespace of the subgraph (empty: the graph itself), stream mode, and what was streamed."""

_END: Final = object()
_MODES: Final = ("values", "updates", "messages", "custom")


async def stream_graph(
    graph: Graph, graph_input: Any, config: RunnableConfig, context: Any, token: CancellationToken
) -> AsyncGenerator[Event, None]:
    """Run a graph and yield what it streams.

    The whole run happens in one task: LangGraph keeps context variables across its steps, and cancelling that task is
    what ends its nodes, wherever they wait.

    Raises:
        Exception: What a node raised, as it is.
        asyncio.CancelledError: The token was cancelled. The run has ended by then.
    """
    # Unbounded, as LangGraph's own queue before it: what a reader delays is its own reading, never the graph.
    queue: asyncio.Queue[Any] = asyncio.Queue()

    async def pump() -> None:
        stream = graph.astream(
            graph_input,
            config,
            context=context,
            stream_mode=list(_MODES),
            output_keys=graph.output_channels,  # what the graph returns, as ainvoke() has it
            subgraphs=True,
        )
        async with contextlib.aclosing(stream) as events:  # type: ignore[type-var] # an async generator, typed as an iterator
            async for event in events:
                queue.put_nowait(event)

    running = asyncio.create_task(pump(), name=f"graph {graph.name}")
    running.add_done_callback(lambda _: queue.put_nowait(_END))
    token.link_future(running)
    try:
        while (event := await queue.get()) is not _END:
            yield event
        await running
    finally:
        if not running.done():
            running.cancel()
            await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # seen: raised above, or of a run that nobody waits for any more
