"""Mixture of agents: layers of workers by direct messages, seven requests to the model (spec: 000 DP-19, DP-20)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hubbub_core import AgentId, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
from hubbub_core.models import ChatCompletionClient, LLMMessage, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


@dataclass
class WorkerTask:
    task: str
    previous_results: list[str]


@dataclass
class WorkerTaskResult:
    result: str


@dataclass
class UserTask:
    task: str


@dataclass
class FinalResult:
    result: str


async def ask(model_client: ChatCompletionClient, task: str, previous: list[str], ctx: MessageContext) -> str:
    """Ask a model for an answer to a task, or for a synthesis of previous answers."""
    messages: list[LLMMessage] = [UserMessage(content=task, source="user")]
    if previous:
        numbered = "\n\n".join(f"{number}. {result}" for number, result in enumerate(previous, 1))
        messages.insert(0, SystemMessage(content=f"Make one answer of these:\n\n{numbered}"))
    reply = await model_client.create(messages, cancellation_token=ctx.cancellation_token)
    assert isinstance(reply.content, str)
    return reply.content


class WorkerAgent(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__(description="Worker Agent")
        self._model_client = model_client

    @message_handler
    async def handle_task(self, message: WorkerTask, ctx: MessageContext) -> WorkerTaskResult:
        result = await ask(self._model_client, message.task, message.previous_results, ctx)
        print(f"{self.id}: {result}")
        return WorkerTaskResult(result)


class OrchestratorAgent(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient, worker_agent_types: list[str], num_layers: int) -> None:
        super().__init__(description="Aggregator Agent")
        self._model_client = model_client
        self._worker_agent_types = worker_agent_types
        self._num_layers = num_layers

    @message_handler
    async def handle_task(self, message: UserTask, ctx: MessageContext) -> FinalResult:
        task = WorkerTask(task=message.task, previous_results=[])
        # The orchestrator is the last layer itself.
        for layer in range(self._num_layers - 1):
            worker_ids = [
                AgentId(worker_type, f"{self.id.key}/layer_{layer}/worker_{index}")
                for index, worker_type in enumerate(self._worker_agent_types)
            ]
            print(f"{self.id}: layer {layer}")
            results = await asyncio.gather(*(self.send_message(task, worker_id) for worker_id in worker_ids))
            task = WorkerTask(task=message.task, previous_results=[result.result for result in results])
        print(f"{self.id}: aggregation")
        return FinalResult(await ask(self._model_client, task.task, task.previous_results, ctx))


async def test_three_layers_of_three_make_seven_requests(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    model = ReplayChatCompletionClient(["a", "b", "c", "abc-1", "abc-2", "abc-3", "final"])
    await WorkerAgent.register(runtime, "worker", lambda: WorkerAgent(model))
    await OrchestratorAgent.register(
        runtime, "orchestrator", lambda: OrchestratorAgent(model, worker_agent_types=["worker"] * 3, num_layers=3)
    )
    runtime.start()
    result = await runtime.send_message(UserTask("6 plus 7"), AgentId("orchestrator", "default"))
    await runtime.stop_when_idle()

    assert result == FinalResult("final")
    assert printed() == [
        "orchestrator/default: layer 0",
        "worker/default/layer_0/worker_0: a",
        "worker/default/layer_0/worker_1: b",
        "worker/default/layer_0/worker_2: c",
        "orchestrator/default: layer 1",
        "worker/default/layer_1/worker_0: abc-1",
        "worker/default/layer_1/worker_1: abc-2",
        "worker/default/layer_1/worker_2: abc-3",
        "orchestrator/default: aggregation",
    ]
    question = UserMessage(content="6 plus 7", source="user")
    first_synthesis = SystemMessage(content="Make one answer of these:\n\n1. a\n\n2. b\n\n3. c")
    last_synthesis = SystemMessage(content="Make one answer of these:\n\n1. abc-1\n\n2. abc-2\n\n3. abc-3")
    assert [call["messages"] for call in model.create_calls] == [
        *([[question]] * 3),
        *([[first_synthesis, question]] * 3),
        [last_synthesis, question],
    ]


async def test_results_keep_the_order_of_the_workers_whoever_is_first(runtime: SingleThreadedAgentRuntime) -> None:
    """Each type of worker has a model of its own; the first worker answers last."""
    others_done = asyncio.Event()

    class SlowWorker(WorkerAgent):
        @message_handler
        async def handle_task(self, message: WorkerTask, ctx: MessageContext) -> WorkerTaskResult:
            await others_done.wait()
            return await super().handle_task(message, ctx)

    class FastWorker(WorkerAgent):
        @message_handler
        async def handle_task(self, message: WorkerTask, ctx: MessageContext) -> WorkerTaskResult:
            result = await super().handle_task(message, ctx)
            others_done.set()
            return result

    final = ReplayChatCompletionClient(["final"])
    slow, fast = ReplayChatCompletionClient(["slow"]), ReplayChatCompletionClient(["fast"])
    await SlowWorker.register(runtime, "slow", lambda: SlowWorker(slow))
    await FastWorker.register(runtime, "fast", lambda: FastWorker(fast))
    await OrchestratorAgent.register(
        runtime, "orchestrator", lambda: OrchestratorAgent(final, ["slow", "fast"], num_layers=2)
    )
    runtime.start()
    result = await asyncio.wait_for(runtime.send_message(UserTask("race"), AgentId("orchestrator", "default")), 10)

    assert result == FinalResult("final")
    assert final.create_calls[0]["messages"][0] == SystemMessage(
        content="Make one answer of these:\n\n1. slow\n\n2. fast"
    )
