"""Registering factories, instances and closures, and what the factory and the agent know of themselves."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from core_agents import Number, Scripted, Text, add_agent

from hubbub_core import (
    Agent,
    AgentId,
    AgentInstantiationContext,
    AgentProxy,
    AgentRuntime,
    AgentType,
    BaseAgent,
    ClosureAgent,
    ClosureContext,
    DefaultSubscription,
    DefaultTopicId,
    MessageContext,
    MessageHandlerContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    SubscriptionInstantiationContext,
    TopicId,
    default_subscription,
    message_handler,
    type_subscription,
)
from hubbub_core.exceptions import AgentHasNoInstanceError, CantHandleException


async def whoami(agent: Scripted, message: Any, ctx: MessageContext) -> str:
    return str(agent.id)


class Plain(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("a plain agent")

    @message_handler
    async def on_text(self, message: Text, ctx: MessageContext) -> str:
        return f"{self.id} {message.content}"


@default_subscription
@type_subscription(topic_type="news")
class Subscribed(Plain):
    pass


class NotInheriting(Subscribed):
    pass


async def test_runtime_and_agents_fit_their_protocols(runtime: SingleThreadedAgentRuntime) -> None:
    agent = Plain()
    await agent.register_instance(runtime, AgentId("plain", "1"))

    assert isinstance(runtime, AgentRuntime)
    assert isinstance(agent, Agent)


async def test_register_returns_the_type_and_makes_agents_by_key_on_first_use(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    assert await Plain.register(runtime, type="plain", factory=Plain) == AgentType("plain")
    assert repr(await Plain.register(runtime, "other", lambda: Plain())) == "AgentType(type='other')"

    for agent_type, key in (("plain", "a/b.c-1"), ("plain", "2"), ("other", "2")):
        reply = await runtime.send_message(Text("x"), AgentId(agent_type, key))
        assert reply == f"{agent_type}/{key} x"
    made = [str(each) for each, _ in runtime._agents.existing()]
    assert made == ["plain/a/b.c-1", "plain/2", "other/2"]


async def test_type_is_registered_once(runtime: SingleThreadedAgentRuntime) -> None:
    await Plain.register(runtime, "plain", Plain)

    with pytest.raises(ValueError, match=r"Agent with type 'plain' already exists\."):
        await Plain.register(runtime, "plain", Plain)


@pytest.mark.parametrize("arguments", [1, 3])
async def test_factory_that_takes_arguments_is_refused_at_registration(
    runtime: SingleThreadedAgentRuntime, arguments: int
) -> None:
    factories: dict[int, Any] = {1: lambda a: Plain(), 3: lambda a, b, c: Plain()}

    with pytest.raises(ValueError, match=r"the factory of agent type 'plain' is called without arguments"):
        await Plain.register(runtime, "plain", factories[arguments])
    await Plain.register(runtime, "plain", lambda a=1, *b, **c: Plain())


async def test_factory_of_runtime_and_id_works_with_a_warning(runtime: SingleThreadedAgentRuntime) -> None:
    seen: list[Any] = []

    def make(of: AgentRuntime, agent_id: AgentId) -> Plain:
        seen.append((of, str(agent_id)))
        return Plain()

    with pytest.warns(DeprecationWarning, match="use AgentInstantiationContext"):
        await Plain.register(runtime, "plain", make)  # type: ignore[arg-type] # the deprecated shape
    await runtime.send_message(Text("x"), AgentId("plain", "1"))

    assert seen == [(runtime, "plain/1")]


async def test_product_of_another_class_is_refused(runtime: SingleThreadedAgentRuntime) -> None:
    await runtime.register_factory("plain", lambda: Scripted(whoami), expected_class=Plain)  # type: ignore[arg-type,return-value] # the slip that is to be caught

    with pytest.raises(ValueError, match="agent type 'plain' made a Scripted; expected a Plain"):
        await runtime.send_message(Text("x"), AgentId("plain", "1"))


async def test_factory_and_constructor_know_runtime_and_id(runtime: SingleThreadedAgentRuntime) -> None:
    seen: list[tuple[Any, str, bool]] = []

    def look() -> None:
        seen.append(
            (
                AgentInstantiationContext.current_runtime(),
                str(AgentInstantiationContext.current_agent_id()),
                AgentInstantiationContext.is_in_factory_call(),
            )
        )

    class Curious(Plain):
        def __init__(self) -> None:
            super().__init__()
            look()
            assert self.runtime is AgentInstantiationContext.current_runtime()
            assert self.id == AgentInstantiationContext.current_agent_id()

    async def factory() -> Curious:
        await asyncio.sleep(0)
        look()
        return Curious()

    await runtime.register_factory("sync", lambda: (look(), Curious())[1])  # type: ignore[func-returns-value] # to look inside a lambda
    await runtime.register_factory("later", factory)
    for agent_type in ("sync", "later"):
        await runtime.send_message(Text("x"), AgentId(agent_type, "1"))

    assert seen == [(runtime, "sync/1", True)] * 2 + [(runtime, "later/1", True)] * 2
    assert not AgentInstantiationContext.is_in_factory_call()
    with pytest.raises(RuntimeError, match="was called outside a factory"):
        AgentInstantiationContext.current_agent_id()


def test_static_contexts_cannot_be_instantiated() -> None:
    for context in (AgentInstantiationContext, SubscriptionInstantiationContext, MessageHandlerContext):
        with pytest.raises(RuntimeError, match=context.__name__):
            context()
    with pytest.raises(RuntimeError, match="outside a registration"):
        SubscriptionInstantiationContext.agent_type()


async def test_class_subscriptions_are_made_for_each_type_and_not_inherited(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    def rules() -> list[tuple[str, str]]:
        return [(type(each).__name__, vars_of(each)) for each in runtime._subscriptions.subscriptions()]

    def vars_of(each: Any) -> str:
        return f"{getattr(each, 'topic_type', '')}{getattr(each, 'topic_type_prefix', '')}>{each.agent_type}"

    await Subscribed.register(runtime, "a", Subscribed)
    await Subscribed.register(runtime, "b", Subscribed, skip_direct_message_subscription=True)
    await NotInheriting.register(runtime, "c", NotInheriting)
    await Subscribed.register(runtime, "d", Subscribed, skip_class_subscriptions=True)

    assert rules() == [
        ("DefaultSubscription", "news>a"),
        ("DefaultSubscription", "default>a"),
        ("TypePrefixSubscription", "a:>a"),
        ("DefaultSubscription", "news>b"),
        ("DefaultSubscription", "default>b"),
        ("TypePrefixSubscription", "c:>c"),
        ("TypePrefixSubscription", "d:>d"),
    ]


async def test_agent_is_registered_at_run_time_and_reached_by_its_own_topics(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    got: list[str] = []

    async def note(agent: Scripted, message: Text, ctx: MessageContext) -> None:
        got.append(f"{agent.id} {ctx.topic_id}")

    await add_agent(runtime, "note", note)
    await runtime.publish_message(Text("x"), TopicId("note:rpc=1", "s"))
    await runtime.stop_when_idle()
    runtime.start()

    assert got == ["note/s note:rpc=1/s"]


async def test_instance_is_registered_under_an_id(runtime: SingleThreadedAgentRuntime) -> None:
    first, second = Plain(), Plain()
    with pytest.raises(RuntimeError, match="is in no runtime yet"):
        _ = first.id
    assert await first.register_instance(runtime, AgentId("plain", "1")) == AgentId("plain", "1")
    await second.register_instance(runtime, AgentId("plain", "2"))

    assert await runtime.send_message(Text("x"), AgentId("plain", "2")) == "plain/2 x"
    assert first.runtime is runtime
    assert await runtime.try_get_underlying_agent_instance(AgentId("plain", "1"), Plain) is first
    with pytest.raises(AgentHasNoInstanceError, match="factory was invoked for plain/3, which is not a registered"):
        await runtime.send_message(Text("x"), AgentId("plain", "3"))


async def test_instance_gets_the_messages_of_the_topic_type_that_is_its_key(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    got: list[str] = []

    class Noting(Plain):
        @message_handler
        async def on_number(self, message: Number, ctx: MessageContext) -> None:
            got.append(f"{self.id} {ctx.topic_id}")

    await Noting().register_instance(runtime, AgentId("noting", "room"))
    await runtime.publish_message(Number(1), TopicId("room", "room"))
    await runtime.publish_message(Number(1), TopicId("noting:x", "room"))
    await runtime.stop_when_idle()
    runtime.start()

    assert got == ["noting/room room/room", "noting/room noting:x/room"]


async def test_instances_and_factories_do_not_mix(runtime: SingleThreadedAgentRuntime) -> None:
    await Plain.register(runtime, "made", Plain)
    await Plain().register_instance(runtime, AgentId("given", "1"))

    with pytest.raises(ValueError, match=r"Agent with id given/1 already exists\."):
        await Plain().register_instance(runtime, AgentId("given", "1"))
    with pytest.raises(ValueError, match="factories and instances cannot share a type"):
        await Plain().register_instance(runtime, AgentId("made", "1"))
    with pytest.raises(ValueError, match="must be of the same object type: 'given' has instances of Plain"):
        await Subscribed().register_instance(runtime, AgentId("given", "2"))
    with pytest.raises(ValueError, match="Agent with type 'given' already exists"):
        await Plain.register(runtime, "given", Plain)


async def test_agent_is_bound_once(runtime: SingleThreadedAgentRuntime) -> None:
    agent = Plain()
    await agent.bind_id_and_runtime(AgentId("a", "1"), runtime)
    await agent.bind_id_and_runtime(AgentId("a", "1"), runtime)

    with pytest.raises(RuntimeError, match="already bound to a different id"):
        await agent.bind_id_and_runtime(AgentId("a", "2"), runtime)
    with pytest.raises(RuntimeError, match="already bound to a different runtime"):
        await agent.bind_id_and_runtime(AgentId("a", "1"), SingleThreadedAgentRuntime())
    with pytest.raises(ValueError, match="description of an agent is text"):
        BaseAgent.__init__(agent, 5)  # type: ignore[arg-type] # the slip that is to be caught


async def test_get_makes_an_agent_unless_lazy(runtime: SingleThreadedAgentRuntime) -> None:
    made: list[str] = []

    def factory() -> Plain:
        made.append(str(AgentInstantiationContext.current_agent_id()))
        return Plain()

    await Plain.register(runtime, "plain", factory)

    assert await runtime.get("plain") == AgentId("plain", "default")
    assert await runtime.get(AgentType("plain"), "k") == AgentId("plain", "k")
    assert made == []
    assert await runtime.get(AgentId("plain", "k"), lazy=False) == AgentId("plain", "k")
    assert made == ["plain/k"]
    with pytest.raises(LookupError, match="unknown"):
        await runtime.get("unknown", lazy=False)


async def test_underlying_instance_is_checked(runtime: SingleThreadedAgentRuntime) -> None:
    await Plain.register(runtime, "plain", Plain)

    agent = await runtime.try_get_underlying_agent_instance(AgentId("plain", "1"), type=Plain)
    assert (agent.type, agent.metadata["type"]) == ("plain", "plain")
    assert isinstance(await runtime.try_get_underlying_agent_instance(AgentId("plain", "1")), Plain)
    with pytest.raises(TypeError, match="agent plain/1 is a Plain, not a Scripted"):
        await runtime.try_get_underlying_agent_instance(AgentId("plain", "1"), Scripted)
    with pytest.raises(LookupError, match="no agent type 'unknown'"):
        await runtime.try_get_underlying_agent_instance(AgentId("unknown", "1"))


# State, metadata, proxies.


class Counting(BaseAgent):
    def __init__(self) -> None:
        super().__init__("counts")
        self.count = 0

    async def on_message_impl(self, message: Any, ctx: MessageContext) -> int:
        self.count += 1
        return self.count

    async def save_state(self) -> dict[str, Any]:
        return {"count": self.count}

    async def load_state(self, state: Any) -> None:
        self.count = state["count"]


async def test_state_of_all_agents_made_is_saved_and_loaded(runtime: SingleThreadedAgentRuntime) -> None:
    await Counting.register(runtime, "counting", Counting)
    for key, times in (("a/b", 2), ("c", 1)):
        for _ in range(times):
            await runtime.send_message(Text("x"), AgentId("counting", key))
    state = await runtime.save_state()
    assert state == {"counting/a/b": {"count": 2}, "counting/c": {"count": 1}}

    other = SingleThreadedAgentRuntime()
    await Counting.register(other, "counting", Counting)
    await other.load_state({**state, "unknown/x": {"anything": 1}})
    other.start()
    assert await other.send_message(Text("x"), AgentId("counting", "a/b")) == 3
    await other.agent_load_state(AgentId("counting", "c"), {"count": 10})
    assert await other.agent_save_state(AgentId("counting", "c")) == {"count": 10}
    await other.stop()


async def test_state_that_is_not_implemented_warns(runtime: SingleThreadedAgentRuntime) -> None:
    await Plain.register(runtime, "plain", Plain)

    with pytest.warns(UserWarning, match="Plain does not implement save_state"):
        assert await runtime.agent_save_state(AgentId("plain", "1")) == {}
    with pytest.warns(UserWarning, match="Plain does not implement load_state"):
        await runtime.agent_load_state(AgentId("plain", "1"), {})


async def test_proxy_stands_for_its_agent(runtime: SingleThreadedAgentRuntime) -> None:
    await Counting.register(runtime, "counting", Counting)
    proxy = AgentProxy(AgentId("counting", "1"), runtime)

    assert proxy.id == AgentId("counting", "1")
    assert await proxy.metadata == {"type": "counting", "key": "1", "description": "counts"}
    assert await proxy.send_message(Text("x"), sender=AgentId("app", "1")) == 1
    await proxy.load_state({"count": 5})
    assert await proxy.save_state() == {"count": 5}


# Closures.


async def test_closure_gets_published_messages_and_can_send(runtime: SingleThreadedAgentRuntime) -> None:
    results: asyncio.Queue[tuple[str, str, str]] = asyncio.Queue()
    await Plain.register(runtime, "plain", Plain)

    async def collect(agent: ClosureContext, message: Text | Number, ctx: MessageContext) -> None:
        reply = await agent.send_message(Text("hello"), AgentId("plain", agent.id.key))
        await results.put((str(agent.id), type(message).__name__, reply))

    agent_type = await ClosureAgent.register_closure(
        runtime, "collect", collect, subscriptions=lambda: [DefaultSubscription()], description="collects"
    )
    await runtime.publish_message(Text("a"), DefaultTopicId())
    await runtime.publish_message(Number(1), DefaultTopicId(source="s"))
    await runtime.stop_when_idle()
    runtime.start()

    assert agent_type == AgentType("collect")
    assert sorted(results.get_nowait() for _ in range(results.qsize())) == [
        ("collect/default", "Text", "plain/default hello"),
        ("collect/s", "Number", "plain/s hello"),
    ]
    closure_agent = await runtime.try_get_underlying_agent_instance(AgentId("collect", "s"), ClosureAgent)
    assert ClosureContext in ClosureAgent.__mro__
    assert await closure_agent.save_state() == {}
    await closure_agent.load_state({})
    assert closure_agent.metadata["description"] == "collects"


async def test_closure_treats_unknown_types_by_its_policy(runtime: SingleThreadedAgentRuntime) -> None:
    async def take(agent: ClosureContext, message: Text, ctx: MessageContext) -> str:
        return "called"

    async def take_any(agent: ClosureContext, message: Any, ctx: MessageContext) -> str:
        return "called"

    async def no_subscriptions() -> list[Any]:
        return []

    for policy in ("error", "warn", "ignore"):
        await ClosureAgent.register_closure(
            runtime, policy, take, unknown_type_policy=policy, subscriptions=no_subscriptions
        )
    await ClosureAgent.register_closure(runtime, "any", take_any)

    with pytest.raises(CantHandleException, match="closure agent error/1 takes Text, but got a Number"):
        await runtime.send_message(Number(1), AgentId("error", "1"))
    with pytest.warns(UserWarning, match="takes Text, but got a Number; the message is dropped"):
        assert await runtime.send_message(Number(1), AgentId("warn", "1")) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert await runtime.send_message(Number(1), AgentId("ignore", "1")) == "called"
        assert await runtime.send_message(Number(1), AgentId("any", "1")) == "called"


async def test_bad_closures_are_refused_at_registration(runtime: SingleThreadedAgentRuntime) -> None:
    async def two(agent: ClosureContext, message: Text) -> None: ...
    async def unannotated(agent, message, ctx) -> None: ...  # type: ignore[no-untyped-def] # the missing annotation is the case

    with pytest.raises(AssertionError, match=r"a closure takes \(agent, message, ctx\)"):
        await ClosureAgent.register_closure(runtime, "two", two)  # type: ignore[arg-type] # the slip that is to be caught
    with pytest.raises(AssertionError, match="annotate the parameter 'message'"):
        await ClosureAgent.register_closure(runtime, "unannotated", unannotated)
    with pytest.raises(RuntimeError, match=r"use ClosureAgent\.register_closure"):
        ClosureAgent("", two)  # type: ignore[arg-type] # the slip that is to be caught
    with pytest.raises(CantHandleException, match="DefaultSubscription"):
        DefaultSubscription()
