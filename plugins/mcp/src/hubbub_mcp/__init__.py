"""MCP servers as workbenches, tools and agents of the hub.

Every name is imported on first access: importing this package loads neither the MCP SDK nor pydantic.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._agent import McpAgent as McpAgent
    from ._agent import McpAgentConfig as McpAgentConfig
    from ._errors import McpRequestError as McpRequestError
    from ._errors import McpServerError as McpServerError
    from ._errors import McpTimeoutError as McpTimeoutError
    from ._params import McpServerParams as McpServerParams
    from ._params import SseServerParams as SseServerParams
    from ._params import StdioServerParams as StdioServerParams
    from ._params import StreamableHttpServerParams as StreamableHttpServerParams
    from ._plan import McpCall as McpCall
    from ._session import create_mcp_server_session as create_mcp_server_session
    from ._tools import McpToolError as McpToolError
    from ._tools import SseMcpToolAdapter as SseMcpToolAdapter
    from ._tools import StdioMcpToolAdapter as StdioMcpToolAdapter
    from ._tools import StreamableHttpMcpToolAdapter as StreamableHttpMcpToolAdapter
    from ._tools import mcp_server_tools as mcp_server_tools
    from ._workbench import McpWorkbench as McpWorkbench
    from ._workbench import McpWorkbenchConfig as McpWorkbenchConfig

__all__ = [
    "McpAgent",
    "McpAgentConfig",
    "McpCall",
    "McpRequestError",
    "McpServerError",
    "McpServerParams",
    "McpTimeoutError",
    "McpToolError",
    "McpWorkbench",
    "McpWorkbenchConfig",
    "SseMcpToolAdapter",
    "SseServerParams",
    "StdioMcpToolAdapter",
    "StdioServerParams",
    "StreamableHttpMcpToolAdapter",
    "StreamableHttpServerParams",
    "create_mcp_server_session",
    "mcp_server_tools",
]

_LAZY = {
    "McpAgent": "._agent",
    "McpAgentConfig": "._agent",
    "McpCall": "._plan",
    "McpRequestError": "._errors",
    "McpServerError": "._errors",
    "McpServerParams": "._params",
    "McpTimeoutError": "._errors",
    "McpToolError": "._tools",  # imports the SDK
    "McpWorkbench": "._workbench",  # imports pydantic; the SDK when it connects
    "McpWorkbenchConfig": "._workbench",
    "SseMcpToolAdapter": "._tools",
    "SseServerParams": "._params",
    "StdioMcpToolAdapter": "._tools",
    "StdioServerParams": "._params",
    "StreamableHttpMcpToolAdapter": "._tools",
    "StreamableHttpServerParams": "._params",
    "create_mcp_server_session": "._session",  # imports the SDK
    "mcp_server_tools": "._tools",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
