"""Multi-agent debate: a ring of four solvers, three rounds, a majority (spec: 000 DP-21..23; 001 DEBATE-1..8)."""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from hubbub_core import (
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TypeSubscription,
    default_subscription,
    message_handler,
)
from hubbub_core.models import AssistantMessage, ChatCompletionClient, LLMMessage, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient

SOLVERS = ["MathSolverA", "MathSolverB", "MathSolverC", "MathSolverD"]


@dataclass
class Question:
    content: str


@dataclass
class Answer:
    content: str


@dataclass
class SolverRequest:
    content: str
    question: str


@dataclass
class IntermediateSolverResponse:
    content: str
    question: str
    answer: str
    round: int


@dataclass
class FinalSolverResponse:
    answer: str


@default_subscription
class MathSolver(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient, topic_type: str, num_neighbors: int, max_round: int) -> None:
        super().__init__("A debater.")
        self._model_client = model_client
        self._topic_type = topic_type
        self._num_neighbors = num_neighbors
        self._max_round = max_round
        self._round = 0
        self._buffer: dict[int, list[IntermediateSolverResponse]] = defaultdict(list)
        self._history: list[LLMMessage] = []

    @message_handler
    async def handle_request(self, message: SolverRequest, ctx: MessageContext) -> None:
        self._history.append(UserMessage(content=message.content, source="user"))
        reply = await self._model_client.create(
            [SystemMessage(content="End with {{number}}."), *self._history], cancellation_token=ctx.cancellation_token
        )
        assert isinstance(reply.content, str)
        self._history.append(AssistantMessage(content=reply.content, source=self.id.type))
        print(f"{self.id.type} round {self._round}: {reply.content}")
        match = re.search(r"\{\{(-?\d+(?:\.\d+)?)\}\}", reply.content)
        if match is None:
            raise ValueError("The model gave no answer in double braces.")
        self._round += 1
        if self._round == self._max_round:
            await self.publish_message(FinalSolverResponse(match[1]), topic_id=DefaultTopicId())
            return
        await self.publish_message(
            IntermediateSolverResponse(reply.content, message.question, match[1], self._round),
            topic_id=DefaultTopicId(type=self._topic_type),
        )

    @message_handler
    async def handle_response(self, message: IntermediateSolverResponse, ctx: MessageContext) -> None:
        responses = self._buffer[message.round]
        responses.append(message)
        if len(responses) < self._num_neighbors:
            return
        print(f"{self.id.type} received all responses of round {message.round}")
        answers = "\n".join(f"One agent solution: {response.content}" for response in responses)
        prompt = f"{answers}\nWith these in mind: {message.question}"
        # A message to itself, awaited in its own handler.
        await self.send_message(SolverRequest(content=prompt, question=message.question), self.id)
        del self._buffer[message.round]


@default_subscription
class MathAggregator(RoutedAgent):
    def __init__(self, num_solvers: int) -> None:
        super().__init__("Math Aggregator")
        self._num_solvers = num_solvers
        self._answers: list[str] = []

    @message_handler
    async def handle_question(self, message: Question, ctx: MessageContext) -> None:
        print(f"Aggregator received question: {message.content}")
        await self.publish_message(
            SolverRequest(content=f"Solve: {message.content}", question=message.content), topic_id=DefaultTopicId()
        )

    @message_handler
    async def handle_final_solver_response(self, message: FinalSolverResponse, ctx: MessageContext) -> None:
        self._answers.append(message.answer)
        if len(self._answers) < self._num_solvers:
            return
        print(f"Aggregator received all final answers: {sorted(self._answers)}")
        ((majority, _),) = Counter(self._answers).most_common(1)
        self._answers.clear()
        print(f"Aggregator publishes final answer: {majority}")
        # Nobody handles it.
        await self.publish_message(Answer(majority), topic_id=DefaultTopicId())


async def register_ring(
    runtime: SingleThreadedAgentRuntime, models: dict[str, ReplayChatCompletionClient], max_round: int
) -> None:
    for name, model in models.items():
        await MathSolver.register(
            runtime,
            name,
            partial(MathSolver, model_client=model, topic_type=name, num_neighbors=2, max_round=max_round),
        )
    for index, name in enumerate(SOLVERS):
        for neighbour in (SOLVERS[index - 1], SOLVERS[(index + 1) % len(SOLVERS)]):
            await runtime.add_subscription(TypeSubscription(name, neighbour))
    registered = await MathAggregator.register(runtime, "MathAggregator", lambda: MathAggregator(num_solvers=4))
    assert repr(registered) == "AgentType(type='MathAggregator')"


async def test_four_solvers_agree_on_72_in_twelve_requests(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    models = {
        "MathSolverA": ReplayChatCompletionClient(["A says {{72}}", "A stays {{72}}", "A ends {{72}}"]),
        "MathSolverB": ReplayChatCompletionClient(["B says {{-3.5}}", "B doubts {{70}}", "B ends {{72}}"]),
        "MathSolverC": ReplayChatCompletionClient(["C says {{72}}", "C stays {{72}}", "C ends {{72}}"]),
        "MathSolverD": ReplayChatCompletionClient(["D says {{71}}", "D stays {{71}}", "D ends {{71}}"]),
    }
    await register_ring(runtime, models, max_round=3)
    runtime.start()
    await runtime.publish_message(Question("48 in April, half of it in May?"), topic_id=DefaultTopicId())
    await asyncio.wait_for(runtime.stop_when_idle(), 10)

    lines = printed()
    # How the solvers interleave is not promised; that each solver's own lines keep their order is.
    by_speaker: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        speaker, _, what = line.partition(" ")
        by_speaker[speaker].append(what)
    spoken = {name: [line for line in by_speaker[name] if line.startswith("round")] for name in SOLVERS}
    assert spoken == {
        "MathSolverA": ["round 0: A says {{72}}", "round 1: A stays {{72}}", "round 2: A ends {{72}}"],
        "MathSolverB": ["round 0: B says {{-3.5}}", "round 1: B doubts {{70}}", "round 2: B ends {{72}}"],
        "MathSolverC": ["round 0: C says {{72}}", "round 1: C stays {{72}}", "round 2: C ends {{72}}"],
        "MathSolverD": ["round 0: D says {{71}}", "round 1: D stays {{71}}", "round 2: D ends {{71}}"],
    }
    for name in SOLVERS:
        assert [line for line in by_speaker[name] if line.startswith("received")] == [
            "received all responses of round 1",
            "received all responses of round 2",
        ]
    assert by_speaker["Aggregator"] == [
        "received question: 48 in April, half of it in May?",
        "received all final answers: ['71', '72', '72', '72']",
        "publishes final answer: 72",
    ]
    assert lines[-1] == "Aggregator publishes final answer: 72"
    assert {name: len(model.create_calls) for name, model in models.items()} == dict.fromkeys(SOLVERS, 3)
    # A solver remembers the debate and hears its two neighbours, not the one across.
    last = models["MathSolverA"].create_calls[2]["messages"]
    assert last[0] == SystemMessage(content="End with {{number}}.")
    assert [message.content for message in last if isinstance(message, AssistantMessage)] == [
        "A says {{72}}",
        "A stays {{72}}",
    ]
    asked = [sorted(str(message.content).splitlines()) for message in last if isinstance(message, UserMessage)]
    assert asked == [
        ["Solve: 48 in April, half of it in May?"],
        [
            "One agent solution: B says {{-3.5}}",
            "One agent solution: D says {{71}}",
            "With these in mind: 48 in April, half of it in May?",
        ],
        [
            "One agent solution: B doubts {{70}}",
            "One agent solution: D stays {{71}}",
            "With these in mind: 48 in April, half of it in May?",
        ],
    ]


async def test_debates_of_two_sessions_do_not_mix(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]]
) -> None:
    """The topic's source is the session: each one has solvers and an aggregator of its own (spec: 000 L3433)."""
    models = {name: ReplayChatCompletionClient(["{{1}}", "{{2}}"]) for name in SOLVERS}
    await register_ring(runtime, models, max_round=1)
    for session in ("one", "two"):
        runtime.start()
        await runtime.publish_message(Question(session), topic_id=DefaultTopicId(source=session))
        await asyncio.wait_for(runtime.stop_when_idle(), 10)

    assert [line for line in printed() if line.startswith("Aggregator")] == [
        "Aggregator received question: one",
        "Aggregator received all final answers: ['1', '1', '1', '1']",
        "Aggregator publishes final answer: 1",
        "Aggregator received question: two",
        "Aggregator received all final answers: ['2', '2', '2', '2']",
        "Aggregator publishes final answer: 2",
    ]
