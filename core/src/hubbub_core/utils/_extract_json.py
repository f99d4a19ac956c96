"""Find JSON in what a model wrote."""

from __future__ import annotations

import json
import re
from typing import Any

# A fence may be indented, as inside a list; the one that closes it stands at the beginning of a line, too.
_FENCE = re.compile(
    r"^[ \t]*```[ \t]*(?P<language>[^\s`]*)[^\n`]*\n(?P<code>.*?)^[ \t]*```[ \t]*$", re.DOTALL | re.MULTILINE
)


def extract_json_from_str(content: str) -> list[dict[str, Any]]:
    """Return the JSON of every fenced block; without any, the whole text as JSON.

    Raises:
        ValueError: A block is in another language than JSON, which the text names, or it is not valid JSON
            (`json.JSONDecodeError`).
    """
    blocks = list(_FENCE.finditer(content))
    if not blocks:
        return [json.loads(content)]
    found: list[dict[str, Any]] = []
    for block in blocks:
        language = block["language"].lower()
        if language not in ("", "json"):
            raise ValueError(f"Expected JSON object, but found language: {language}")
        found.append(json.loads(block["code"]))
    return found
