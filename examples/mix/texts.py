"""Names and results of tools without what a framework puts around them."""

from __future__ import annotations

import json


def plain_name(name: str) -> str:
    """Return a tool's own name: Semantic Kernel shows a model `<plugin>-<function>`."""
    return name.rpartition("-")[2]


def plain_result(text: str) -> str:
    """Return the texts of an MCP result, which is handed on as JSON of its content blocks; any other text as it is."""
    try:
        return "\n".join(block["text"] for block in json.loads(text))
    except (ValueError, TypeError, KeyError):
        return text
