"""What this plugin declares."""

from __future__ import annotations

from hubbub_registry import CheckSpec, ComponentSpec, hookimpl


@hookimpl
def hubbub_components() -> list[ComponentSpec]:
    """Return the workbench, the agent, and the tools of single servers."""
    # A server that is a process asks for the "process" grant when it is loaded; one reached over HTTP does not, so the
    # specifications as a whole ask for nothing.
    return [
        ComponentSpec(
            kind="workbench",
            provider="hubbub_mcp.McpWorkbench",
            name="mcp_workbench",
            summary="The tools of one MCP server: a process, or reached over HTTP",
            aliases=("autogen_ext.tools.mcp.McpWorkbench", "McpWorkbench"),
            needs=("grant process, for a server that is started",),
        ),
        ComponentSpec(
            kind="agent",
            provider="hubbub_mcp.McpAgent",
            name="mcp_agent",
            summary="An agent on a workbench: a model calls the tools, or a declared list of calls does",
        ),
        ComponentSpec(
            kind="tool",
            provider="hubbub_mcp.StdioMcpToolAdapter",
            name="mcp_stdio_tool",
            summary="One tool of an MCP server that is a process",
            aliases=("autogen_ext.tools.mcp.StdioMcpToolAdapter", "StdioMcpToolAdapter"),
            needs=("grant process",),
        ),
        ComponentSpec(
            kind="tool",
            provider="hubbub_mcp.SseMcpToolAdapter",
            name="mcp_sse_tool",
            summary="One tool of an MCP server reached with server-sent events",
            aliases=("autogen_ext.tools.mcp.SseMcpToolAdapter", "SseMcpToolAdapter"),
        ),
        ComponentSpec(
            kind="tool",
            provider="hubbub_mcp.StreamableHttpMcpToolAdapter",
            name="mcp_http_tool",
            summary="One tool of an MCP server reached over streamable HTTP",
            aliases=("autogen_ext.tools.mcp.StreamableHttpMcpToolAdapter", "StreamableHttpMcpToolAdapter"),
        ),
    ]


@hookimpl
def hubbub_checks() -> list[CheckSpec]:
    """Return the look at what starts servers."""
    return [
        CheckSpec(name="launchers", summary="npx and uvx, which start servers", by="hubbub_mcp.checks.launchers"),
    ]
