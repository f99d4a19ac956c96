"""The tools that the service runs itself: their names, what they need, and what is refused (newer N-239, N-240)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

BY_NAME: Final = ("web_search_preview", "image_generation", "local_shell")
"""Tools that need no parameters."""

SHELL_MODEL: Final = "codex-mini-latest"
"""The only model with a local shell."""

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "file_search": ("vector_store_ids",),
    "code_interpreter": ("container",),
    "computer_use_preview": ("display_height", "display_width", "environment"),
    "mcp": ("server_label", "server_url"),
    "web_search_preview": (),
    "image_generation": (),
    "local_shell": (),
}


def builtin_tool(tool: str | Mapping[str, Any], model: str) -> dict[str, Any]:
    """Return a built-in tool as the request has it.

    Args:
        tool: Its name, or a mapping with `type` and its parameters.
        model: The model that is to use it.

    Raises:
        ValueError: The tool is unknown, lacks a parameter, or is none for this model.
    """
    if isinstance(tool, str):
        if tool not in _REQUIRED:
            raise ValueError(f"Unsupported built-in tool type: {tool}. By name there are {', '.join(BY_NAME)}.")
        if _REQUIRED[tool]:
            raise ValueError(
                f"Tool '{tool}' needs parameters: pass a dict with 'type' and {_listed(_REQUIRED[tool])} instead of "
                "its name."
            )
        made: dict[str, Any] = {"type": tool}
    else:
        kind = tool.get("type")
        if kind is None:
            raise ValueError(f"A tool needs a key 'type'; this one has only {_listed(tuple(tool))}.")
        if kind not in _REQUIRED:
            raise ValueError(f"Unsupported tool type: {kind}. There are {', '.join(_REQUIRED)}, and tools of the hub.")
        missing = tuple(name for name in _REQUIRED[kind] if not tool.get(name))
        if missing:
            raise ValueError(f"Tool '{kind}' needs {_listed(missing)}.")
        made = dict(tool)
    if made["type"] == "local_shell" and model != SHELL_MODEL:
        raise ValueError(f"Tool 'local_shell' is only supported with model '{SHELL_MODEL}', not with {model!r}.")
    return made


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(repr(name) for name in names)
