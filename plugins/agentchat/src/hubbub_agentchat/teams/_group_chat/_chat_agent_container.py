"""A participant's place in a group chat: collects what it has to read, and runs its turns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from hubbub_agentchat._cancel_scope import CancelScope, was_cancelled
from hubbub_agentchat.base import ChatAgent, Response, TaskResult, Team
from hubbub_agentchat.messages import BaseAgentEvent, BaseChatMessage, MessageFactory
from hubbub_agentchat.state import ChatAgentContainerState
from hubbub_agentchat.teams._group_chat._events import (
    GroupChatAgentResponse,
    GroupChatError,
    GroupChatPause,
    GroupChatRequestPublish,
    GroupChatReset,
    GroupChatResume,
    GroupChatStart,
    GroupChatTeamResponse,
    SerializableException,
)
from hubbub_agentchat.teams._group_chat._output import OutputQueue
from hubbub_agentchat.teams._group_chat._sequential_routed_agent import SequentialRoutedAgent
from hubbub_core import MessageContext, TopicId, event, rpc, trace_invoke_agent_span


class ChatAgentContainer(SequentialRoutedAgent):
    """The runtime's side of one participant.

    Messages of others are collected, by reference, until its turn; they are forgotten only once it has answered. What
    it does on the way goes straight to the output queue.

    Args:
        parent_topic_type: Topic of the group.
        agent: The participant.
        message_factory: The messages that the team knows.
        output: Where messages go as they arise.
    """

    def __init__(
        self, parent_topic_type: str, agent: ChatAgent | Team, message_factory: MessageFactory, output: OutputQueue
    ) -> None:
        super().__init__(
            description=agent.description,
            sequential_message_types=[
                GroupChatStart,
                GroupChatRequestPublish,
                GroupChatReset,
                GroupChatAgentResponse,
                GroupChatTeamResponse,
            ],
        )
        self._parent_topic_type = parent_topic_type
        self._agent = agent
        # Told apart once: the classes are protocols too, which makes isinstance cost a good part of a turn.
        self._team = agent if isinstance(agent, Team) else None
        self._chat_agent = agent if isinstance(agent, ChatAgent) else None
        self._message_factory = message_factory
        self._output = output
        self._message_buffer: list[BaseChatMessage] = []

    @event
    async def handle_start(self, message: GroupChatStart, ctx: MessageContext) -> None:
        if message.messages is not None:
            for chat_message in message.messages:
                self._buffer(chat_message)

    @event
    async def handle_agent_response(self, message: GroupChatAgentResponse, ctx: MessageContext) -> None:
        self._buffer(message.response.chat_message)

    @event
    async def handle_team_response(self, message: GroupChatTeamResponse, ctx: MessageContext) -> None:
        for item in message.result.messages:
            if isinstance(item, BaseChatMessage):
                self._buffer(item)

    @event
    async def handle_error(self, message: GroupChatError, ctx: MessageContext) -> None:
        """Do nothing: the manager ends the run."""

    @event
    async def handle_request(self, message: GroupChatRequestPublish, ctx: MessageContext) -> None:
        """Have the participant take its turn, and publish its answer to the group."""
        token = ctx.cancellation_token
        if token.is_cancelled():
            return  # left over from an aborted run
        with self._output.at_work:
            answer: GroupChatAgentResponse | GroupChatTeamResponse | GroupChatError
            try:
                with (
                    trace_invoke_agent_span(
                        agent_name=self._agent.name,
                        agent_description=self._agent.description,
                        agent_id=str(self.id),
                    ),
                    CancelScope(token),
                ):
                    answer = await self._take_turn(ctx)
            except (Exception, asyncio.CancelledError) as exc:
                self._forget_received()
                if was_cancelled(exc, token):
                    raise
                exc.add_note(f"This happened in the turn of {self._agent.name!r}.")
                answer = GroupChatError(error=SerializableException.from_exception(exc), name=self._agent.name)
            else:
                self._message_buffer.clear()
            # Without the run's token: what was said is for everybody to read, also when the run is aborted just then.
            await self.publish_message(answer, TopicId(self._parent_topic_type, self.id.key))

    async def _take_turn(self, ctx: MessageContext) -> GroupChatAgentResponse | GroupChatTeamResponse:
        name = self._agent.name
        token = ctx.cancellation_token
        stream: AsyncGenerator[BaseAgentEvent | BaseChatMessage | TaskResult | Response, None]
        if self._team is not None:
            stream = self._team.run_stream(
                # An empty list is refused as a task; a team with nothing new to read goes on by itself (N-384).
                task=list(self._message_buffer) or None,
                cancellation_token=token,
                output_task_messages=False,
            )
        else:
            assert self._chat_agent is not None  # it is one or the other
            stream = self._chat_agent.on_messages_stream(list(self._message_buffer), token)
        is_registered = self._message_factory.is_registered
        async with aclosing(stream) as items:
            async for item in items:
                if isinstance(item, Response):
                    self._check(item.chat_message)
                    # Without waiting for the reader: cancelled there, the turn would count as failed, and the agent,
                    # which has completed it, would be given the same messages again.
                    self._output.put_nowait(item.chat_message)
                    return GroupChatAgentResponse(response=item, name=name)
                if isinstance(item, TaskResult):
                    self._output.count_unshown(item)
                    return GroupChatTeamResponse(result=item, name=name)
                if not is_registered(type(item)):
                    self._check(item)
                await self._output.feed(item)
        what = "a final response" if self._team is None else "a final TaskResult"
        raise RuntimeError(f"The agent did not produce a final response. {name!r} ended its stream without {what}.")

    def _forget_received(self) -> None:
        """Forget, after a failed turn, what an inner team's participants have: they go on from there."""
        received: frozenset[str] = getattr(self._team, "received", frozenset())
        if received:
            self._message_buffer = [message for message in self._message_buffer if message.id not in received]

    def _check(self, message: BaseAgentEvent | BaseChatMessage) -> None:
        if not self._message_factory.is_registered(type(message)):
            raise ValueError(
                f"Message type {type(message).__name__} is not registered. "
                "Pass it to the team as `custom_message_types=[...]`."
            )

    def _buffer(self, message: BaseChatMessage) -> None:
        self._check(message)
        self._message_buffer.append(message)

    @rpc
    async def handle_reset(self, message: GroupChatReset, ctx: MessageContext) -> None:
        self._message_buffer.clear()
        if self._team is not None:
            await self._team.reset()
        elif self._chat_agent is not None:
            await self._chat_agent.on_reset(ctx.cancellation_token)

    @rpc
    async def handle_pause(self, message: GroupChatPause, ctx: MessageContext) -> None:
        if self._team is not None:
            await self._team.pause()
        elif self._chat_agent is not None:
            await self._chat_agent.on_pause(ctx.cancellation_token)

    @rpc
    async def handle_resume(self, message: GroupChatResume, ctx: MessageContext) -> None:
        if self._team is not None:
            await self._team.resume()
        elif self._chat_agent is not None:
            await self._chat_agent.on_resume(ctx.cancellation_token)

    async def save_state(self) -> Mapping[str, Any]:
        state = ChatAgentContainerState(
            agent_state=await self._agent.save_state(),
            message_buffer=[message.dump() for message in self._message_buffer],
        )
        return state.model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        loaded = ChatAgentContainerState.model_validate(state)
        buffer: list[BaseChatMessage] = []
        for data in loaded.message_buffer:
            message = self._message_factory.create(data)
            if not isinstance(message, BaseChatMessage):
                raise ValueError(f"Invalid message type in the saved buffer of {self._agent.name}: {data.get('type')}")
            buffer.append(message)
        await self._agent.load_state(loaded.agent_state)
        self._message_buffer = buffer
