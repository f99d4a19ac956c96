"""Models of the hub made of what the SDK's users already have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubbub_core.models import ModelInfo

from ._base_client import BaseOpenAIChatCompletionClient
from ._request import create_arg_names, near

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_OWN_ARGS = frozenset({"model_info", "add_name_prefixes", "include_name_in_message"})


class _BorrowedClient(BaseOpenAIChatCompletionClient):
    """A model on an SDK client that belongs to somebody else, who closes it."""

    async def close(self) -> None:
        """Leave the SDK's client open."""


def from_client(client: AsyncOpenAI, *, model: str, **options: Any) -> BaseOpenAIChatCompletionClient:
    """Make a model of an `openai.AsyncOpenAI` (or `AsyncAzureOpenAI`) client.

    Args:
        client: The SDK's client. It stays its owner's: closing the model does not close it.
        model: Name of the model, as the endpoint knows it.
        **options: `model_info`, `add_name_prefixes`, `include_name_in_message`, and options of every request such as
            `temperature`.

    Raises:
        TypeError: An option is unknown.
    """
    unknown = sorted(set(options) - _OWN_ARGS - create_arg_names())
    if unknown:
        known = sorted(_OWN_ARGS | create_arg_names())
        raise TypeError(
            "from_client got unknown options: " + ", ".join(repr(name) + near(name, known) for name in unknown)
        )
    info: ModelInfo | None = options.pop("model_info", None)
    own = {name: options.pop(name) for name in _OWN_ARGS & set(options)}
    return _BorrowedClient(client, create_args={"model": model, **options}, model_info=info, **own)
