"""OpenAI's models, and every endpoint that speaks their protocol, for Hubbub.

Importing this package loads neither `openai` nor pydantic: a public name is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._adapters import from_client as from_client
    from ._azure_client import AZURE_OPENAI_USER_AGENT as AZURE_OPENAI_USER_AGENT
    from ._azure_client import AzureOpenAIChatCompletionClient as AzureOpenAIChatCompletionClient
    from ._base_client import BaseOpenAIChatCompletionClient as BaseOpenAIChatCompletionClient
    from ._chat_client import OpenAIChatCompletionClient as OpenAIChatCompletionClient
    from ._errors import ModelEndpointError as ModelEndpointError
    from ._errors import ModelEndpointTimeoutError as ModelEndpointTimeoutError
    from ._errors import ResponseFailedError as ResponseFailedError
    from ._errors import UnansweredRequestError as UnansweredRequestError
    from ._openai_agent import OpenAIAgent as OpenAIAgent
    from ._openai_agent_config import OpenAIAgentConfig as OpenAIAgentConfig
    from ._openai_agent_config import OpenAIAgentState as OpenAIAgentState
    from ._openai_assistant_agent import OpenAIAssistantAgent as OpenAIAssistantAgent
    from ._threads import OpenAIAssistantAgentState as OpenAIAssistantAgentState
    from .config import AzureOpenAIClientConfiguration as AzureOpenAIClientConfiguration
    from .config import AzureOpenAIClientConfigurationConfigModel as AzureOpenAIClientConfigurationConfigModel
    from .config import BaseOpenAIClientConfigurationConfigModel as BaseOpenAIClientConfigurationConfigModel
    from .config import CreateArgumentsConfigModel as CreateArgumentsConfigModel
    from .config import OpenAIClientConfiguration as OpenAIClientConfiguration
    from .config import OpenAIClientConfigurationConfigModel as OpenAIClientConfigurationConfigModel

__all__ = [
    "AZURE_OPENAI_USER_AGENT",
    "AzureOpenAIChatCompletionClient",
    "AzureOpenAIClientConfiguration",
    "AzureOpenAIClientConfigurationConfigModel",
    "BaseOpenAIChatCompletionClient",
    "BaseOpenAIClientConfigurationConfigModel",
    "CreateArgumentsConfigModel",
    "ModelEndpointError",
    "ModelEndpointTimeoutError",
    "OpenAIAgent",
    "OpenAIAgentConfig",
    "OpenAIAgentState",
    "OpenAIAssistantAgent",
    "OpenAIAssistantAgentState",
    "OpenAIChatCompletionClient",
    "OpenAIClientConfiguration",
    "OpenAIClientConfigurationConfigModel",
    "ResponseFailedError",
    "UnansweredRequestError",
    "from_client",
]

_LAZY = {
    "AZURE_OPENAI_USER_AGENT": "._azure_client",
    "AzureOpenAIChatCompletionClient": "._azure_client",
    "AzureOpenAIClientConfiguration": ".config",
    "AzureOpenAIClientConfigurationConfigModel": ".config",
    "BaseOpenAIChatCompletionClient": "._base_client",
    "BaseOpenAIClientConfigurationConfigModel": ".config",
    "CreateArgumentsConfigModel": ".config",
    "ModelEndpointError": "._errors",
    "ModelEndpointTimeoutError": "._errors",
    "OpenAIAgent": "._openai_agent",
    "OpenAIAgentConfig": "._openai_agent_config",
    "OpenAIAgentState": "._openai_agent_config",
    "OpenAIAssistantAgent": "._openai_assistant_agent",
    "OpenAIAssistantAgentState": "._threads",
    "OpenAIChatCompletionClient": "._chat_client",
    "OpenAIClientConfiguration": ".config",
    "OpenAIClientConfigurationConfigModel": ".config",
    "ResponseFailedError": "._errors",
    "UnansweredRequestError": "._errors",
    "from_client": "._adapters",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    try:
        module = import_module(_LAZY[name], __name__)
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != "hubbub_agentchat":
            raise
        raise ImportError(f"{name} is a chat agent: `pip install hubbub-openai[agentchat]` adds what it needs") from exc
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
