"""Secrets in headers and tools: kept out of configurations, revealed where a request is made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

_TELLING = re.compile(r"auth|cookie|key|token|secret|password", re.IGNORECASE)


def conceal(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return headers whose names tell that they carry a secret, such as `Authorization`, with it as a `SecretStr`.

    A dump leaves such values out, unless they came from a reference such as `${env:NAME}`: then it has the reference.
    """
    return {
        name: SecretStr(value) if isinstance(value, str) and _TELLING.search(name) else value
        for name, value in headers.items()
    }


def conceal_tool(tool: str | Mapping[str, Any]) -> str | dict[str, Any]:
    """Return a built-in tool with its secrets concealed: those of an MCP server's `headers` and `authorization`."""
    if isinstance(tool, str):
        return tool
    concealed = conceal({name: value for name, value in tool.items() if name == "authorization"})
    if isinstance(tool.get("headers"), Mapping):
        concealed["headers"] = conceal(tool["headers"])
    return {**tool, **concealed}


def reveal(value: Any) -> Any:
    """Return a value without holders of secrets, at any depth."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [reveal(item) for item in value]
    return value
