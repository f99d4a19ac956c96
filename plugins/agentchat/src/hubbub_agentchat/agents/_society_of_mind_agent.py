"""The agent that has a team think and speaks for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from hubbub_agentchat._cancel_scope import CancelScope
from hubbub_agentchat._ownership import built_from, close_all
from hubbub_agentchat.agents._base_chat_agent import BaseChatAgent, task_messages
from hubbub_agentchat.agents._turn import Turn, add_to_context, final_response
from hubbub_agentchat.base import Response, TaskResult, Team
from hubbub_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    HandoffMessage,
    ModelClientStreamingChunkEvent,
    TextMessage,
)
from hubbub_agentchat.state import SocietyOfMindAgentState
from hubbub_agentchat.utils import remove_images
from hubbub_core import CancellationToken
from hubbub_core.model_context import ChatCompletionContext, UnboundedChatCompletionContext
from hubbub_core.models import ChatCompletionClient, LLMMessage, SystemMessage, UserMessage
from hubbub_registry import Component, ComponentModel


class SocietyOfMindAgentConfig(BaseModel):
    """Configuration of `SocietyOfMindAgent`."""

    name: str
    team: ComponentModel
    model_client: ComponentModel
    description: str | None = None
    instruction: str | None = None
    response_prompt: str | None = None
    model_context: ComponentModel | None = None


class SocietyOfMindAgent(BaseChatAgent, Component[SocietyOfMindAgentConfig]):
    """An agent that uses an inner team of agents to generate responses.

    In each turn the team runs on the new messages, the model makes an answer of what the team's members said, and the
    team is reset. It has to have a termination condition or `max_turns`. What was said to the agent before is kept in
    its context and given to the team at the beginning of the next run.

    However a turn ends, the team is reset, and one that fails or is cancelled leaves nothing in the context.

    Args:
        name: The agent's name.
        team: The inner team. Nobody else may run it.
        model_client: Makes the answer.
        description: What outer teams read about the agent.
        instruction: Put before what the team said.
        response_prompt: Put after it.
        model_context: Where earlier messages are kept; unbounded by default.
    """

    DEFAULT_DESCRIPTION: ClassVar[str] = "An agent that uses an inner team of agents to generate responses."
    """What outer teams read about the agent."""

    DEFAULT_INSTRUCTION: ClassVar[str] = (
        "Earlier you were asked to fulfill a request. You and your team worked diligently to address that request. "
        "Here is a transcript of that conversation:"
    )
    """Put before what the team said."""

    DEFAULT_RESPONSE_PROMPT: ClassVar[str] = (
        "Output a standalone response to the original request, without mentioning any of the intermediate discussion."
    )
    """Put after what the team said."""

    component_config_schema = SocietyOfMindAgentConfig
    component_provider_override = "hubbub_agentchat.agents.SocietyOfMindAgent"

    def __init__(
        self,
        name: str,
        team: Team,
        model_client: ChatCompletionClient,
        *,
        description: str = DEFAULT_DESCRIPTION,
        instruction: str = DEFAULT_INSTRUCTION,
        response_prompt: str = DEFAULT_RESPONSE_PROMPT,
        model_context: ChatCompletionContext | None = None,
    ) -> None:
        super().__init__(name=name, description=description)
        self._team = team
        self._model_client = model_client
        self._instruction = instruction
        self._response_prompt = response_prompt
        self._model_context = UnboundedChatCompletionContext() if model_context is None else model_context
        self._team_used = False

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    @property
    def model_context(self) -> ChatCompletionContext:
        """What was said to the agent in earlier turns."""
        return self._model_context

    async def run(
        self,
        *,
        task: str | BaseChatMessage | Sequence[BaseChatMessage] | None = None,
        cancellation_token: CancellationToken | None = None,
        output_task_messages: bool = True,
    ) -> TaskResult:
        """Run a task and return the task's messages and the answer; the usage is also that of the team.

        Args and errors are those of `run_stream`, whose result holds the team's messages too.
        """
        async for item in self.run_stream(
            task=task, cancellation_token=cancellation_token, output_task_messages=output_task_messages
        ):
            if isinstance(item, TaskResult):
                result = item
        given = task_messages(task) if output_task_messages else []
        return result.model_copy(update={"messages": [*given, result.messages[-1]]})

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        with CancelScope(cancellation_token):
            return await final_response(self.on_messages_stream(messages, cancellation_token))

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseAgentEvent | BaseChatMessage | Response, None]:
        """Run the team and answer; yields what the team puts out, the `Response` last.

        The response has no inner messages: the team's are the agent's own business (N-166).

        Raises:
            RuntimeError: The team failed, or the model answered with something else than text.
            asyncio.CancelledError: The token was cancelled.
        """
        said: list[BaseChatMessage] = []
        produced = False
        if self._team_used:
            await self._reset_team()
        async with Turn(self._model_context) as turn:
            try:
                self._team_used = True
                stream = self._team.run_stream(
                    task=await self._task(messages), cancellation_token=cancellation_token, output_task_messages=False
                )
                async with aclosing(stream) as items:
                    async for item in items:
                        if isinstance(item, TaskResult):
                            continue
                        yield item
                        if not isinstance(item, ModelClientStreamingChunkEvent):
                            produced = True
                        if isinstance(item, BaseChatMessage):
                            said.append(item)
                if produced:
                    answer = await self._answer(said, cancellation_token)
                else:
                    answer = TextMessage(content="No response.", source=self.name)
                await add_to_context(self._model_context, messages)
            except BaseException:
                # A retry is given the same messages, which the team must not have read already.
                with suppress(RuntimeError):  # cancelled once more while the team ended: then the next turn resets it
                    await self._reset_team()
                raise
            await self._reset_team()
            turn.complete(cancellation_token)
            yield Response(chat_message=answer, inner_messages=[])

    async def _reset_team(self) -> None:
        await self._team.reset()
        self._team_used = False

    async def _task(self, messages: Sequence[BaseChatMessage]) -> list[BaseChatMessage] | None:
        # A handoff to this agent leads to nobody in its team; a Swarm would take it for one.
        task: list[BaseChatMessage] = [
            message.model_copy(update={"target": ""})
            if isinstance(message, HandoffMessage) and message.target == self.name
            else message
            for message in messages
        ]
        earlier = await self._model_context.get_messages()
        if earlier:
            remembered = HandoffMessage(
                content="This is what was said before.", source=self.name, target="", context=earlier
            )
            task.insert(0, remembered)
        return task or None

    async def _answer(self, said: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> TextMessage:
        prompt: list[LLMMessage] = [
            self._prompt(self._instruction),
            *(message.to_model_message() for message in said),
            self._prompt(self._response_prompt),
        ]
        if not self._model_client.model_info["vision"]:
            prompt = remove_images(prompt)
        reply = await self._model_client.create(prompt, cancellation_token=cancellation_token)
        if not isinstance(reply.content, str):
            raise RuntimeError(f"The model of {self.name!r} asked for tool calls, but was offered no tools.")
        return TextMessage(content=reply.content, source=self.name, models_usage=reply.usage)

    def _prompt(self, text: str) -> SystemMessage | UserMessage:
        if self._model_client.model_info.get("multiple_system_messages"):
            return SystemMessage(content=text)
        return UserMessage(content=text, source="user")

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Reset the team and forget what was said."""
        await self._reset_team()
        await self._model_context.clear()

    async def save_state(self) -> Mapping[str, Any]:
        """Return the state of the team, and what was said before, as `SocietyOfMindAgentState`."""
        state = SocietyOfMindAgentState(
            inner_team_state=await self._team.save_state(), llm_context=await self._model_context.save_state()
        )
        return state.model_dump()

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Replace the state of the team, and what was said before."""
        loaded = SocietyOfMindAgentState.model_validate(state)
        await self._team.load_state(loaded.inner_team_state)
        self._team_used = False
        await self._model_context.load_state(loaded.llm_context)

    async def close(self) -> None:
        """Close the team, and the model that the agent has built from its configuration."""
        owned, self._owned = self._owned, ()
        await close_all([self._team, *owned])

    def _to_config(self) -> SocietyOfMindAgentConfig:
        return SocietyOfMindAgentConfig(
            name=self.name,
            team=self._team.dump_component(),
            model_client=self._model_client.dump_component(),
            description=self.description,
            instruction=self._instruction,
            response_prompt=self._response_prompt,
            model_context=self._model_context.dump_component(),
        )

    @classmethod
    def _from_config(cls, config: SocietyOfMindAgentConfig) -> Self:
        model_client = ChatCompletionClient.load_component(config.model_client)
        agent = cls(
            name=config.name,
            team=Team.load_component(config.team),
            model_client=model_client,
            description=cls.DEFAULT_DESCRIPTION if config.description is None else config.description,
            instruction=cls.DEFAULT_INSTRUCTION if config.instruction is None else config.instruction,
            response_prompt=cls.DEFAULT_RESPONSE_PROMPT if config.response_prompt is None else config.response_prompt,
            model_context=ChatCompletionContext.load_component(config.model_context) if config.model_context else None,
        )
        agent._owned = built_from((config.model_client, model_client))
        return agent
