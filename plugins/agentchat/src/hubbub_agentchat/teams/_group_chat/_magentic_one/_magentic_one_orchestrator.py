"""The manager that plans, tells participants what to do, and judges how the work goes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, Unpack

from pydantic import BaseModel

from hubbub_agentchat import TRACE_LOGGER_NAME
from hubbub_agentchat.base import Response
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage, TextMessage
from hubbub_agentchat.state import MagenticOneOrchestratorState
from hubbub_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager, ManagerArguments
from hubbub_agentchat.teams._group_chat._events import (
    GroupChatAgentResponse,
    GroupChatReset,
    GroupChatStart,
    GroupChatTeamResponse,
    SerializableException,
)
from hubbub_agentchat.teams._group_chat._magentic_one._progress_ledger import ProgressLedger, parse_progress_ledger
from hubbub_agentchat.teams._group_chat._magentic_one._prompts import (
    ORCHESTRATOR_PROGRESS_LEDGER_PROMPT,
    ORCHESTRATOR_TASK_LEDGER_FACTS_PROMPT,
    ORCHESTRATOR_TASK_LEDGER_FACTS_UPDATE_PROMPT,
    ORCHESTRATOR_TASK_LEDGER_FULL_PROMPT,
    ORCHESTRATOR_TASK_LEDGER_PLAN_PROMPT,
    ORCHESTRATOR_TASK_LEDGER_PLAN_UPDATE_PROMPT,
)
from hubbub_agentchat.utils import remove_images
from hubbub_core import AgentId, CancellationToken, MessageContext, TopicId, event
from hubbub_core.models import AssistantMessage, ChatCompletionClient, LLMMessage, UserMessage

_TRACE = logging.getLogger(TRACE_LOGGER_NAME)

_LEDGER_ATTEMPTS: Final = 10


class MagenticOneOrchestrator(BaseGroupChatManager):
    """Leads the work by two ledgers: facts and plan outside, progress inside.

    The outer loop begins with facts and a plan and has everybody start afresh from them; the inner loop asks for the
    progress after each answer and tells somebody what to do next. When the work stalls, facts and plan are revised and
    the outer loop goes round.

    What a run that was cut off leaves can always be gone on with: without a plan it has to be made, with a plan and an
    empty thread the outer loop has to be entered, and else the inner loop goes on. Facts and plan are set together.
    """

    def __init__(
        self,
        *,
        model_client: ChatCompletionClient,
        max_stalls: int,
        final_answer_prompt: str,
        emit_team_events: bool,
        **arguments: Unpack[ManagerArguments],
    ) -> None:
        # The limit is one of rounds here, and ends in a final answer.
        self._max_rounds, arguments["max_turns"] = arguments["max_turns"], None
        super().__init__(**arguments, emit_team_events=emit_team_events)
        self._model_client = model_client
        self._max_stalls = max_stalls
        self._final_answer_prompt = final_answer_prompt
        self._team = self._roles()
        self._task = self._facts = self._plan = ""
        self._n_rounds = self._n_stalls = 0

    async def validate_group_state(self, messages: list[BaseChatMessage] | None) -> None:
        """Refuse to begin with nothing to do.

        Raises:
            ValueError: There is no task, neither a new one nor one to go on with.
        """
        if messages is None and not self._task:
            raise ValueError("MagenticOneGroupChat has no task to go on with. Pass one as `task=`.")

    async def _begin(self, start: GroupChatStart, cancellation_token: CancellationToken) -> None:
        if start.messages is not None:
            if start.output_task_messages:
                self._put_out(start.messages)
            # The participants get the task with the plan: entering the outer loop makes them forget all else.
            self._message_thread.clear()
            self._task = " ".join(message.to_model_text() for message in start.messages)
            self._facts = self._plan = ""
            self._n_rounds = self._n_stalls = 0
            self._note_received(start.messages)
        elif self._rounds_are_used_up():
            self._n_rounds = 0
        if not self._plan:
            await self._make_plan()
        if not self._message_thread:
            await self._enter_outer_loop()
        await self._transition_to_next_speakers(cancellation_token)

    @event
    async def handle_team_response(self, message: GroupChatTeamResponse, ctx: MessageContext) -> None:
        """End the run with an error: participants are agents."""
        if not self._run_token.is_cancelled():
            error = RuntimeError(
                f"Team responses are not supported by MagenticOneGroupChat; {message.name!r} sent one."
            )
            await self._end_with_error(SerializableException.from_exception(error))

    async def _transition_to_next_speakers(self, cancellation_token: CancellationToken) -> None:
        speakers = await self.select_speaker(self._message_thread)
        if speakers:
            await self._request(speakers, cancellation_token)

    async def select_speaker(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> list[str]:
        """Return the next speaker, whom the group has heard the instruction for; nobody when the run has ended.

        Raises:
            ValueError: The model gave no valid progress ledger.
        """
        while True:
            if self._rounds_are_used_up():
                await self._finish("Max rounds reached.")
                return []
            self._n_rounds += 1
            ledger = await self._ask_for_progress()
            if ledger.is_request_satisfied.answer:
                await self._finish(ledger.is_request_satisfied.reason)
                return []
            if ledger.is_progress_being_made.answer and not ledger.is_in_loop.answer:
                self._n_stalls = max(0, self._n_stalls - 1)
            else:
                self._n_stalls += 1
            if self._n_stalls >= self._max_stalls:
                _TRACE.debug("%s: stalled, planning anew", self._name)
                await self._revise_plan()
                await self._enter_outer_loop()
                continue
            await self._say(ledger.instruction_or_question.answer)
            return [ledger.next_speaker.answer]

    def _rounds_are_used_up(self) -> bool:
        return self._max_rounds is not None and self._n_rounds > self._max_rounds

    async def _make_plan(self) -> None:
        await self._plan_with(
            [],
            ORCHESTRATOR_TASK_LEDGER_FACTS_PROMPT.format(task=self._task),
            ORCHESTRATOR_TASK_LEDGER_PLAN_PROMPT.format(team=self._team),
        )

    async def _revise_plan(self) -> None:
        await self._plan_with(
            self._conversation(),
            ORCHESTRATOR_TASK_LEDGER_FACTS_UPDATE_PROMPT.format(task=self._task, facts=self._facts),
            ORCHESTRATOR_TASK_LEDGER_PLAN_UPDATE_PROMPT.format(team=self._team),
        )
        # At the same moment as the plan is set: a run that is cut off from here on enters the outer loop again.
        self._message_thread.clear()

    async def _plan_with(self, conversation: list[LLMMessage], facts_prompt: str, plan_prompt: str) -> None:
        conversation.append(UserMessage(content=facts_prompt, source=self._name))
        facts = await self._ask_model(conversation)
        conversation.append(AssistantMessage(content=facts, source=self._name))
        conversation.append(UserMessage(content=plan_prompt, source=self._name))
        plan = await self._ask_model(conversation)
        _TRACE.debug("%s: facts: %s", self._name, facts)
        self._facts, self._plan = facts, plan

    async def _enter_outer_loop(self) -> None:
        """Have everybody start afresh, from the task ledger alone."""
        for topic_type in self._participant_name_to_topic_type.values():
            participant = AgentId(type=topic_type, key=self.id.key)
            await self.send_message(GroupChatReset(), participant, cancellation_token=self._run_token)
        await self._say(
            ORCHESTRATOR_TASK_LEDGER_FULL_PROMPT.format(
                task=self._task, team=self._team, facts=self._facts, plan=self._plan
            )
        )

    async def _ask_for_progress(self) -> ProgressLedger:
        info = self._model_client.model_info
        mode: bool | type[BaseModel] | None = None
        if info.get("structured_output"):
            mode = ProgressLedger
        elif info["json_output"]:
            mode = True
        prompt = ORCHESTRATOR_PROGRESS_LEDGER_PROMPT.format(
            task=self._task, team=self._team, names=", ".join(self._participant_names)
        )
        conversation = [*self._conversation(), UserMessage(content=prompt, source=self._name)]
        problem: ValueError | None = None
        for _ in range(_LEDGER_ATTEMPTS):
            answer = await self._ask_model(conversation, mode)
            try:
                ledger = parse_progress_ledger(answer)
            except ValueError as exc:
                problem = exc
                _TRACE.debug("%s: no progress ledger: %s", self._name, exc)
                # Told what was wrong: to the very same question a cached model gives the very same answer.
                conversation.append(AssistantMessage(content=answer, source=self._name))
                conversation.append(
                    UserMessage(content=f"That is not such a JSON object: {exc}\nPlease try again.", source=self._name)
                )
                continue
            _TRACE.debug("%s: progress: %s", self._name, ledger)
            if len(self._participant_names) == 1:
                ledger.next_speaker.answer = self._participant_names[0]
            speaker = ledger.next_speaker.answer
            if speaker in self._participant_names or ledger.is_request_satisfied.answer:
                return ledger
            problem = ValueError(f"The next speaker {speaker!r} is not one of {self._participant_names}.")
            break
        raise ValueError("Failed to parse ledger information after multiple retries.") from problem

    async def _finish(self, reason: str) -> None:
        """Give the final answer and end the run."""
        # A prompt of the caller's is used as it is; a file of AutoGen holds that one's default, which has the slot.
        prompt = self._final_answer_prompt.replace("{task}", self._task)
        await self._say(await self._ask_model([*self._conversation(), UserMessage(content=prompt, source=self._name)]))
        await self._end(StopMessage(content=reason, source=self._name))

    async def _say(self, text: str) -> None:
        """Say something to everybody."""
        message = TextMessage(content=text, source=self._name)
        await self.publish_message(
            GroupChatAgentResponse(response=Response(chat_message=message), name=self._name),
            TopicId(self._group_topic_type, self.id.key),
        )
        await self.update_message_thread([message])
        self._put_out([message])

    async def _ask_model(self, messages: list[LLMMessage], json_output: bool | type[BaseModel] | None = None) -> str:
        if not self._model_client.model_info["vision"]:
            messages = remove_images(messages)
        reply = await self._model_client.create(messages, json_output=json_output, cancellation_token=self._run_token)
        self._count_usage(reply.usage)
        if not isinstance(reply.content, str):
            raise RuntimeError("The orchestrator's model answered without a text.")
        return reply.content

    def _conversation(self) -> list[LLMMessage]:
        return [
            AssistantMessage(content=message.to_model_text(), source=message.source)
            if message.source == self._name
            else message.to_model_message()
            for message in self._message_thread
            if isinstance(message, BaseChatMessage)
        ]

    async def reset(self) -> None:
        await self._reset_base()
        self._task = self._facts = self._plan = ""
        self._n_rounds = self._n_stalls = 0

    async def save_state(self) -> Mapping[str, Any]:
        state = MagenticOneOrchestratorState(
            **self._dump_base(),
            task=self._task,
            facts=self._facts,
            plan=self._plan,
            n_rounds=self._n_rounds,
            n_stalls=self._n_stalls,
        )
        return state.model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        loaded = MagenticOneOrchestratorState.model_validate(state)
        self._load_base(loaded)
        self._task = loaded.task
        self._facts = loaded.facts
        self._plan = loaded.plan
        self._n_rounds = loaded.n_rounds
        self._n_stalls = loaded.n_stalls
