"""What Hubbub knows about models by name: family, capabilities, context window, tokeniser. The data is `_models.json`.

A model that is not in the table works all the same, with the defaults of `unknown_model_info`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from hubbub_core.models import ModelFamily, ModelInfo

DEFAULT_TOKEN_LIMIT: Final = 128_000
"""Tokens that the window of a model is taken to have when the table does not say."""

_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One line of the table."""

    resolved: str
    """The dated name that the vendor's servers answer with; the name itself where there is none."""
    info: ModelInfo
    token_limit: int | None
    """Tokens in the context window, None when not published in the documents."""
    encoding: str | None
    """Name of the tiktoken table, None when the vendor's tokeniser is not one of OpenAI's."""


@cache
def _table() -> dict[str, ModelEntry]:
    groups: list[dict[str, Any]] = json.loads(files("hubbub_openai").joinpath("_models.json").read_text("utf-8"))[
        "groups"
    ]
    table: dict[str, ModelEntry] = {}
    for group in groups:
        info = ModelInfo(
            vision=group["vision"],
            function_calling=group["function_calling"],
            json_output=group["json_output"],
            family=group["family"],
            structured_output=group["structured_output"],
            multiple_system_messages=group["multiple_system_messages"],
        )
        for name, resolved in group["names"].items():
            entry = ModelEntry(
                resolved=resolved or name,
                info=info,
                token_limit=group.get("token_limit"),
                encoding=group.get("encoding"),
            )
            table[name] = entry
            if resolved:
                table.setdefault(resolved, entry)
    return table


def find_model(name: str) -> ModelEntry | None:
    """Look a model up; a dated or `-latest` name that is not listed itself counts as the model it is a version of."""
    table = _table()
    if name in table:
        return table[name]
    base = table.get(_DATED.sub("", name))
    if base is None:
        return None
    return ModelEntry(resolved=name, info=base.info, token_limit=base.token_limit, encoding=base.encoding)


def unknown_model_info() -> ModelInfo:
    """Return what a model is taken to do that the table does not have and nobody described.

    Tools, JSON mode and structured output are assumed, since most compatible servers have them and the server's own
    error is clearer than a refusal here; images are not, since a model that cannot see may ignore them without a word.
    System messages are sent as they are.
    """
    return ModelInfo(
        vision=False,
        function_calling=True,
        json_output=True,
        family=ModelFamily.UNKNOWN,
        structured_output=True,
        multiple_system_messages=True,
    )
