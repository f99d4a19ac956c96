"""Subscriptions that take their agent type from the registration in progress."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

from ._agent_type import AgentType
from ._base_agent import BaseAgent
from ._subscription_context import SubscriptionInstantiationContext
from ._type_subscription import TypeSubscription
from .exceptions import CantHandleException

_AgentClass = TypeVar("_AgentClass", bound=type[BaseAgent])


class DefaultSubscription(TypeSubscription):
    """The subscription of programs with a single scope: everybody hears everything on topic type `default`.

    Args:
        topic_type: The topic type to match.
        agent_type: Who gets the messages; None means the agent type being registered.

    Raises:
        CantHandleException: No agent type was given and none is being registered.
    """

    __slots__ = ()

    def __init__(self, topic_type: str = "default", agent_type: str | AgentType | None = None) -> None:
        if agent_type is None:
            try:
                agent_type = SubscriptionInstantiationContext.agent_type()
            except RuntimeError as exc:
                raise CantHandleException(
                    "DefaultSubscription() finds its agent type only while one is being registered (in a class"
                    " decorator or in `subscriptions=lambda: [...]`); elsewhere give it: "
                    "DefaultSubscription(agent_type=...)"
                ) from exc
        super().__init__(topic_type, agent_type)


def type_subscription(topic_type: str) -> Callable[[_AgentClass], _AgentClass]:
    """Subscribe a class's agents to a topic type, for every agent type under which the class is registered."""

    def decorate(cls: _AgentClass) -> _AgentClass:
        cls._add_class_subscription(lambda: [DefaultSubscription(topic_type=topic_type)])
        return cls

    return decorate


@overload
def default_subscription() -> Callable[[_AgentClass], _AgentClass]: ...
@overload
def default_subscription(cls: _AgentClass) -> _AgentClass: ...
def default_subscription(cls: _AgentClass | None = None) -> _AgentClass | Callable[[_AgentClass], _AgentClass]:
    """Subscribe a class's agents to topic type `default`. Works bare and with empty parentheses."""
    decorate: Callable[[_AgentClass], _AgentClass] = type_subscription("default")
    return decorate if cls is None else decorate(cls)
