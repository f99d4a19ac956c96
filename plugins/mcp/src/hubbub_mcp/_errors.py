"""What goes wrong with a server, in one sentence that names it."""

from __future__ import annotations

from collections.abc import Sequence

from hubbub_registry import HubbubError


class McpServerError(HubbubError, RuntimeError):
    """A server did not start, or its connection ended.

    Args:
        server: Its command line or URL.
        problem: What happened, as a predicate: `"exited with status 3"`.
        exit_status: Status of its process; negative is a signal; None when it has none or is not known.
        stderr: The last lines that it wrote to standard error.
    """

    def __init__(
        self, server: str, problem: str, *, exit_status: int | None = None, stderr: Sequence[str] = ()
    ) -> None:
        self.server = server
        self.problem = problem
        self.exit_status = exit_status
        self.stderr = tuple(stderr)
        words = f"; its last output: {' / '.join(self.stderr)}" if self.stderr else ""
        super().__init__(f"MCP server `{server}` {problem}{words}")


class McpTimeoutError(McpServerError, TimeoutError):
    """A server did not answer in time."""


class McpRequestError(HubbubError, RuntimeError):
    """A server answered a request with an error."""

    def __init__(self, server: str, request: str, message: str, code: int | None = None) -> None:
        self.server = server
        self.request = request
        self.code = code
        super().__init__(f"MCP server `{server}` refused {request}: {message}")


def error_text(error: BaseException) -> str:
    """Return an error's text; a group becomes the texts of its members, joined by semicolons."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(dict.fromkeys(error_text(member) for member in error.exceptions))
    return str(error) or type(error).__name__
