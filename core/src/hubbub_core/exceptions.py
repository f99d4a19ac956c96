"""What goes wrong between agents. Each error names what it is about and what to do."""

from __future__ import annotations

__all__ = [
    "AgentHasNoInstanceError",
    "CantHandleException",
    "MessageDroppedException",
    "NotAccessibleError",
    "SubscriptionNotFoundError",
    "UndeliverableException",
    "UnknownAgentTypeError",
]


class CantHandleException(Exception):
    """An agent or a subscription cannot handle this message or topic."""


class UndeliverableException(Exception):
    """A message cannot be delivered."""


class MessageDroppedException(Exception):
    """An intervention handler dropped the message that was sent, or the reply to it."""


class NotAccessibleError(Exception):
    """The agent exists, but its object cannot be reached from here, for example because it lives elsewhere."""


class UnknownAgentTypeError(UndeliverableException, LookupError):
    """No factory and no instance is registered under this agent type."""

    def __init__(self, agent_type: str, known: tuple[str, ...] = ()) -> None:
        self.agent_type = agent_type
        self.known = known
        registered = ", ".join(sorted(known)) if known else "none yet"
        super().__init__(
            f"no agent type {agent_type!r} is registered in this runtime (registered: {registered});"
            " register it first, for example with `await MyAgent.register(runtime, "
            f"{agent_type!r}, factory)`"
        )


class AgentHasNoInstanceError(RuntimeError):
    """A message is for an agent whose type only has registered instances, and none under this key."""

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        super().__init__(
            f"the factory was invoked for {agent_id}, which is not a registered instance: this agent type was"
            " registered with register_instance and has no factory that could make one. Register an instance under"
            " this id, or pass skip_class_subscriptions=True so that its class's topics do not address others"
        )


class SubscriptionNotFoundError(LookupError, ValueError):
    """No subscription has this id.

    A LookupError as the protocol documents, and a ValueError as programs written for the single-threaded runtime
    expect (spec: newer N-017).
    """

    def __init__(self, subscription_id: str) -> None:
        self.subscription_id = subscription_id
        super().__init__(f"no subscription has the id {subscription_id!r}")
