"""Ids, topics, subscriptions and the index that finds them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from core_agents import Text

from hubbub_core import (
    AgentId,
    AgentType,
    DefaultSubscription,
    DefaultTopicId,
    SingleThreadedAgentRuntime,
    Subscription,
    TopicId,
    TypePrefixSubscription,
    TypeSubscription,
)
from hubbub_core._subscription_index import SubscriptionIndex
from hubbub_core.exceptions import CantHandleException


def test_agent_id_is_a_value() -> None:
    agent_id = AgentId(AgentType("worker"), "a/b 1")

    assert (agent_id.type, agent_id.key, str(agent_id)) == ("worker", "a/b 1", "worker/a/b 1")
    assert agent_id == AgentId(type="worker", key="a/b 1") == AgentId.from_str("worker/a/b 1")
    assert len({agent_id, AgentId("worker", "a/b 1"), AgentId("worker", "c")}) == 2
    assert agent_id != "worker/a/b 1"
    assert repr(agent_id) == 'AgentId(type="worker", key="a/b 1")'


@pytest.mark.parametrize("agent_type", ["", "a b", "a/b", "a:b", "a\n"])
def test_invalid_agent_type_is_refused(agent_type: str) -> None:
    with pytest.raises(ValueError, match=r"^Invalid agent type:"):
        AgentId(agent_type, "k")


def test_id_without_a_slash_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^Invalid agent id: 'worker'"):
        AgentId.from_str("worker")
    with pytest.raises(ValueError, match=r"^Invalid topic id: 'news'"):
        TopicId.from_str("news")


def test_topic_id_is_a_value_and_default_topics_equal_plain_ones() -> None:
    topic = TopicId("task-results", "s/1")

    assert (str(topic), TopicId.from_str("task-results/s/1")) == ("task-results/s/1", topic)
    assert DefaultTopicId() == TopicId("default", "default")
    assert hash(DefaultTopicId(source="s")) == hash(TopicId("default", "s"))
    assert repr(topic) == "TopicId(type='task-results', source='s/1')"
    with pytest.raises(AttributeError):
        topic.type = "other"  # type: ignore[misc] # that it is refused is the claim


@pytest.mark.parametrize("topic_type", ["", "a b", "a/b", "a\n"])
def test_invalid_topic_type_is_refused(topic_type: str) -> None:
    with pytest.raises(ValueError, match=r"^Invalid topic type:"):
        TopicId(topic_type, "s")


def test_subscriptions_map_topics_to_agents_by_source() -> None:
    by_type = TypeSubscription(topic_type="t1", agent_type="a1")
    by_prefix = TypePrefixSubscription("t1", AgentType("a1"), id="given")

    assert by_type.map_to_agent(TopicId("t1", "s1")) == AgentId("a1", "s1")
    assert by_type.map_to_agent(TopicId("t1", "s2")) == AgentId("a1", "s2")
    assert by_prefix.map_to_agent(TopicId("t1SUFFIX", "s2")) == AgentId("a1", "s2")
    assert not by_type.is_match(TopicId("t1SUFFIX", "s2"))
    for subscription in (by_type, by_prefix):
        assert isinstance(subscription, Subscription)
        with pytest.raises(CantHandleException, match="topic t2/s"):
            subscription.map_to_agent(TopicId("t2", "s"))
    assert (by_prefix.id, str(uuid.UUID(by_type.id))) == ("given", by_type.id)


def test_subscriptions_are_equal_by_id_or_by_rule() -> None:
    assert TypeSubscription("t", "a") == TypeSubscription("t", "a") == DefaultSubscription("t", "a")
    assert TypeSubscription("t", "a", id="1") == TypeSubscription("u", "b", id="1")
    assert TypeSubscription("t", "a") != TypeSubscription("t", "b")
    assert TypePrefixSubscription("t", "a") == TypePrefixSubscription("t", "a")
    assert TypePrefixSubscription("t", "a") != TypeSubscription("t", "a")


async def test_equal_subscriptions_are_refused_and_removed_ones_forgotten() -> None:
    runtime = SingleThreadedAgentRuntime()
    subscription = TypeSubscription("t", "a")
    await runtime.add_subscription(subscription)

    for equal in (subscription, TypeSubscription("t", "a"), TypePrefixSubscription("x", "y", id=subscription.id)):
        with pytest.raises(ValueError, match="Subscription already exists"):
            await runtime.add_subscription(equal)
    await runtime.remove_subscription(subscription.id)
    await runtime.add_subscription(TypeSubscription("t", "a"))
    with pytest.raises(LookupError, match="no subscription has the id") as caught:
        await runtime.remove_subscription(subscription.id)
    assert isinstance(caught.value, ValueError)


class Odd:
    """A subscription with a rule of its own."""

    def __init__(self, fails: bool = False) -> None:
        self.id = str(uuid.uuid4())
        self.fails = fails

    def is_match(self, topic_id: TopicId) -> bool:
        if self.fails:
            raise ValueError("broken rule")
        return len(topic_id.source) % 2 == 1

    def map_to_agent(self, topic_id: TopicId) -> AgentId:
        return AgentId("odd", f"from-{topic_id.type}")


class Loud(TypeSubscription):
    """A subclass that changes the rule is not taken for a plain subscription."""

    def map_to_agent(self, topic_id: TopicId) -> AgentId:
        return AgentId(self.agent_type, topic_id.source.upper())


def test_index_finds_all_kinds_in_the_order_they_were_added(caplog: pytest.LogCaptureFixture) -> None:
    index = SubscriptionIndex()
    subscriptions: list[Any] = [
        TypePrefixSubscription("new", "prefix"),
        Odd(),
        TypeSubscription("news", "exact"),
        Odd(fails=True),
        TypePrefixSubscription("", "all"),
        Loud("news", "loud"),
    ]
    for subscription in subscriptions:
        index.add(subscription)

    for _ in range(2):
        found = [str(each) for each in index.recipients(TopicId("news", "s"))]
        assert found == ["prefix/s", "odd/from-news", "exact/s", "all/s", "loud/S"]
        assert [str(each) for each in index.recipients(TopicId("other", "ss"))] == ["all/ss"]
    assert "it is skipped" in caplog.text
    for subscription in subscriptions:
        index.remove(subscription.id)
    assert index.recipients(TopicId("news", "s")) == ()


def test_index_remembers_a_bounded_number_of_topics() -> None:
    index = SubscriptionIndex()
    index.add(TypeSubscription("news", "a"))
    for number in range(3000):
        assert index.recipients(TopicId("news", str(number))) == (AgentId("a", str(number)),)
        assert index.recipients(TopicId("unknown", str(number))) == ()

    assert len(index._cache) == 1024
    index.add(TypeSubscription("news", "b"))
    assert index.recipients(TopicId("news", "2999")) == (AgentId("a", "2999"), AgentId("b", "2999"))


async def test_message_is_delivered_by_the_subscriptions_of_its_moment() -> None:
    runtime = SingleThreadedAgentRuntime()
    subscription = TypeSubscription("news", "a")
    await runtime.add_subscription(subscription)
    await runtime.publish_message(Text("x"), TopicId("news", "s"))
    await runtime.remove_subscription(subscription.id)
    runtime.start()

    # Had the removed subscription counted, the unknown agent type would have been an error in the log.
    await runtime.stop_when_idle()
    assert runtime._dispatcher.idle
