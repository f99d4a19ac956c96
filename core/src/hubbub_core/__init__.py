"""The actor runtime, the exchange between agents of every framework, and the protocols of models and tools.

Every name is imported on first access, so that a program pays only for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hubbub_registry import (
        Component as Component,
    )
    from hubbub_registry import (
        ComponentBase as ComponentBase,
    )
    from hubbub_registry import (
        ComponentFromConfig as ComponentFromConfig,
    )
    from hubbub_registry import (
        ComponentLoader as ComponentLoader,
    )
    from hubbub_registry import (
        ComponentModel as ComponentModel,
    )
    from hubbub_registry import (
        ComponentSchemaType as ComponentSchemaType,
    )
    from hubbub_registry import (
        ComponentToConfig as ComponentToConfig,
    )
    from hubbub_registry import (
        ComponentType as ComponentType,
    )
    from hubbub_registry import (
        is_component_class as is_component_class,
    )
    from hubbub_registry import (
        is_component_instance as is_component_instance,
    )

    from ._adapted import (
        AdaptedAgent as AdaptedAgent,
    )
    from ._agent import (
        Agent as Agent,
    )
    from ._agent_id import (
        AgentId as AgentId,
    )
    from ._agent_instantiation import (
        AgentInstantiationContext as AgentInstantiationContext,
    )
    from ._agent_metadata import (
        AgentMetadata as AgentMetadata,
    )
    from ._agent_proxy import (
        AgentProxy as AgentProxy,
    )
    from ._agent_runtime import (
        AgentRuntime as AgentRuntime,
    )
    from ._agent_type import (
        AgentType as AgentType,
    )
    from ._base_agent import (
        BaseAgent as BaseAgent,
    )
    from ._cache_store import (
        CacheStore as CacheStore,
    )
    from ._cache_store import (
        InMemoryStore as InMemoryStore,
    )
    from ._cancellation_token import (
        CancellationToken as CancellationToken,
    )
    from ._closure_agent import (
        ClosureAgent as ClosureAgent,
    )
    from ._closure_agent import (
        ClosureContext as ClosureContext,
    )
    from ._constants import (
        EVENT_LOGGER_NAME as EVENT_LOGGER_NAME,
    )
    from ._constants import (
        JSON_DATA_CONTENT_TYPE as JSON_DATA_CONTENT_TYPE,
    )
    from ._constants import (
        PROTOBUF_DATA_CONTENT_TYPE as PROTOBUF_DATA_CONTENT_TYPE,
    )
    from ._constants import (
        ROOT_LOGGER_NAME as ROOT_LOGGER_NAME,
    )
    from ._constants import (
        TRACE_LOGGER_NAME as TRACE_LOGGER_NAME,
    )
    from ._default_subscription import (
        DefaultSubscription as DefaultSubscription,
    )
    from ._default_subscription import (
        default_subscription as default_subscription,
    )
    from ._default_subscription import (
        type_subscription as type_subscription,
    )
    from ._default_topic import (
        DefaultTopicId as DefaultTopicId,
    )
    from ._image import (
        Image as Image,
    )
    from ._intervention import (
        DefaultInterventionHandler as DefaultInterventionHandler,
    )
    from ._intervention import (
        DropMessage as DropMessage,
    )
    from ._intervention import (
        InterventionHandler as InterventionHandler,
    )
    from ._message_context import (
        MessageContext as MessageContext,
    )
    from ._message_handler_context import (
        MessageHandlerContext as MessageHandlerContext,
    )
    from ._routed_agent import (
        RoutedAgent as RoutedAgent,
    )
    from ._routed_agent import (
        event as event,
    )
    from ._routed_agent import (
        message_handler as message_handler,
    )
    from ._routed_agent import (
        rpc as rpc,
    )
    from ._serialization import (
        MessageSerializer as MessageSerializer,
    )
    from ._serialization import (
        UnknownPayload as UnknownPayload,
    )
    from ._serialization import (
        try_get_known_serializers_for_type as try_get_known_serializers_for_type,
    )
    from ._single_threaded_agent_runtime import (
        SingleThreadedAgentRuntime as SingleThreadedAgentRuntime,
    )
    from ._subscription import (
        Subscription as Subscription,
    )
    from ._subscription_context import (
        SubscriptionInstantiationContext as SubscriptionInstantiationContext,
    )
    from ._telemetry import (
        trace_create_agent_span as trace_create_agent_span,
    )
    from ._telemetry import (
        trace_invoke_agent_span as trace_invoke_agent_span,
    )
    from ._telemetry import (
        trace_invoke_agent_stream as trace_invoke_agent_stream,
    )
    from ._telemetry import (
        trace_tool_span as trace_tool_span,
    )
    from ._topic import (
        TopicId as TopicId,
    )
    from ._type_prefix_subscription import (
        TypePrefixSubscription as TypePrefixSubscription,
    )
    from ._type_subscription import (
        TypeSubscription as TypeSubscription,
    )
    from ._types import (
        FunctionCall as FunctionCall,
    )
    from .exchange import (
        AgentAdapter as AgentAdapter,
    )
    from .exchange import (
        AgentChunk as AgentChunk,
    )
    from .exchange import (
        AgentContext as AgentContext,
    )
    from .exchange import (
        AgentResult as AgentResult,
    )
    from .exchange import (
        AgentTask as AgentTask,
    )
    from .exchange import (
        Source as Source,
    )

__all__ = [
    "EVENT_LOGGER_NAME",
    "JSON_DATA_CONTENT_TYPE",
    "PROTOBUF_DATA_CONTENT_TYPE",
    "ROOT_LOGGER_NAME",
    "TRACE_LOGGER_NAME",
    "AdaptedAgent",
    "Agent",
    "AgentAdapter",
    "AgentChunk",
    "AgentContext",
    "AgentId",
    "AgentInstantiationContext",
    "AgentMetadata",
    "AgentProxy",
    "AgentResult",
    "AgentRuntime",
    "AgentTask",
    "AgentType",
    "BaseAgent",
    "CacheStore",
    "CancellationToken",
    "ClosureAgent",
    "ClosureContext",
    "Component",
    "ComponentBase",
    "ComponentFromConfig",
    "ComponentLoader",
    "ComponentModel",
    "ComponentSchemaType",
    "ComponentToConfig",
    "ComponentType",
    "DefaultInterventionHandler",
    "DefaultSubscription",
    "DefaultTopicId",
    "DropMessage",
    "FunctionCall",
    "Image",
    "InMemoryStore",
    "InterventionHandler",
    "MessageContext",
    "MessageHandlerContext",
    "MessageSerializer",
    "RoutedAgent",
    "SingleThreadedAgentRuntime",
    "Source",
    "Subscription",
    "SubscriptionInstantiationContext",
    "TopicId",
    "TypePrefixSubscription",
    "TypeSubscription",
    "UnknownPayload",
    "default_subscription",
    "event",
    "is_component_class",
    "is_component_instance",
    "message_handler",
    "rpc",
    "trace_create_agent_span",
    "trace_invoke_agent_span",
    "trace_invoke_agent_stream",
    "trace_tool_span",
    "try_get_known_serializers_for_type",
    "type_subscription",
]

_LAZY: Final = {
    "AdaptedAgent": "._adapted",
    "Agent": "._agent",
    "AgentAdapter": ".exchange",
    "AgentChunk": ".exchange",
    "AgentContext": ".exchange",
    "AgentId": "._agent_id",
    "AgentInstantiationContext": "._agent_instantiation",
    "AgentMetadata": "._agent_metadata",
    "AgentProxy": "._agent_proxy",
    "AgentResult": ".exchange",
    "AgentRuntime": "._agent_runtime",
    "AgentTask": ".exchange",
    "AgentType": "._agent_type",
    "BaseAgent": "._base_agent",
    "CacheStore": "._cache_store",
    "CancellationToken": "._cancellation_token",
    "ClosureAgent": "._closure_agent",
    "ClosureContext": "._closure_agent",
    "Component": "hubbub_registry",
    "ComponentBase": "hubbub_registry",
    "ComponentFromConfig": "hubbub_registry",
    "ComponentLoader": "hubbub_registry",
    "ComponentModel": "hubbub_registry",
    "ComponentSchemaType": "hubbub_registry",
    "ComponentToConfig": "hubbub_registry",
    "ComponentType": "hubbub_registry",
    "DefaultInterventionHandler": "._intervention",
    "DefaultSubscription": "._default_subscription",
    "DefaultTopicId": "._default_topic",
    "DropMessage": "._intervention",
    "EVENT_LOGGER_NAME": "._constants",
    "FunctionCall": "._types",
    "Image": "._image",
    "InMemoryStore": "._cache_store",
    "InterventionHandler": "._intervention",
    "JSON_DATA_CONTENT_TYPE": "._constants",
    "MessageContext": "._message_context",
    "MessageHandlerContext": "._message_handler_context",
    "MessageSerializer": "._serialization",
    "PROTOBUF_DATA_CONTENT_TYPE": "._constants",
    "ROOT_LOGGER_NAME": "._constants",
    "RoutedAgent": "._routed_agent",
    "SingleThreadedAgentRuntime": "._single_threaded_agent_runtime",
    "Source": ".exchange",
    "Subscription": "._subscription",
    "SubscriptionInstantiationContext": "._subscription_context",
    "TRACE_LOGGER_NAME": "._constants",
    "TopicId": "._topic",
    "TypePrefixSubscription": "._type_prefix_subscription",
    "TypeSubscription": "._type_subscription",
    "UnknownPayload": "._serialization",
    "default_subscription": "._default_subscription",
    "event": "._routed_agent",
    "is_component_class": "hubbub_registry",
    "is_component_instance": "hubbub_registry",
    "message_handler": "._routed_agent",
    "rpc": "._routed_agent",
    "trace_create_agent_span": "._telemetry",
    "trace_invoke_agent_span": "._telemetry",
    "trace_invoke_agent_stream": "._telemetry",
    "trace_tool_span": "._telemetry",
    "try_get_known_serializers_for_type": "._serialization",
    "type_subscription": "._default_subscription",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("hubbub-core")
    elif name in _LAZY:
        value = getattr(import_module(_LAZY[name], __name__), name)
    else:
        raise AttributeError(f"{__name__} offers no {name!r}", name=name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, "__version__"})
