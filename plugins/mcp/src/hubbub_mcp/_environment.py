"""What a server process inherits, and where its command is found."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

# What the MCP SDK calls safe to inherit, and locale and temporary folder, since servers decode their output and unpack
# their downloads by them.
_COMMON = ("PATH", "HOME", "LOGNAME", "USER", "SHELL", "TERM", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TEMP", "TMP")
_WINDOWS = ("APPDATA", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "PATHEXT", "PROCESSOR_ARCHITECTURE", "SYSTEMDRIVE")
_WINDOWS_USER = ("SYSTEMROOT", "USERNAME", "USERPROFILE")
# Without these a launcher cannot download anything behind a proxy that brings its own certificates.
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
_TOOLS_CERTIFICATES = ("GIT_SSL_CAINFO", "PIP_CERT")
_INHERITED = frozenset((*_COMMON, *_WINDOWS, *_WINDOWS_USER, *_CERTIFICATES, *_TOOLS_CERTIFICATES))


def server_environment(configured: Mapping[str, str] | None, parent: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of a server process.

    It holds what `configured` names and, of the parent's, the variables of `_INHERITED`, `*_PROXY` in either case, and
    `UV_*`, except what uv publishes packages with.
    """
    inherited = {
        name: value
        for name, value in parent.items()
        # A value that starts so is an exported shell function, which would run in the child's shell.
        if _inherits(name.upper()) and not value.startswith("()")
    }
    return inherited | dict(configured or {})


def _inherits(name: str) -> bool:
    return (
        name in _INHERITED
        or name.endswith("_PROXY")
        or (name.startswith("UV_") and not name.startswith(("UV_PUBLISH_", "UV_INTERNAL_")))
    )


def find_command(command: str, environment: Mapping[str, str]) -> list[str] | None:
    """Return the words that run `command`, or None when there is no such command.

    Looked up on the PATH of `environment`, then in the folder of the running Python, which need not be on PATH. `uv`
    and `uvx` are found as well through `$UV`, which `uv run` sets, and as a module of the running Python.
    """
    found = shutil.which(command, path=environment.get("PATH", os.defpath))
    if found is None and os.path.dirname(command) == "":
        found = shutil.which(command, path=str(Path(sys.executable).parent))
    if found is not None:
        return [found]
    if command not in ("uv", "uvx"):
        return None
    as_tool = ["tool", "run"] if command == "uvx" else []
    uv = os.environ.get("UV")
    if uv and os.access(uv, os.X_OK):
        return [uv, *as_tool]
    if importlib.util.find_spec("uv") is not None:
        return [sys.executable, "-m", "uv", *as_tool]
    return None
