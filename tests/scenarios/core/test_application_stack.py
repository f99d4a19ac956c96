"""The behaviour contract of an application: five message types between three agents (spec: 001 STACK-2)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hubbub_core import (
    AgentId,
    ClosureAgent,
    ClosureContext,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    TypeSubscription,
    message_handler,
)
from hubbub_core.models import ChatCompletionClient, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


@dataclass
class CodingTaskMsg:
    task: str


@dataclass
class CodeGenMsg:
    code: str


@dataclass
class ExecutionResultMsg:
    code: str
    output: str


@dataclass
class ReviewMsg:
    review: str


@dataclass
class CodingResultMsg:
    code: str
    output: str


class Coder(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("Writes code")
        self._model_client = model_client

    @message_handler
    async def on_work(self, message: CodingTaskMsg | ReviewMsg, ctx: MessageContext) -> None:
        prompt = message.task if isinstance(message, CodingTaskMsg) else message.review
        reply = await self._model_client.create([UserMessage(content=prompt, source="user")])
        assert isinstance(reply.content, str)
        await self.send_message(CodeGenMsg(reply.content), AgentId("executor", self.id.key))


class Executor(RoutedAgent):
    @message_handler
    async def on_code(self, message: CodeGenMsg, ctx: MessageContext) -> None:
        # The contract is what counts here: an adder will do for running code.
        output = str(sum(int(term) for term in message.code.split("+")))
        await self.send_message(ExecutionResultMsg(message.code, output), AgentId("reviewer", self.id.key))


class Reviewer(RoutedAgent):
    @message_handler
    async def on_result(self, message: ExecutionResultMsg, ctx: MessageContext) -> None:
        if message.output == "4":
            await self.publish_message(
                CodingResultMsg(message.code, message.output), TopicId("results", source=self.id.key)
            )
        else:
            await self.send_message(ReviewMsg(f"{message.output} is not 4"), AgentId("coder", self.id.key))


async def test_rejected_code_comes_back_and_approved_code_reaches_the_application(
    runtime: SingleThreadedAgentRuntime,
) -> None:
    model = ReplayChatCompletionClient(["2+1", "1+1", "2+2"])
    await Coder.register(runtime, "coder", lambda: Coder(model))
    await Executor.register(runtime, "executor", lambda: Executor("Runs code"))
    await Reviewer.register(runtime, "reviewer", lambda: Reviewer("Checks results"))
    results: list[tuple[CodingResultMsg, AgentId | None]] = []

    async def application(_agent: ClosureContext, message: CodingResultMsg, ctx: MessageContext) -> None:
        results.append((message, ctx.sender))

    await ClosureAgent.register_closure(
        runtime, "application", application, subscriptions=lambda: [TypeSubscription("results", "application")]
    )
    runtime.start()
    await runtime.send_message(CodingTaskMsg("make 4"), AgentId("coder", "job-7"))
    await asyncio.wait_for(runtime.stop_when_idle(), 10)

    assert results == [(CodingResultMsg("2+2", "4"), AgentId("reviewer", "job-7"))]
    assert [call["messages"][0].content for call in model.create_calls] == ["make 4", "3 is not 4", "2 is not 4"]
