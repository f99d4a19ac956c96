"""Nodes of LlamaIndex as sources of a result, and sources as text that a reader or a model takes in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from hubbub_core.exchange import Source

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore
    from llama_index.core.tools import ToolOutput

_TITLES = ("title", "file_path", "file_name", "source")
_URIS = ("uri", "url", "URL")


def sources_from_nodes(nodes: Iterable[NodeWithScore]) -> list[Source]:
    """Return retrieved nodes as sources; the node id is in `metadata["node_id"]`, beside the node's own metadata."""
    from llama_index.core.schema import MetadataMode

    sources = []
    for found in nodes:
        metadata = json_object(found.node.metadata)
        sources.append(
            Source(
                content=found.node.get_content(MetadataMode.NONE),
                title=_first(metadata, _TITLES) or found.node.node_id,
                uri=_first(metadata, _URIS),
                score=None if found.score is None else float(found.score),
                metadata={**metadata, "node_id": found.node.node_id},
            )
        )
    return sources


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


def passages_text(sources: Iterable[Source]) -> str:
    """Return passages as models read them best: a line `[1] title` above each, a blank line between them."""
    return "\n\n".join(
        f"[{number}] {' '.join(source.title.split())}\n{source.content.strip()}"
        for number, source in enumerate(sources, 1)
    )


def json_object(values: Mapping[str, Any] | None) -> dict[str, JsonValue]:
    """Return a mapping as JSON data; what JSON does not know becomes text."""
    data: dict[str, JsonValue] = json.loads(json.dumps(dict(values or {}), default=str))
    return data


def _first(metadata: Mapping[str, JsonValue], names: Iterable[str]) -> str | None:
    return next((value for name in names if isinstance(value := metadata.get(name), str) and value), None)
