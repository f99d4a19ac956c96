"""An MCP server on the SDK's own server, of either major: tools, a prompt, resources; stdio, SSE or streamable HTTP.

Usage: `complete.py [sse|streamable-http PORT]`
"""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import import_module
from typing import Any

import mcp.types

# The two majors have no name in common, and only one of them is there when types are checked.
Server: Any
ToolError: type[Exception]
try:
    server_module = import_module("mcp.server.mcpserver")  # major 2
    Server, ToolError = server_module.MCPServer, import_module("mcp.server.mcpserver.exceptions").ToolError
except ImportError:
    server_module = import_module("mcp.server.fastmcp")
    Server, ToolError = server_module.FastMCP, import_module("mcp.server.fastmcp.exceptions").ToolError

# One white pixel.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8/5+hHgAHggJ/PchI7wAAAABJRU5ErkJggg=="

counter = 0


def add(a: int, b: int = 1) -> str:
    """Add two numbers."""
    return str(a + b)


def count() -> str:
    """Count the calls of this process."""
    global counter
    counter += 1
    return str(counter)


def environment(prefix: str) -> str:
    """List the variables that start with a prefix."""
    return ",".join(sorted(name for name in os.environ if name.startswith(prefix)))


def fail(text: str) -> str:
    """Fail."""
    raise ToolError(text)


async def sleep(seconds: float, marker: str) -> str:
    """Sleep; the marker file is written when that is cancelled."""
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        with open(marker, "w", encoding="utf-8") as file:  # noqa: ASYNC230 # a byte, while everything ends
            file.write("cancelled")
        raise
    return "awake"


def picture() -> Any:
    """Return a text, an image and an embedded resource."""
    types: Any = mcp.types
    resource = {"uri": "note://embedded", "text": "inside", "mimeType": "text/plain"}
    return [
        types.TextContent(type="text", text="see:"),
        types.ImageContent.model_validate({"type": "image", "data": PIXEL, "mimeType": "image/png"}),
        types.EmbeddedResource.model_validate({"type": "resource", "resource": resource}),
    ]


def sound() -> Any:
    """Return audio."""
    types: Any = mcp.types
    return [types.AudioContent.model_validate({"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"})]


def greeting(name: str) -> str:
    """Greet somebody."""
    return f"Say hello to {name}."


def first() -> str:
    """Return a note."""
    return "the first note"


def by(author: str) -> str:
    """Return a note of an author."""
    return f"a note by {author}"


server: Any = Server("complete")
for text_tool in (add, count, environment, fail, sleep):
    server.add_tool(text_tool)
for block_tool in (picture, sound):
    server.add_tool(block_tool, structured_output=False)
server.prompt()(greeting)
server.resource("note://first")(first)
server.resource("note://by/{author}")(by)

if __name__ == "__main__":
    if len(sys.argv) == 1:
        print("ready to serve", file=sys.stderr, flush=True)
        server.run("stdio")
    else:
        import uvicorn

        app = server.sse_app() if sys.argv[1] == "sse" else server.streamable_http_app()
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
