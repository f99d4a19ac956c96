"""Finding the agents subscribed to a topic, at a cost that does not grow with the number of subscriptions."""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from ._agent_id import AgentId
from ._constants import ROOT_LOGGER_NAME
from ._subscription import Subscription
from ._topic import TopicId
from ._type_prefix_subscription import TypePrefixSubscription
from ._type_subscription import TypeSubscription
from .exceptions import SubscriptionNotFoundError

logger: Final = logging.getLogger(ROOT_LOGGER_NAME)

_CACHED_TOPICS: Final = 1024


class _Rule(NamedTuple):
    """A subscription by type or prefix, reduced to what matching needs."""

    number: int
    """Position in the order of registration, which is the order of delivery."""
    agent_type: str


class SubscriptionIndex:
    """The subscriptions of a runtime.

    By-type and by-prefix rules are found through dictionaries; subscriptions of other classes are asked one by one.
    Answers for topics that have subscribers are remembered, for a bounded number of topics.
    """

    def __init__(self) -> None:
        self._by_id: dict[str, tuple[int, Subscription]] = {}
        # topic type or prefix -> agent type -> rule: one rule for each pair, equal ones are refused.
        self._by_type: dict[str, dict[str, _Rule]] = {}
        self._by_prefix: dict[str, dict[str, _Rule]] = {}
        # How many prefixes have which length: only slices of these lengths can match.
        self._prefix_lengths: dict[int, int] = {}
        self._others: dict[str, tuple[int, Subscription]] = {}
        self._next_number = 0
        # Counts additions and removals. An answer holds for the version it was found in: to forget all of them at once
        # would hold up the loop for every topic in the cache.
        self._version = 0
        self._cache: dict[tuple[str, str], tuple[int, tuple[AgentId, ...]]] = {}

    def add(self, subscription: Subscription) -> None:
        """Add a subscription.

        Raises:
            ValueError: One with this id, or with the same rule, exists already.
        """
        subscription_id = subscription.id
        if subscription_id in self._by_id:
            raise ValueError(f"Subscription already exists: id {subscription_id!r}")
        number = self._next_number
        place = self._place(subscription)
        if place is None:
            if any(subscription == other for _, other in self._others.values()):
                raise ValueError(f"Subscription already exists: {subscription!r}")
            self._others[subscription_id] = (number, subscription)
        else:
            table, topic, agent_type = place
            rules = table.setdefault(topic, {})
            if agent_type in rules:
                raise ValueError(
                    f"Subscription already exists: agent type {agent_type!r} is subscribed to {topic!r} already"
                )
            rules[agent_type] = _Rule(number, agent_type)
            if table is self._by_prefix and len(rules) == 1:
                self._prefix_lengths[len(topic)] = self._prefix_lengths.get(len(topic), 0) + 1
        self._by_id[subscription_id] = (number, subscription)
        self._next_number += 1
        self._version += 1

    def remove(self, subscription_id: str) -> None:
        """Remove a subscription.

        Raises:
            SubscriptionNotFoundError: There is none with this id.
        """
        if subscription_id not in self._by_id:
            raise SubscriptionNotFoundError(subscription_id)
        _, subscription = self._by_id.pop(subscription_id)
        place = self._place(subscription)
        if place is None:
            del self._others[subscription_id]
        else:
            table, topic, agent_type = place
            rules = table[topic]
            del rules[agent_type]
            if not rules:
                del table[topic]
                if table is self._by_prefix:
                    self._prefix_lengths[len(topic)] -= 1
                    if not self._prefix_lengths[len(topic)]:
                        del self._prefix_lengths[len(topic)]
        self._version += 1

    def subscriptions(self) -> list[Subscription]:
        """Return all subscriptions in the order they were added."""
        return [subscription for _, subscription in self._by_id.values()]

    def recipients(self, topic_id: TopicId) -> tuple[AgentId, ...]:
        """Return the subscribed agents, each once, in the order their subscriptions were added."""
        key = (topic_id.type, topic_id.source)
        known = self._cache.get(key)
        if known is not None and known[0] == self._version:
            return known[1]
        recipients = self._match(topic_id)
        # A subscription of another class may answer differently next time; a topic without subscribers costs little to
        # look up again, and there is no end of such topics.
        if recipients and not self._others:
            if known is None and len(self._cache) >= _CACHED_TOPICS:
                # The oldest goes: plain first-in first-out, since a hit must not cost a reordering.
                del self._cache[next(iter(self._cache))]
            self._cache[key] = (self._version, recipients)
        return recipients

    def _match(self, topic_id: TopicId) -> tuple[AgentId, ...]:
        topic_type, source = topic_id.type, topic_id.source
        rules: list[_Rule] = list(self._by_type.get(topic_type, {}).values())
        matched_prefix = False
        for length in self._prefix_lengths:
            if length <= len(topic_type):
                prefixed = self._by_prefix.get(topic_type[:length])
                if prefixed is not None:
                    rules.extend(prefixed.values())
                    matched_prefix = True
        if matched_prefix:
            rules.sort()
        if not self._others:
            # dict.fromkeys drops later rules for the same agent type and keeps the order.
            return tuple(AgentId(agent_type, source) for agent_type in dict.fromkeys(rule[1] for rule in rules))
        numbered = [(number, AgentId(agent_type, source)) for number, agent_type in rules]
        numbered.extend(self._ask_others(topic_id))
        numbered.sort(key=lambda pair: pair[0])
        return tuple(dict.fromkeys(agent_id for _, agent_id in numbered))

    def _ask_others(self, topic_id: TopicId) -> list[tuple[int, AgentId]]:
        found: list[tuple[int, AgentId]] = []
        for number, subscription in self._others.values():
            # One faulty rule must not keep the message from everybody else.
            try:
                if subscription.is_match(topic_id):
                    found.append((number, subscription.map_to_agent(topic_id)))
            except Exception:
                logger.exception("subscription %r failed for topic %s; it is skipped", subscription, topic_id)
        return found

    def _place(self, subscription: Subscription) -> tuple[dict[str, dict[str, _Rule]], str, str] | None:
        """Return where a by-type or by-prefix rule belongs; None for a rule with matching of its own."""
        cls = type(subscription)
        for base in (TypeSubscription, TypePrefixSubscription):
            if issubclass(cls, base) and cls.is_match is base.is_match and cls.map_to_agent is base.map_to_agent:
                if isinstance(subscription, TypeSubscription):
                    return self._by_type, subscription.topic_type, subscription.agent_type
                assert isinstance(subscription, TypePrefixSubscription)
                return self._by_prefix, subscription.topic_type_prefix, subscription.agent_type
        return None
