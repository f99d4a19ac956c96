"""Reflection: a coder and a reviewer take turns until the review approves (spec: 000 DP-25..27; 001 REFL-1..10)."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import pytest

from hubbub_core import (
    EVENT_LOGGER_NAME,
    ROOT_LOGGER_NAME,
    DefaultTopicId,
    MessageContext,
    RoutedAgent,
    SingleThreadedAgentRuntime,
    TopicId,
    default_subscription,
    message_handler,
)
from hubbub_core.logging import LLMCallEvent
from hubbub_core.models import AssistantMessage, ChatCompletionClient, LLMMessage, SystemMessage, UserMessage
from hubbub_core.models.replay import ReplayChatCompletionClient


@dataclass
class CodeWritingTask:
    task: str


@dataclass
class CodeWritingResult:
    task: str
    code: str
    review: str


@dataclass
class CodeReviewTask:
    session_id: str
    code_writing_task: str
    code_writing_scratchpad: str
    code: str


@dataclass
class CodeReviewResult:
    review: str
    session_id: str
    approved: bool


CODER_PROMPT = SystemMessage(content="Think, then write one fenced block.")
REVIEWER_PROMPT = SystemMessage(content="Answer with a JSON object.")


@default_subscription
class CoderAgent(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("A code writing agent.")
        self._model_client = model_client
        self._sessions: dict[str, list[CodeWritingTask | CodeReviewTask | CodeReviewResult]] = {}

    @message_handler
    async def handle_code_writing_task(self, message: CodeWritingTask, ctx: MessageContext) -> None:
        session_id = str(uuid4())
        self._sessions[session_id] = [message]
        await self._write(session_id, message.task, ctx)

    @message_handler
    async def handle_code_review_result(self, message: CodeReviewResult, ctx: MessageContext) -> None:
        memory = self._sessions[message.session_id]
        memory.append(message)
        reviewed = next(item for item in reversed(memory) if isinstance(item, CodeReviewTask))
        if not message.approved:
            await self._write(message.session_id, reviewed.code_writing_task, ctx)
            return
        result = CodeWritingResult(reviewed.code_writing_task, reviewed.code, message.review)
        await self.publish_message(result, TopicId("default", self.id.key))
        print(f"Task:\n{result.task}\nCode:\n{result.code}\nReview:\n{result.review}")

    async def _write(self, session_id: str, task: str, ctx: MessageContext) -> None:
        memory = self._sessions[session_id]
        reply = await self._model_client.create(
            [CODER_PROMPT, *map(_as_model_message, memory)], cancellation_token=ctx.cancellation_token
        )
        assert isinstance(reply.content, str)
        block = re.search(r"```(\w+)\n(.*?)\n```", reply.content, re.DOTALL)
        if block is None:
            raise ValueError("Code block not found.")
        review = CodeReviewTask(session_id, task, code_writing_scratchpad=reply.content, code=block[2])
        memory.append(review)
        await self.publish_message(review, TopicId("default", self.id.key))


def _as_model_message(item: CodeWritingTask | CodeReviewTask | CodeReviewResult) -> LLMMessage:
    if isinstance(item, CodeWritingTask):
        return UserMessage(content=item.task, source="User")
    if isinstance(item, CodeReviewTask):
        return AssistantMessage(content=item.code_writing_scratchpad, source="Coder")
    return UserMessage(content=item.review, source="Reviewer")


@default_subscription
class ReviewerAgent(RoutedAgent):
    def __init__(self, model_client: ChatCompletionClient) -> None:
        super().__init__("A code reviewer agent.")
        self._model_client = model_client
        self._reviews: dict[str, list[CodeReviewResult]] = {}

    @message_handler
    async def handle_code_review_task(self, message: CodeReviewTask, ctx: MessageContext) -> None:
        reviews = self._reviews.setdefault(message.session_id, [])
        previous = reviews[-1].review if reviews else "none"
        prompt = f"Problem: {message.code_writing_task}\nCode: {message.code}\nPrevious feedback: {previous}"
        reply = await self._model_client.create(
            [REVIEWER_PROMPT, UserMessage(content=prompt, source=self.id.key)],
            cancellation_token=ctx.cancellation_token,
            json_output=True,
        )
        assert isinstance(reply.content, str)
        review = json.loads(reply.content)
        text = "Code review:\n" + "\n".join(f"{key}: {value}" for key, value in review.items())
        approved = review["approval"].lower().strip() == "approve"
        result = CodeReviewResult(review=text, session_id=message.session_id, approved=approved)
        reviews.append(result)
        await self.publish_message(result, TopicId("default", self.id.key))


def review(approval: str, changes: str) -> str:
    return json.dumps(
        {
            "correctness": "fine",
            "efficiency": "fine",
            "safety": "fine",
            "approval": approval,
            "suggested_changes": changes,
        }
    )


def spoken(approval: str, changes: str) -> str:
    return (
        "Code review:\ncorrectness: fine\nefficiency: fine\nsafety: fine\n"
        f"approval: {approval}\nsuggested_changes: {changes}"
    )


async def test_code_is_rewritten_until_the_review_approves(
    runtime: SingleThreadedAgentRuntime, printed: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, ROOT_LOGGER_NAME)
    drafts = ["Plain.\n```python\nsum(x)\n```", "Safer.\n```python\ndef f(x):\n    return sum(x)\n```\nDone."]
    coder = ReplayChatCompletionClient(drafts)
    reviewer = ReplayChatCompletionClient([review("REVISE", "make a function"), review(" Approve ", "none")])
    await ReviewerAgent.register(runtime, "ReviewerAgent", lambda: ReviewerAgent(reviewer))
    await CoderAgent.register(runtime, "CoderAgent", lambda: CoderAgent(coder))
    runtime.start()
    await runtime.publish_message(CodeWritingTask(task="Sum a list."), topic_id=DefaultTopicId())
    await asyncio.wait_for(runtime.stop_when_idle(), 10)

    assert printed() == [
        *("Task:", "Sum a list."),
        *("Code:", "def f(x):", "    return sum(x)"),
        *("Review:", *spoken(" Approve ", "none").splitlines()),
    ]
    task = UserMessage(content="Sum a list.", source="User")
    assert [call["messages"] for call in coder.create_calls] == [
        [CODER_PROMPT, task],
        [
            CODER_PROMPT,
            task,
            AssistantMessage(content=drafts[0], source="Coder"),
            UserMessage(content=spoken("REVISE", "make a function"), source="Reviewer"),
        ],
    ]
    assert [(call["messages"][1].content, call["json_output"]) for call in reviewer.create_calls] == [
        ("Problem: Sum a list.\nCode: sum(x)\nPrevious feedback: none", True),
        (
            "Problem: Sum a list.\nCode: def f(x):\n    return sum(x)\n"
            f"Previous feedback: {spoken('REVISE', 'make a function')}",
            True,
        ),
    ]
    # What the log tells, in order; payloads are left out.
    runtime_lines = [record.getMessage() for record in caplog.records if record.name == ROOT_LOGGER_NAME]
    assert [re.sub(r"( to all subscribers)?: .*|\(.*", "", line) for line in runtime_lines] == [
        "Publishing message of type CodeWritingTask",
        *_delivered("CodeWritingTask", "Unknown"),
        "Publishing message of type CodeReviewTask",
        "Calling message handler for ReviewerAgent/default with message type CodeReviewTask"
        " published by CoderAgent/default",
        "Publishing message of type CodeReviewResult",
        "Calling message handler for CoderAgent/default with message type CodeReviewResult"
        " published by ReviewerAgent/default",
        "Publishing message of type CodeReviewTask",
        "Calling message handler for ReviewerAgent/default with message type CodeReviewTask"
        " published by CoderAgent/default",
        "Publishing message of type CodeReviewResult",
        "Calling message handler for CoderAgent/default with message type CodeReviewResult"
        " published by ReviewerAgent/default",
        "Publishing message of type CodeWritingResult",
        "Calling message handler for ReviewerAgent/default with message type CodeWritingResult"
        " published by CoderAgent/default",
        "Unhandled message",
    ]
    events = [record.msg for record in caplog.records if record.name == EVENT_LOGGER_NAME]
    assert [json.loads(str(each))["agent_id"] for each in events if isinstance(each, LLMCallEvent)] == [
        "CoderAgent/default",
        "ReviewerAgent/default",
        "CoderAgent/default",
        "ReviewerAgent/default",
    ]


def _delivered(message_type: str, sender: str) -> list[str]:
    """Return the lines of a delivery to both agents, of which the reviewer, registered first, handles nothing."""
    return [
        f"Calling message handler for ReviewerAgent/default with message type {message_type} published by {sender}",
        "Unhandled message",
        f"Calling message handler for CoderAgent/default with message type {message_type} published by {sender}",
    ]


async def test_answer_without_code_is_an_error(runtime: SingleThreadedAgentRuntime) -> None:
    model = ReplayChatCompletionClient(["I would rather not."])
    await CoderAgent.register(runtime, "CoderAgent", lambda: CoderAgent(model))
    runtime.start()
    await runtime.publish_message(CodeWritingTask(task="Sum a list."), topic_id=DefaultTopicId())

    with pytest.raises(ValueError, match=r"\ACode block not found\.\Z"):
        await runtime.stop_when_idle()
