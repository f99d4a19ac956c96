"""Who speaks next in a selector group chat: asks a function, or a model."""

from __future__ import annotations

import inspect
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias, Unpack

from hubbub_agentchat import TRACE_LOGGER_NAME
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
)
from hubbub_agentchat.messages._events import SelectorEvent
from hubbub_agentchat.state import SelectorManagerState
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager, ManagerArguments
from hubbub_core.exchange import message_text
from hubbub_core.model_context import ChatCompletionContext
from hubbub_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResultMessage,
    LLMMessage,
    ModelFamily,
    SystemMessage,
    UserMessage,
)

_TRACE = logging.getLogger(TRACE_LOGGER_NAME)

Thread: TypeAlias = Sequence[BaseAgentEvent | BaseChatMessage]
SelectorFunc: TypeAlias = Callable[[Thread], str | Awaitable[str | None] | None]
"""Given the thread, returns the next speaker's name, or None to leave it to the model."""
CandidateFunc: TypeAlias = Callable[[Thread], list[str] | Awaitable[list[str]]]
"""Given the thread, returns the names that the model may select from."""


class SelectorGroupChatManager(BaseGroupChatManager):
    """Asks a function, or a model, for each speaker."""

    def __init__(
        self,
        *,
        model_client: ChatCompletionClient,
        selector_prompt: str,
        allow_repeated_speaker: bool,
        selector_func: SelectorFunc | None,
        max_selector_attempts: int,
        candidate_func: CandidateFunc | None,
        emit_team_events: bool,
        model_context: ChatCompletionContext,
        model_client_streaming: bool = False,
        **arguments: Unpack[ManagerArguments],
    ) -> None:
        super().__init__(**arguments, emit_team_events=emit_team_events)
        self._model_client = model_client
        self._selector_prompt = selector_prompt
        self._allow_repeated_speaker = allow_repeated_speaker
        self._selector_func = selector_func
        self._max_selector_attempts = max_selector_attempts
        self._candidate_func = candidate_func
        self._model_context = model_context
        self._model_client_streaming = model_client_streaming
        self._previous_speaker: str | None = None

    async def validate_group_state(self, messages: list[BaseChatMessage] | None) -> None:
        """Accept any task."""

    async def reset(self) -> None:
        await self._reset_base()
        await self._model_context.clear()
        self._previous_speaker = None

    async def save_state(self) -> Mapping[str, Any]:
        state = SelectorManagerState(
            **self._dump_base(),
            previous_speaker=self._previous_speaker,
        )
        return state.model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        loaded = SelectorManagerState.model_validate(state)
        self._load_base(loaded)
        self._previous_speaker = loaded.previous_speaker
        await self._model_context.clear()
        await self._remember(self._message_thread)

    async def update_message_thread(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> None:
        """Add to the thread, and what was said to the model context too."""
        await super().update_message_thread(messages)
        await self._remember(messages)

    async def _remember(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> None:
        for message in messages:
            if isinstance(message, HandoffMessage):
                for handed in message.context:
                    await self._model_context.add_message(handed)
            if isinstance(message, BaseChatMessage):
                await self._model_context.add_message(message.to_model_message())

    async def select_speaker(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> str:
        """Select the next speaker.

        Raises:
            ValueError: A function returned somebody who is no participant, or no candidates.
        """
        if self._selector_func is not None:
            found = self._selector_func(thread)
            speaker = await found if inspect.isawaitable(found) else found
            if speaker is not None:
                if speaker not in self._participant_names:
                    raise ValueError(
                        f"Selector function returned an invalid speaker name: {speaker}. "
                        f"Expected one of: {self._participant_names}."
                    )
                self._previous_speaker = speaker
                return speaker
        candidates = await self._candidates(thread)
        selected = candidates[0] if len(candidates) == 1 else await self._ask_model(candidates)
        self._previous_speaker = selected
        return selected

    async def _candidates(self, thread: Thread) -> list[str]:
        if self._candidate_func is not None:
            found = self._candidate_func(thread)
            candidates = await found if inspect.isawaitable(found) else found
            if not candidates:
                raise ValueError("Candidate function must return a non-empty list of participant names.")
            if not all(name in self._participant_names for name in candidates):
                raise ValueError(
                    f"Candidate function returned invalid participant names: {candidates}. "
                    f"Expected one of: {self._participant_names}."
                )
            return list(candidates)
        if self._previous_speaker is None or self._allow_repeated_speaker:
            return list(self._participant_names)
        return [name for name in self._participant_names if name != self._previous_speaker]

    async def _ask_model(self, candidates: list[str]) -> str:
        """Have the model select, telling it what was wrong with its answer, up to the number of attempts."""
        prompt = self._selector_prompt.format(
            roles=self._roles(), participants=str(candidates), history=await self._history()
        )
        asked: list[LLMMessage] = [
            SystemMessage(content=prompt)
            if ModelFamily.is_openai(self._model_client.model_info["family"])
            else UserMessage(content=prompt, source="user")
        ]
        # Whether the previous speaker may be named is the candidate function's business, where there is one.
        forbidden = None if self._allow_repeated_speaker or self._candidate_func else self._previous_speaker
        for _ in range(self._max_selector_attempts):
            answer = await self._answer(asked)
            asked.append(AssistantMessage(content=answer, source="selector"))
            mentioned = mentioned_names(answer, self._participant_names)
            if not mentioned:
                feedback = f"No valid name was mentioned. Please select from: {candidates}."
            elif len(mentioned) > 1:
                feedback = f"Expected exactly one name to be mentioned. Please select only one from: {candidates}."
            elif (name := next(iter(mentioned))) == forbidden:
                _TRACE.warning("model selected the previous speaker again: %s", name)
                feedback = f"Repeated speaker is not allowed, please select a different name from: {candidates}."
            elif name not in candidates:
                feedback = f"{name} cannot speak now. Please select from: {candidates}."
            else:
                return name
            asked.append(UserMessage(content=feedback, source="user"))
        fallback = self._previous_speaker or self._participant_names[0]
        _TRACE.warning(
            "model failed to select a speaker after %d attempts, falling back to %s",
            self._max_selector_attempts,
            fallback,
        )
        return fallback

    async def _answer(self, messages: Sequence[LLMMessage]) -> str:
        token = self._run_token
        reply: CreateResult | None = None
        if not self._model_client_streaming:
            reply = await self._model_client.create(messages, cancellation_token=token)
        else:
            stream = self._model_client.create_stream(messages, cancellation_token=token)
            async with aclosing(stream) as pieces:
                async for piece in pieces:
                    if isinstance(piece, CreateResult):
                        reply = piece
                    elif self._emit_team_events:
                        self._output_message_queue.put_nowait(
                            ModelClientStreamingChunkEvent(content=piece, source=self._name)
                        )
        if reply is not None:
            self._count_usage(reply.usage)
        if reply is None or not isinstance(reply.content, str):
            raise RuntimeError("The selector's model answered without a text.")
        if self._model_client_streaming and self._emit_team_events:
            self._output_message_queue.put_nowait(SelectorEvent(content=reply.content, source=self._name))
        return reply.content

    async def _history(self) -> str:
        return "\n\n".join(_entry(message) for message in await self._model_context.get_messages())


def mentioned_names(text: str, names: Sequence[str]) -> Counter[str]:
    """Count which names stand in a text as whole words; an underscore may be written as a space, or escaped."""
    counts: Counter[str] = Counter()
    for name in names:
        escaped = re.escape(name)
        spellings = f"{escaped}|{escaped.replace('_', ' ')}|{escaped.replace('_', re.escape(chr(92) + '_'))}"
        found = len(re.findall(rf"(?<!\w)(?:{spellings})(?!\w)", text))
        if found:
            counts[name] = found
    return counts


def _entry(message: LLMMessage) -> str:
    if isinstance(message, FunctionExecutionResultMessage):
        return f"tools: {message_text(message)}"
    source = message.source if isinstance(message, (UserMessage, AssistantMessage)) else "system"
    if isinstance(message, AssistantMessage) and not isinstance(message.content, str):
        return f"{source}: {message.content}"
    if isinstance(message.content, str):
        return f"{source}: {message.content}"
    return f"{source}: " + "\n".join(part if isinstance(part, str) else "[Image]" for part in message.content)
