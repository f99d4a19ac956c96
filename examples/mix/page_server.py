"""An MCP server, a process of its own: it measures the pages of one folder. Usage: `page_server.py FOLDER`."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

# The SDK's server has another name in each major; both do what is needed here.
Server: Any
try:
    Server = import_module("mcp.server.mcpserver").MCPServer  # mcp 2
except ImportError:
    Server = import_module("mcp.server.fastmcp").FastMCP  # mcp 1

FOLDER = Path(sys.argv[1]).resolve()


def measure_page(page: str) -> str:
    """Count the words and lines of a page of the documents, such as plugins.md."""
    path = (FOLDER / page).resolve()
    if not path.is_relative_to(FOLDER) or not path.is_file():
        return f"There is no page {page!r}."
    text = path.read_text("utf-8", "replace")
    return f"words: {len(text.split())}\nlines: {len(text.splitlines())}"


if __name__ == "__main__":
    server = Server("pages", log_level="ERROR")
    server.add_tool(measure_page, structured_output=False)
    server.run("stdio")
