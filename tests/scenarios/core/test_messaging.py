"""The runtime scenarios of the documents that need no model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import pytest

from hubbub_core import (
    AgentId,
    AgentInstantiationContext,
    AgentRuntime,
    AgentType,
    ClosureAgent,
    ClosureContext,
    DefaultInterventionHandler,
    DefaultSubscription,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    default_subscription,
    message_handler,
    type_subscription,
)


@dataclass
class Message:
    content: str


@dataclass
class Count:
    content: int


Printed = pytest.CaptureFixture[str]


def lines(capsys: Printed) -> list[str]:
    return capsys.readouterr().out.splitlines()


# Quick start: a countdown by two agents (spec: 000 QS-01).


@default_subscription
class Modifier(RoutedAgent):
    def __init__(self, modify_val: Callable[[int], int]) -> None:
        super().__init__("A modifier agent.")
        self._modify_val = modify_val

    @message_handler
    async def handle_message(self, message: Count, ctx: MessageContext) -> None:
        value = self._modify_val(message.content)
        print(f"{'-' * 80}\nModifier:\nModified {message.content} to {value}")
        await self.publish_message(Count(content=value), DefaultTopicId())


@default_subscription
class Checker(RoutedAgent):
    def __init__(self, run_until: Callable[[int], bool]) -> None:
        super().__init__("A checker agent.")
        self._run_until = run_until

    @message_handler
    async def handle_message(self, message: Count, ctx: MessageContext) -> None:
        if not self._run_until(message.content):
            print(f"{'-' * 80}\nChecker:\n{message.content} passed the check, continue.")
            await self.publish_message(Count(content=message.content), DefaultTopicId())
        else:
            print(f"{'-' * 80}\nChecker:\n{message.content} failed the check, stopping.")


async def test_countdown_alternates_between_checker_and_modifier(capsys: Printed) -> None:
    runtime = SingleThreadedAgentRuntime()
    await Modifier.register(runtime, "modifier", lambda: Modifier(modify_val=lambda x: x - 1))
    await Checker.register(runtime, "checker", lambda: Checker(run_until=lambda x: x <= 1))
    runtime.start()
    await runtime.send_message(Count(10), AgentId("checker", "default"))
    await runtime.stop_when_idle()

    expected: list[str] = []
    for number in range(10, 1, -1):
        expected += ["-" * 80, "Checker:", f"{number} passed the check, continue."]
        expected += ["-" * 80, "Modifier:", f"Modified {number} to {number - 1}"]
    expected += ["-" * 80, "Checker:", "1 failed the check, stopping."]
    assert lines(capsys) == expected


# Direct messages: inner and outer agent (spec: 001 MSG-10).


class InnerAgent(RoutedAgent):
    @message_handler
    async def on_my_message(self, message: Message, ctx: MessageContext) -> Message:
        return Message(content=f"Hello from inner, {message.content}")


class OuterAgent(RoutedAgent):
    def __init__(self, description: str, inner_agent_type: str) -> None:
        super().__init__(description)
        self.inner_agent_id = AgentId(inner_agent_type, self.id.key)

    @message_handler
    async def on_my_message(self, message: Message, ctx: MessageContext) -> None:
        print(f"Received message: {message.content}")
        response = await self.send_message(Message(f"Hello from outer, {message.content}"), self.inner_agent_id)
        print(f"Received inner response: {response.content}")


async def test_outer_agent_asks_the_inner_one(capsys: Printed) -> None:
    runtime = SingleThreadedAgentRuntime()
    await InnerAgent.register(runtime, "inner_agent", lambda: InnerAgent("InnerAgent"))
    await OuterAgent.register(runtime, "outer_agent", lambda: OuterAgent("OuterAgent", "inner_agent"))
    runtime.start()
    await runtime.send_message(Message(content="Hello, World!"), AgentId("outer_agent", "default"))
    await runtime.stop_when_idle()

    assert lines(capsys) == [
        "Received message: Hello, World!",
        "Received inner response: Hello from inner, Hello from outer, Hello, World!",
    ]


# Broadcast (spec: 001 MSG-16, MSG-18).


@type_subscription(topic_type="default")
class ReceivingAgent(RoutedAgent):
    @message_handler
    async def on_my_message(self, message: Message, ctx: MessageContext) -> None:
        print(f"Received a message: {message.content}")


class BroadcastingAgent(RoutedAgent):
    @message_handler
    async def on_my_message(self, message: Message, ctx: MessageContext) -> None:
        await self.publish_message(
            Message("Publishing a message from broadcasting agent!"), topic_id=TopicId("default", self.id.key)
        )


@default_subscription
class BroadcastingAgentDefaultTopic(RoutedAgent):
    @message_handler
    async def on_my_message(self, message: Message, ctx: MessageContext) -> None:
        await self.publish_message(Message("Publishing a message from broadcasting agent!"), topic_id=DefaultTopicId())


@pytest.mark.parametrize("defaults", [False, True])
async def test_broadcaster_reaches_the_receiver_and_not_itself(capsys: Printed, defaults: bool) -> None:
    runtime = SingleThreadedAgentRuntime()
    if defaults:
        await BroadcastingAgentDefaultTopic.register(
            runtime, "broadcasting_agent", lambda: BroadcastingAgentDefaultTopic("Broadcasting Agent")
        )
        await ReceivingAgent.register(runtime, "receiving_agent", lambda: ReceivingAgent("Receiving Agent"))
    else:
        await ReceivingAgent.register(runtime, "receiving_agent", lambda: ReceivingAgent("Receiving Agent"))
        await BroadcastingAgent.register(runtime, "broadcasting_agent", lambda: BroadcastingAgent("Broadcasting"))
        await runtime.add_subscription(TypeSubscription(topic_type="default", agent_type="broadcasting_agent"))
    runtime.start()
    topic = DefaultTopicId() if defaults else TopicId(type="default", source="default")
    await runtime.publish_message(Message("Hello, World! From the runtime!"), topic_id=topic)
    await runtime.stop_when_idle()

    assert lines(capsys) == [
        "Received a message: Hello, World! From the runtime!",
        "Received a message: Publishing a message from broadcasting agent!",
    ]


# Routing by type and by sender (spec: 001 MSG-4, MSG-5).


@dataclass
class TextMessage:
    content: str
    source: str


@dataclass
class ImageMessage:
    url: str
    source: str


class ByType(RoutedAgent):
    @message_handler
    async def on_text_message(self, message: TextMessage, ctx: MessageContext) -> None:
        print(f"Hello, {message.source}, you said {message.content}!")

    @message_handler
    async def on_image_message(self, message: ImageMessage, ctx: MessageContext) -> None:
        print(f"Hello, {message.source}, you sent me {message.url}!")


class BySender(RoutedAgent):
    @message_handler(match=lambda msg, ctx: msg.source.startswith("user1"))
    async def on_user1_message(self, message: TextMessage, ctx: MessageContext) -> None:
        print(f"Hello from user 1 handler, {message.source}, you said {message.content}!")

    @message_handler(match=lambda msg, ctx: msg.source.startswith("user2"))
    async def on_user2_message(self, message: TextMessage, ctx: MessageContext) -> None:
        print(f"Hello from user 2 handler, {message.source}, you said {message.content}!")

    @message_handler(match=lambda msg, ctx: msg.source.startswith("user2"))
    async def on_image_message(self, message: ImageMessage, ctx: MessageContext) -> None:
        print(f"Hello, {message.source}, you sent me {message.url}!")


async def test_messages_are_routed_by_type(capsys: Printed) -> None:
    runtime = SingleThreadedAgentRuntime()
    assert await ByType.register(runtime, "my_agent", lambda: ByType("My Agent")) == AgentType("my_agent")
    runtime.start()
    agent_id = AgentId("my_agent", "default")
    await runtime.send_message(TextMessage(content="Hello, World!", source="User"), agent_id)
    await runtime.send_message(ImageMessage(url="https://example.com/image.jpg", source="User"), agent_id)
    await runtime.stop_when_idle()

    assert lines(capsys) == [
        "Hello, User, you said Hello, World!!",
        "Hello, User, you sent me https://example.com/image.jpg!",
    ]


async def test_messages_are_routed_by_sender(capsys: Printed) -> None:
    runtime = SingleThreadedAgentRuntime()
    await BySender.register(runtime, "my_agent", lambda: BySender("My Agent"))
    runtime.start()
    agent_id = AgentId("my_agent", "default")
    for message in (
        TextMessage("Hello, World!", "user1-test"),
        TextMessage("Hello, World!", "user2-test"),
        ImageMessage("url", "user1-test"),
        ImageMessage("url", "user2-test"),
    ):
        await runtime.send_message(message, agent_id)
    await runtime.stop_when_idle()

    assert lines(capsys) == [
        "Hello from user 1 handler, user1-test, you said Hello, World!!",
        "Hello from user 2 handler, user2-test, you said Hello, World!!",
        "Hello, user2-test, you sent me url!",
    ]


# The tax company: four ways to cut tenants and topics (spec: 001 SCEN-1..9).


class TaxSpecialty(StrEnum):
    PLANNING = "planning"
    DISPUTE_RESOLUTION = "dispute_resolution"
    COMPLIANCE = "compliance"
    PREPARATION = "preparation"


@dataclass
class ClientRequest:
    content: str


@dataclass
class RequestAssessment:
    content: str


class TaxSpecialist(RoutedAgent):
    def __init__(self, description: str, specialty: TaxSpecialty) -> None:
        super().__init__(description)
        self.specialty = specialty

    @message_handler
    async def handle_message(self, message: ClientRequest, ctx: MessageContext) -> None:
        print(f"{self.id}: {message.content}")
        if ctx.topic_id is None:
            raise ValueError("Topic ID is required for broadcasting")
        await self.publish_message(
            message=RequestAssessment(content=f"I can handle this request in {self.specialty.value}."),
            topic_id=ctx.topic_id,
        )


async def register_specialists(runtime: SingleThreadedAgentRuntime) -> dict[TaxSpecialty, str]:
    names = {}
    for specialty in TaxSpecialty:
        names[specialty] = f"TaxSpecialist_{specialty.value}"
        await TaxSpecialist.register(
            runtime=runtime,
            type=names[specialty],
            factory=partial(TaxSpecialist, "A tax specialist", specialty),
        )
    return names


async def test_single_tenant_single_scope(capsys: Printed) -> None:
    runtime = SingleThreadedAgentRuntime()
    for name, specialty in (("TaxSpecialist_1", TaxSpecialty.PLANNING), ("TaxSpecialist_2", TaxSpecialty.COMPLIANCE)):
        await TaxSpecialist.register(runtime, name, partial(TaxSpecialist, "A tax specialist", specialty))
        await runtime.add_subscription(DefaultSubscription(agent_type=name))
    runtime.start()
    await runtime.publish_message(ClientRequest("I need help."), topic_id=DefaultTopicId())
    await runtime.stop_when_idle()

    assert lines(capsys) == ["TaxSpecialist_1/default: I need help.", "TaxSpecialist_2/default: I need help."]


async def test_multi_tenant_single_scope(capsys: Printed) -> None:
    runtime = SingleThreadedAgentRuntime()
    names = await register_specialists(runtime)
    for name in names.values():
        await runtime.add_subscription(DefaultSubscription(agent_type=name))
    runtime.start()
    for tenant in ("ClientABC", "ClientXYZ"):
        await runtime.publish_message(ClientRequest(f"from {tenant}"), topic_id=DefaultTopicId(source=tenant))
    await runtime.stop_when_idle()

    assert lines(capsys) == [
        f"{name}/{tenant}: from {tenant}" for tenant in ("ClientABC", "ClientXYZ") for name in names.values()
    ]


async def test_single_tenant_multiple_scopes(capsys: Printed) -> None:
    runtime = SingleThreadedAgentRuntime()
    names = await register_specialists(runtime)
    for specialty, name in names.items():
        await runtime.add_subscription(TypeSubscription(topic_type=specialty.value, agent_type=name))
    runtime.start()
    for specialty in TaxSpecialty:
        await runtime.publish_message(ClientRequest(specialty.value), topic_id=TopicId(specialty.value, "default"))
    await runtime.stop_when_idle()

    assert lines(capsys) == [f"{names[specialty]}/default: {specialty.value}" for specialty in TaxSpecialty]


async def test_multi_tenant_multiple_scopes(capsys: Printed) -> None:
    runtime = SingleThreadedAgentRuntime()
    names = await register_specialists(runtime)
    tenants = ("ClientABC", "ClientXYZ")
    for specialty, name in names.items():
        for tenant in tenants:
            await runtime.add_subscription(TypeSubscription(f"{tenant}_{specialty.value}", name))
    runtime.start()
    for tenant in tenants:
        for specialty in TaxSpecialty:
            await runtime.publish_message(
                ClientRequest("x"), topic_id=TopicId(f"{tenant}_{specialty.value}", source=tenant)
            )
    await runtime.stop_when_idle()

    assert lines(capsys) == [f"{names[specialty]}/{tenant}: x" for tenant in tenants for specialty in TaxSpecialty]


# Concurrent agents (spec: 000 STR-16..20, DP-01..04).


@dataclass
class Task:
    task_id: str


@dataclass
class TaskResponse:
    task_id: str
    result: str


async def test_one_task_is_worked_on_by_two_agents_at_once(capsys: Printed) -> None:
    @default_subscription
    class Processor(RoutedAgent):
        @message_handler
        async def on_task(self, message: Task, ctx: MessageContext) -> None:
            print(f"{self._description} starting task {message.task_id}")
            await asyncio.sleep(0)
            print(f"{self._description} finished task {message.task_id}")

    runtime = SingleThreadedAgentRuntime()
    await Processor.register(runtime, "agent_1", lambda: Processor("Agent 1"))
    await Processor.register(runtime, "agent_2", lambda: Processor("Agent 2"))
    runtime.start()
    await runtime.publish_message(Task("task-1"), topic_id=DefaultTopicId())
    await runtime.stop_when_idle()

    assert lines(capsys) == [
        "Agent 1 starting task task-1",
        "Agent 2 starting task task-1",
        "Agent 1 finished task task-1",
        "Agent 2 finished task task-1",
    ]


async def test_urgent_work_overtakes_normal_work_and_its_result_is_collected() -> None:
    results_topic = TopicId(type="task-results", source="default")
    urgent_done = asyncio.Event()

    @type_subscription("urgent")
    class Urgent(RoutedAgent):
        @message_handler
        async def on_task(self, message: Task, ctx: MessageContext) -> None:
            urgent_done.set()
            await self.publish_message(TaskResponse(message.task_id, "urgent done"), topic_id=results_topic)

    @type_subscription("normal")
    class Normal(RoutedAgent):
        @message_handler
        async def on_task(self, message: Task, ctx: MessageContext) -> None:
            await urgent_done.wait()
            await self.publish_message(TaskResponse(message.task_id, "normal done"), topic_id=results_topic)

    queue: asyncio.Queue[TaskResponse] = asyncio.Queue()

    async def collect_result(_agent: ClosureContext, message: TaskResponse, ctx: MessageContext) -> None:
        await queue.put(message)

    runtime = SingleThreadedAgentRuntime()
    await Urgent.register(runtime, "urgent_processor", lambda: Urgent("Urgent"))
    await Normal.register(runtime, "normal_processor", lambda: Normal("Normal"))
    runtime.start()
    # Registered while the runtime is running already.
    await ClosureAgent.register_closure(
        runtime,
        "collect_result_agent",
        collect_result,
        subscriptions=lambda: [TypeSubscription(topic_type="task-results", agent_type="collect_result_agent")],
    )
    await runtime.publish_message(Task("normal-1"), topic_id=TopicId("normal", "default"))
    await runtime.publish_message(Task("urgent-1"), topic_id=TopicId("urgent", "default"))
    await asyncio.wait_for(runtime.stop_when_idle(), 5)

    assert [queue.get_nowait().result for _ in range(queue.qsize())] == ["urgent done", "normal done"]


async def test_delegator_gathers_the_answers_of_its_workers(capsys: Printed) -> None:
    class Worker(RoutedAgent):
        @message_handler
        async def on_task(self, message: Task, ctx: MessageContext) -> TaskResponse:
            await asyncio.sleep(0)
            return TaskResponse(message.task_id, f"Results by {self.id}")

    class Delegator(RoutedAgent):
        @message_handler
        async def on_task(self, message: Task, ctx: MessageContext) -> TaskResponse:
            workers = [AgentId("worker", f"worker-{number}") for number in (1, 2)]
            answers = await asyncio.gather(*(self.send_message(message, worker) for worker in workers))
            return TaskResponse(message.task_id, "; ".join(answer.result for answer in answers))

    runtime = SingleThreadedAgentRuntime()
    await Worker.register(runtime, "worker", lambda: Worker("Worker"))
    await Delegator.register(runtime, "delegator", lambda: Delegator("Delegator"))
    runtime.start()
    reply = await runtime.send_message(Task("t"), recipient=AgentId("delegator", "default"))
    await runtime.stop_when_idle()

    assert reply == TaskResponse("t", "Results by worker/worker-1; Results by worker/worker-2")


# Termination by an intervention handler (spec: 001 TERM-1..5).


@dataclass
class Anything:
    content: Any


@dataclass
class Termination:
    reason: str


@default_subscription
class AnAgent(RoutedAgent):
    def __init__(self) -> None:
        super().__init__("MyAgent")
        self.received = 0

    @message_handler
    async def on_new_message(self, message: Anything, ctx: MessageContext) -> None:
        self.received += 1
        if self.received > 3:
            await self.publish_message(Termination(reason="Reached maximum number of messages"), DefaultTopicId())


class TerminationHandler(DefaultInterventionHandler):
    def __init__(self) -> None:
        self.termination_value: Termination | None = None

    async def on_publish(self, message: Any, *, message_context: MessageContext) -> Any:
        if isinstance(message, Termination):
            self.termination_value = message
        return message

    @property
    def has_terminated(self) -> bool:
        return self.termination_value is not None


async def test_runtime_stops_when_an_intervention_handler_saw_the_end() -> None:
    handler = TerminationHandler()
    runtime = SingleThreadedAgentRuntime(intervention_handlers=[handler])
    await AnAgent.register(runtime, "my_agent", AnAgent)
    runtime.start()
    for _ in range(4):
        await runtime.publish_message(Anything("hello"), DefaultTopicId())
    await asyncio.wait_for(runtime.stop_when(lambda: handler.has_terminated), 5)

    assert handler.termination_value == Termination(reason="Reached maximum number of messages")


# Extracting results with a closure agent (spec: 000 CB-04), and the instantiation context (spec: 001 API-INST-5).


async def test_results_are_extracted_by_a_closure(capsys: Printed) -> None:
    queue: asyncio.Queue[Message] = asyncio.Queue()

    async def output_result(_agent: ClosureContext, message: Message, ctx: MessageContext) -> None:
        await queue.put(message)

    runtime = SingleThreadedAgentRuntime()
    await ClosureAgent.register_closure(
        runtime, "output_result", output_result, subscriptions=lambda: [DefaultSubscription()]
    )
    runtime.start()
    await runtime.publish_message(Message("Result 1"), DefaultTopicId())
    await runtime.publish_message(Message("Result 2"), DefaultTopicId())
    await runtime.stop_when_idle()

    assert [queue.get_nowait() for _ in range(queue.qsize())] == [Message("Result 1"), Message("Result 2")]


async def test_factory_and_constructor_read_the_instantiation_context(capsys: Printed) -> None:
    class TestAgent(RoutedAgent):
        def __init__(self, description: str) -> None:
            super().__init__(description)
            print(f"constructor: {AgentInstantiationContext.current_agent_id()}")

        @message_handler
        async def handle_message(self, message: Message, ctx: MessageContext) -> None:
            print(f"Received message: {message.content}")

    def factory() -> TestAgent:
        assert isinstance(AgentInstantiationContext.current_runtime(), AgentRuntime)
        print(f"factory: {AgentInstantiationContext.current_agent_id()}")
        return TestAgent(description="Test agent")

    runtime = SingleThreadedAgentRuntime()
    runtime.start()
    await runtime.register_factory("test_agent", factory)
    await runtime.send_message(Message("Hello, world!"), AgentId("test_agent", "default"))
    await runtime.stop()

    assert lines(capsys) == [
        "factory: test_agent/default",
        "constructor: test_agent/default",
        "Received message: Hello, world!",
    ]


async def test_each_issue_gets_a_triage_agent_of_its_own(capsys: Printed) -> None:
    """Multi-tenancy by topic source, with sources as they come (spec: 001 TOPIC-10)."""

    sources = [f"github.com/microsoft/autogen/issues/{number}" for number in (1, 9)]

    class TriageAgent(RoutedAgent):
        @message_handler
        async def on_issue(self, message: Message, ctx: MessageContext) -> None:
            print(self.id)

    runtime = SingleThreadedAgentRuntime()
    await TriageAgent.register(runtime, "triage_agent", lambda: TriageAgent("triage"))
    await runtime.add_subscription(TypeSubscription("github_issues", "triage_agent"))
    runtime.start()
    for source in sources:
        await runtime.publish_message(Message("new"), TopicId("github_issues", source))
    await runtime.stop_when_idle()

    assert lines(capsys) == [f"triage_agent/{source}" for source in sources]
