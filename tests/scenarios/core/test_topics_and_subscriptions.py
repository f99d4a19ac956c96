"""Topics and subscriptions: who gets what (spec: 001 TOPIC-4..9, API-TSUB-2, API-TPSUB-2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hubbub_core import (
    AgentId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    Subscription,
    TopicId,
    TypePrefixSubscription,
    TypeSubscription,
    message_handler,
)


@dataclass
class Note:
    text: str


class Listener(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("Says what it got")

    @message_handler
    async def on_note(self, message: Note, ctx: MessageContext) -> None:
        print(f"{self.id} got {message.text} from {ctx.topic_id}")


async def register_developers(runtime: SingleThreadedAgentRuntime) -> None:
    for agent_type in ("triage_agent", "coder_agent", "reviewer_agent"):
        await Listener.register(runtime, agent_type, Listener)


async def test_single_topic_reaches_all_agents_of_the_only_tenant(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    await register_developers(runtime)
    for agent_type in ("triage_agent", "coder_agent", "reviewer_agent"):
        await runtime.add_subscription(TypeSubscription("default", agent_type))
    runtime.start()
    await runtime.publish_message(Note("hello"), TopicId("default", "default"))
    await runtime.stop_when_idle()

    assert printed() == [
        "triage_agent/default got hello from default/default",
        "coder_agent/default got hello from default/default",
        "reviewer_agent/default got hello from default/default",
    ]


async def test_multiple_topics_split_the_agents_of_the_only_tenant(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    await register_developers(runtime)
    for topic_type, agent_type in (
        ("triage", "triage_agent"),
        ("coding", "coder_agent"),
        ("coding", "reviewer_agent"),
    ):
        await runtime.add_subscription(TypeSubscription(topic_type, agent_type))
    runtime.start()
    await runtime.publish_message(Note("bug"), TopicId("triage", "default"))
    await runtime.publish_message(Note("patch"), TopicId("coding", "default"))
    await runtime.publish_message(Note("nobody listens"), TopicId("archive", "default"))
    await runtime.stop_when_idle()

    assert printed() == [
        "triage_agent/default got bug from triage/default",
        "coder_agent/default got patch from coding/default",
        "reviewer_agent/default got patch from coding/default",
    ]


async def test_several_matching_subscriptions_deliver_once(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    await Listener.register(runtime, "listener", Listener)
    await runtime.add_subscription(TypeSubscription("news", "listener"))
    await runtime.add_subscription(TypePrefixSubscription("ne", "listener"))
    runtime.start()
    await runtime.publish_message(Note("once"), TopicId("news", "s"))
    await runtime.stop_when_idle()

    assert printed() == ["listener/s got once from news/s"]


async def test_subscriptions_come_and_go_at_run_time(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    await Listener.register(runtime, "listener", Listener)
    subscription = TypeSubscription("news", "listener")
    for text in ("before", "during", "after"):
        if text == "during":
            await runtime.add_subscription(subscription)
        elif text == "after":
            await runtime.remove_subscription(subscription.id)
        runtime.start()
        await runtime.publish_message(Note(text), TopicId("news", "s"))
        await runtime.stop_when_idle()

    assert printed() == ["listener/s got during from news/s"]


@pytest.mark.parametrize(
    ("subscription", "reached"),
    [
        (TypeSubscription(topic_type="t1", agent_type="a1"), {"t1/s1": "a1/s1", "t1/s2": "a1/s2"}),
        (
            TypePrefixSubscription(topic_type_prefix="t1", agent_type="a1"),
            {"t1/s1": "a1/s1", "t1/s2": "a1/s2", "t1SUFFIX/s2": "a1/s2"},
        ),
    ],
)
def test_the_topic_source_becomes_the_agent_key(subscription: Subscription, reached: dict[str, str]) -> None:
    topics = [TopicId.from_str(text) for text in ("t1/s1", "t1/s2", "t1SUFFIX/s2", "t2/s1")]

    matching = {str(topic): subscription.map_to_agent(topic) for topic in topics if subscription.is_match(topic)}

    assert matching == {topic: AgentId.from_str(agent) for topic, agent in reached.items()}
