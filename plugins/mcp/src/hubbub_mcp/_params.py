"""How a server is reached: the three kinds of parameters, told apart by `type`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_SECRET_OPTION = re.compile(r"^--?[\w-]*(key|token|secret|password|passwd|credential|auth)[\w-]*", re.IGNORECASE)
_USER_INFO = re.compile(r"://[^/@\s]+@")


class StdioServerParams(BaseModel):
    """A server that is a child process and speaks on its standard input and output.

    The process gets the environment that `env` names, on top of the variables that launchers need: PATH, HOME, locale
    and terminal names, proxies, certificates and uv's own settings. Nothing else is inherited.
    """

    model_config = ConfigDict(extra="forbid")

    type: Literal["StdioServerParams"] = "StdioServerParams"

    command: str
    """The executable: looked up on PATH, then beside the running Python; `uv` and `uvx` are also found in a uv that is
    installed as a module of that Python."""

    args: list[str] = Field(default_factory=list)

    env: dict[str, str] | None = Field(default=None, repr=False)
    """Variables on top of the inherited ones; they win."""

    cwd: str | Path | None = None
    """Working directory of the process; None is the current one."""

    encoding: str = "utf-8"
    encoding_error_handler: Literal["strict", "ignore", "replace"] = "strict"

    read_timeout_seconds: float = 5
    """How long one request may take. At the start it counts from the server's first output, so that a launcher which
    downloads the server first is not cut off."""

    start_timeout_seconds: float | None = None
    """How long the start may take in all, downloads included. None: as long as the caller waits."""

    def label(self) -> str:
        """Return the command line for messages, with values of options that look like secrets left out."""
        words = [self.command]
        hide_next = False
        for arg in self.args:
            option = _SECRET_OPTION.match(arg)
            if hide_next and not arg.startswith("-"):
                words.append("***")
            elif option and "=" in arg:
                words.append(arg.split("=", 1)[0] + "=***")
            else:
                words.append(_USER_INFO.sub("://***@", arg))
            hide_next = option is not None and "=" not in arg
        return " ".join(words)

    def request_timeout(self) -> float:
        """Return the limit of one request in seconds."""
        return self.read_timeout_seconds


class SseServerParams(BaseModel):
    """A server reached over HTTP with server-sent events, the older of the two HTTP transports."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["SseServerParams"] = "SseServerParams"
    url: str
    headers: dict[str, Any] | None = Field(default=None, repr=False)

    timeout: float = 5
    """Seconds for ordinary HTTP operations, connecting included."""

    sse_read_timeout: float = 300
    """Seconds to wait for an event; also the limit of one request."""

    def label(self) -> str:
        """Return the URL for messages, without user name, password and query."""
        return _public_url(self.url)

    def request_timeout(self) -> float:
        """Return the limit of one request in seconds."""
        return self.sse_read_timeout


class StreamableHttpServerParams(BaseModel):
    """A server reached over streamable HTTP."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["StreamableHttpServerParams"] = "StreamableHttpServerParams"
    url: str
    headers: dict[str, Any] | None = Field(default=None, repr=False)

    timeout: float = 30.0
    """Seconds for ordinary HTTP operations, connecting included."""

    sse_read_timeout: float = 300.0
    """Seconds to wait for an event of a streamed answer; also the limit of one request."""

    terminate_on_close: bool = True
    """Whether to end the session on the server when the connection closes."""

    def label(self) -> str:
        """Return the URL for messages, without user name, password and query."""
        return _public_url(self.url)

    def request_timeout(self) -> float:
        """Return the limit of one request in seconds."""
        return self.sse_read_timeout


McpServerParams = Annotated[
    StdioServerParams | SseServerParams | StreamableHttpServerParams, Field(discriminator="type")
]
"""Any of the three kinds."""


def _public_url(url: str) -> str:
    return _USER_INFO.sub("://", url.split("?", 1)[0])
