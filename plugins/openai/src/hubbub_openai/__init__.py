"""OpenAI's models, and every endpoint that speaks their protocol, for Hubbub.

Importing this package loads neither `openai` nor pydantic: a public name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._adapters import from_client as from_client
    from ._base_client import BaseOpenAIChatCompletionClient as BaseOpenAIChatCompletionClient
    from ._chat_client import OpenAIChatCompletionClient as OpenAIChatCompletionClient
    from ._errors import ModelEndpointError as ModelEndpointError
    from ._errors import ModelEndpointTimeoutError as ModelEndpointTimeoutError
    from .config import BaseOpenAIClientConfigurationConfigModel as BaseOpenAIClientConfigurationConfigModel
    from .config import CreateArgumentsConfigModel as CreateArgumentsConfigModel
    from .config import OpenAIClientConfiguration as OpenAIClientConfiguration
    from .config import OpenAIClientConfigurationConfigModel as OpenAIClientConfigurationConfigModel

__all__ = [
    "BaseOpenAIChatCompletionClient",
    "BaseOpenAIClientConfigurationConfigModel",
    "CreateArgumentsConfigModel",
    "ModelEndpointError",
    "ModelEndpointTimeoutError",
    "OpenAIChatCompletionClient",
    "OpenAIClientConfiguration",
    "OpenAIClientConfigurationConfigModel",
    "from_client",
]

_LAZY = {
    "BaseOpenAIChatCompletionClient": "._base_client",
    "BaseOpenAIClientConfigurationConfigModel": ".config",
    "CreateArgumentsConfigModel": ".config",
    "ModelEndpointError": "._errors",
    "ModelEndpointTimeoutError": "._errors",
    "OpenAIChatCompletionClient": "._chat_client",
    "OpenAIClientConfiguration": ".config",
    "OpenAIClientConfigurationConfigModel": ".config",
    "from_client": "._adapters",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    value = globals()[name] = getattr(import_module(_LAZY[name], __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
