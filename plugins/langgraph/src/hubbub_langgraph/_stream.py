"""One run of a graph as a stream of events, in a task of its own that never outlives the stream."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from hubbub_core.running import iterate

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from hubbub_core import CancellationToken

    from ._mapping import Graph

Event: TypeAlias = tuple[tuple[str, ...], str, Any]
"""Namespace of the subgraph (empty: the graph itself), stream mode, and what was streamed."""

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
    stream = graph.astream(
        graph_input,
        config,
        context=context,
        stream_mode=list(_MODES),
        output_keys=graph.output_channels,  # what the graph returns, as ainvoke() has it
        subgraphs=True,
    )
    async with contextlib.aclosing(iterate(stream, token)) as events:
        async for event in events:
            yield cast("Event", event)
