"""Nodes of LlamaIndex as sources of a result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from hubbub_core.exchange import Source
from hubbub_core.passages import json_object, source_from

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore
    from llama_index.core.tools import ToolOutput


def sources_from_nodes(nodes: Iterable[NodeWithScore]) -> list[Source]:
    """Return retrieved nodes as sources; the node id is in `metadata["node_id"]`, beside the node's own metadata."""
    from llama_index.core.schema import MetadataMode

    return [
        source_from(
            found.node.get_content(MetadataMode.NONE),
            found.node.metadata,
            title=found.node.node_id,
            score=found.score,
            identity={"node_id": found.node.node_id},
        )
        for found in nodes
    ]


def source_from_tool(output: ToolOutput) -> Source:
    """Return what a tool said as a source, as the documents' agent does: titled with the tool's name."""
    metadata: dict[str, JsonValue] = {"node_id": output.tool_name, "arguments": json_object(output.raw_input)}
    if output.is_error:
        metadata["is_error"] = True
    return Source(content=output.content, title=output.tool_name, metadata=metadata)


def sources_from_tools(outputs: Sequence[ToolOutput]) -> list[Source]:
    """Return the passages that tools retrieved, then what the tools said."""
    nodes = [node for output in outputs for node in getattr(output.raw_output, "source_nodes", None) or []]
    return [*sources_from_nodes(nodes), *map(source_from_tool, outputs)]
